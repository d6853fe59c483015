import type { MetricWindow } from '../../aggregator/window.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { alertAnnotations, alertLabels } from '../rules/rule.ts'
import type { Rule, RuleGroup } from '../rules/rule.ts'
import type { Alert } from '../state/alert.ts'
import type { AlertStore } from '../state/alert-store.ts'
import { mergeChanges } from '../state/journal.ts'
import type { Change, EntryDraft, Put, Removal, StoredState } from '../state/journal.ts'
import { fingerprintOf, formatLabels, labelsKey } from '../state/labels.ts'
import { planEvaluation } from './evaluation.plan.ts'
import type { EvaluationPlan, Observation, RuleHealth, SeriesState, Transition } from './evaluation.plan.ts'
import { closedSpan, observe } from './observe.ts'

/** After a longer break nobody can say that a pending condition held on: its time starts again. */
const outageToleranceMs = 3_600_000

/** How often the time of the last evaluation is written, so that a break can be measured. */
const heartbeatMs = 60_000

/** How long the window may take to fill after a start. */
const restartGraceMs = 60_000

const heartbeatKey = 'evaluatedAt'

export interface EvaluatorOptions {
  readonly window: MetricWindow
  readonly clock: Clock
  readonly log: Log
  readonly alerts: AlertStore
  /** How often rules are evaluated whose group says nothing else; also the width of the bucket that is left open. */
  readonly intervalMs: number
  /** Where a person can look at a rule; becomes `generatorURL`. */
  readonly externalUrl: string
}

/** What is known about a rule's last evaluation. */
export interface RuleStatus {
  readonly rule: Rule
  readonly health: RuleHealth | 'unknown'
  readonly lastError: string
  readonly evaluatedAt: number | undefined
  readonly durationMs: number
  readonly states: readonly SeriesState[]
}

/** Figures for the metrics page. */
export interface EvaluatorCounters {
  evaluations: number
  failures: number
  transitions: number
  /** How long after its time the last round began. */
  latenessMs: number
}

interface RuleRecord {
  readonly rule: Rule
  states: readonly SeriesState[]
  health: RuleHealth | 'unknown'
  lastError: string
  evaluatedAt: number | undefined
  durationMs: number
}

interface Outcome {
  readonly record: RuleRecord
  readonly states: readonly SeriesState[]
  readonly alerts: readonly Alert[]
  readonly change: Change
}

/**
 * Evaluates every group in its interval, on the boundaries of the interval. A round's transitions and the alerts made of them are on disk
 * in one commit before they count; if the disk refuses, the states stay as they were and the next round tries again.
 */
export class Evaluator {
  readonly counters: EvaluatorCounters = { evaluations: 0, failures: 0, transitions: 0, latenessMs: 0 }
  readonly #options: EvaluatorOptions
  #groups: readonly RuleGroup[] = []
  #records = new Map<string, RuleRecord>()
  #due = new Map<RuleGroup, number>()
  #heartbeatAt = 0
  #orphans: StoredState[] = []

  constructor(options: EvaluatorOptions) {
    this.#options = options
  }

  /** Takes over states from the disk. Inactive series were last seen when they were last evaluated; nothing counts as missing at once. */
  restore(stored: Iterable<StoredState>, evaluatedAt: number | undefined): void {
    const now = this.#options.clock.now()
    const isLongBreak = evaluatedAt !== undefined && now - evaluatedAt > outageToleranceMs
    for (const { rule, state } of stored) {
      if (isLongBreak && state.phase === 'pending') continue
      const lastSeenAt = state.phase === 'inactive' ? Math.max(state.lastSeenAt, evaluatedAt ?? 0) : state.lastSeenAt
      this.#orphans.push({ rule, state: { ...state, lastSeenAt, graceUntil: now + restartGraceMs } })
    }
  }

  /** Swaps the rules. States of rules that stay are kept; alerts of rules that are gone end at the next round. */
  load(groups: readonly RuleGroup[]): void {
    const known = new Map(this.#stored().map((entry) => [storedKey(entry), entry]))
    const byRule = Map.groupBy(known.values(), (entry) => entry.rule)
    const records = new Map<string, RuleRecord>()
    for (const rule of groups.flatMap((group) => group.rules)) {
      const states = (byRule.get(rule.id) ?? []).map((entry) => entry.state)
      byRule.delete(rule.id)
      const old = this.#records.get(rule.id)
      const blank = { health: 'unknown', lastError: '', evaluatedAt: undefined, durationMs: 0 } as const
      records.set(rule.id, { ...(old ?? blank), rule, states })
    }
    this.#orphans = [...byRule.values()].flat()
    this.#records = records
    this.#groups = groups
    this.#due = new Map()
  }

  /** Rounds until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs, log } = this.#options
    while (!signal.aborted) {
      const intervals = this.#groups.map((group) => group.intervalMs ?? intervalMs)
      const boundary = Math.min(...[intervalMs, ...intervals].map((interval) => nextBoundary(clock.now(), interval)))
      await clock.sleep(boundary - clock.now(), signal)
      if (signal.aborted) return
      this.counters.latenessMs = Math.max(0, clock.now() - boundary)
      await this.evaluate().catch((err: unknown) => log.error({ err }, 'evaluation was not recorded'))
    }
  }

  /** One round over the groups that are due. Throws if it could not be written. */
  async evaluate(): Promise<void> {
    const now = this.#options.clock.now()
    const due = this.#groups.filter((group) => (this.#due.get(group) ?? 0) <= now)
    const outcomes = due.flatMap((group) => group.rules).map((rule) => this.#evaluateRule(this.#records.get(rule.id)!, now))
    const orphans = this.#orphans
    const ends = this.#endOrphans(orphans, now)
    const beat = now - this.#heartbeatAt >= heartbeatMs ? heartbeat(now) : {}
    const change = mergeChanges(...outcomes.map((outcome) => outcome.change), ends.change, beat)
    const alerts = [...outcomes.flatMap((outcome) => outcome.alerts), ...ends.alerts]
    if (change.put.length + change.remove.length + change.entries.length > 0) await this.#options.alerts.put(alerts, change)
    this.#commit(outcomes, orphans)
    for (const group of due) this.#due.set(group, nextBoundary(now, group.intervalMs ?? this.#options.intervalMs))
    if (beat.put !== undefined) this.#heartbeatAt = now
  }

  /** Every rule with its state, by group. */
  status(): { readonly group: RuleGroup; readonly rules: readonly RuleStatus[] }[] {
    return this.#groups.map((group) => ({ group, rules: group.rules.map((rule) => this.#records.get(rule.id)!) }))
  }

  #evaluateRule(record: RuleRecord, now: number): Outcome {
    const { clock, log } = this.#options
    const started = clock.monotonic()
    const observation = this.#observe(record.rule, now)
    const plan = planEvaluation(record.rule, observation, record.states, now)
    const outcome = this.#settle(record, plan, now)
    const reason = observation.kind === 'failed' ? observation.reason : ''
    if (reason !== '' && reason !== record.lastError) log.warn({ rule: record.rule.id, reason }, 'rule could not be evaluated')
    this.counters.evaluations++
    if (reason !== '') this.counters.failures++
    record.health = plan.health
    record.lastError = reason
    record.evaluatedAt = now
    record.durationMs = clock.monotonic() - started
    return outcome
  }

  #observe(rule: Rule, now: number): Observation {
    try {
      const values = observe(rule, this.#options.window, closedSpan(now, rule.windowMs, this.#options.intervalMs))
      return { kind: 'values', values }
    } catch (err) {
      return { kind: 'failed', reason: (err as Error).message }
    }
  }

  /** What a plan means for the disk and for the alerts. */
  #settle(record: RuleRecord, plan: EvaluationPlan, now: number): Outcome {
    const { rule } = record
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
      if (old === undefined || changed.has(key) || state.fingerprint !== old.fingerprint) put.push(putState(rule.id, state))
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
    if (state.phase !== 'firing' && state.phase !== 'recovering') {
      const { fingerprint: _, ...rest } = state
      return rest
    }
    const labels = alertLabels(rule, state.labels)
    const fingerprint = fingerprintOf(labels)
    const annotations = alertAnnotations(rule, labels, state.value)
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

  #commit(outcomes: readonly Outcome[], orphans: readonly StoredState[]): void {
    for (const { record, states, change } of outcomes) {
      const current = this.#records.get(record.rule.id)
      if (current !== undefined) current.states = states
      this.counters.transitions += change.entries?.length ?? 0
    }
    this.#orphans = this.#orphans.filter((entry) => !orphans.includes(entry))
  }

  #stored(): StoredState[] {
    const current = [...this.#records.values()].flatMap(({ rule, states }) => states.map((state) => ({ rule: rule.id, state })))
    return [...this.#orphans, ...current]
  }
}

/** The time of the last evaluation that the disk knows of. */
export function readHeartbeat(facts: ReadonlyMap<string, { readonly value: string | number }>): number | undefined {
  const value = facts.get(heartbeatKey)?.value
  return typeof value === 'number' ? value : undefined
}

function heartbeat(now: number): Change {
  return { put: [{ table: 'fact', key: heartbeatKey, value: { value: now } }] }
}

function nextBoundary(now: number, intervalMs: number): number {
  return (Math.floor(now / intervalMs) + 1) * intervalMs
}

function putState(rule: string, state: SeriesState): Put {
  return { table: 'series', key: storedKey({ rule, state }), value: { rule, state } }
}

function storedKey({ rule, state }: StoredState): string {
  return `${rule}\0${labelsKey(state.labels)}`
}

function describeTransition(rule: Rule, { state, from, to, reason }: Transition, now: number): EntryDraft {
  const labels = alertLabels(rule, state.labels)
  const value = state.value === undefined ? '' : `, value ${state.value}`
  const text = `${from} → ${to}: ${reason}${value} ${formatLabels(labels)}`
  return { time: now, kind: 'transition', fingerprint: fingerprintOf(labels), alertname: rule.alert, text }
}
