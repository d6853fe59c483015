import type { DocumentReader, Field } from '../../lib/document.ts'
import { durationForm, parseDuration } from '../../lib/duration.ts'
import type { Receiver } from './receiver.ts'

/** No more than so many notifications in a time. */
export interface RateLimit {
  readonly notifications: number
  readonly perMs: number
}

/** Who is told when nobody has acknowledged. */
export interface Escalation {
  readonly afterMs: number
  readonly to: string
}

/** What the key `binnacle` adds to Alertmanager's configuration. */
export interface Extensions {
  /** By receiver. */
  readonly rateLimits: ReadonlyMap<string, RateLimit>
  readonly escalations: ReadonlyMap<string, Escalation>
  /** Who is told that a receiver cannot be reached, where no route leads to another one. */
  readonly fallbackReceiver?: string
  /** Notifications that prove the way, again and again. */
  readonly heartbeat?: { readonly intervalMs: number; readonly receivers: readonly string[] }
}

/** The key that holds what Alertmanager does not know. It is not part of what the API shows, so that amtool can read that. */
export const extensionKey = 'binnacle'

/** Reads the key `binnacle`, which may be absent. */
export function readExtensions(reader: DocumentReader, field: Field | undefined, receivers: ReadonlyMap<string, Receiver>): Extensions {
  const rateLimits = new Map<string, RateLimit>()
  const escalations = new Map<string, Escalation>()
  if (field === undefined) return { rateLimits, escalations }
  const own = new ExtensionReader(reader, receivers)
  const fields = reader.record(field, ['receivers', 'fallback_receiver', 'heartbeat'])
  for (const [name, member] of fields.receivers === undefined ? [] : reader.entries(fields.receivers)) {
    own.checkReceiver(member, name)
    const { rate_limit: limit, escalate } = reader.record(member, ['rate_limit', 'escalate'])
    const rateLimit = limit && own.readRateLimit(limit)
    const escalation = escalate && own.readEscalation(escalate, name)
    if (rateLimit !== undefined) rateLimits.set(name, rateLimit)
    if (escalation !== undefined) escalations.set(name, escalation)
  }
  const fallbackReceiver = own.readReceiverName(fields.fallback_receiver)
  const heartbeat = fields.heartbeat && own.readHeartbeat(fields.heartbeat)
  return {
    rateLimits,
    escalations,
    ...(fallbackReceiver !== undefined && { fallbackReceiver }),
    ...(heartbeat !== undefined && { heartbeat }),
  }
}

class ExtensionReader {
  readonly #reader: DocumentReader
  readonly #receivers: ReadonlyMap<string, Receiver>

  constructor(reader: DocumentReader, receivers: ReadonlyMap<string, Receiver>) {
    this.#reader = reader
    this.#receivers = receivers
  }

  checkReceiver(field: Field, name: string): void {
    if (!this.#receivers.has(name)) this.#reader.problem(field, `no such receiver; defined: ${[...this.#receivers.keys()].join(', ')}`)
  }

  readReceiverName(field: Field | undefined): string | undefined {
    const name = this.#reader.text(field)
    if (field !== undefined && name !== undefined) this.checkReceiver(field, name)
    return name
  }

  readRateLimit(field: Field): RateLimit | undefined {
    const fields = this.#reader.record(field, ['notifications', 'per'], ['notifications', 'per'])
    const notifications = this.#reader.number(fields.notifications)
    const perMs = this.#readDuration(fields.per, 1000)
    if (notifications === undefined || perMs === undefined) return undefined
    if (Number.isInteger(notifications) && notifications >= 1) return { notifications, perMs }
    return this.#reader.problem(fields.notifications!, 'must be a whole number, 1 or more')
  }

  readEscalation(field: Field, from: string): Escalation | undefined {
    const fields = this.#reader.record(field, ['after', 'to'], ['after', 'to'])
    const afterMs = this.#readDuration(fields.after, 1000)
    const to = this.readReceiverName(fields.to)
    if (to === from) this.#reader.problem(fields.to!, 'must be another receiver')
    return afterMs === undefined || to === undefined ? undefined : { afterMs, to }
  }

  readHeartbeat(field: Field): Extensions['heartbeat'] {
    const fields = this.#reader.record(field, ['interval', 'receivers'], ['interval', 'receivers'])
    const intervalMs = this.#readDuration(fields.interval, 10_000)
    const receivers = this.#reader.list(fields.receivers).flatMap((item) => this.readReceiverName(item) ?? [])
    return intervalMs === undefined ? undefined : { intervalMs, receivers }
  }

  #readDuration(field: Field | undefined, least: number): number | undefined {
    const ms = this.#reader.parsed(field, parseDuration, durationForm)
    return ms !== undefined && ms < least ? this.#reader.problem(field!, `must be at least ${least / 1000}s`) : ms
  }
}
