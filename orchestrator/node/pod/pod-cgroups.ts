import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CoreV1Container, CoreV1Pod } from '../../api/generated/kinds.ts'
import { milliValueOf, valueOf } from '../../api/quantity.ts'
import { cgroupParentOf, cpuQuotaOf, cpuSharesOf, qosClassOf } from '../container/resources.ts'
import type { QosClass } from '../container/resources.ts'
import type { Owner } from '../runtime/runtime.ts'

/** The control groups of pods, above those that an engine makes for containers. */
export interface PodCgroups {
  /** Makes a pod's group with its limits, and gives the groups of the classes their weights. Rejects where groups can't be written. */
  make(owner: Owner, pod: CoreV1Pod): Promise<void>
  /** Takes a pod's group away, `parent` as the engine was given it; absent is success. */
  remove(parent: string | undefined): Promise<void>
}

/** What a pod may use as a whole, in the kernel's units; absent means no limit. */
export interface PodLimits {
  readonly cpuShares: number
  readonly cpuQuotaMicroseconds?: number
  readonly cpuPeriodMicroseconds?: number
  readonly memoryBytes?: number
  /** By size, e.g. `2MB`. */
  readonly hugePageBytes?: ReadonlyMap<string, number>
}

/** The trees of version 1 that a group is made in. Memory is the last: who watches that tree then finds the other files. */
const hierarchies = ['blkio', 'cpu', 'cpuacct', 'pids', 'hugetlb', 'memory']
const v2Controllers = ['cpu', 'memory', 'pids', 'io', 'hugetlb']

/**
 * Groups below `root` (/sys/fs/cgroup), in the hierarchies of version 1 or in version 2, whichever is mounted there. `pods` are those of
 * the node: weights of the classes are sums over them. Slices are systemd's own business.
 */
export function createPodCgroups({ root, pods }: { readonly root: string; readonly pods: () => Iterable<CoreV1Pod> }): PodCgroups {
  return {
    make: async (owner, pod) => {
      const isV2 = await exists(join(root, 'cgroup.controllers'))
      const write = isV2 ? writeV2 : writeV1
      const path = cgroupParentOf({ ...owner, pod, driver: 'cgroupfs' })!
      const node = `/binnacle/${owner.clusterId}/${owner.nodeName}`
      const alive = [...pods()].filter(({ metadata, status }) => metadata.uid !== pod.metadata.uid && !hasEnded(status?.phase))
      for (const [name, limits] of Object.entries(classWeights([...alive, pod]))) await write(root, `${node}/${name}`, limits)
      await write(root, path, podLimits(pod))
    },
    remove: async (parent) => void (await removeCgroup(root, parent)),
  }
}

/**
 * Removes a group and the empty ones in it; answers whether nothing is left. Only directories are removed, and the kernel removes none that holds a
 * process, be it one that is just ending.
 */
export async function removeCgroup(root: string, parent: string | undefined): Promise<boolean> {
  if (parent === undefined || !parent.startsWith('/')) return true
  const folders = await foldersOf(root, parent)
  await Promise.all(folders.map(removeTree))
  return !(await Promise.all(folders.map(exists))).includes(true)
}

/** As the kubelet's `ResourceConfigForPod`: a limit of the pod is its own one, or the sum where every container has one. */
export function podLimits(pod: CoreV1Pod): PodLimits {
  const own = pod.spec.resources?.limits
  const limitOf = (resource: string, value: (text: string | undefined) => number) => {
    if (own?.[resource] !== undefined) return value(own[resource])
    const hasAll = containersOf(pod).every(({ resources }) => value(resources?.limits?.[resource]) > 0)
    return hasAll ? podSum(pod, ({ resources }) => value(resources?.limits?.[resource])) : 0
  }
  const [cpu, memoryBytes] = [limitOf('cpu', milliValueOf), limitOf('memory', valueOf)]
  const qos = qosClassOf(pod)
  const pages = hugePageLimits(pod)
  return {
    cpuShares: cpuSharesOf(qos === 'BestEffort' ? 0 : cpuRequestOf(pod)),
    ...(cpu > 0 ? cpuQuotaOf(cpu) : {}),
    ...(memoryBytes > 0 ? { memoryBytes } : {}),
    ...(pages.size === 0 ? {} : { hugePageBytes: pages }),
  }
}

/** The limit of each size of huge page, by the size as the kernel writes it: none may be used that was not asked for. */
function hugePageLimits(pod: CoreV1Pod): ReadonlyMap<string, number> {
  const names = new Set(containersOf(pod).flatMap(({ resources }) => Object.keys({ ...resources?.limits })))
  for (const name of Object.keys(pod.spec.resources?.limits ?? {})) names.add(name)
  const limits = new Map<string, number>()
  for (const name of names) {
    const [, count, unit] = /^hugepages-(\d+)([KMG])i$/.exec(name) ?? []
    if (count === undefined) continue
    const own = pod.spec.resources?.limits?.[name]
    limits.set(`${count}${unit}B`, own === undefined ? podSum(pod, ({ resources }) => valueOf(resources?.limits?.[name])) : valueOf(own))
  }
  return limits
}

/** Burstable pods together weigh what they ask for, those that ask for nothing the least there is; as the kubelet's QoS manager. */
export function classWeights(pods: readonly CoreV1Pod[]): Readonly<Record<'burstable' | 'besteffort', PodLimits>> {
  const isOf = (qos: QosClass) => (pod: CoreV1Pod) => qosClassOf(pod) === qos
  const asked = pods.filter(isOf('Burstable')).reduce((total, pod) => total + cpuRequestOf(pod), 0)
  return { burstable: { cpuShares: cpuSharesOf(asked) }, besteffort: { cpuShares: cpuSharesOf(0) } }
}

/** As the kubelet's `CPUSharesToCPUWeight`: 2…262144 shares become 1…10000. */
export function cpuWeightOf(shares: number): number {
  return Math.floor(1 + ((shares - 2) * 9999) / 262_142)
}

function containersOf(pod: CoreV1Pod): readonly CoreV1Container[] {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
}

function cpuRequestOf(pod: CoreV1Pod): number {
  const own = pod.spec.resources?.requests?.['cpu'] ?? pod.spec.resources?.limits?.['cpu']
  if (own !== undefined) return milliValueOf(own)
  return podSum(pod, ({ resources }) => milliValueOf(resources?.requests?.['cpu'] ?? resources?.limits?.['cpu']))
}

/** What runs at once counts together: all containers and sidecars, or one init container with the sidecars that began before it. */
function podSum(pod: CoreV1Pod, of: (container: CoreV1Container) => number): number {
  let sidecars = 0
  let initPeak = 0
  for (const container of pod.spec.initContainers ?? []) {
    const amount = of(container)
    if (container.restartPolicy === 'Always') sidecars += amount
    initPeak = Math.max(initPeak, container.restartPolicy === 'Always' ? sidecars : sidecars + amount)
  }
  return Math.max(initPeak, sidecars + pod.spec.containers.reduce((total, container) => total + of(container), 0))
}

async function writeV1(root: string, path: string, limits: PodLimits): Promise<void> {
  for (const hierarchy of hierarchies) {
    if (await exists(join(root, hierarchy))) await mkdir(join(root, hierarchy, path), { recursive: true })
  }
  const cpu = join(root, 'cpu', path)
  await writeFile(join(cpu, 'cpu.shares'), String(limits.cpuShares))
  if (limits.cpuQuotaMicroseconds !== undefined) {
    await writeFile(join(cpu, 'cpu.cfs_period_us'), String(limits.cpuPeriodMicroseconds))
    await writeFile(join(cpu, 'cpu.cfs_quota_us'), String(limits.cpuQuotaMicroseconds))
  }
  if (limits.memoryBytes !== undefined) await writeFile(join(root, 'memory', path, 'memory.limit_in_bytes'), String(limits.memoryBytes))
  for (const [size, bytes] of limits.hugePageBytes ?? [])
    await writeFile(join(root, 'hugetlb', path, `hugetlb.${size}.limit_in_bytes`), String(bytes)).catch(ignoreAbsent)
}

async function writeV2(root: string, path: string, limits: PodLimits): Promise<void> {
  const steps = path.split('/').filter((step) => step !== '')
  for (let depth = 0; depth < steps.length; depth++) {
    await enableControllers(join(root, ...steps.slice(0, depth)))
    await mkdir(join(root, ...steps.slice(0, depth + 1)), { recursive: true })
  }
  const folder = join(root, path)
  await writeFile(join(folder, 'cpu.weight'), String(cpuWeightOf(limits.cpuShares)))
  if (limits.cpuQuotaMicroseconds !== undefined) {
    await writeFile(join(folder, 'cpu.max'), `${limits.cpuQuotaMicroseconds} ${limits.cpuPeriodMicroseconds}`)
  }
  if (limits.memoryBytes !== undefined) await writeFile(join(folder, 'memory.max'), String(limits.memoryBytes))
  for (const [size, bytes] of limits.hugePageBytes ?? [])
    await writeFile(join(folder, `hugetlb.${size}.max`), String(bytes)).catch(ignoreAbsent)
}

/** Ends, with SIGKILL, what runs in a group and the ones in it; answers how many processes that were. */
export async function killProcessesIn(root: string, parent: string): Promise<number> {
  const pids = new Set<number>()
  for (const folder of await foldersOf(root, parent)) {
    const groups = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
    for (const path of [folder, ...groups.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))]) {
      const text = await readFile(join(path, 'cgroup.procs'), 'utf8').catch(() => '')
      for (const pid of text.split('\n').map(Number)) if (pid > 1) pids.add(pid)
    }
  }
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
  return pids.size
}

/** Where a group may be: in the one hierarchy, or in each of several. */
async function foldersOf(root: string, parent: string): Promise<string[]> {
  const controllers = await readdir(root, { withFileTypes: true }).catch(() => [])
  return ['', ...controllers.filter((entry) => entry.isDirectory()).map(({ name }) => name)].map((hierarchy) =>
    join(root, hierarchy, parent),
  )
}

/** One by one: the kernel refuses all of a list where it lacks one. */
async function enableControllers(folder: string): Promise<void> {
  for (const controller of v2Controllers) await writeFile(join(folder, 'cgroup.subtree_control'), `+${controller}`).catch(() => {})
}

/** A kernel without that size, or without the controller, has nothing to limit. */
function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT' && error.code !== 'EACCES') throw error
}

function hasEnded(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function removeTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => undefined)
  if (entries === undefined) return
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(directory, entry.name))
  await rmdir(directory).catch(() => {})
}
