import { CoreV1Event } from '../../orchestrator/api/generated/kinds.ts'
import { isExpired, StatusError } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { createBackoff } from '../../lib/retry.ts'
import type { ClusterEvent, EventSink } from '../events.ts'
import { EventTracker } from './event-tracker.ts'

export interface EventSourceOptions {
  readonly client: Client
  /** Takes in everything that was met, what happened before the start included. */
  readonly onSeen: (event: ClusterEvent) => void
  /** Take in what is new. */
  readonly sinks: readonly EventSink[]
  /** Whether the sinks are told here: of several aggregators that follow the same events one tells. Default: yes. */
  readonly isTeller?: () => boolean
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** How the watch of events goes. */
export interface EventSourceStatus {
  readonly isHealthy: boolean
  /** Happenings handed to the sinks, repetitions counted one by one. */
  readonly delivered: number
  /** Times that the events were listed anew. */
  readonly lists: number
  readonly lastError: string | undefined
}

const pageSize = 500
const maxTracked = 50_000
const minDelayMs = 1000
const maxDelayMs = 30_000

/**
 * Follows the events of the cluster. A watch that breaks goes on where it was; when the API server does not know that place any more all
 * events are listed, and only what nobody was told of yet is handed on. What was last seen before the second of the start is not.
 */
export class EventSource {
  readonly #options: EventSourceOptions
  readonly #tracker: EventTracker
  readonly #abort = new AbortController()
  #status: EventSourceStatus = { isHealthy: false, delivered: 0, lists: 0, lastError: undefined }
  #running: Promise<void> | undefined

  constructor(options: EventSourceOptions) {
    this.#options = options
    // Events carry whole seconds: what happens in the second of the start bears a time from before it.
    this.#tracker = new EventTracker({ since: Math.floor(options.clock.now() / 1000) * 1000, maxTracked })
  }

  start(): void {
    this.#running ??= this.#run(this.#abort.signal)
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#running
  }

  status(): EventSourceStatus {
    return this.#status
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options
    const backoff = createBackoff({ initialMs: minDelayMs, maxMs: maxDelayMs, random })
    let place: string | undefined
    while (!signal.aborted) {
      try {
        place ??= await this.#list()
        for await (const next of this.#watch(place, signal)) {
          place = next
          backoff.reset()
        }
      } catch (error) {
        if (signal.aborted) return
        if (isExpired(error)) place = undefined
        const { message } = error as Error
        const isNew = this.#status.lastError !== message
        this.#status = { ...this.#status, isHealthy: false, lastError: message }
        const advice = error instanceof StatusError && error.status.code === 403 ? ': our user needs list and watch of events' : ''
        if (isNew) log.warn({ err: error }, `events cannot be followed${advice}`)
      }
      await clock.sleep(backoff.next(), signal)
    }
  }

  /** Takes in every event; answers the place behind them. */
  async #list(): Promise<string> {
    let next: string | undefined
    let place: string
    do {
      const { items, metadata } = await this.#options.client.list(CoreV1Event, {
        limit: pageSize,
        ...(next === undefined ? {} : { continue: next }),
      })
      for (const event of items) this.#take(event)
      place = metadata.resourceVersion
      next = metadata.continue
    } while (next !== undefined && next !== '')
    this.#status = { ...this.#status, lists: this.#status.lists + 1 }
    return place
  }

  /** Takes in what happens after `place`; yields the places reached. */
  async *#watch(place: string, signal: AbortSignal): AsyncIterable<string> {
    this.#status = { ...this.#status, isHealthy: true, lastError: undefined }
    for await (const { type, object } of this.#options.client.watch(CoreV1Event, { resourceVersion: place, signal })) {
      if (type === 'ADDED' || type === 'MODIFIED') this.#take(object)
      yield object.metadata.resourceVersion!
    }
  }

  #take(object: CoreV1Event): void {
    const event = this.#tracker.track(object)
    if (event === undefined) return
    this.#options.onSeen(event)
    if (event.added === 0 || this.#options.isTeller?.() === false) return
    this.#status = { ...this.#status, delivered: this.#status.delivered + event.added }
    for (const sink of this.#options.sinks) {
      try {
        sink.addEvents([event])
      } catch (error) {
        this.#options.log.error({ err: error }, 'a sink failed to take an event')
      }
    }
  }
}
