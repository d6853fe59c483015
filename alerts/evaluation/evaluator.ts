import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { alertAnnotations, alertLabels } from '../rules/rule.ts'
import type { Rule, RuleGroup } from '../rules/rule.ts'
import type { Alert } from '../state/alert.ts'
import type { AlertStore } from '../state/alert-store.ts'
import { mergeChanges } from '../state/journal.ts'
import type { Change, EntryDraft, Put, Removal, StoredState } from '../state/journal.ts'
import { fingerprintOf, labelsKey } from '../state/labels.ts'
import { planEvaluation, restartGraceMs } from './evaluation.plan.ts'
import type { EvaluationPlan, RuleHealth } from './evaluation.plan.ts'
import type { Observation } from './observation.ts'
import type { Observer } from './observer.ts'
import { isFiring } from './series-state.ts'
import type { SeriesState } from './series-state.ts'
import { describeTransition, hasContent, heartbeat, mustBeWritten, putState, storedKey } from './stored-states.ts'

/** After a longer break nobody can say that a pending condition held on: its time starts again. */
const outageToleranceMs = 3_600_000

/** How often the time of the last evaluation is written, so that a break can be measured. */
const heartbeatMs = 60_000

/** A process that has not evaluated for longer was itself away: what is missing since then proves nothing. */
const pauseMs = 15_000

/** After a pause at most so many evaluations of a rule are made up; what was before them is counted as missed. */
const maxMadeUp = 60

/** So many questions to InfluxDB at once. */
const maxRemote = 4

export interface EvaluatorOptions {
  readonly observer: Observer
  readonly clock: Clock
  readonly log: Log
  readonly alerts: AlertStore
  /** How often rules are evaluated whose group says nothing else. */
  readonly intervalMs: number
  /** Where a person can look at a rule; becomes `generatorURL`. */
  readonly externalUrl: string
}

/** What is known about a rule's last evaluation. */
export interface RuleStatus {
  readonly rule: Rule
  readonly health: RuleHealth | 'unknown'
  readonly lastError: string
  /** The moment that it was about. */
  readonly evaluatedAt: number | undefined
  readonly durationMs: number
  /** How long after that moment it began. */
  readonly latenessMs: number
  readonly states: readonly SeriesState[]
}

/** Figures for the metrics page. */
export interface EvaluatorCounters {
  evaluations: number
  failures: number
  transitions: number
  /** Evaluations that came an interval late or more, and those that never came. */
  madeUp: number
  missed: number
  /** How long after its time the last evaluation began. */
  latenessMs: number
}

interface RuleRecord {
  readonly rule: Rule
  readonly intervalMs: number
  states: readonly SeriesState[]
  health: RuleHealth | 'unknown'
  lastError: string
  evaluatedAt: number | undefined
  durationMs: number
  latenessMs: number
  /** The moment of its next evaluation; undefined before the first. */
  nextAt: number | undefined
  /** Whether InfluxDB is being asked. */
  isAsking: boolean
}

interface Outcome {
  readonly record: RuleRecord
  readonly states: readonly SeriesState[]
  readonly alerts: readonly Alert[]
  readonly change: Change
}

/**
 * Evaluates every group in its interval, on the boundaries of the interval and as of them, however late the process is: after a pause the missed
 * boundaries are made up in order. A round's transitions and the alerts made of them are on disk in one commit before they count; if the disk
 * refuses, the states stay as they were and the next round tries again. Rules that InfluxDB must be asked for go on beside the others, so that
 * nobody waits for a slow answer.
 */
export class Evaluator {
  readonly counters: EvaluatorCounters = { evaluations: 0, failures: 0, transitions: 0, madeUp: 0, missed: 0, latenessMs: 0 }
  readonly #options: EvaluatorOptions
  readonly #asking = new Set<Promise<void>>()
  #groups: readonly RuleGroup[] = []
  #records = new Map<string, RuleRecord>()
  #heartbeatAt = 0
  /** When rounds were last looked for. */
  #evaluatedAt: number | undefined
  #orphans: StoredState[] = []
  /** Until when rules on history had been evaluated when the process before this one ended. */
  #resumeAt: number | undefined

  constructor(options: EvaluatorOptions) {
    this.#options = options
  }

  /** Takes over states from the disk. Inactive series were last seen when they were last evaluated; nothing counts as missing at once. */
  restore(stored: Iterable<StoredState>, evaluatedAt: number | undefined): void {
    const now = this.#options.clock.now()
    const isLongBreak = evaluatedAt !== undefined && now - evaluatedAt > outageToleranceMs
    this.#resumeAt = evaluatedAt
    for (const { rule, state } of stored) {
      if (isLongBreak && state.phase === 'pending') continue
      const isWaiting = state.phase === 'inactive' && state.lastSeenAt !== 0
      const lastSeenAt = isWaiting ? Math.max(state.lastSeenAt, evaluatedAt ?? 0) : state.lastSeenAt
      this.#orphans.push({ rule, state: { ...state, lastSeenAt, graceUntil: now + restartGraceMs } })
    }
  }

  /** Swaps the rules. States of rules that stay are kept; alerts of rules that are gone end at the next round. */
  load(groups: readonly RuleGroup[]): void {
    const known = new Map(this.#stored().map((entry) => [storedKey(entry), entry]))
    const byRule = Map.groupBy(known.values(), (entry) => entry.rule)
    const records = new Map<string, RuleRecord>()
    for (const group of groups) {
      for (const rule of group.rules) {
        const states = (byRule.get(rule.id) ?? []).map((entry) => entry.state)
        byRule.delete(rule.id)
        records.set(rule.id, this.#createRecord(rule, group.intervalMs ?? this.#options.intervalMs, states))
      }
    }
    this.#orphans = [...byRule.values()].flat()
    this.#records = records
    this.#groups = groups
    this.#resumeAt = undefined
  }

  /** Rounds until `signal` aborts, and until InfluxDB has answered what it was asked. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs, log } = this.#options
    while (!signal.aborted) {
      const intervals = this.#groups.map((group) => group.intervalMs ?? intervalMs)
      const now = clock.now()
      const boundary = [intervalMs, ...intervals].reduce((soonest, interval) => Math.min(soonest, nextBoundary(now, interval)), Infinity)
      await clock.sleep(boundary - now, signal)
      if (signal.aborted) break
      await this.evaluate().catch((err: unknown) => log.error({ err }, 'evaluation was not recorded'))
    }
    await Promise.all(this.#asking)
  }

  /** Everything that is due: rules on this process's memory before it resolves, others begin. Throws if it could not be written. */
  async evaluate(): Promise<void> {
    const { clock, observer } = this.#options
    const now = clock.now()
    this.#noticePause(now)
    await this.#settleAccounts(now)
    for (const record of this.#records.values()) this.#schedule(record, now)
    const local = [...this.#records.values()].filter(({ rule }) => observer.isLocal(rule))
    for (;;) {
      const at = local.reduce((soonest, { nextAt }) => Math.min(soonest, nextAt!), Infinity)
      if (at > now) break
      await this.#round(
        local.filter(({ nextAt }) => nextAt === at),
        at,
      )
    }
    this.#ask(now)
  }

  /** Every rule with its state, by group. */
  status(): { readonly group: RuleGroup; readonly rules: readonly RuleStatus[] }[] {
    return this.#groups.map((group) => ({ group, rules: group.rules.map((rule) => this.#records.get(rule.id)!) }))
  }

  /** While this process stood still nobody collected: series get time to come back, as after a start. */
  #noticePause(now: number): void {
    const longestMs = Math.max(pauseMs, ...this.#groups.map((group) => 2 * (group.intervalMs ?? this.#options.intervalMs)))
    const wasAway = this.#evaluatedAt !== undefined && now - this.#evaluatedAt > longestMs
    this.#evaluatedAt = now
    if (!wasAway) return
    const graceUntil = now + restartGraceMs
    for (const record of this.#records.values()) record.states = record.states.map((state) => ({ ...state, graceUntil }))
  }

  #createRecord(rule: Rule, intervalMs: number, states: readonly SeriesState[]): RuleRecord {
    const old = this.#records.get(rule.id)
    const blank = { health: 'unknown', lastError: '', evaluatedAt: undefined, durationMs: 0, latenessMs: 0 } as const
    const isRemote = !this.#options.observer.isLocal(rule)
    const resumed = isRemote && this.#resumeAt !== undefined ? nextBoundary(this.#resumeAt, intervalMs) : undefined
    const nextAt = old?.intervalMs === intervalMs ? old.nextAt : resumed
    return { ...(old ?? blank), rule, intervalMs, states, nextAt, isAsking: false }
  }

  /** Sets the next moment of a rule where there is none, the clock has been set back, or too many have passed. */
  #schedule(record: RuleRecord, now: number): void {
    const { intervalMs } = record
    const current = Math.floor(now / intervalMs) * intervalMs
    if (record.nextAt === undefined || record.nextAt > current + 2 * intervalMs) record.nextAt = current
    const behind = (current - record.nextAt) / intervalMs - maxMadeUp
    if (behind <= 0) return
    this.counters.missed += Math.round(behind)
    record.nextAt += Math.round(behind) * intervalMs
  }

  async #round(due: readonly RuleRecord[], at: number): Promise<void> {
    const outcomes = due.map((record) =>
      this.#conclude(record, this.#options.observer.observe(record.rule, at), at, this.#begin(record, at)),
    )
    await this.#write(outcomes, at)
  }

  /** Starts questions for rules that are due, those that have waited longest first. */
  #ask(now: number): void {
    const due = [...this.#records.values()].filter(
      ({ rule, nextAt, isAsking }) => !isAsking && nextAt! <= now && !this.#options.observer.isLocal(rule),
    )
    due.sort((left, right) => left.nextAt! - right.nextAt!)
    for (const record of due.slice(0, maxRemote - this.#asking.size)) {
      const asked = this.#catchUp(record)
        .catch((err: unknown) => this.#options.log.error({ err }, 'evaluation was not recorded'))
        .finally(() => this.#asking.delete(asked))
      this.#asking.add(asked)
    }
  }

  /** Evaluates one rule as of each of its moments that have passed. */
  async #catchUp(record: RuleRecord): Promise<void> {
    const { clock, observer } = this.#options
    record.isAsking = true
    try {
      const now = clock.now()
      while (record.nextAt! <= now && this.#isCurrent(record)) {
        const at = record.nextAt!
        const started = this.#begin(record, at)
        const observation = await observer.ask(record.rule, at)
        if (!this.#isCurrent(record)) return
        await this.#write([this.#conclude(record, observation, at, started)], at)
      }
    } finally {
      record.isAsking = false
    }
  }

  #isCurrent(record: RuleRecord): boolean {
    return this.#records.get(record.rule.id) === record
  }

  /** Notes how late an evaluation begins; answers when it did. */
  #begin(record: RuleRecord, at: number): number {
    const { clock } = this.#options
    const latenessMs = Math.max(0, clock.now() - at)
    record.latenessMs = latenessMs
    this.counters.latenessMs = latenessMs
    if (latenessMs >= record.intervalMs) this.counters.madeUp++
    return clock.monotonic()
  }

  #conclude(record: RuleRecord, observation: Observation, at: number, started: number): Outcome {
    const { clock, log } = this.#options
    const plan = planEvaluation(record.rule, observation, record.states, at)
    const outcome = this.#settle(record, plan, at)
    const reason = observation.kind === 'failed' ? observation.reason : ''
    if (reason !== '' && reason !== record.lastError) log.warn({ rule: record.rule.id, reason }, 'rule could not be evaluated')
    this.counters.evaluations++
    if (reason !== '') this.counters.failures++
    record.health = plan.health
    record.lastError = reason
    record.evaluatedAt = at
    record.durationMs = clock.monotonic() - started
    return outcome
  }

  /** Puts what came of an evaluation on disk; then it counts, and the next moment of its rules is the next one. */
  async #write(outcomes: readonly Outcome[], at: number): Promise<void> {
    const change = mergeChanges(...outcomes.map((outcome) => outcome.change))
    const alerts = outcomes.flatMap((outcome) => outcome.alerts)
    if (hasContent(change)) {
      // The next process must not make up what was before this change.
      const isBeat = at > this.#heartbeatAt && outcomes.some(({ record }) => !this.#options.observer.isLocal(record.rule))
      await this.#options.alerts.put(alerts, mergeChanges(change, isBeat ? heartbeat(at) : {}))
      if (isBeat) this.#heartbeatAt = Math.max(this.#heartbeatAt, at)
    }
    for (const { record, states, change: own } of outcomes) {
      if (this.#isCurrent(record)) record.states = states
      record.nextAt = at + record.intervalMs
      this.counters.transitions += own.entries?.length ?? 0
    }
  }

  /** Ends what rules have left that are gone, and writes the heartbeat. */
  async #settleAccounts(now: number): Promise<void> {
    const isBeat = now - this.#heartbeatAt >= heartbeatMs
    const orphans = this.#orphans
    if (!isBeat && orphans.length === 0) return
    const ends = this.#endOrphans(orphans, now)
    await this.#options.alerts.put(ends.alerts, mergeChanges(ends.change, isBeat ? heartbeat(now) : {}))
    this.#orphans = this.#orphans.filter((entry) => !orphans.includes(entry))
    if (isBeat) this.#heartbeatAt = now
  }

  /** What a plan means for the disk and for the alerts. */
  #settle(record: RuleRecord, plan: EvaluationPlan, now: number): Outcome {
    const { rule } = record
    if (plan.states.length === 0 && record.states.length === 0) return { record, states: plan.states, alerts: [], change: {} }
    const before = new Map(record.states.map((state) => [labelsKey(state.labels), state]))
    const changed = new Map(plan.transitions.map((transition) => [labelsKey(transition.state.labels), transition]))
    const states: SeriesState[] = []
    const alerts: Alert[] = []
    const put: Put[] = []
    for (const planned of plan.states) {
      const key = labelsKey(planned.labels)
      const state = this.#withAlert(rule, planned, alerts, now)
      const old = before.get(key)
      before.delete(key)
      if (changed.has(key) || mustBeWritten(state, old)) put.push(putState(rule.id, state))
      states.push(state)
    }
    for (const { state } of plan.transitions) {
      if (state.phase === 'inactive' && state.fingerprint !== undefined) alerts.push(...this.#resolved(state.fingerprint, now))
    }
    const remove = [...before.keys()].map((key): Removal => ({ table: 'series', key: `${rule.id}\0${key}` }))
    const entries = plan.transitions.map((transition) => describeTransition(rule, transition, now))
    return { record, states, alerts, change: { put, remove, entries } }
  }

  /** Firing states carry the fingerprint of their alert; a new one, or one whose labels the rule now writes otherwise, makes an alert. */
  #withAlert(rule: Rule, state: SeriesState, alerts: Alert[], now: number): SeriesState {
    if (!isFiring(state.phase)) {
      const { fingerprint: _, ...rest } = state
      return rest
    }
    const labels = alertLabels(rule, state.labels)
    const fingerprint = fingerprintOf(labels)
    const annotations = alertAnnotations(rule, { labels, value: state.value, details: state.details ?? {} })
    const known = this.#options.alerts.find(fingerprint)
    if (state.fingerprint === fingerprint && known !== undefined && known.endsAt === undefined) {
      this.#options.alerts.refreshAnnotations(fingerprint, annotations)
      return state
    }
    if (state.fingerprint !== undefined && state.fingerprint !== fingerprint) alerts.push(...this.#resolved(state.fingerprint, now))
    const generatorUrl = `${this.#options.externalUrl}/api/v1/rules?rule=${encodeURIComponent(rule.id)}`
    alerts.push({ fingerprint, labels, annotations, startsAt: state.firedAt ?? now, updatedAt: now, generatorUrl, source: 'rule' })
    return { ...state, fingerprint }
  }

  #resolved(fingerprint: string, now: number): Alert[] {
    const alert = this.#options.alerts.find(fingerprint)
    return alert === undefined ? [] : [{ ...alert, endsAt: now, updatedAt: now }]
  }

  #endOrphans(orphans: readonly StoredState[], now: number): { alerts: readonly Alert[]; change: Change } {
    const remove = orphans.map((entry): Removal => ({ table: 'series', key: storedKey(entry) }))
    const fired = orphans.flatMap(({ state }) => (state.fingerprint === undefined ? [] : [state.fingerprint]))
    const alerts = fired.flatMap((fingerprint) => this.#resolved(fingerprint, now))
    const entries = alerts.map((alert): EntryDraft => {
      const { fingerprint } = alert
      return {
        time: now,
        kind: 'transition',
        fingerprint,
        alertname: alert.labels['alertname'] ?? '',
        text: 'firing → inactive: rule removed',
      }
    })
    return { alerts, change: { remove, entries } }
  }

  #stored(): StoredState[] {
    const current = [...this.#records.values()].flatMap(({ rule, states }) => states.map((state) => ({ rule: rule.id, state })))
    return [...this.#orphans, ...current]
  }
}

function nextBoundary(now: number, intervalMs: number): number {
  return (Math.floor(now / intervalMs) + 1) * intervalMs
}
