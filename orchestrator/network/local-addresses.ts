import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { Clock } from '../../lib/clock.ts'

/** How long one look at the addresses serves all that ask. */
const lookMs = 200

/** Where the kernel lists its routes, those to this machine itself among them. */
const routesFile = '/proc/net/fib_trie'

/** The IPv4 addresses that `/proc/net/fib_trie` calls this machine's. */
export function parseLocalAddresses(routes: string): ReadonlySet<string> {
  return new Set([...routes.matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map(([, address]) => address!))
}

/**
 * Tells whether this machine has an IPv4 address on any interface now, or had a moment ago. A bridge without ports counts: it has its address before the first
 * pod comes, though Node's own list leaves out what has no carrier. That list serves where the kernel's routes cannot be read.
 */
export function createAddressCheck(
  clock: Clock,
  readRoutes: () => string = () => readFileSync(routesFile, 'utf8'),
): (address: string) => boolean {
  let addresses: ReadonlySet<string> = new Set()
  let seenAt = Number.NEGATIVE_INFINITY
  const look = () => {
    try {
      return parseLocalAddresses(readRoutes())
    } catch {
      return new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((one) => one.address)))
    }
  }
  return (address) => {
    if (clock.monotonic() - seenAt >= lookMs) {
      seenAt = clock.monotonic()
      addresses = look()
    }
    return addresses.has(address)
  }
}
