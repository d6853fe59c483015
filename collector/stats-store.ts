import { emptySpec, oomIdentity } from './container.ts'
import type { Container, ContainerDescription } from './container.ts'
import { emptyDetails } from './details.ts'
import { EventLog } from './events/event-log.ts'
import { column } from './metrics.ts'
import { SampleRing } from './sample-ring.ts'

export interface StatsStoreOptions {
  /** Samples kept per container. */
  readonly capacity: number
  /** Bytes that all rings together may take; at the cap no further container is recorded and `refused` counts it. */
  readonly maxBytes: number
  /** What happens to containers is noted here; one of its own by default. */
  readonly events?: EventLog
}

/** Ended containers that are remembered at most: their OOM kills, restarts and exit codes. */
const maxRemembered = 4096

/** A container that is seen so soon after its start was started under the collector's eyes. */
const justStartedMs = 10_000

/** What is remembered of a container that has ended, by the identity that its successor will have. */
interface Ended {
  readonly oomKills: number
  readonly restarts: number
  readonly exitCode: number | undefined
}

/**
 * All containers with their samples, keyed by cgroup path. Bounded: containers beyond the cap of bytes are refused and counted.
 * OOM kills and restarts outlive their container, so that a restarted one goes on counting.
 */
export class StatsStore {
  /** Containers that were not recorded because the cap was reached. */
  refused = 0
  readonly #options: StatsStoreOptions
  readonly #containers = new Map<string, Container>()
  readonly #ended = new Map<string, Ended>()
  /** Exit codes of running containers' last processes, by container name, until the container is removed. */
  readonly #exitCodes = new Map<string, number>()
  /** Containers that have ended, by the runtime's id: its report of the exit can come later than the cgroup's end. */
  readonly #endedIds = new Map<string, { readonly name: string; readonly identity: string }>()
  /** What happened. */
  readonly events: EventLog

  constructor(options: StatsStoreOptions) {
    this.#options = options
    this.events = options.events ?? new EventLog()
  }

  /** Every container, in the order in which they appeared. */
  all(): IterableIterator<Container> {
    return this.#containers.values()
  }

  get size(): number {
    return this.#containers.size
  }

  /** The container of a cgroup path. */
  get(name: string): Container | undefined {
    return this.#containers.get(name)
  }

  /** Bytes of sample arrays now held. */
  get bytes(): number {
    let total = 0
    for (const { ring } of this.#containers.values()) total += ring.bytes
    return total
  }

  /** Adds a container or gives a known one a new description; `undefined` when the cap of bytes is reached. */
  upsert(description: ContainerDescription, nowMs: number): Container | undefined {
    const known = this.#containers.get(description.name)
    if (known !== undefined) {
      const isAnother = known.description.id !== '' && known.description.startedMs < description.startedMs
      known.description = description
      if (isAnother) this.#noteStart(description, nowMs, true)
      return known
    }
    if (this.bytes >= this.#options.maxBytes) {
      this.refused++
      return undefined
    }
    const container: Container = {
      description,
      spec: emptySpec(),
      ring: new SampleRing(this.#options.capacity),
      details: emptyDetails(),
      nearest: { memory: undefined, cpu: undefined },
      oomKillsBefore: this.#ended.get(oomIdentity(description))?.oomKills ?? 0,
      oomReports: 0,
      layerMeasuredAtMs: undefined,
      layerMethod: undefined,
    }
    this.#containers.set(description.name, container)
    this.events.add('containerCreation', description.name, nowMs)
    this.#noteStart(description, nowMs, false)
    return container
  }

  /** Forgets a container's samples; its OOM kills are kept. */
  remove(name: string, nowMs: number): void {
    const container = this.#containers.get(name)
    if (container === undefined) return
    const { description } = container
    this.#containers.delete(name)
    const exitCode = this.#exitCodes.get(name)
    this.#exitCodes.delete(name)
    const kills = oomKills(container)
    if (description.id !== '' || kills > 0) {
      const identity = oomIdentity(description)
      const restarts = this.#ended.get(identity)?.restarts ?? 0
      remember(this.#ended, identity, { oomKills: kills, restarts, exitCode })
      remember(this.#endedIds, description.id, { name, identity })
    }
    this.events.add('containerDeletion', name, nowMs, exitCode === undefined ? {} : { container_deletion: { exit_code: exitCode } })
  }

  /** Notes the runtime's report that a container's first process has ended, before or after `remove`. */
  reportExit(id: string, nowMs: number, exitCode: number): void {
    for (const { description } of this.#containers.values()) {
      if (description.id !== id) continue
      this.#exitCodes.set(description.name, exitCode)
      this.events.add('exit', description.name, nowMs, { exit: { exit_code: exitCode } })
      return
    }
    const gone = this.#endedIds.get(id)
    if (gone === undefined) return
    const ended = this.#ended.get(gone.identity)
    if (ended !== undefined) remember(this.#ended, gone.identity, { ...ended, exitCode })
    this.events.add('exit', gone.name, nowMs, { exit: { exit_code: exitCode } })
  }

  /** Notes an OOM report of the runtime. */
  reportOom(name: string, nowMs: number): void {
    const container = this.#containers.get(name)
    if (container === undefined) return
    container.oomReports++
    this.events.add('oom', name, nowMs)
  }

  #noteStart(description: ContainerDescription, nowMs: number, isSameCgroup: boolean): void {
    if (description.id === '') return
    const identity = oomIdentity(description)
    const before = this.#ended.get(identity)
    if (before !== undefined || isSameCgroup) {
      const exitCode = isSameCgroup ? this.#exitCodes.get(description.name) : before?.exitCode
      this.#exitCodes.delete(description.name)
      const restarts = (before?.restarts ?? 0) + 1
      remember(this.#ended, identity, { oomKills: before?.oomKills ?? 0, restarts, exitCode })
      this.events.add('restart', description.name, nowMs, {
        restart: { count: restarts, ...(exitCode === undefined ? {} : { last_exit_code: exitCode }) },
      })
    } else if (nowMs - description.startedMs < justStartedMs) this.events.add('start', description.name, nowMs)
  }
}

/** Sets an entry as the newest; beyond `maxRemembered` the oldest is forgotten. */
function remember<T>(entries: Map<string, T>, key: string, value: T): void {
  entries.delete(key)
  entries.set(key, value)
  if (entries.size <= maxRemembered) return
  for (const oldest of entries.keys()) {
    entries.delete(oldest)
    return
  }
}

/**
 * OOM kills of a container and its predecessors. The kernel's counter goes away with the cgroup, often before it can be read when
 * the first process is the one killed, so the runtime's reports count where there are more of them.
 */
export function oomKills(container: Container): number {
  const counter = container.ring.get(column.memoryOomKills)
  return container.oomKillsBefore + Math.max(Number.isNaN(counter) ? 0 : counter, container.oomReports)
}
