import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseProcCgroup } from '../cgroup/hierarchy.ts'
import type { Hierarchy } from '../cgroup/hierarchy.ts'
import type { ContainerDescription, PodIdentity } from '../container.ts'
import type { DockerInspection } from './docker-engine.ts'

/** Labels that a kubelet and the node agent put on pods' containers. */
const label = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  container: 'io.kubernetes.container.name',
  type: 'io.kubernetes.docker.type',
  node: 'binnacle.node',
  cluster: 'binnacle.cluster',
  image: 'binnacle.image',
} as const

/** The name that the sandbox has among a pod's containers. */
const sandboxName = 'POD'

/** The pod that a container belongs to, by its labels; `undefined` for a container that is no pod's. */
export function podOf(labels: Readonly<Record<string, string>>): PodIdentity | undefined {
  const { [label.podName]: name, [label.podNamespace]: namespace, [label.podUid]: uid } = labels
  if (name === undefined || namespace === undefined || uid === undefined) return undefined
  const container = labels[label.container] ?? ''
  const isSandbox = labels[label.type] === 'podsandbox' || container === sandboxName
  return { name, namespace, uid, container, isSandbox }
}

/** Whose containers are looked at where several nodes, of one or more clusters, share a Docker engine. */
export interface OwnerFilter {
  readonly node?: string | undefined
  readonly cluster?: string | undefined
}

/** Whether a container is another node's or another cluster's. Containers that belong to none are every node's. */
export function isForeign(labels: Readonly<Record<string, string>>, filter: OwnerFilter): boolean {
  const differs = (wanted: string | undefined, found: string | undefined) => wanted !== undefined && found !== undefined && wanted !== found
  return differs(filter.node, labels[label.node]) || differs(filter.cluster, labels[label.cluster])
}

/** A running container as the collector knows it. Its cgroup is where its first process says it is. */
export function describe(inspection: DockerInspection, hierarchy: Hierarchy, procRoot: string): ContainerDescription {
  const paths = cgroupPaths(inspection, procRoot)
  const name = (hierarchy.version === 'v2' ? paths?.[''] : (paths?.['memory'] ?? paths?.[''])) ?? guessPath(inspection)
  const controllerPaths = paths === undefined ? undefined : differing(paths, name)
  const pod = podOf(inspection.labels)
  const { networkMode, health, layerPath, logPath, envs } = inspection
  return {
    name,
    id: inspection.id,
    aliases: [inspection.name, inspection.id],
    namespace: 'docker',
    labels: inspection.labels,
    // The node agent runs images by id, and notes what the pod's author wrote.
    image: inspection.labels[label.image] ?? inspection.image,
    pid: inspection.pid,
    createdMs: inspection.createdMs,
    startedMs: inspection.startedMs,
    hasNetwork: networkMode !== 'host' && networkMode !== 'none' && !networkMode.startsWith('container:'),
    ...(envs === undefined ? {} : { envs }),
    ...(pod === undefined ? {} : { pod }),
    ...(health === undefined ? {} : { health }),
    ...(layerPath === undefined ? {} : { layerPath }),
    ...(logPath === undefined ? {} : { logPath }),
    ...(controllerPaths === undefined ? {} : { controllerPaths }),
  }
}

/** Paths from `/proc/PID/cgroup`; `undefined` when that is not readable or no longer this container's (the process id was given away). */
function cgroupPaths({ id, pid }: DockerInspection, procRoot: string): Record<string, string> | undefined {
  let text
  try {
    text = readFileSync(join(procRoot, String(pid), 'cgroup'), 'utf8')
  } catch {
    return undefined
  }
  return text.includes(id) ? parseProcCgroup(text) : undefined
}

/** Where Docker puts a container whose process can't be looked at, by its two cgroup drivers. */
function guessPath({ id, cgroupParent }: DockerInspection): string {
  if (cgroupParent.endsWith('.slice')) return `/${cgroupParent}/docker-${id}.scope`
  const parent = cgroupParent === '' ? '/docker' : cgroupParent
  return `${parent.startsWith('/') ? '' : '/'}${parent}/${id}`
}

function differing(paths: Readonly<Record<string, string>>, name: string): Record<string, string> | undefined {
  const others = Object.entries(paths).filter(([, path]) => path !== name)
  return others.length === 0 ? undefined : Object.fromEntries(others)
}
