import { lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'

/** Thrown inside a request that must not be made. */
export class ForbiddenTargetError extends Error {
  readonly code = 'EFORBIDDENTARGET'
}

/** Where clouds serve credentials to whoever asks: link-local addresses, and the few that serve them elsewhere. */
const metadataV4 = [
  ['169.254.0.0', 16],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.192', 32],
] as const
const metadataV6 = [
  ['fe80::', 10],
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
  ['fd00:42::42', 128],
] as const

/** Behind which an IPv4 address makes the IPv6 address that is translated to it: NAT64, SIIT, and the oldest way to write one as the other. */
const translated = ['64:ff9b::', '64:ff9b:1::', '::ffff:0:', '::'] as const

const metadata = createBlockList()

function createBlockList(): BlockList {
  const list = new BlockList()
  for (const [address, bits] of metadataV6) list.addSubnet(address, bits, 'ipv6')
  for (const [address, bits] of metadataV4) {
    list.addSubnet(address, bits, 'ipv4')
    for (const prefix of translated) list.addSubnet(`${prefix}${address}`, 96 + bits, 'ipv6')
    // 6to4 has the address in front.
    const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number]
    list.addSubnet(`2002:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}::`, 16 + bits, 'ipv6')
  }
  return list
}

/** Throws `ForbiddenTargetError` for an address where credentials of the machine can be had. */
export function refuseMetadata(address: string): void {
  const plain = address.replace(/%.*$/, '')
  if (metadata.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4')) {
    throw new ForbiddenTargetError(`${address} is an address of cloud metadata; set allow_link_local: true to allow it`)
  }
}

/**
 * Name resolution that refuses names which lead to such addresses, whatever they are called. The connection goes to the very addresses that
 * were looked at, so a name that changes its mind between the two gains nothing.
 */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (err, addresses) => {
    if (err !== null) return callback(err, [])
    try {
      for (const { address } of addresses) refuseMetadata(address)
    } catch (refusal) {
      return callback(refusal as Error, [])
    }
    const [first] = addresses
    if (options.all === true) callback(null, addresses)
    else callback(null, first!.address, first!.family)
  })
}
