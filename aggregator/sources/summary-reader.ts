import { columnOf } from '../catalog.ts'
import type { MetricName } from '../catalog.ts'
import { createEntity, entityKeys } from '../entity.ts'
import { createMetricSet, ValueSlab } from '../metric-set.ts'
import type { Family, MetricSet } from '../metric-set.ts'
import type { Entity } from '../window.ts'

/** The answer of a node is not a summary, or not this node's. */
export class SummaryError extends Error {
  readonly code = 'SUMMARY'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SummaryError'
  }
}

/** What a node says: a set per node, system container, pod and container. `rejected` counts entries and fields left out. */
export interface NodeFigures {
  readonly sets: Map<string, MetricSet>
  readonly rejected: number
}

/** How much one node may say. Beyond it entries are left out and counted. */
const limits = { pods: 2000, containers: 100, volumes: 100, interfaces: 100, accelerators: 64, nameLength: 253, volumeNameLength: 512 }

/** Heapster's names of the kubelet's system containers. */
const systemContainerNames: Readonly<Record<string, string>> = { runtime: 'docker-daemon', misc: 'system' }

/**
 * Reads a kubelet's `/stats/summary` (ours or a real one). Tolerant of fields that are absent or unknown; a field of the wrong type, a
 * negative or non-finite number and an entry without a proper name are left out and counted. Throws `SummaryError` when the text is no
 * JSON object with `node`, or speaks for another node.
 */
export function readSummary(text: string, nodeName: string, now: number): NodeFigures {
  const root = parse(text)
  const node = asObject(root['node'])
  if (node === undefined) throw new SummaryError('the summary has no object "node"')
  if (node['nodeName'] !== nodeName) {
    throw new SummaryError(`the summary speaks for node ${JSON.stringify(String(node['nodeName'])).slice(0, 100)}, not for "${nodeName}"`)
  }
  const reader = new SummaryReader(nodeName, now)
  reader.readNode(node)
  for (const pod of reader.list(root['pods'], limits.pods)) reader.readPod(pod)
  return { sets: reader.sets, rejected: reader.rejected }
}

function parse(text: string): Json {
  let root: unknown
  try {
    root = JSON.parse(text)
  } catch (cause) {
    throw new SummaryError(`the summary is not JSON: ${(cause as Error).message.slice(0, 200)}`, { cause })
  }
  const object = asObject(root)
  if (object === undefined) throw new SummaryError('the summary is not a JSON object')
  return object
}

type Json = Readonly<Record<string, unknown>>

function asObject(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
}

class SummaryReader {
  readonly sets = new Map<string, MetricSet>()
  rejected = 0
  readonly #nodeName: string
  readonly #now: number
  readonly #slab = new ValueSlab()

  constructor(nodeName: string, now: number) {
    this.#nodeName = nodeName
    this.#now = now
  }

  readNode(node: Json): void {
    const set = this.#add(createEntity('node', entityKeys.node(this.#nodeName), { nodename: this.#nodeName }), node)
    this.#readNetwork(set, asObject(node['network']))
    this.#readFileSystem(set, '/', asObject(node['fs']))
    this.#put(set, 'ephemeral_storage/usage', asObject(node['fs'])?.['usedBytes'])
    this.#put(set, 'process/count', asObject(node['rlimit'])?.['curproc'])
    for (const container of this.list(node['systemContainers'], limits.containers)) {
      const name = this.#name(container['name'], limits.nameLength)
      if (name === undefined) continue
      const renamed = Object.hasOwn(systemContainerNames, name) ? systemContainerNames[name]! : name
      const labels = { nodename: this.#nodeName, container_name: renamed }
      this.#add(createEntity('sys_container', entityKeys.systemContainer(this.#nodeName, renamed), labels), container)
    }
  }

  readPod(pod: Json): void {
    const reference = asObject(pod['podRef']) ?? {}
    const name = this.#name(reference['name'], limits.nameLength)
    const namespace = this.#name(reference['namespace'], limits.nameLength)
    const uid = this.#name(reference['uid'], limits.nameLength)
    if (name === undefined || namespace === undefined || uid === undefined) return
    const labels = { nodename: this.#nodeName, namespace_name: namespace, pod_name: name, pod_id: uid }
    const key = entityKeys.pod(namespace, name)
    const known = this.sets.get(key)
    // A pod that was replaced under its name: the one that started last is the one that lives.
    if (known !== undefined && !(timeOf(pod['startTime']) > known.startedAt)) return
    if (known !== undefined) this.#forgetPod(key)
    const set = this.#add(createEntity('pod', key, labels), pod)
    this.#readNetwork(set, asObject(pod['network']))
    const ephemeral = asObject(pod['ephemeral-storage'])
    this.#put(set, 'ephemeral_storage/usage', ephemeral?.['usedBytes'])
    for (const volume of this.list(pod['volume'], limits.volumes)) {
      const volumeName = this.#name(volume['name'], limits.volumeNameLength)
      if (volumeName !== undefined) this.#readFileSystem(set, `Volume:${volumeName}`, volume)
    }
    for (const container of this.list(pod['containers'], limits.containers)) this.#readContainer(container, namespace, name, labels)
  }

  /** The objects of an array, at most `limit`. */
  *list(value: unknown, limit: number): Iterable<Json> {
    if (value === undefined || value === null) return
    if (!Array.isArray(value)) {
      this.rejected++
      return
    }
    this.rejected += Math.max(0, value.length - limit)
    for (const entry of value.slice(0, limit)) {
      const object = asObject(entry)
      if (object === undefined) this.rejected++
      else yield object
    }
  }

  #readContainer(container: Json, namespace: string, pod: string, podLabels: Readonly<Record<string, string>>): void {
    const name = this.#name(container['name'], limits.nameLength)
    if (name === undefined) return
    const set = this.#add(
      createEntity('pod_container', entityKeys.container(namespace, pod, name), { ...podLabels, container_name: name }),
      container,
    )
    const rootfs = asObject(container['rootfs'])
    const logs = asObject(container['logs'])
    this.#readFileSystem(set, '/', rootfs)
    this.#readFileSystem(set, 'logs', logs)
    for (const accelerator of this.list(container['accelerators'], limits.accelerators)) this.#readAccelerator(set, accelerator)
    const used = [rootfs?.['usedBytes'], logs?.['usedBytes']].filter((bytes) => typeof bytes === 'number')
    if (used.length > 0)
      this.#put(
        set,
        'ephemeral_storage/usage',
        used.reduce((sum, bytes) => sum + bytes, 0),
      )
  }

  #forgetPod(podKey: string): void {
    this.rejected++
    for (const key of this.sets.keys()) if (key === podKey || key.startsWith(`${podKey}/`)) this.sets.delete(key)
  }

  /** What nodes, pods and containers have alike. */
  #add(entity: Entity, stats: Json): MetricSet {
    const startedAt = timeOf(stats['startTime'])
    const cpu = asObject(stats['cpu'])
    const instant = this.#number(cpu?.['usageNanoCores'])
    const set = createMetricSet(entity, { startedAt, instantCpuNanocores: instant ?? Number.NaN, slab: this.#slab })
    if (!Number.isNaN(startedAt)) set.values[columnOf('uptime')] = Math.max(0, this.#now - startedAt)
    this.#readCpu(set, cpu)
    this.#readMemory(set, asObject(stats['memory']), asObject(stats['swap']))
    this.#readDisk(set, asObject(stats['diskio']))
    this.#readPressure(set, asObject(stats['io']), ['disk/io_pressure', 'disk/io_pressure_full'])
    this.#readProcesses(set, asObject(stats['process_stats']))
    this.sets.set(entity.key, set)
    return set
  }

  #readCpu(set: MetricSet, cpu: Json | undefined): void {
    if (cpu === undefined) return
    this.#stamp(set, 'cpu', cpu)
    this.#put(set, 'cpu/usage', cpu['usageCoreNanoSeconds'])
    this.#put(set, 'cpu/load', cpu['load'])
    this.#readPressure(set, cpu, ['cpu/pressure', 'cpu/pressure_full'])
    const throttling = asObject(cpu['throttling'])
    this.#put(set, 'cpu/cfs_periods', throttling?.['periods'])
    this.#put(set, 'cpu/cfs_throttled_periods', throttling?.['throttledPeriods'])
    this.#put(set, 'cpu/cfs_throttled_time', throttling?.['throttledNanoSeconds'])
  }

  #readMemory(set: MetricSet, memory: Json | undefined, swap: Json | undefined): void {
    const swapUsed = this.#number(swap?.['swapUsageBytes'])
    const swapLeft = this.#number(swap?.['swapAvailableBytes'])
    this.#put(set, 'memory/swap', swapUsed)
    if (swapUsed !== undefined && swapLeft !== undefined) this.#put(set, 'memory/swap_limit', swapUsed + swapLeft)
    if (memory === undefined) return
    this.#stamp(set, 'memory', memory)
    this.#put(set, 'memory/usage', memory['usageBytes'])
    this.#put(set, 'memory/working_set', memory['workingSetBytes'])
    this.#put(set, 'memory/rss', memory['rssBytes'])
    this.#put(set, 'memory/cache', memory['cacheBytes'])
    this.#put(set, 'memory/available', memory['availableBytes'])
    this.#put(set, 'memory/page_faults', memory['pageFaults'])
    this.#put(set, 'memory/major_page_faults', memory['majorPageFaults'])
    this.#put(set, 'memory/oom_kills', memory['oomKills'])
    this.#readPressure(set, memory, ['memory/pressure', 'memory/pressure_full'])
  }

  #readPressure(set: MetricSet, stats: Json | undefined, [some, full]: readonly [MetricName, MetricName]): void {
    const psi = asObject(stats?.['psi'])
    this.#put(set, some, asObject(psi?.['some'])?.['avg10'])
    this.#put(set, full, asObject(psi?.['full'])?.['avg10'])
  }

  #readProcesses(set: MetricSet, stats: Json | undefined): void {
    this.#put(set, 'process/count', stats?.['process_count'])
    this.#put(set, 'process/threads', stats?.['threads'])
    this.#put(set, 'process/file_descriptors', stats?.['fileDescriptors'])
  }

  #readAccelerator(set: MetricSet, accelerator: Json): void {
    const parts = ['make', 'model', 'id'].map((field) => this.#name(accelerator[field], limits.nameLength))
    if (parts.includes(undefined)) return
    const resource = parts.join('/')
    this.#putLabelled(set, 'accelerator/memory_total', resource, accelerator['memoryTotal'])
    this.#putLabelled(set, 'accelerator/memory_used', resource, accelerator['memoryUsed'])
    this.#putLabelled(set, 'accelerator/duty_cycle', resource, accelerator['dutyCycle'])
  }

  #readNetwork(set: MetricSet, network: Json | undefined): void {
    if (network === undefined) return
    this.#stamp(set, 'network', network)
    const listed = [...this.list(network['interfaces'], limits.interfaces)]
    for (const entry of listed.length > 0 ? listed : [network]) {
      for (const [field, name] of networkFields) this.#put(set, name, entry[field], true)
    }
  }

  #readDisk(set: MetricSet, disk: Json | undefined): void {
    if (disk === undefined) return
    this.#stamp(set, 'disk', disk)
    for (const [field, name] of diskFields) this.#putLabelled(set, name, 'all', disk[field])
  }

  #readFileSystem(set: MetricSet, resource: string, fs: Json | undefined): void {
    if (fs === undefined) return
    for (const [field, name] of fsFields) this.#putLabelled(set, name, resource, fs[field])
  }

  #stamp(set: MetricSet, family: Family, stats: Json): void {
    set.measuredAt[family] = timeOf(stats['time'])
    if (Number.isNaN(set.measuredAt[family])) this.rejected++
  }

  #put(set: MetricSet, name: MetricName, value: unknown, isSum = false): void {
    const number = this.#number(value)
    if (number === undefined) return
    const column = columnOf(name)
    const before = set.values[column]!
    set.values[column] = isSum && !Number.isNaN(before) ? before + number : number
  }

  #putLabelled(set: MetricSet, name: MetricName, resource: string, value: unknown): void {
    const number = this.#number(value)
    if (number !== undefined) set.labelled.push({ column: columnOf(name), resource, value: number })
  }

  #number(value: unknown): number | undefined {
    if (value === undefined || value === null) return undefined
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
    this.rejected++
    return undefined
  }

  #name(value: unknown, maxLength: number): string | undefined {
    if (typeof value === 'string' && value.length > 0 && value.length <= maxLength) return value
    this.rejected++
    return undefined
  }
}

const networkFields: readonly (readonly [string, MetricName])[] = [
  ['rxBytes', 'network/rx'],
  ['rxErrors', 'network/rx_errors'],
  ['rxPackets', 'network/rx_packets'],
  ['rxDropped', 'network/rx_dropped'],
  ['txBytes', 'network/tx'],
  ['txErrors', 'network/tx_errors'],
  ['txPackets', 'network/tx_packets'],
  ['txDropped', 'network/tx_dropped'],
]

const diskFields: readonly (readonly [string, MetricName])[] = [
  ['readBytes', 'disk/io_read_bytes'],
  ['writeBytes', 'disk/io_write_bytes'],
  ['reads', 'disk/io_reads'],
  ['writes', 'disk/io_writes'],
]

const fsFields: readonly (readonly [string, MetricName])[] = [
  ['usedBytes', 'filesystem/usage'],
  ['capacityBytes', 'filesystem/limit'],
  ['availableBytes', 'filesystem/available'],
  ['inodes', 'filesystem/inodes'],
  ['inodesFree', 'filesystem/inodes_free'],
]

const timestampPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d)$/

/** RFC 3339 with up to nanoseconds as fractional milliseconds since the epoch; NaN for anything else and for the zero time. */
export function timeOf(value: unknown): number {
  if (typeof value !== 'string' || value.length > 40) return Number.NaN
  const match = timestampPattern.exec(value)
  if (match === null) return Number.NaN
  const ms = Date.parse(value)
  // A rate over one second is off by a thousandth without the digits that Date drops.
  const beyondMs = Number(`0.${(match[1] ?? '').slice(3) || '0'}`)
  return ms > 0 ? ms + beyondMs : Number.NaN
}
