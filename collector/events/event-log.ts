/** What can happen to a container. The first four are cAdvisor's. */
export const eventTypes = [
  'containerCreation',
  'containerDeletion',
  'oom',
  'oomKill',
  'start',
  'exit',
  'restart',
  'limitChange',
  'throttling',
  'pressure',
] as const

export type EventType = (typeof eventTypes)[number]

/** What belongs to an event, in the spelling of the JSON answers: upstream's `oom` and `container_deletion`, the others are ours. */
export interface EventData {
  /** Who was killed. */
  readonly oom?: { readonly pid: number; readonly process_name: string; readonly constraint: string }
  readonly container_deletion?: { readonly exit_code: number }
  readonly exit?: { readonly exit_code: number }
  readonly restart?: { readonly count: number; readonly last_exit_code?: number }
  /** A limit that is not set is `null`. */
  readonly limit_change?: { readonly field: string; readonly from: number | string | null; readonly to: number | string | null }
  readonly threshold?: {
    readonly figure: string
    readonly state: 'begin' | 'end'
    readonly percent: number
    readonly threshold_percent: number
    readonly window_seconds: number
  }
}

/** Something that happened to a container. */
export interface ContainerEvent {
  /** Grows from event to event, also over restarts of the collector as long as the clock doesn't go back: a client resumes behind it. */
  readonly id: number
  readonly containerName: string
  readonly timestampMs: number
  readonly type: EventType
  readonly data: EventData
}

export interface EventLogOptions {
  /** Events kept per type, 10,000 by default; the oldest go first. */
  readonly maxPerType?: number
  /** How long events are kept, 24 h by default. */
  readonly maxAgeMs?: number
}

const dayMs = 24 * 60 * 60_000

/** Ids are microseconds, so that they stay whole numbers and grow over restarts. */
const idsPerMs = 1000

/** What happened, kept by type so that many events of one kind can't push out another, and told to whoever follows. */
export class EventLog {
  /** Events that were forgotten because their type had too many. */
  dropped = 0
  readonly #maxPerType: number
  readonly #maxAgeMs: number
  readonly #byType = new Map<EventType, ContainerEvent[]>()
  readonly #followers = new Set<(event: ContainerEvent) => void>()
  #lastId = 0

  constructor({ maxPerType = 10_000, maxAgeMs = dayMs }: EventLogOptions = {}) {
    this.#maxPerType = maxPerType
    this.#maxAgeMs = maxAgeMs
  }

  /** Notes an event and tells it to the followers. */
  add(type: EventType, containerName: string, timestampMs: number, data: EventData = {}): void {
    this.#lastId = Math.max(this.#lastId + 1, Math.floor(timestampMs) * idsPerMs)
    const event: ContainerEvent = { id: this.#lastId, containerName, timestampMs, type, data }
    const kept = this.#byType.get(type) ?? []
    this.#byType.set(type, kept)
    kept.push(event)
    if (kept.length > this.#maxPerType) {
      kept.shift()
      this.dropped++
    }
    while (kept[0]!.timestampMs < timestampMs - this.#maxAgeMs) kept.shift()
    for (const follower of this.#followers) follower(event)
  }

  /** The events of these types that are kept, oldest first. */
  list(types: ReadonlySet<EventType>): ContainerEvent[] {
    const chosen: ContainerEvent[] = []
    for (const type of types) chosen.push(...(this.#byType.get(type) ?? []))
    return chosen.sort((left, right) => left.id - right.id)
  }

  /** Calls `follower` for each event from now on, until the answer is called. */
  follow(follower: (event: ContainerEvent) => void): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }
}
