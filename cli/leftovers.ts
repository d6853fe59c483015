import { systemClock } from '../lib/clock.ts'
import { createLog } from '../lib/log.ts'
import { removeBridges, removeNetworkRules } from '../orchestrator/network/removal.ts'
import { removeEverything } from '../orchestrator/node/remove-everything.ts'
import type { DataFolder } from './data-folder.ts'
import { containerdNamespaceOf, dockerVersion, engineBridgesOf, removeEngineFolder } from './setup/docker.ts'
import { endShims, findShims } from './setup/engine-processes.ts'

const createDownLog = () => createLog({ level: 'warn', component: 'down' })

/**
 * Removes what an engine leaves of a cluster when it ends, or is killed: containers that no engine knows any more, its folder for sockets
 * with the mounts in it, bridges, their links and rules.
 * To be called when no engine of the cluster runs any longer.
 */
export async function removeEngineTraces(folder: DataFolder): Promise<void> {
  await endShims(findShims(containerdNamespaceOf(folder)), systemClock)
  removeEngineFolder(folder)
  if (process.getuid?.() === 0) await removeBridges({ bridges: engineBridgesOf(folder), log: createDownLog() })
}

/** Removes what a cluster leaves on a host when its processes are gone: containers, the pods' network, firewall rules. Only what carries its id. */
export async function removeClusterLeftovers(options: {
  readonly folder: DataFolder
  readonly dockerHost: string
  readonly print: (line: string) => void
}): Promise<void> {
  const { folder, dockerHost, print } = options
  const log = createDownLog()
  if (process.getuid?.() === 0) await removeNetworkRules({ clusterId: folder.clusterId, log })
  if ((await dockerVersion(dockerHost)) === undefined) {
    print(`No Docker engine answers at ${dockerHost}: containers of cluster ${folder.clusterId} may be left there`)
    return
  }
  const count = await removeEverything({ dockerUrl: dockerHost, clusterId: folder.clusterId, log, clock: systemClock })
  if (count > 0) print(`Removed ${count} containers`)
}
