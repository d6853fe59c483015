import { isIPv4 } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import { isRoutableIpv4 } from '../orchestrator/network/ipv4.ts'
import { UsageError } from './usage-error.ts'

// Each reads the text of one flag of `options.ts`, and throws a `UsageError` that names the flag, the value and what is allowed.

export const loopback = '127.0.0.1'
const everywhere = '0.0.0.0'
/** What a socket's address has room for. */
const maxSocketPath = 107

/** A path; it counts from where the command was typed. */
export function pathIn(name: string, text: string): string {
  if (text === '' || text.includes('\0')) throw new UsageError(`--${name}: ${JSON.stringify(text)} is not a path`)
  return resolve(text)
}

/** A path, or `undefined` where the flag was not given. */
export const pathOf = (name: string, text: string | undefined) => (text === undefined ? undefined : pathIn(name, text))
/** A path, or `none`. */
export const policyOf = (name: string, text: string | undefined) => (text === 'none' ? text : pathOf(name, text))

/** A whole number from `min` to `max`. */
export function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new UsageError(`--${name}: ${JSON.stringify(text)} is not a whole number from ${min} to ${max}`)
  return value
}

/** A TCP port. */
export const port = (name: string, text: string) => integer(name, text, 1, 65535)

/** A number in decimal digits from `min` to `max`; `what` says in an error what it is. */
export function decimal(
  name: string,
  text: string,
  { min, max, what }: { readonly min: number; readonly max: number; readonly what: string },
): number {
  const value = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || value < min || value > max)
    throw new UsageError(`--${name}: ${JSON.stringify(text)} is not ${what} from ${min} to ${max}`)
  return value
}

/** Milliseconds of a number of seconds from `min` to `max`. */
export function seconds(name: string, text: string, min: number, max: number): number {
  return Math.round(decimal(name, text, { min, max, what: 'a number of seconds' }) * 1000)
}

/** One of `allowed`, or `undefined` where the flag was not given. */
export function oneOf<T extends string>(name: string, text: string | undefined, allowed: readonly T[]): T | undefined {
  if (text === undefined) return undefined
  if (!allowed.includes(text as T)) throw new UsageError(`--${name}: ${JSON.stringify(text)} is not one of ${allowed.join(', ')}`)
  return text as T
}

/** An IPv4 network of 16 bits, of addresses that a machine can have. */
export function cidr(name: string, text: string): string {
  const address = /^(.+\.0\.0)\/16$/.exec(text)?.[1] ?? ''
  // Those from 240.0.0.0 on are reserved.
  if (!isRoutableIpv4(address) || Number(address.split('.')[0]) >= 240)
    throw new UsageError(
      `--${name}: ${JSON.stringify(text)} is not an IPv4 network of 16 bits such as 10.244.0.0/16, outside of 0, 127, 169.254 and what follows 223`,
    )
  return text
}

/** How a host is reached by others. */
export interface ListenAddresses {
  /** Where API server and node agents listen beside loopback; `127.0.0.1`: nowhere else. */
  readonly bindAddress: string
  /** The address at which other hosts reach this one; `undefined`: they don't. */
  readonly advertiseAddress: string | undefined
}

/** Without either address the cluster is this machine's alone. */
export function addressesOf(bind: string | undefined, advertise: string | undefined): ListenAddresses {
  for (const [name, address] of [
    ['bind-address', bind],
    ['advertise-address', advertise],
  ] as const) {
    if (address !== undefined && !isIPv4(address))
      throw new UsageError(`--${name}: ${JSON.stringify(address)} is not an IPv4 address such as 192.168.1.10`)
  }
  if (advertise !== undefined && (advertise === everywhere || advertise.startsWith('127.')))
    throw new UsageError(`--advertise-address: ${JSON.stringify(advertise)} is not an address at which other hosts reach this one`)
  const bindAddress = bind ?? advertise ?? loopback
  if (advertise !== undefined || bindAddress.startsWith('127.')) return { bindAddress, advertiseAddress: advertise }
  return { bindAddress, advertiseAddress: bindAddress === everywhere ? onlyAddress() : bindAddress }
}

/** The machine's address where it has only one; bridges of containers do not count. */
function onlyAddress(): string {
  const addresses = Object.entries(networkInterfaces())
    .filter(([name]) => !/^(docker|br-|bnc-|bnd-|veth)/.test(name))
    .flatMap(([, list]) => (list ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address))
  if (addresses.length !== 1) {
    const choice = addresses.length === 0 ? 'this machine has none' : `one of ${addresses.join(', ')}`
    throw new UsageError(`--advertise-address is needed with --bind-address=0.0.0.0: the address for other hosts, ${choice}`)
  }
  return addresses[0]!
}

/** A name or address for a certificate. */
export function subjectOf(text: string): string {
  if (!isIPv4(text) && !/^(\*\.)?[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$/.test(text))
    throw new UsageError(`--tls-san: ${JSON.stringify(text)} is not a host name or IPv4 address`)
  return text
}

/** The address of an API server, `https://HOST:PORT`. */
export function serverOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:' || url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '')
    throw new UsageError(`--server: ${JSON.stringify(text)} is not https://HOST:PORT`)
  return `https://${url.host}`
}

/** Where a Docker engine listens. */
export function dockerHostOf(text: string): string {
  if (!/^(unix:\/\/\/.+|tcp:\/\/[^/]+:\d+|https?:\/\/[^/]+)$/.test(text)) {
    throw new UsageError(`--docker-host: ${JSON.stringify(text)} is not unix:///PATH or tcp://HOST:PORT`)
  }
  if (text.startsWith('unix://') && Buffer.byteLength(text.slice('unix://'.length)) > maxSocketPath) {
    throw new UsageError(`--docker-host: ${JSON.stringify(text)} is too long; the path of a socket has at most ${maxSocketPath} bytes`)
  }
  return text
}

/** The URL of an InfluxDB, or `none`. */
export function influxdbOf(text: string | undefined): string | undefined {
  if (text === undefined || text === 'none') return text
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new UsageError(`--influxdb: ${JSON.stringify(text)} is neither an http(s) URL nor none`)
  return text
}

/** A node's name; by default the host's, with other characters replaced. */
export function nodeNameOf(text: string | undefined): string {
  const name =
    text ??
    (hostname()
      .toLowerCase()
      .replaceAll(/[^a-z0-9.-]+/g, '-')
      .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
      .slice(0, 200) ||
      'node')
  if (!/^[a-z0-9]([a-z0-9.-]{0,198}[a-z0-9])?$/.test(name)) {
    throw new UsageError(`--node-name: ${JSON.stringify(name)} is not a lower case host name (letters, digits, '-' and '.')`)
  }
  return name
}
