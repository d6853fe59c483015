import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { parseContainerPath } from './cgroup/container-path.ts'
import { CgroupDiscovery } from './cgroup/discovery.ts'
import { countDyingCgroups } from './cgroup/dying-cgroups.ts'
import type { FoundCgroup } from './cgroup/discovery.ts'
import { detectHierarchy } from './cgroup/hierarchy.ts'
import type { Hierarchy } from './cgroup/hierarchy.ts'
import type { Container, ContainerDescription } from './container.ts'
import { DiskUsage } from './disk-usage.ts'
import { describe, isForeign } from './docker/describe.ts'
import type { OwnerFilter } from './docker/describe.ts'
import type { DockerEngine, DockerInspection } from './docker/docker-engine.ts'
import { DockerSource } from './docker/docker-source.ts'
import type { DockerState } from './docker/docker-source.ts'
import { findingsOf, selfFiguresOf } from './local-report.ts'
import { Housekeeping } from './housekeeping.ts'
import type { CostBudget } from './interval-governor.ts'
import { buildSummary } from './kubelet/summary-builder.ts'
import { readFileSystemOf, readFileSystems } from './machine/file-systems.ts'
import type { FileSystem } from './machine/file-systems.ts'
import { readMachineInfo } from './machine/machine-info.ts'
import type { MachineInfo } from './machine/machine-info.ts'
import { SystemProcesses } from './machine/system-processes.ts'
import { CgroupNaming } from './naming/cgroup-naming.ts'
import type { PodList } from './naming/pod-lists.ts'
import { OomLedger } from './oom-ledger.ts'
import type { DescriptorBudget } from './readers/descriptor-budget.ts'
import { hugePageName } from './readers/hugetlb.ts'
import { createMachineReader } from './readers/machine.ts'
import { createCgroupReaders } from './readers/readers.ts'
import type { Finding, NodeCgroup, SelfFigure, Source } from './source.ts'
import type { StatsStore } from './stats-store.ts'
import { defaultSubjects } from './subjects.ts'
import type { Subject } from './subjects.ts'
import type { Summary } from './summary.ts'

export interface LocalSourceOptions {
  readonly clock: Clock
  readonly log: Log
  readonly store: StatsStore
  readonly nodeName: string
  readonly procRoot: string
  readonly cgroupRoot: string
  readonly sysRoot: string
  readonly etcRoot: string
  readonly intervalMs: number
  /** Only these pods are kept where several nodes share a Docker engine. */
  readonly owner: OwnerFilter
  readonly engine: DockerEngine | undefined
  /** Undefined: the node is the whole machine. */
  readonly nodeCgroup: NodeCgroup | undefined
  readonly agentPid: number | undefined
  /** What is read; `defaultSubjects` where nothing is said. */
  readonly subjects?: ReadonlySet<Subject>
  /** Which cgroups that are no containers are kept, by their path; all unless said otherwise. The machine's root always is. */
  readonly keepsPlain?: (path: string) => boolean
  /** Where names of pods and containers come from that Docker does not know. */
  readonly podList?: PodList
  /** Out of which files of cgroups are kept open; without one all are. */
  readonly descriptors?: DescriptorBudget
  /** What reading may cost before samples come less often. */
  readonly budget?: CostBudget
}

/** How often the tree of cgroups is swept, the machine looked at and file systems sized. */
const sweepIntervalMs = 60_000
const machineIntervalMs = 300_000
const fileSystemIntervalMs = 30_000
const systemIntervalMs = 10_000
const diskUsageIntervalMs = 60_000

/** Requests for newer samples than this get these: a pass takes time. */
const minFreshenMs = 50

/** A cgroup that looks like a container is given this long to be named by Docker. */
const namingGraceMs = 10_000

/** The machine that the collector runs on: cgroups, /proc and Docker. */
export class LocalSource implements Source {
  readonly store: StatsStore
  readonly subjects: ReadonlySet<Subject>
  readonly #options: LocalSourceOptions
  readonly #hierarchy: Hierarchy
  readonly #housekeeping: Housekeeping
  readonly #docker: DockerSource | undefined
  readonly #discovery: CgroupDiscovery | undefined
  readonly #naming: CgroupNaming
  readonly #oomLedger: OomLedger | undefined
  readonly #diskUsage: DiskUsage
  readonly #systemProcesses: SystemProcesses
  readonly #nameById = new Map<string, string>()
  readonly #foreign = new Set<string>()
  readonly #wholeDisks = new Set<string>()
  #machine: MachineInfo
  #dyingCgroups = Number.NaN
  #fileSystems: readonly FileSystem[] = []
  #imageFileSystem: FileSystem | undefined

  constructor(options: LocalSourceOptions) {
    const { clock, log, store, procRoot, cgroupRoot, intervalMs, engine, agentPid, nodeCgroup } = options
    this.#options = options
    this.store = store
    this.subjects = options.subjects ?? defaultSubjects
    this.#hierarchy = detectHierarchy(cgroupRoot)
    this.#machine = readMachineInfo(options)
    if (this.#hierarchy.version === 'v2') this.#oomLedger = new OomLedger(cgroupRoot)
    // In a container with the host's /proc mounted elsewhere, `net` would be the container's own.
    const networkFolder = procRoot === '/proc' ? 'net' : '1/net'
    this.#housekeeping = new Housekeeping({
      clock,
      store,
      hierarchy: this.#hierarchy,
      procRoot,
      intervalMs,
      everyPass: nodeCgroup?.paths ?? [],
      readers: createCgroupReaders(
        this.subjects,
        this.#machine.hugePages.map(({ pageSizeKb }) => hugePageName(pageSizeKb)),
      ),
      subjects: this.subjects,
      machineReaders: [createMachineReader({ wholeDisks: this.#wholeDisks, networkFolder })],
      ...(options.descriptors === undefined ? {} : { descriptors: options.descriptors }),
      ...(options.budget === undefined ? {} : { budget: options.budget }),
      onInterval: ({ factor, reason }) => {
        if (reason === undefined) log.info({ intervalMs }, 'the interval between samples is as set again')
        else log.warn({ reason, intervalMs: intervalMs * factor }, 'samples come less often')
      },
      cores: () => this.#machine.cores,
      onGone: (container) => this.#forget(container),
      onFault: ({ description }, err) => log.error({ err, container: description.name }, 'a container can not be read'),
    })
    if (engine !== undefined) {
      const listener = {
        onRunning: (inspection: DockerInspection) => this.#onRunning(inspection),
        onEnded: (id: string) => this.#onEnded(id),
        onExit: (id: string, exitCode: number) => store.reportExit(id, clock.now(), exitCode),
        onOom: (id: string) => store.reportOom(this.#nameById.get(id) ?? '', clock.now()),
      }
      this.#docker = new DockerSource({ clock, log, engine, listener })
    }
    this.#naming = new CgroupNaming({
      clock,
      log,
      hierarchy: this.#hierarchy,
      procRoot,
      podList: options.podList,
      onDescription: (description) => this.#onNamed(description),
    })
    const root = this.#hierarchy.discoveryRoot
    if (root !== undefined) {
      this.#discovery = new CgroupDiscovery({ clock, log, root, sweepIntervalMs, onSweep: (cgroups) => this.#onSweep(cgroups) })
    }
    this.#diskUsage = new DiskUsage({ clock, store, intervalMs: diskUsageIntervalMs, filesPerSecond: 2000, maxFiles: 100_000 })
    this.#systemProcesses = new SystemProcesses({ clock, procRoot, ...(agentPid === undefined ? {} : { agentPid }) })
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#refreshMachine()
    this.#addRoot()
    await this.#sizeFileSystems()
    await Promise.all([
      this.#discovery?.run(signal),
      this.#naming.run(signal),
      this.#docker?.run(signal),
      this.#housekeeping.run(signal),
      this.#diskUsage.run(signal),
      this.#every(machineIntervalMs, signal, () => this.#refreshMachine()),
      this.#every(fileSystemIntervalMs, signal, () => this.#sizeFileSystems()),
      this.#every(systemIntervalMs, signal, () => this.#systemProcesses.sample()),
    ])
  }

  freshen(maxAgeMs: number): void {
    const newestMs = this.store.get('/')?.ring.timestamp() ?? Number.NaN
    if (this.#options.clock.now() - newestMs > Math.max(maxAgeMs, minFreshenMs)) this.#housekeeping.pass()
  }

  summary(): Summary {
    const { nodeName, clock, procRoot, nodeCgroup } = this.#options
    const { bootedAtMs, memoryBytes, swapBytes } = this.#machine
    const defaultInterface = readDefaultInterface(procRoot)
    const rootFileSystem = this.#fileSystems.find(({ mountpoint }) => mountpoint === '/')
    return buildSummary(
      this.store,
      {
        nodeName,
        bootedAtMs,
        memoryCapacityBytes: nodeCgroup?.memoryBytes ?? memoryBytes,
        swapCapacityBytes: swapBytes,
        systemContainers: this.#systemProcesses.stats(),
        rlimit: { atMs: clock.now(), ...readTaskLimits(procRoot) },
        ...(nodeCgroup === undefined ? {} : { nodeCgroups: nodeCgroup.paths }),
        ...(defaultInterface === undefined ? {} : { defaultInterface }),
        ...(rootFileSystem === undefined ? {} : { rootFileSystem }),
        ...(this.#imageFileSystem === undefined ? {} : { imageFileSystem: this.#imageFileSystem }),
        hasSwapAlone: this.#hierarchy.version === 'v2',
      },
      clock.now(),
    )
  }

  machine(): MachineInfo {
    return this.#machine
  }

  fileSystems(): readonly FileSystem[] {
    return this.#fileSystems
  }

  imageFileSystem(): FileSystem | undefined {
    return this.#imageFileSystem
  }

  docker(): DockerState {
    return this.#docker?.state ?? { status: 'degraded', reason: 'no Docker engine is configured' }
  }

  selfFigures(): readonly SelfFigure[] {
    const { refused } = this.store
    return selfFiguresOf({
      cost: this.#housekeeping.cost(),
      disk: this.#diskUsage.counters,
      docker: this.#docker?.counters ?? { reconnects: 0, inspections: 0 },
      dockerState: this.docker(),
      watchedFolders: this.#discovery?.watching.folders ?? 0,
      dyingCgroups: this.#dyingCgroups,
      store: { containers: this.store.size, bytes: this.store.bytes, refused },
    })
  }

  findings(): readonly Finding[] {
    return findingsOf({
      hierarchy: this.#hierarchy,
      machine: this.#machine,
      docker: this.docker(),
      missing: this.#housekeeping.missing(),
      watchProblem: this.#discovery?.watching.problem,
      interval: this.#housekeeping.cost().interval,
      naming: this.#naming,
      podList: this.#options.podList !== undefined,
      layerProblem: this.#diskUsage.problem,
      hasEngine: this.#docker !== undefined,
      subjects: this.subjects,
      store: this.store,
    })
  }

  /** Calls `task` now and again every `ms`, until the signal aborts. */
  async #every(ms: number, signal: AbortSignal, task: () => void | Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await task()
      await this.#options.clock.sleep(ms, signal)
    }
  }

  #refreshMachine(): void {
    this.#machine = readMachineInfo(this.#options)
    this.#dyingCgroups = countDyingCgroups(this.#hierarchy, this.#options.procRoot)
    this.#wholeDisks.clear()
    for (const { name } of this.#machine.disks) this.#wholeDisks.add(name)
  }

  async #sizeFileSystems(): Promise<void> {
    const { clock, procRoot } = this.#options
    const docker = this.docker()
    const imagePath = docker.status === 'connected' && docker.info.rootDir !== '' ? docker.info.rootDir : '/'
    this.#fileSystems = await readFileSystems(procRoot, clock.now())
    this.#imageFileSystem = await readFileSystemOf(imagePath, clock.now())
  }

  #addRoot(): void {
    const { bootedAtMs, memoryBytes } = this.#machine
    const root = this.#add({ ...plainDescription('/', bootedAtMs), image: '' })
    if (root !== undefined) root.spec.memoryLimitBytes = memoryBytes
  }

  #add(description: ContainerDescription): Container | undefined {
    const container = this.store.upsert(description, this.#options.clock.now())
    if (container === undefined) return undefined
    this.#housekeeping.watch(container)
    this.#oomLedger?.noteAdded(description.name)
    return container
  }

  #remove(name: string): void {
    this.#housekeeping.unwatch(name)
    const container = this.store.get(name)
    if (container !== undefined) this.#forget(container)
  }

  /** The cgroup is gone; its files are closed already. */
  #forget(container: Container): void {
    const { name, id } = container.description
    this.#nameById.delete(id)
    this.#naming.forget(name)
    this.#oomLedger?.settle(container)
    this.store.remove(name, this.#options.clock.now())
  }

  #onRunning(inspection: DockerInspection): void {
    const { owner, procRoot } = this.#options
    const description = describe(inspection, this.#hierarchy, procRoot)
    if (isForeign(inspection.labels, owner)) {
      this.#foreign.add(inspection.id)
      this.#remove(description.name)
      return
    }
    const previous = this.#nameById.get(inspection.id)
    if (previous !== undefined && previous !== description.name) this.#remove(previous)
    this.#nameById.set(inspection.id, description.name)
    this.#naming.forget(description.name)
    const known = this.store.get(description.name)
    // Files stay open over a change of name or limits; a restart has another process and other files.
    if (known !== undefined && known.description.pid === description.pid) known.description = description
    else this.#add(description)
  }

  #onEnded(id: string): void {
    this.#foreign.delete(id)
    const name = this.#nameById.get(id)
    if (name === undefined) return
    this.#nameById.delete(id)
    this.#remove(name)
  }

  #onSweep(cgroups: readonly FoundCgroup[]): void {
    const paths = new Set(cgroups.map(({ path }) => path))
    for (const { description } of this.store.all()) {
      // Docker tells of its own.
      const isOurs = description.name !== '/' && !this.#nameById.has(description.id)
      if (isOurs && !paths.has(description.name)) this.#remove(description.name)
    }
    for (const { path, madeAtMs } of cgroups) {
      if (path === '/' || this.store.get(path) !== undefined) continue
      const id = parseContainerPath(path)?.id
      if (id === undefined) {
        if (this.#options.keepsPlain?.(path) !== false) this.#add(plainDescription(path, madeAtMs))
      } else if (!this.#isDockersOwn(id, madeAtMs)) {
        const description = this.#naming.describe(path, madeAtMs)
        if (description !== undefined) this.#add(description)
      }
    }
  }

  /** More is known of a container that no runtime named. */
  #onNamed(description: ContainerDescription): void {
    const known = this.store.get(description.name)
    if (known === undefined || this.#nameById.has(description.id)) return this.#naming.forget(description.name)
    const { pid, hasNetwork } = known.description
    known.description = description
    if (pid !== description.pid || hasNetwork !== description.hasNetwork) this.#housekeeping.watch(known)
  }

  /** Whether Docker names this container, or may yet. */
  #isDockersOwn(id: string, madeAtMs: number): boolean {
    if (this.#docker === undefined) return false
    if (this.#foreign.has(id) || this.#nameById.has(id)) return true
    if (this.#docker.state.status === 'connecting') return true
    return this.#docker.state.status === 'connected' && this.#options.clock.now() - madeAtMs < namingGraceMs
  }
}

function plainDescription(path: string, madeAtMs: number): ContainerDescription {
  return {
    name: path,
    id: '',
    aliases: [],
    namespace: '',
    labels: {},
    image: '',
    createdMs: madeAtMs,
    startedMs: madeAtMs,
    hasNetwork: false,
  }
}

/** The interface of the default route. */
function readDefaultInterface(procRoot: string): string | undefined {
  const text = textOf(join(procRoot, procRoot === '/proc' ? 'net/route' : '1/net/route'))
  return /^(\S+)\t00000000\t/m.exec(text)?.[1]
}

function readTaskLimits(procRoot: string): { readonly maxpid?: number; readonly curproc?: number } {
  const maxpid = Number.parseInt(textOf(join(procRoot, 'sys/kernel/pid_max')), 10)
  const curproc = Number(/^\S+ \S+ \S+ \d+\/(\d+)/.exec(textOf(join(procRoot, 'loadavg')))?.[1])
  return { ...(Number.isNaN(maxpid) ? {} : { maxpid }), ...(Number.isNaN(curproc) ? {} : { curproc }) }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
