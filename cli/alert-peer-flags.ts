import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { parseDuration } from '../lib/duration.ts'
import { parseText } from './flag-table.ts'
import type { FlagValues } from './flag-table.ts'
import { UsageError } from './usage-error.ts'

/** Alert servers with rules agree by another Lease than those without, who would end what rules began. */
export const ruleLeaseName = 'binnacle-aggregator-alerts'

/** Flags of alert servers that share the work. */
export const alertPeerFlags = {
  peers: { placeholder: 'HOST:PORT', help: 'share the work with others, who come in here; the rest is for that', parse: parseAddress },
  name: { placeholder: 'NAME', help: 'tells the servers apart (default: host name and port of the peers)', parse: parseText },
  'peer-advertise': { placeholder: 'HOST', help: 'where the others reach this one', parse: parseText },
  'peer-ca': { placeholder: 'FILE', help: 'authority that signs the certificates of peers alone', parse: parsePath },
  'peer-cert': { placeholder: 'FILE', help: 'certificate for server and client', parse: parsePath },
  'peer-key': { placeholder: 'FILE', help: 'its key', parse: parsePath },
  'lease-name': { placeholder: 'NAME', fallback: 'binnacle-alerts', help: 'of the Lease that the servers agree by', parse: parseText },
  'lease-namespace': { placeholder: 'NAME', fallback: 'kube-system', help: 'where it is', parse: parseText },
  'lease-duration': { placeholder: 'TIME', fallback: '10s', help: 'after which a silent leader is replaced', parse: parseTime },
  'take-over-after': { placeholder: 'TIME', help: 'let a server lead that has missed something (default: never)', parse: parseTime },
} as const

/** An alert server's place among others. */
export interface AlertPeerSettings {
  readonly name: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly advertise: string | undefined
  /** Paths of PEM files; `undefined`: peers are let in on loopback only. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string } | undefined
  readonly lease: { readonly namespace: string; readonly name: string; readonly durationMs: number }
  readonly takeOverAfterMs: number | undefined
}

/** What the flags come to, whose names begin with `prefix`; `undefined`: a server alone. Throws `UsageError`. */
export function alertPeerSettings(given: FlagValues<typeof alertPeerFlags>, prefix = ''): AlertPeerSettings | undefined {
  const { peers: listen, name, 'peer-advertise': advertise, 'peer-ca': ca, 'peer-cert': cert, 'peer-key': key } = given
  const takeOverAfterMs = given['take-over-after']
  const files = [ca, cert, key].filter((path) => path !== undefined)
  if (listen === undefined) {
    if (files.length > 0 || [name, advertise, takeOverAfterMs].some((value) => value !== undefined))
      throw new UsageError(`--${prefix}peers is missing, which the other flags of peers are about`)
    return undefined
  }
  if (files.length % 3 !== 0)
    throw new UsageError(['ca', 'cert', 'key'].map((part) => `--${prefix}peer-${part}`).join(', ') + ' go together')
  return {
    name: name ?? `${hostname()}:${listen.port}`,
    listen,
    advertise,
    tls: files.length === 0 ? undefined : { ca: ca!, cert: cert!, key: key! },
    lease: { namespace: given['lease-namespace'], name: given['lease-name'], durationMs: given['lease-duration'] },
    takeOverAfterMs,
  }
}

/** `HOST:PORT`; without a host everywhere. */
export function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^\[?(.*?)\]?:(\d{1,5})$/.exec(text)
  if (match === null || Number(match[2]) > 65_535) throw new UsageError('must be HOST:PORT such as 127.0.0.1:9093')
  return { host: match[1] === '' ? '0.0.0.0' : match[1]!, port: Number(match[2]) }
}

function parsePath(text: string): string {
  return resolve(parseText(text))
}

function parseTime(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms < 500) throw new UsageError('must be a duration of at least 500ms such as 10s')
  return ms
}
