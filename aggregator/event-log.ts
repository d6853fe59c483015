import type { ClusterEvent } from './events.ts'

/** All given parts must hold; an absent part matches everything. */
export interface EventFilter {
  readonly namespace?: string
  readonly type?: string
  readonly reason?: string
  /** Of the object that it is about. */
  readonly kind?: string
  readonly name?: string
  /** Last seen at this moment or later, ms. */
  readonly since?: number
}

/** The events that were seen last, each once with its newest count. */
export class EventLog {
  readonly #keep: number
  /** In the order in which they were last seen here. */
  readonly #events = new Map<string, ClusterEvent>()

  constructor(keep: number) {
    this.#keep = keep
  }

  add(event: ClusterEvent): void {
    this.#events.delete(event.uid)
    this.#events.set(event.uid, event)
    if (this.#events.size > this.#keep) this.#events.delete(this.#events.keys().next().value!)
  }

  /** What matches, last seen first, at most `limit`. */
  list({ namespace, type, reason, kind, name, since }: EventFilter, limit: number): readonly ClusterEvent[] {
    const matches = (event: ClusterEvent) =>
      (namespace === undefined || event.namespace === namespace) &&
      (type === undefined || event.type === type) &&
      (reason === undefined || event.reason === reason) &&
      (kind === undefined || event.object.kind === kind) &&
      (name === undefined || event.object.name === name) &&
      (since === undefined || event.lastSeen >= since)
    return [...this.#events.values()]
      .filter(matches)
      .sort((a, b) => b.lastSeen - a.lastSeen)
      .slice(0, limit)
  }

  get size(): number {
    return this.#events.size
  }
}
