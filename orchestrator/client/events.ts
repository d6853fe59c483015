import { toTimestamp } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { CoreV1Event } from '../api/generated/kinds.ts'
import type { CoreV1ObjectReference } from '../api/generated/kinds.ts'
import type { KubeObject } from '../api/object.ts'
import { isNotFound } from '../api/status-error.ts'
import type { Client } from './client.ts'

/** Events that wait to be written; more are dropped and counted. */
const maxQueued = 1_000
/** Events remembered for counting repetitions, as client-go. */
const maxRemembered = 4_096
/** From this many different messages about one thing in a window on, they are summed up in one event, as client-go. */
const maxSimilar = 10
const similarWindowMs = 600_000
const summaryPrefix = '(combined from similar events): '

/** Writes core/v1 Events about objects. Never throws and never waits: what can't be written is logged and dropped. */
export interface EventRecorder {
  event(about: KubeObject | CoreV1ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string): void
  /** Resolves when everything recorded so far is written or given up. */
  flush(): Promise<void>
  /** How many events were dropped because too many waited. */
  readonly dropped: number
}

export interface EventRecorderOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** `source.component`: who says it. */
  readonly component: string
  /** `source.host`: the node it is said on. */
  readonly host?: string
}

interface Recorded {
  readonly reference: CoreV1ObjectReference
  readonly type: string
  readonly reason: string
  readonly message: string
  readonly at: number
}

interface Similar {
  readonly messages: Set<string>
  startedAt: number
}

/**
 * A recorder that counts repetitions in the event they repeat (`count`, `lastTimestamp`), and sums up events that differ only by message
 * once there are ten within ten minutes. Its queue and its memory are bounded.
 */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new QueuedRecorder(options)
}

class QueuedRecorder implements EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #queue: Recorded[] = []
  /** Events by everything but time, in order of last use. */
  readonly #written = new Map<string, CoreV1Event>()
  readonly #similar = new Map<string, Similar>()
  #writing: Promise<void> | undefined
  #dropped = 0

  constructor(options: EventRecorderOptions) {
    this.#options = options
  }

  get dropped(): number {
    return this.#dropped
  }

  event(about: KubeObject | CoreV1ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (this.#queue.length >= maxQueued) {
      this.#dropped++
      return
    }
    this.#queue.push({ reference: referenceTo(about), type, reason, message, at: this.#options.clock.now() })
    this.#writing ??= this.#drain()
  }

  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  async #drain(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      try {
        await this.#write(this.#sumUp(next))
      } catch (error) {
        const { namespace, name } = next.reference
        this.#options.log.debug({ err: error, namespace, name, reason: next.reason }, 'event not written')
      }
    }
    this.#writing = undefined
  }

  /** Replaces the message by a summary where too many differ. */
  #sumUp(recorded: Recorded): Recorded {
    const key = JSON.stringify(identityOf(recorded))
    let similar = this.#similar.get(key)
    if (similar === undefined || recorded.at - similar.startedAt > similarWindowMs)
      similar = { messages: new Set(), startedAt: recorded.at }
    remember(this.#similar, key, similar)
    if (similar.messages.has(recorded.message)) return recorded
    if (similar.messages.size >= maxSimilar) return { ...recorded, message: `${summaryPrefix}${recorded.message}` }
    similar.messages.add(recorded.message)
    return recorded
  }

  async #write(recorded: Recorded): Promise<void> {
    const isSummary = recorded.message.startsWith(summaryPrefix)
    const key = JSON.stringify([...identityOf(recorded), recorded.reference.fieldPath, isSummary ? summaryPrefix : recorded.message])
    const previous = this.#written.get(key)
    if (previous !== undefined) {
      const counted = await this.#count(previous, recorded)
      if (counted !== undefined) return remember(this.#written, key, counted)
    }
    remember(this.#written, key, await this.#options.client.create(CoreV1Event, this.#build(recorded)))
  }

  async #count(previous: CoreV1Event, recorded: Recorded): Promise<CoreV1Event | undefined> {
    const body = { count: (previous.count ?? 1) + 1, lastTimestamp: toTimestamp(recorded.at), message: recorded.message }
    const key = { namespace: previous.metadata.namespace!, name: previous.metadata.name! }
    try {
      return await this.#options.client.patch(CoreV1Event, key, { type: 'application/merge-patch+json', body })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  #build({ reference, type, reason, message, at }: Recorded): CoreV1Event {
    const { component, host, random } = this.#options
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: `${reference.name}.${random.uuid().replaceAll('-', '').slice(0, 16)}`,
        namespace: reference.namespace ?? 'default',
      },
      involvedObject: reference,
      reason,
      message,
      type,
      count: 1,
      firstTimestamp: toTimestamp(at),
      lastTimestamp: toTimestamp(at),
      source: { component, ...(host === undefined ? {} : { host }) },
      reportingComponent: component,
      reportingInstance: host ?? '',
    }
  }
}

/** What makes two events be about the same thing; the object's revision doesn't. */
const identityOf = ({ reference: { kind, namespace, name, uid }, type, reason }: Recorded) => [kind, namespace, name, uid, type, reason]

/** A reference that names the object as events do. */
export function referenceTo(about: KubeObject | CoreV1ObjectReference): CoreV1ObjectReference {
  if (!('metadata' in about)) return about
  const { namespace, name, uid, resourceVersion } = about.metadata
  return { apiVersion: about.apiVersion, kind: about.kind, ...(namespace === undefined ? {} : { namespace }), name, uid, resourceVersion }
}

/** Puts the entry last, and drops the one that was used longest ago when there are too many. */
function remember<V>(memory: Map<string, V>, key: string, value: V): void {
  memory.delete(key)
  memory.set(key, value)
  if (memory.size <= maxRemembered) return
  for (const oldest of memory.keys()) {
    memory.delete(oldest)
    return
  }
}
