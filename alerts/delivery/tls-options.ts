import type { ConnectionOptions } from 'node:tls'
import type { TlsSettings } from '../routing/receiver.ts'

/** What Node wants to know of a connection's TLS. */
export function tlsOptions({ ca, cert, key, serverName, minVersion, isInsecure }: TlsSettings): ConnectionOptions {
  return {
    rejectUnauthorized: !isInsecure,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { servername: serverName }),
    ...(minVersion !== undefined && { minVersion }),
  }
}
