import { BlockList, isIP, SocketAddress } from 'node:net'
import { invalidValue } from './field-errors.ts'
import type { StatusCause } from './status-error.ts'

const addressMessage = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
const blockMessage = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'

/** An address without zeros before its numbers, which upstream reads as if they were not there. */
const withoutZeros = (text: string) => (text.includes(':') ? text : text.replaceAll(/(^|\.)0+(?=\d)/g, '$1'))

/** 4 or 6; 0 for what is no address. */
export function familyOf(address: string): 0 | 4 | 6 {
  // A zone (`fe80::1%eth0`) is good on one machine only.
  return address.includes('%') ? 0 : (isIP(withoutZeros(address)) as 0 | 4 | 6)
}

/** An address of either family. */
export function checkAddress(address: string | undefined, field: string): readonly StatusCause[] {
  return familyOf(address ?? '') === 0 ? [invalidValue(field, address ?? '', addressMessage)] : []
}

/** An IPv6 address in its shortest form, which alone upstream takes in places that are not older than the rule. */
export function checkCanonical(address: string, field: string): readonly StatusCause[] {
  const { address: shortest } = new SocketAddress({ address, family: 'ipv6' })
  return shortest === address ? [] : [invalidValue(field, address, `must be in canonical form (${JSON.stringify(shortest)})`)]
}

const ranges: readonly (readonly [readonly [string, number][], string])[] = [
  [
    [
      ['127.0.0.0', 8],
      ['::1', 128],
    ],
    'may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  [
    [
      ['169.254.0.0', 16],
      ['fe80::', 10],
    ],
    'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  ],
  [
    [
      ['224.0.0.0', 24],
      ['ff02::', 16],
    ],
    'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  ],
]
const refused = ranges.map(([blocks, message]) => {
  const list = new BlockList()
  for (const [address, bits] of blocks) list.addSubnet(address, bits, address.includes(':') ? 'ipv6' : 'ipv4')
  return { list, message }
})

/** An address that others can send to: neither a machine's own nor one of a link. */
export function checkReachableAddress(address: string | undefined, field: string): readonly StatusCause[] {
  const text = withoutZeros(address ?? '')
  const family = familyOf(text)
  if (family === 0)
    return [invalidValue(field, address ?? '', addressMessage), invalidValue(field, address ?? '', 'must be a valid IP address')]
  if (/^[0.:]+$/.test(text)) return [invalidValue(field, address, `may not be unspecified (${address})`)]
  return refused
    .filter(({ list }) => list.check(text, family === 6 ? 'ipv6' : 'ipv4'))
    .map(({ message }) => invalidValue(field, address, message))
}

interface Block {
  readonly address: string
  readonly bits: number
  readonly family: 4 | 6
}

function parseBlock(text: string): Block | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text)
  const family = familyOf(match?.[1] ?? '')
  const bits = Number(match?.[2])
  return family === 0 || bits > (family === 4 ? 32 : 128) ? undefined : { address: withoutZeros(match![1]!), bits, family }
}

/** A block of addresses, as `10.0.0.0/8`. */
export function checkBlock(text: string | undefined, field: string): readonly StatusCause[] {
  return parseBlock(text ?? '') === undefined ? [invalidValue(field, text ?? '', blockMessage)] : []
}

/** Whether `inner` is a part of `outer` and smaller; `undefined` where either is no block. */
export function isPartOf(inner: string, outer: string): boolean | undefined {
  const [part, whole] = [parseBlock(inner), parseBlock(outer)]
  if (part === undefined || whole === undefined) return undefined
  if (part.family !== whole.family || part.bits <= whole.bits) return false
  const list = new BlockList()
  list.addSubnet(whole.address, whole.bits, whole.family === 6 ? 'ipv6' : 'ipv4')
  return list.check(part.address, part.family === 6 ? 'ipv6' : 'ipv4')
}
