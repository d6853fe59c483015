import { systemClock } from '../../lib/clock.ts'
import { ensureCredentials } from '../credentials.ts'
import { openDataFolder } from '../data-folder.ts'
import { gatewayOf, serviceAddress } from '../network-layout.ts'
import { nodeNames, type ClusterOptions } from '../options.ts'

/** `credentials`: makes what is missing or near its end of authorities, certificates, token key and kubeconfig. Resolves with the exit code. */
export async function makeCredentials(options: ClusterOptions): Promise<number> {
  await ensureCredentials({
    folder: openDataFolder(options.dataDir),
    now: systemClock.now(),
    nodes: nodeNames(options),
    addresses: [gatewayOf(options.podCidr), serviceAddress(options.serviceCidr, 1)],
    apiPort: options.ports.api,
  })
  return 0
}
