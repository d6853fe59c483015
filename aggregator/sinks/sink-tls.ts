import { readFileSync } from 'node:fs'
import type { TlsSettings } from '../../lib/http-poster.ts'
import { SinkUriError } from './sink-uri.ts'
import type { SinkUri } from './sink-uri.ts'

/** Reads `cafile`, `certfile`, `keyfile` (PEM) and Heapster's `insecuressl`. Throws a `SinkUriError` when a file cannot be read. */
export function readTls(uri: SinkUri): TlsSettings {
  const isUnverified = uri.flag('insecuressl', false)
  const read = (option: string): string | undefined => {
    const path = uri.text(option)
    if (path === undefined) return undefined
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      throw new SinkUriError(`sink ${uri.kind}: ${option}: ${JSON.stringify(path)} cannot be read: ${(error as Error).message}`)
    }
  }
  const [ca, cert, key] = [read('cafile'), read('certfile'), read('keyfile')]
  if ((cert === undefined) !== (key === undefined))
    throw new SinkUriError(`sink ${uri.kind}: certfile and keyfile go together; one is missing`)
  return {
    isUnverified,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  }
}
