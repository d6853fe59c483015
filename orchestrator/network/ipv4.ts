import { isIPv4 } from 'node:net'

/** An IPv4 network. `base` and `mask` are unsigned 32-bit numbers; `text` is the normal form, e.g. `10.96.0.0/16`. */
export interface Ipv4Network {
  readonly base: number
  readonly mask: number
  readonly prefix: number
  readonly text: string
}

/** The address as an unsigned 32-bit number, or `undefined` where the text is not dotted-quad IPv4. */
export function parseIpv4(text: string): number | undefined {
  if (!isIPv4(text)) return undefined
  let value = 0
  for (const part of text.split('.')) value = value * 256 + Number(part)
  return value
}

/** Dotted-quad text of an unsigned 32-bit number. */
export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.')
}

/** Reads `address/prefix`; host bits are cleared. Throws a TypeError that names `field` where the text is not an IPv4 CIDR. */
export function parseNetwork(text: string, field: string): Ipv4Network {
  const [address = '', prefixText = '', rest] = text.split('/')
  const value = parseIpv4(address)
  const prefix = Number(prefixText)
  if (value === undefined || rest !== undefined || !/^\d{1,2}$/.test(prefixText) || prefix > 32) {
    throw new TypeError(`${field}: ${JSON.stringify(text)} is not an IPv4 network; write it like 10.96.0.0/16`)
  }
  const mask = prefix === 0 ? 0 : (0xffff_ffff << (32 - prefix)) >>> 0
  const base = (value & mask) >>> 0
  return { base, mask, prefix, text: `${formatIpv4(base)}/${prefix}` }
}

/** Whether `address` (dotted quad) lies in `network`. */
export function contains(network: Ipv4Network, address: string): boolean {
  const value = parseIpv4(address)
  return value !== undefined && (value & network.mask) >>> 0 === network.base
}

/** Whether there is an address in both. */
export function overlap(left: Ipv4Network, right: Ipv4Network): boolean {
  const mask = left.prefix < right.prefix ? left.mask : right.mask
  return (left.base & mask) >>> 0 === (right.base & mask) >>> 0
}

const neverEndpoints = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32'].map((text) =>
  parseNetwork(text, 'neverEndpoints'),
)

/** Whether traffic may be sent there on a user's word: not the unspecified, loopback, link-local, multicast or broadcast ranges. */
export function isRoutableIpv4(address: string): boolean {
  return parseIpv4(address) !== undefined && !neverEndpoints.some((network) => contains(network, address))
}

/** The dotted quad that a reverse-lookup name asks for (`4.3.2.1.in-addr.arpa` → `1.2.3.4`). */
export function addressOfReverseName(name: string): string | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/i.exec(name)
  if (match === null) return undefined
  const address = `${match[4]}.${match[3]}.${match[2]}.${match[1]}`
  return isIPv4(address) ? address : undefined
}
