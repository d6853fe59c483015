import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { killProcessesIn, removeCgroup } from './pod/pod-cgroups.ts'
import { callDocker, connectToDocker, statusCodeOf, toRuntimeError } from './runtime/docker/docker-engine.ts'
import { label, ownerFilter } from './runtime/docker/docker-labels.ts'
import { removeNetworks } from './runtime/docker/docker-network.ts'

/** How long processes may take to stop before they are killed. */
const stopSeconds = 2
/** Processes that were killed hold their control groups for a moment. */
const cgroupAttempts = 40
const patientAttempts = 10
const cgroupRetryMs = 50

/**
 * Stops and removes every container of a cluster (or of one node of it) on a Docker engine, and with the last node the cluster's network.
 * Nothing without the cluster's label is touched. Answers how many containers went.
 */
export async function removeEverything(options: {
  readonly dockerUrl: string
  readonly clusterId: string
  readonly nodeName?: string
  readonly log: Log
  readonly clock: Clock
  /** Where control groups are mounted; `/sys/fs/cgroup` unless said otherwise. */
  readonly cgroupRoot?: string
}): Promise<number> {
  const { dockerUrl, clusterId, nodeName, log, clock, cgroupRoot = '/sys/fs/cgroup' } = options
  const docker = connectToDocker(dockerUrl)
  const filters = { label: ownerFilter({ clusterId, ...(nodeName === undefined ? {} : { nodeName }) }) }
  const containers = await callDocker(() => docker.listContainers({ all: true, filters }))
  const sandboxes = containers.filter(({ Labels }) => Labels[label.type] === 'podsandbox')
  const others = containers.filter((container) => !sandboxes.includes(container))
  const ignoreAbsent = (error: unknown) => {
    const code = statusCodeOf(error)
    if (code !== 304 && code !== 404 && code !== 409) throw toRuntimeError(error)
  }
  await Promise.all(others.map(({ Id }) => docker.getContainer(Id).stop({ t: stopSeconds }).catch(ignoreAbsent)))
  for (const group of [others, sandboxes]) {
    await Promise.all(group.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true }).catch(ignoreAbsent)))
  }
  if (nodeName === undefined) await removeNetworks(docker, clusterId)
  const group = `/binnacle/${clusterId}${nodeName === undefined ? '' : `/${nodeName}`}`
  for (let attempt = 1; !(await removeCgroup(cgroupRoot, group)) && attempt < cgroupAttempts; attempt++) {
    // What outlives its container's end, as a process in the machine's process namespace can.
    if (attempt === patientAttempts) {
      const processes = await killProcessesIn(cgroupRoot, group)
      if (processes > 0) log.warn({ clusterId, processes }, 'killed processes that no container has any more')
    }
    await clock.sleep(cgroupRetryMs)
  }
  log.info({ clusterId, containers: containers.length }, 'removed the containers of the cluster')
  const { agent } = docker.modem as { agent?: { destroy(): void } }
  agent?.destroy()
  return containers.length
}
