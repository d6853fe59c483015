import { emptySpec, oomIdentity } from './container.ts'
import type { Container, ContainerDescription } from './container.ts'
import { emptyDetails } from './details.ts'
import { column } from './metrics.ts'
import { SampleRing } from './sample-ring.ts'

/** Something that happened to a container, as cAdvisor's events name it. */
export interface ContainerEvent {
  readonly containerName: string
  readonly timestampMs: number
  readonly type: 'containerCreation' | 'containerDeletion' | 'oom' | 'oomKill'
}

export interface StatsStoreOptions {
  /** Samples kept per container. */
  readonly capacity: number
  /** Bytes that all rings together may take; at the cap no further container is recorded and `refused` counts it. */
  readonly maxBytes: number
}

/** OOM counts and events that are remembered at most. */
const maxRemembered = 4096

/**
 * All containers with their samples, keyed by cgroup path. Bounded: containers beyond the cap of bytes are refused and counted.
 * OOM kills outlive their container, so that a restarted one goes on counting.
 */
export class StatsStore {
  /** Containers that were not recorded because the cap was reached. */
  refused = 0
  readonly #options: StatsStoreOptions
  readonly #containers = new Map<string, Container>()
  readonly #oomKills = new Map<string, number>()
  readonly #events: ContainerEvent[] = []

  constructor(options: StatsStoreOptions) {
    this.#options = options
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

  /** What happened, oldest first, bounded. */
  events(): readonly ContainerEvent[] {
    return this.#events
  }

  /** Adds a container or gives a known one a new description; `undefined` when the cap of bytes is reached. */
  upsert(description: ContainerDescription, nowMs: number): Container | undefined {
    const known = this.#containers.get(description.name)
    if (known !== undefined) {
      known.description = description
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
      oomKillsBefore: this.#oomKills.get(oomIdentity(description)) ?? 0,
      oomReports: 0,
      layerMeasuredAtMs: undefined,
      layerMethod: undefined,
    }
    this.#containers.set(description.name, container)
    this.#remember({ containerName: description.name, timestampMs: nowMs, type: 'containerCreation' })
    return container
  }

  /** Forgets a container's samples; its OOM kills are kept. */
  remove(name: string, nowMs: number): void {
    const container = this.#containers.get(name)
    if (container === undefined) return
    this.#containers.delete(name)
    const kills = oomKills(container)
    if (kills > 0) this.#keepOomKills(oomIdentity(container.description), kills)
    this.#remember({ containerName: name, timestampMs: nowMs, type: 'containerDeletion' })
  }

  /** Notes an OOM report of the runtime. */
  reportOom(name: string, nowMs: number): void {
    const container = this.#containers.get(name)
    if (container === undefined) return
    container.oomReports++
    this.#remember({ containerName: name, timestampMs: nowMs, type: 'oom' })
  }

  #keepOomKills(identity: string, kills: number): void {
    this.#oomKills.delete(identity)
    this.#oomKills.set(identity, kills)
    if (this.#oomKills.size <= maxRemembered) return
    for (const oldest of this.#oomKills.keys()) {
      this.#oomKills.delete(oldest)
      return
    }
  }

  #remember(event: ContainerEvent): void {
    this.#events.push(event)
    if (this.#events.length > maxRemembered) this.#events.shift()
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
