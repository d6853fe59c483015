import { MatcherError, createMatcher, formatMatcher, matchesAll } from '../routing/matcher.ts'
import type { Matcher, MatchOperator } from '../routing/matcher.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { Alert } from './alert.ts'
import type { Change, Journal } from './journal.ts'

/** A silence as it is kept. Times are milliseconds since the epoch. */
export interface Silence {
  readonly id: string
  readonly matchers: readonly { readonly name: string; readonly operator: MatchOperator; readonly value: string }[]
  readonly startsAt: number
  readonly endsAt: number
  readonly updatedAt: number
  readonly createdBy: string
  readonly comment: string
}

export type SilenceRequest = Omit<Silence, 'id' | 'updatedAt'> & { readonly id?: string }

export type SilenceState = 'pending' | 'active' | 'expired'

/** Thrown for a silence that cannot be made (`invalid`) or is not there (`not-found`). */
export class SilenceError extends Error {
  readonly code = 'ESILENCE'
  readonly reason: 'invalid' | 'not-found'

  constructor(reason: 'invalid' | 'not-found', message: string) {
    super(message)
    this.reason = reason
  }
}

const maxSilences = 10_000
/** Of one silence as JSON: its patterns take a multiple of that as programs. */
const maxLength = 65_536

/** `pending` before it starts, `expired` from its end on. */
export function silenceState(silence: Pick<Silence, 'startsAt' | 'endsAt'>, now: number): SilenceState {
  return now < silence.startsAt ? 'pending' : now < silence.endsAt ? 'active' : 'expired'
}

/**
 * The silences, on disk before they count. An update keeps the ID unless it would rewrite what already happened; then the old one ends
 * and a new one begins, as in Alertmanager.
 */
export class SilenceStore {
  readonly #clock: Clock
  readonly #random: Random
  readonly #journal: Journal
  readonly #silences = new Map<string, { readonly silence: Silence; readonly matchers: readonly Matcher[] | undefined }>()

  constructor(options: { readonly clock: Clock; readonly random: Random; readonly journal: Journal }) {
    this.#clock = options.clock
    this.#random = options.random
    this.#journal = options.journal
  }

  /** Takes over what the disk holds. A silence whose patterns are not taken any more is shown, and silences nothing. */
  restore(silences: Iterable<Silence>): void {
    for (const silence of silences) {
      try {
        this.#apply(silence)
      } catch (err) {
        if (!(err instanceof MatcherError)) throw err
        this.#silences.set(silence.id, { silence, matchers: undefined })
      }
    }
  }

  list(): Silence[] {
    return [...this.#silences.values()].map((entry) => entry.silence)
  }

  find(id: string): Silence | undefined {
    return this.#silences.get(id)?.silence
  }

  /** IDs of the active silences that match an alert, sorted. */
  silencing(labels: Alert['labels'], now: number): string[] {
    const ids: string[] = []
    for (const { silence, matchers } of this.#silences.values()) {
      if (silenceState(silence, now) === 'active' && matchers !== undefined && matchesAll(matchers, labels)) ids.push(silence.id)
    }
    return ids.sort()
  }

  /** Makes or changes a silence and answers its ID. Throws `SilenceError`. */
  async set(request: SilenceRequest): Promise<string> {
    const now = this.#clock.now()
    checkRequest(request, now)
    const old = request.id === undefined || request.id === '' ? undefined : this.find(request.id)
    if (request.id && old === undefined) throw new SilenceError('not-found', `silence ${request.id} not found`)
    if (old === undefined && this.#silences.size >= maxSilences)
      throw new SilenceError('invalid', `there are ${maxSilences} silences already`)
    const { id: _, ...rest } = request
    if (old !== undefined && canUpdate(old, request, now)) {
      const silence = { ...rest, id: old.id, updatedAt: now }
      await this.#write([silence], `silence ${old.id} changed by ${request.createdBy}: ${describe(silence)}`)
      return old.id
    }
    const isOver = old === undefined || silenceState(old, now) === 'expired'
    const silence = { ...rest, id: this.#random.uuid(), startsAt: Math.max(request.startsAt, now), updatedAt: now }
    const written = isOver ? [silence] : [expire(old, now), silence]
    await this.#write(written, `silence ${silence.id} made by ${request.createdBy}: ${describe(silence)}`)
    return silence.id
  }

  /** Ends a silence now; one that is over stays so. Throws `SilenceError` where it is not there. */
  async expire(id: string): Promise<void> {
    const now = this.#clock.now()
    const old = this.find(id)
    if (old === undefined) throw new SilenceError('not-found', `silence ${id} not found`)
    if (silenceState(old, now) === 'expired') return
    await this.#write([expire(old, now)], `silence ${id} expired`)
  }

  /** Forgets silences that ended before `time`. */
  async prune(time: number): Promise<void> {
    const old = this.list().filter((silence) => silence.endsAt < time)
    if (old.length === 0) return
    await this.#journal.commit({ remove: old.map((silence) => ({ table: 'silence', key: silence.id })) })
    for (const silence of old) this.#silences.delete(silence.id)
  }

  async #write(silences: readonly Silence[], text: string): Promise<void> {
    const change: Change = {
      put: silences.map((value) => ({ table: 'silence', key: value.id, value })),
      entries: [{ time: this.#clock.now(), kind: 'silence', text }],
    }
    await this.#journal.commit(change)
    for (const silence of silences) this.#apply(silence)
  }

  #apply(silence: Silence): void {
    const matchers = silence.matchers.map(({ name, operator, value }) => createMatcher(name, operator, value))
    this.#silences.set(silence.id, { silence, matchers })
  }
}

function checkRequest(request: SilenceRequest, now: number): void {
  const fail = (message: string) => {
    throw new SilenceError('invalid', message)
  }
  if (JSON.stringify(request).length > maxLength) fail(`a silence has at most ${maxLength} characters`)
  if (request.startsAt >= request.endsAt) fail('Failed to create silence: start time must be before end time')
  if (request.endsAt <= now) fail("Failed to create silence: end time can't be in the past")
  if (request.matchers.length === 0) fail('at least one matcher required')
  const matchers = request.matchers.map(({ name, operator, value }) => createMatcher(name, operator, value))
  // What only says what not to match is meant to match the rest.
  if (matchers.every((matcher) => !matcher.operator.startsWith('!') && matcher.matches({})))
    fail('silence invalid: at least one matcher must not match the empty string')
}

/** History is rewritten by other matchers, by a changed start of an active silence, and by touching an expired one. */
function canUpdate(old: Silence, request: SilenceRequest, now: number): boolean {
  if (JSON.stringify(old.matchers) !== JSON.stringify(request.matchers)) return false
  const state = silenceState(old, now)
  if (state === 'active') return request.startsAt === old.startsAt && request.endsAt >= now
  return state === 'pending' && request.startsAt >= now
}

/** A pending silence is made to have no duration at all. */
function expire(silence: Silence, now: number): Silence {
  return { ...silence, startsAt: Math.min(silence.startsAt, now), endsAt: now, updatedAt: now }
}

function describe(silence: Silence): string {
  const span = `${new Date(silence.startsAt).toISOString()} to ${new Date(silence.endsAt).toISOString()}`
  return `${silence.matchers.map(formatMatcher).join(', ')} from ${span} (${silence.comment})`
}
