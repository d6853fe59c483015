import { createHash } from 'node:crypto'
import type { Duplex, Readable } from 'node:stream'
import type { Clock, Timer } from '../../../../lib/clock.ts'
import { RuntimeError, RuntimeUnavailableError } from '../runtime.ts'
import type {
  ContainerConfig,
  ContainerRuntime,
  ImageFacts,
  ImageService,
  LogOptions,
  ObservedContainer,
  Owner,
  ProcessStreams,
  RuntimeChange,
  RuntimeInfo,
  SandboxConfig,
} from '../runtime.ts'
import { ChangeQueue } from './change-queue.ts'
import { steady, type Traces } from './load-curve.ts'
import { LoadGroups } from './load-group.ts'
import { behaviourOf, cpuNanoseconds, exitOf } from './load-model.ts'
import type { Behaviour, UsageReport } from './load-model.ts'
import { logStream } from './simulated-logs.ts'

export interface SimulatedRuntimeOptions {
  readonly clock: Clock
  readonly nodeName: string
  readonly cpus: number
  readonly memoryBytes: number
  /** In GOARCH words. */
  readonly architecture: string
  /** How long creating a sandbox and starting a container take, each. */
  readonly startLatencyMs: number
  /** Groups that share a load with other nodes. */
  readonly groups: LoadGroups
  /** What `trace NAME` may name. */
  readonly traces: Traces
}

interface Simulated {
  observed: ObservedContainer
  readonly owner: Owner
  readonly behaviour: Behaviour
  exitTimer?: Timer
  /** Set while it takes part in a group's load. */
  group?: string
}

const idle: Behaviour = { cpu: steady(0), memory: steady(0), startDelayMs: 0, stopDelayMs: 0, failureShare: 0 }

/** SIGTERM ends a simulated process. */
const terminatedExitCode = 143
const killedExitCode = 137
const unsupported = (what: string) => new RuntimeError('unsupported', `${what}: containers of the simulated runtime are not processes`)

/**
 * A node's containers in memory. They start and end as their pods' annotations or images say, are ready at once, and use what the load
 * model says; `usage` reports it. Outages can be played with `setUp`.
 */
export class SimulatedRuntime implements ContainerRuntime {
  readonly traits = { scheme: 'simulated', isReal: false }
  readonly images: ImageService = simulatedImages()
  readonly #options: SimulatedRuntimeOptions
  readonly #containers = new Map<string, Simulated>()
  readonly #queues = new Set<ChangeQueue>()
  readonly #startedAtMs: number
  #sequence = 0
  #outage: string | undefined

  constructor(options: SimulatedRuntimeOptions) {
    this.#options = options
    this.#startedAtMs = options.clock.now()
  }

  /** Ends or begins an outage; `why` is what callers are told while it lasts. Containers go on meanwhile. */
  setOutage(why: string | undefined): void {
    this.#outage = why
    if (why === undefined) return
    for (const queue of this.#queues) queue.fail(new RuntimeUnavailableError(why))
  }

  async info(): Promise<RuntimeInfo> {
    this.#assertUp()
    const { architecture, cpus, memoryBytes } = this.#options
    return {
      version: '1.0.0',
      architecture,
      cgroupDriver: 'none',
      cgroupVersion: 2,
      hasRecursiveReadOnly: true,
      kernelVersion: 'simulated',
      osImage: 'Simulated',
      cpus,
      memoryBytes,
    }
  }

  async prepare(): Promise<void> {
    this.#assertUp()
  }

  async createSandbox(config: SandboxConfig): Promise<ObservedContainer> {
    await this.#delay()
    const observed: ObservedContainer = {
      id: this.#nextId(),
      kind: 'sandbox',
      pod: config.pod,
      name: 'POD',
      attempt: config.attempt,
      image: 'simulated',
      imageId: '',
      state: 'running',
      createdAtMs: this.#options.clock.now(),
      startedAtMs: this.#options.clock.now(),
      ...(config.network.kind === 'pod' ? { ip: config.network.ip } : {}),
    }
    return this.#put({ observed, owner: config.owner, behaviour: idle })
  }

  removeSandbox(id: string): Promise<void> {
    return this.removeContainer(id)
  }

  async createContainer(config: ContainerConfig): Promise<ObservedContainer> {
    this.#assertUp()
    const observed: ObservedContainer = {
      id: this.#nextId(),
      kind: 'container',
      pod: config.pod,
      name: config.name,
      attempt: config.attempt,
      image: config.image,
      imageId: config.imageId,
      state: 'created',
      createdAtMs: this.#options.clock.now(),
      sandboxId: config.sandboxId,
      graceSeconds: config.graceSeconds,
    }
    return this.#put({ observed, owner: config.owner, behaviour: behaviourOf(config.image, config.annotations, this.#options.traces) })
  }

  async startContainer(id: string): Promise<ObservedContainer> {
    await this.#delay()
    const { clock, groups } = this.#options
    const { startDelayMs } = this.#existing(id).behaviour
    if (startDelayMs > 0) await clock.sleep(startDelayMs)
    const container = this.#existing(id)
    if (container.observed.state !== 'created') return container.observed
    const { behaviour, observed } = container
    const exit = exitOf(behaviour, chanceOf(id))
    if (exit !== undefined) container.exitTimer = clock.setTimer(exit.afterMs, () => this.#end(id, exit.code))
    if (behaviour.group !== undefined) {
      container.group = `${observed.pod.namespace}/${behaviour.group}`
      groups.join(container.group, id, behaviour.cpu, clock.now())
    }
    return this.#change(container, { state: 'running', startedAtMs: clock.now() })
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    this.#assertUp()
    const container = this.#containers.get(id)
    if (container?.observed.state !== 'running') return this.#end(id, terminatedExitCode)
    const { stopDelayMs } = container.behaviour
    const isKilled = stopDelayMs > graceSeconds * 1000
    const delayMs = isKilled ? graceSeconds * 1000 : stopDelayMs
    if (delayMs > 0) await this.#options.clock.sleep(delayMs)
    this.#end(id, isKilled ? killedExitCode : terminatedExitCode)
  }

  async removeContainer(id: string): Promise<void> {
    this.#assertUp()
    const container = this.#containers.get(id)
    if (container === undefined) return
    this.#end(id, killedExitCode)
    this.#containers.delete(id)
    this.#tell(container.owner, { type: 'removed', id, podUid: container.observed.pod.uid })
  }

  async list(owner: Owner): Promise<readonly ObservedContainer[]> {
    this.#assertUp()
    return [...this.#containers.values()].filter((container) => isOwner(container.owner, owner)).map(({ observed }) => observed)
  }

  async *watch(owner: Owner, signal: AbortSignal): AsyncIterable<RuntimeChange> {
    const queue = new ChangeQueue(owner, () => this.list(owner))
    this.#queues.add(queue)
    try {
      yield { type: 'snapshot', containers: await this.list(owner) }
      yield* queue.changes(signal)
    } finally {
      this.#queues.delete(queue)
    }
  }

  async logs(id: string, log: LogOptions, signal: AbortSignal): Promise<Readable> {
    this.#existing(id)
    return logStream({ clock: this.#options.clock, log, signal, current: () => this.#containers.get(id)?.observed })
  }

  exec(): Promise<ProcessStreams> {
    return Promise.reject(unsupported('exec is not possible'))
  }

  execSync(): Promise<{ exitCode: number; output: string }> {
    return Promise.reject(unsupported('exec is not possible'))
  }

  async updateContainer(): Promise<void> {}

  attach(): Promise<ProcessStreams> {
    return Promise.reject(unsupported('attach is not possible'))
  }

  connect(): Promise<Duplex> {
    return Promise.reject(unsupported('port-forward is not possible'))
  }

  async close(): Promise<void> {
    for (const { exitTimer } of this.#containers.values()) exitTimer?.cancel()
  }

  /** What every running container uses, by the load model. */
  usage(): UsageReport {
    const { clock, nodeName, memoryBytes } = this.#options
    const nowMs = clock.now()
    const all = [...this.#containers.values()]
    const running = all.filter(({ observed }) => observed.kind === 'container' && observed.state === 'running')
    const byPod = Map.groupBy(running, ({ observed }) => observed.pod.uid)
    return {
      nodeName,
      timeMs: nowMs,
      startedAtMs: this.#startedAtMs,
      memoryCapacityBytes: memoryBytes,
      pods: [...byPod.values()].map((containers) => ({
        ...containers[0]!.observed.pod,
        startedAtMs: Math.min(...containers.map(({ observed }) => observed.startedAtMs!)),
        containers: containers.map((container) => ({
          name: container.observed.name,
          startedAtMs: container.observed.startedAtMs!,
          cpuNanoseconds: cpuNanoseconds(this.#millicoreMs(container, nowMs)),
          workingSetBytes: Math.round(container.behaviour.memory.at(nowMs - container.observed.startedAtMs!)),
        })),
      })),
    }
  }

  #millicoreMs({ observed, behaviour, group }: Simulated, nowMs: number): number {
    if (group !== undefined) return this.#options.groups.usedBy(group, observed.id, nowMs)
    return behaviour.cpu.integral(nowMs - observed.startedAtMs!)
  }

  async #delay(): Promise<void> {
    this.#assertUp()
    if (this.#options.startLatencyMs > 0) await this.#options.clock.sleep(this.#options.startLatencyMs)
  }

  #assertUp(): void {
    if (this.#outage !== undefined) throw new RuntimeUnavailableError(this.#outage)
  }

  #existing(id: string): Simulated {
    const container = this.#containers.get(id)
    if (container === undefined) throw new RuntimeError('not-found', `no such container: ${id}`)
    return container
  }

  #end(id: string, exitCode: number): void {
    const container = this.#containers.get(id)
    if (container === undefined || container.observed.state === 'exited') return
    container.exitTimer?.cancel()
    if (container.group !== undefined) {
      this.#options.groups.leave(container.group, id, this.#options.clock.now())
      delete container.group
    }
    this.#change(container, { state: 'exited', exitCode, finishedAtMs: this.#options.clock.now() })
  }

  #put(container: Simulated): ObservedContainer {
    this.#containers.set(container.observed.id, container)
    this.#tell(container.owner, { type: 'changed', container: container.observed })
    return container.observed
  }

  #change(container: Simulated, change: Partial<ObservedContainer>): ObservedContainer {
    container.observed = { ...container.observed, ...change }
    this.#tell(container.owner, { type: 'changed', container: container.observed })
    return container.observed
  }

  #tell(owner: Owner, change: RuntimeChange): void {
    for (const queue of this.#queues) if (isOwner(owner, queue.owner)) queue.push(change)
  }

  #nextId(): string {
    return createHash('sha256')
      .update(`${this.#options.nodeName}/${this.#startedAtMs}/${this.#sequence++}`)
      .digest('hex')
  }
}

/** From 0 to 1, the same for an id each time. */
const chanceOf = (id: string) => Number.parseInt(id.slice(0, 8), 16) / 0x1_0000_0000

const isOwner = (a: Owner, b: Owner) => a.clusterId === b.clusterId && a.nodeName === b.nodeName

/** Every image is to be had, but those whose name says `missing`. */
function simulatedImages(): ImageService {
  const present = new Map<string, ImageFacts>()
  const make = (reference: string): ImageFacts => {
    const id = `sha256:${createHash('sha256').update(reference).digest('hex')}`
    const facts = { id, tags: [reference], digests: [], sizeBytes: 10_000_000, user: '' }
    present.set(reference, facts)
    return facts
  }
  const isMissing = (reference: string) => /(^|\/)missing([:@]|$)/.test(reference)
  return {
    inspect: async (reference) => (isMissing(reference) ? undefined : (present.get(reference) ?? make(reference))),
    pull: async (reference) => {
      if (isMissing(reference)) throw new RuntimeError('failed', `manifest for ${reference} not found: manifest unknown: manifest unknown`)
      make(reference)
    },
    list: async () => [...present.values()],
    // They take no room, so that none is ever worth removing.
    used: async () => new Set([...present.values()].map(({ id }) => id)),
    remove: async () => {},
  }
}
