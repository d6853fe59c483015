import { lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'

/** Thrown inside a request that must not be made. */
export class ForbiddenTargetError extends Error {
  readonly code = 'EFORBIDDENTARGET'
}

/** Where clouds serve credentials to whoever asks: link-local addresses, and the few that serve them elsewhere. */
const metadata = new BlockList()
metadata.addSubnet('169.254.0.0', 16, 'ipv4')
metadata.addSubnet('fe80::', 10, 'ipv6')
metadata.addAddress('fd00:ec2::254', 'ipv6')
metadata.addAddress('fd20:ce::254', 'ipv6')
metadata.addAddress('100.100.100.200', 'ipv4')
metadata.addAddress('192.0.0.192', 'ipv4')
// The same through an address translator.
metadata.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6')

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
