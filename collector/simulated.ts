import type { Clock } from '../lib/clock.ts'
import type { Container, ContainerDescription } from './container.ts'
import type { MachineInfo } from './machine/machine-info.ts'
import { buildSummary } from './kubelet/summary-builder.ts'
import { column } from './metrics.ts'
import type { Finding, SelfFigure, Source } from './source.ts'
import { StatsStore } from './stats-store.ts'
import { defaultSubjects } from './subjects.ts'
import type { ContainerUsage, PodUsage, UsageReport } from './usage.ts'

export interface SimulatedSourceOptions {
  /** What a simulated node's containers use now. */
  readonly report: () => UsageReport
  /** Samples kept per container; rates need two. */
  readonly capacity?: number
  /** With a clock, `run` takes a report in every `intervalMs` (1 s); without, one comes in with each summary. */
  readonly clock?: Clock
  readonly intervalMs?: number
}

/** A source whose samples are a simulated node's reports. */
export interface SimulatedSource extends Source {
  /** Takes a report in, unless its time is not newer than the last one's. `summary` does so by itself. */
  refresh(): void
}

/** Bytes of samples of one simulated node. */
const maxBytes = 64 * 1024 * 1024

/**
 * Turns a simulated node's reports into samples, so that whatever is behind a summary, or behind the collector's other outputs, treats
 * simulated nodes like real ones. Rates are those between the last two reports.
 */
export function createSimulatedSource({ report, capacity = 2, clock, intervalMs = 1000 }: SimulatedSourceOptions): SimulatedSource {
  const store = new StatsStore({ capacity: Math.max(2, capacity), maxBytes })
  let latest: UsageReport | undefined
  const refresh = () => {
    const next = report()
    if (latest !== undefined && next.timeMs <= latest.timeMs) return
    record(store, next)
    latest = next
  }
  const known = () => {
    refresh()
    return latest!
  }
  return {
    store,
    subjects: defaultSubjects,
    refresh,
    run: async (signal) => {
      refresh()
      while (clock !== undefined && !signal.aborted) {
        await clock.sleep(intervalMs, signal)
        refresh()
      }
    },
    summary: () => {
      const { nodeName, startedAtMs, memoryCapacityBytes, timeMs } = known()
      return buildSummary(store, { nodeName, bootedAtMs: startedAtMs, memoryCapacityBytes, swapCapacityBytes: 0 }, timeMs)
    },
    machine: () => machineOf(known()),
    fileSystems: () => [],
    imageFileSystem: () => undefined,
    docker: () => ({ status: 'degraded', reason: 'this node is simulated' }),
    selfFigures: (): SelfFigure[] => [{ name: 'containers', type: 'gauge', help: 'Containers recorded', value: store.size }],
    findings: (): Finding[] => [{ level: 'ok', subject: 'simulated', text: 'all figures come from a load model, none from this machine' }],
  }
}

function record(store: StatsStore, report: UsageReport): void {
  const { timeMs } = report
  const present = new Set<string>(['/'])
  let cpu = 0
  let memory = 0
  for (const pod of report.pods) {
    for (const usage of pod.containers) {
      const description = describeSimulated(pod, usage)
      present.add(description.name)
      const container = upsert(store, description, timeMs)
      if (container === undefined) continue
      write(container, timeMs, usage.cpuNanoseconds, usage.workingSetBytes)
      cpu += usage.cpuNanoseconds
      memory += usage.workingSetBytes
    }
  }
  for (const { description } of store.all()) if (!present.has(description.name)) store.remove(description.name, timeMs)
  const root = store.upsert(describeRoot(report), timeMs)
  if (root === undefined) return
  write(root, timeMs, nodeCpu(root, store, cpu), memory)
  root.spec.memoryLimitBytes = report.memoryCapacityBytes
}

/** A restarted container starts over at zero, so it gets a ring of its own. */
function upsert(store: StatsStore, description: ContainerDescription, nowMs: number): Container | undefined {
  const known = store.get(description.name)
  if (known !== undefined && known.description.startedMs !== description.startedMs) store.remove(description.name, nowMs)
  return store.upsert(description, nowMs)
}

function write({ ring }: Container, timeMs: number, cpuNanoseconds: number, memoryBytes: number): void {
  ring.begin(timeMs, timeMs)
  ring.set(column.cpuUsage, cpuNanoseconds)
  ring.set(column.memoryUsage, memoryBytes)
  ring.set(column.memoryWorkingSet, memoryBytes)
  ring.set(column.memoryRss, memoryBytes)
}

/** The node's counter goes on when a pod ends: it grows by what the containers that are there have used since the last report. */
function nodeCpu(root: Container, store: StatsStore, sum: number): number {
  const before = root.ring.get(column.cpuUsage)
  if (Number.isNaN(before)) return sum
  let growth = 0
  for (const { description, ring } of store.all()) {
    if (description.name === '/') continue
    const previous = ring.get(column.cpuUsage, 1)
    const now = ring.get(column.cpuUsage)
    growth += Number.isNaN(previous) ? now : Math.max(0, now - previous)
  }
  return before + growth
}

function describeRoot({ startedAtMs }: UsageReport): ContainerDescription {
  return {
    name: '/',
    id: '',
    aliases: [],
    namespace: '',
    labels: {},
    image: '',
    createdMs: startedAtMs,
    startedMs: startedAtMs,
    hasNetwork: false,
  }
}

function describeSimulated(pod: PodUsage, container: ContainerUsage): ContainerDescription {
  const { name, namespace, uid } = pod
  return {
    name: `/simulated/${uid}/${container.name}`,
    id: `${uid}/${container.name}`,
    aliases: [`k8s_${container.name}_${name}_${namespace}_${uid}_0`],
    namespace: 'simulated',
    labels: {},
    image: '',
    createdMs: container.startedAtMs,
    startedMs: container.startedAtMs,
    hasNetwork: false,
    pod: { name, namespace, uid, container: container.name, isSandbox: false },
  }
}

function machineOf({ startedAtMs, memoryCapacityBytes, nodeName }: UsageReport): MachineInfo {
  return {
    vendorId: '',
    cores: 0,
    physicalCores: 0,
    sockets: 0,
    books: 0,
    drawers: 0,
    cpuFrequencyKhz: 0,
    memoryBytes: memoryCapacityBytes,
    swapBytes: 0,
    hugePages: [],
    memoryByType: {},
    nvm: { memoryModeBytes: 0, appDirectBytes: 0, averagePowerBudgetWatts: 0 },
    machineId: nodeName,
    systemUuid: '',
    cloudProvider: 'Unknown',
    bootId: '',
    bootedAtMs: startedAtMs,
    kernelVersion: '',
    osVersion: 'simulated',
    disks: [],
    networkDevices: [],
    nodes: [],
  }
}
