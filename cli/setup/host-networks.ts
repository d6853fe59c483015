import { networkInterfaces } from 'node:os'
import { overlap, parseNetwork } from '../../orchestrator/network/ipv4.ts'
import type { ClusterOptions } from '../options.ts'

/** A network that this machine is in already. */
export interface HostNetwork {
  readonly name: string
  readonly cidr: string
}

/** The IPv4 networks of this machine's interfaces, but for loopback and the named ones. */
export function hostNetworks(except: readonly string[]): readonly HostNetwork[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ family, internal, cidr }) =>
      family === 'IPv4' && !internal && cidr !== null && !except.includes(name) ? [{ name, cidr }] : [],
    ),
  )
}

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
