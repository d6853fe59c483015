import { readFileSync } from 'node:fs'
import { systemClock } from '../../lib/clock.ts'
import { ensureCredentials } from '../credentials.ts'
import { openDataFolder } from '../data-folder.ts'
import { joinCluster, refreshHost } from '../hosts/join.ts'
import type { JoinSecrets } from '../hosts/join-secrets.ts'
import { localNodeNames } from '../local-nodes/wanted-nodes.ts'
import { gatewayOf, serviceAddress } from '../network-layout.ts'
import { nodeNames, type ClusterOptions } from '../options.ts'

/**
 * `credentials`: makes what is missing or near its end of authorities, certificates, token key and kubeconfig; on a host that joins or has joined, gets
 * them from the cluster. A first time needs `JoinSecrets` on standard input. Resolves with the exit code.
 */
export async function makeCredentials(options: ClusterOptions): Promise<number> {
  const folder = openDataFolder(options.dataDir)
  const { server, nodeName, advertiseAddress: address } = options
  if (server !== undefined) {
    const host = { folder, clock: systemClock, server, nodeName, ...(address === undefined ? {} : { address }) }
    const input = process.stdin.isTTY ? '' : readFileSync(0, 'utf8')
    await (input === '' ? refreshHost(host) : joinCluster({ ...host, ...(JSON.parse(input) as JoinSecrets) }))
    return 0
  }
  await ensureCredentials({
    folder,
    now: systemClock.now(),
    nodes: [...nodeNames(options), ...localNodeNames(folder)],
    addresses: [gatewayOf(options.podCidr), ...(address === undefined ? [] : [address])],
    serverNames: [serviceAddress(options.serviceCidr, 1), ...boundTo(options), ...options.tlsSans],
    apiPort: options.ports.api,
  })
  return 0
}

const boundTo = ({ bindAddress }: ClusterOptions) => (bindAddress === '0.0.0.0' ? [] : [bindAddress])
