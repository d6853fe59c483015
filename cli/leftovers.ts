import { systemClock } from '../lib/clock.ts'
import { createLog } from '../lib/log.ts'
import { removeNetworkRules } from '../orchestrator/network/app.ts'
import { removeEverything } from '../orchestrator/node/app.ts'
import type { DataFolder } from './data-folder.ts'
import { dockerVersion } from './setup/docker.ts'

/** Removes what a cluster leaves on a host when its processes are gone: containers, the pods' network, firewall rules. Only what carries its id. */
export async function removeClusterLeftovers(options: {
  readonly folder: DataFolder
  readonly dockerHost: string
  readonly print: (line: string) => void
}): Promise<void> {
  const { folder, dockerHost, print } = options
  const log = createLog({ level: 'warn', component: 'down' })
  if (process.getuid?.() === 0) await removeNetworkRules({ clusterId: folder.clusterId, log })
  if ((await dockerVersion(dockerHost)) === undefined) {
    print(`No Docker engine answers at ${dockerHost}: containers of cluster ${folder.clusterId} may be left there`)
    return
  }
  const count = await removeEverything({ dockerUrl: dockerHost, clusterId: folder.clusterId, log, clock: systemClock })
  if (count > 0) print(`Removed ${count} containers`)
}
