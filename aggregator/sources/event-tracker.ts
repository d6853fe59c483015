import type { CoreV1Event } from '../../orchestrator/api/generated/kinds.ts'
import { fromTimestamp } from '../../lib/clock.ts'
import type { ClusterEvent } from '../events.ts'

export interface EventTrackerOptions {
  /** What was last seen before this was told to somebody else, or to nobody: ms. */
  readonly since: number
  /** Of how many events the counts are remembered. */
  readonly maxTracked: number
}

interface Known {
  readonly count: number
  readonly lastSeen: number
}

const maxMessageLength = 1024
const maxWordLength = 253

/**
 * Tells what is new about an Event from what was told already, however often the API server repeats it: an event counts again only when its
 * count has grown or it was seen later. Forgets the events that it has not met for longest, and what is older than those is not new.
 */
export class EventTracker {
  readonly #options: EventTrackerOptions
  readonly #known = new Map<string, Known>()
  /** The newest thing that was forgotten. */
  #horizon = -Infinity

  constructor(options: EventTrackerOptions) {
    this.#options = options
  }

  /** What the object says, with `added` 0 where nothing of it is new. `undefined` for an object without a uid or a time. */
  track(object: CoreV1Event): ClusterEvent | undefined {
    const event = readEvent(object)
    if (event === undefined) return undefined
    const known = this.#known.get(event.uid)
    this.#remember(event, known)
    return { ...event, added: this.#countNew(event, known) }
  }

  #countNew({ count, firstSeen, lastSeen }: ClusterEvent, known: Known | undefined): number {
    if (known !== undefined) return Math.max(count - known.count, lastSeen > known.lastSeen ? 1 : 0)
    if (lastSeen < this.#options.since || lastSeen <= this.#horizon) return 0
    return firstSeen >= this.#options.since ? count : 1
  }

  #remember({ uid, count, lastSeen }: ClusterEvent, known: Known | undefined): void {
    this.#known.delete(uid)
    this.#known.set(uid, { count: Math.max(count, known?.count ?? 0), lastSeen: Math.max(lastSeen, known?.lastSeen ?? 0) })
    if (this.#known.size <= this.#options.maxTracked) return
    const [oldest, forgotten] = this.#known.entries().next().value!
    this.#known.delete(oldest)
    this.#horizon = Math.max(this.#horizon, forgotten.lastSeen)
  }
}

function readEvent(object: CoreV1Event): ClusterEvent | undefined {
  const { metadata, involvedObject: about, series, source } = object
  const created = fromTimestamp(metadata.creationTimestamp)
  const times = [series?.lastObservedTime, object.lastTimestamp, object.eventTime].map((time) => fromTimestamp(time) ?? -Infinity)
  const lastSeen = Math.max(...times, created ?? -Infinity)
  if (metadata.uid === undefined || !Number.isFinite(lastSeen)) return undefined
  const firstSeen = fromTimestamp(object.firstTimestamp) ?? fromTimestamp(object.eventTime) ?? created ?? lastSeen
  return {
    uid: metadata.uid,
    namespace: word(metadata.namespace),
    type: word(object.type) || 'Normal',
    reason: word(object.reason),
    message: (object.message ?? '').slice(0, maxMessageLength),
    object: { kind: word(about.kind), namespace: word(about.namespace), name: word(about.name), uid: word(about.uid) },
    component: word(source?.component) || word(object.reportingComponent),
    host: word(source?.host) || (object.reportingComponent === 'kubelet' ? word(object.reportingInstance) : ''),
    count: Math.max(1, object.count ?? 0, series?.count ?? 0),
    added: 0,
    firstSeen: Math.min(firstSeen, lastSeen),
    lastSeen,
  }
}

function word(text: string | undefined): string {
  return (text ?? '').slice(0, maxWordLength)
}
