import { parseLogQuery } from '../../collector/logs/store/log-query.ts'
import { RecordWriter, toColumns } from '../../collector/logs/store/record-writer.ts'
import type { StoredRecord } from '../../collector/logs/store/record-writer.ts'
import { createLogStore } from '../../collector/logs/store/store.ts'
import type { LogStore } from '../../collector/logs/store/store.ts'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { ClusterEvent } from '../events.ts'

export interface EventArchiveOptions {
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
}

/** What the archive holds and what it did not take. */
export interface EventArchiveStats {
  /** Happenings that were stored by this process. */
  readonly stored: number
  /** Happenings that came while too many waited. */
  readonly dropped: number
}

/** Happenings of one sort, since the start. */
export interface EventCount {
  readonly namespace: string
  readonly type: string
  readonly reason: string
  readonly count: number
}

/** Reasons are anybody's words: what is beyond counts under empty names. */
const maxCounts = 1000
/** Events are small: this is years of most clusters. */
const maxBytes = 64 << 20
const maxAgeMs = 365 * 24 * 3_600_000
/** The API forgets events after an hour; what is listed anew after a restart was stored within this time. */
const knownMs = 2 * 3_600_000
const flushMs = 200
const maxWaiting = 10_000

/**
 * Keeps the events of the cluster for longer than the API does, where logs are searched. Each happening is one line: an event that goes on is another line
 * with a larger count. What is listed anew, also after a restart, is not stored again.
 */
export class EventArchive {
  readonly #options: EventArchiveOptions
  readonly #store: LogStore
  /** uid → count that is stored. */
  readonly #known = new Map<string, { readonly count: number; readonly at: number }>()
  readonly #counts = new Map<string, EventCount>()
  readonly #records: RecordWriter
  #waiting: ClusterEvent[] = []
  #timer: Timer | undefined
  #flushing: Promise<void> = Promise.resolve()
  #isReady = false
  #stats = { stored: 0, dropped: 0 }

  constructor(options: EventArchiveOptions) {
    this.#options = options
    this.#store = createLogStore({ name: 'events', maxBytes, maxAgeMs, ...options })
    this.#records = new RecordWriter({ sink: this.#store.sink, kind: 'events', clock: options.clock })
  }

  async start(): Promise<void> {
    const { clock } = this.#options
    await this.#store.sink.start()
    const query = parseLogQuery({ kind: 'events', since: '2h', limit: '1000000' }, clock.now())
    for await (const records of this.#store.query(query, new AbortController().signal))
      for (const record of records) if ('text' in record) this.#remember(String(record.fields?.['event']), Number(record.fields?.['count']))
    this.#isReady = true
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    if (this.#isReady) await this.#flush()
    await this.#store.sink.stop()
  }

  stats(): EventArchiveStats {
    return { ...this.#stats }
  }

  /** How often what happened, repetitions counted one by one. */
  counts(): readonly EventCount[] {
    return [...this.#counts.values()]
  }

  /** Takes in an event that was met, whether it is new or not. Never throws and never waits. */
  add(event: ClusterEvent): void {
    if (this.#waiting.length >= maxWaiting) this.#stats.dropped++
    else this.#waiting.push(event)
    if (this.#isReady) this.#schedule()
  }

  #schedule(): void {
    if (this.#waiting.length === 0) return
    this.#timer ??= this.#options.clock.setTimer(flushMs, () => {
      this.#timer = undefined
      void this.#flush()
    })
  }

  #flush(): Promise<void> {
    this.#flushing = this.#flushing
      .then(() => this.#write())
      .catch((error: unknown) => this.#options.log.warn({ err: error }, 'events cannot be kept'))
    return this.#flushing
  }

  async #write(): Promise<void> {
    const records: StoredRecord[] = []
    for (const event of this.#waiting.splice(0)) {
      const before = this.#known.get(event.uid)?.count ?? 0
      if (before >= event.count) continue
      this.#count(event, event.count - before)
      this.#remember(event.uid, event.count)
      records.push(recordOf(event))
    }
    await this.#records.write(toColumns(records))
    this.#stats.stored += records.length
    this.#forgetOld()
  }

  #count({ namespace, type, reason }: ClusterEvent, added: number): void {
    const own = JSON.stringify([namespace, type, reason])
    const isCounted = this.#counts.has(own) || this.#counts.size < maxCounts
    const [key, sort] = isCounted ? [own, { namespace, type, reason }] : ['', { namespace: '', type: '', reason: '' }]
    this.#counts.set(key, { ...sort, count: (this.#counts.get(key)?.count ?? 0) + added })
  }

  #remember(uid: string, count: number): void {
    this.#known.delete(uid)
    this.#known.set(uid, { count, at: this.#options.clock.now() })
  }

  #forgetOld(): void {
    const oldest = this.#options.clock.now() - knownMs
    for (const [uid, { at }] of this.#known) {
      if (at > oldest) return
      this.#known.delete(uid)
    }
  }
}

function recordOf(event: ClusterEvent): StoredRecord {
  const { namespace, lastSeen, type } = event
  return { time: lastSeen, namespace, level: type === 'Warning' ? 'warn' : 'info', text: textOf(event), fields: fieldsOf(event) }
}

function textOf({ type, reason, message, object, count }: ClusterEvent): string {
  return `${type} ${reason} ${object.kind}/${object.name}: ${message}${count > 1 ? ` (${count} times)` : ''}`
}

function fieldsOf({ uid, type, reason, object, component, host, count }: ClusterEvent) {
  return { event: uid, type, reason, kind: object.kind, name: object.name, component, ...(host === '' ? {} : { host }), count }
}
