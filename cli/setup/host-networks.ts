import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'
import { overlap, formatIpv4, parseNetwork } from '../../orchestrator/network/ipv4.ts'
import type { ClusterOptions } from '../options.ts'

/** A network to which this machine has a way already. */
export interface HostNetwork {
  /** The interface. */
  readonly name: string
  readonly cidr: string
}

/**
 * The IPv4 networks in the kernel's table of routes, but for the default route and those by the named interfaces. Other than Node's list of interfaces it has
 * bridges without ports, and what is reached by a VPN. None where it cannot be read.
 */
export function hostNetworks(
  except: readonly string[],
  readRoutes: () => string = () => readFileSync('/proc/net/route', 'utf8'),
): readonly HostNetwork[] {
  const found = new Map<string, HostNetwork>()
  for (const line of linesOf(readRoutes)) {
    const [name = '', destination = '', , , , , , mask = ''] = line.split('\t')
    if (name === 'lo' || except.includes(name) || mask === '00000000') continue
    const cidr = `${formatIpv4(inHostOrder(destination))}/${Math.clz32(~inHostOrder(mask))}`
    found.set(`${name} ${cidr}`, { name, cidr })
  }
  return [...found.values()]
}

/** The table without its heading. */
function linesOf(readRoutes: () => string): readonly string[] {
  try {
    return readRoutes().trim().split('\n').slice(1)
  } catch {
    return []
  }
}

/** The kernel prints addresses as the bytes are in its memory. */
const inHostOrder = (hex: string) => (endianness() === 'LE' ? Buffer.from(hex, 'hex').readUInt32LE() : Number.parseInt(hex, 16))

/** One line for each network of this machine that the addresses of pods or Services take away, or that takes theirs. */
export function describeOverlaps(
  { podCidr, serviceCidr }: Pick<ClusterOptions, 'podCidr' | 'serviceCidr'>,
  networks: readonly HostNetwork[],
): readonly string[] {
  const wanted = [
    { flag: 'pod-cidr', what: 'pods', cidr: podCidr },
    { flag: 'service-cidr', what: 'Services', cidr: serviceCidr },
  ]
  return wanted.flatMap(({ flag, what, cidr }) =>
    networks
      .filter((network) => overlap(parseNetwork(cidr, flag), parseNetwork(network.cidr, network.name)))
      .map(
        (network) =>
          `the addresses of ${what} (${cidr}) are also those of ${network.name} (${network.cidr}): one of the two cannot be reached; choose others with --${flag}`,
      ),
  )
}
