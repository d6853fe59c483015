import { formatDuration } from '../../lib/duration.ts'
import type { ProblemPolicy, Rule } from '../rules/rule.ts'
import { holds } from '../rules/threshold.ts'
import { labelsKey } from '../state/labels.ts'
import { expectedValues } from './expected.plan.ts'
import { dampFlapping, innerPhase } from './flapping.plan.ts'
import type { Observation, SeriesValue } from './observation.ts'
import { problemLabel } from './series-state.ts'
import type { Phase, RuleProblem, SeriesState } from './series-state.ts'

export interface Transition {
  readonly state: SeriesState
  readonly from: Phase
  readonly to: Phase
  readonly reason: string
}

/** `no data`: nothing matches and nothing is known. `query failed`: what is known of series is as it was. */
export type RuleHealth = 'ok' | RuleProblem

export interface EvaluationPlan {
  readonly states: readonly SeriesState[]
  readonly transitions: readonly Transition[]
  readonly health: RuleHealth
}

/** How long after its start a process may not have heard of everybody yet. */
export const restartGraceMs = 60_000

/** A series that has been silent for less than this (or its rule's window, if longer) is late, not gone. */
const minStaleMs = 30_000

/** Aggregations that calm down only when samples leave the window: it must have been watched for all of it. */
const needsCoverage: ReadonlySet<string> = new Set(['increase', 'rate', 'max', 'min', 'sum', 'count'])

/**
 * One step of a rule: where each series stands at `now`, given what was observed and where it stood. Pure; the same arguments give the same
 * plan. A failed query leaves series as they are, unless the rule's `query_failed` says otherwise. A series that is missing keeps its state until
 * it is stale, then follows `no_data`. What began before the samples did that are observed does not end by their being few: until they fill the
 * window, neither what is missing nor what only more samples can prove ends it.
 */
export function planEvaluation(rule: Rule, observation: Observation, previous: readonly SeriesState[], now: number): EvaluationPlan {
  const plan = new Plan({ rule, previous, now, collectedSince: observation.kind === 'failed' ? undefined : observation.collectedSince })
  if (observation.kind === 'failed') return plan.fail(observation.reason)
  if (previous.length === 0 && isQuiet(rule, observation)) {
    return { states: [], transitions: [], health: observation.values.length === 0 && wantsValues(rule) ? 'no data' : 'ok' }
  }
  const { condition } = rule
  const values = condition.kind === 'absent' ? expectedValues(condition.expected, observation) : observation.values
  for (const value of values) plan.see(value)
  if (condition.kind === 'absent' && condition.expected !== 'learned') plan.expect(observation.expected ?? [])
  return plan.finish(values.length === 0)
}

/** Whether there ought to be something; that nothing has happened is no lack. */
function wantsValues({ source }: Rule): boolean {
  return source.kind !== 'events'
}

/** Whether nothing can come of an observation: the usual case, for which no state is looked at. */
function isQuiet(rule: Rule, { values }: Observation & { readonly kind: 'values' }): boolean {
  const { condition } = rule
  if (condition.kind === 'absent' || rule.noData.state === 'alert') return false
  return values.every(({ value }) => !holds(condition, value))
}

interface Step {
  readonly state: SeriesState
  readonly reason: string
  readonly isForgotten?: boolean
}

/** Collects what becomes of each series. */
class Plan {
  readonly #rule: Rule
  readonly #now: number
  readonly #known: Map<string, SeriesState>
  readonly #problems = new Map<RuleProblem, SeriesState>()
  readonly #states: SeriesState[] = []
  readonly #transitions: Transition[] = []
  /** Until when samples do not fill the window, and since when there are any. */
  readonly #filling: { readonly since: number; readonly until: number } | undefined

  constructor(options: { rule: Rule; previous: readonly SeriesState[]; now: number; collectedSince: number | undefined }) {
    const { rule, previous, now, collectedSince } = options
    this.#rule = rule
    this.#now = now
    if (collectedSince !== undefined)
      this.#filling = { since: collectedSince, until: collectedSince + restartGraceMs + rule.source.windowMs }
    const series = previous.filter((state) => state.problem === undefined)
    this.#known = new Map(series.map((state) => [labelsKey(state.labels), state]))
    for (const state of previous) if (state.problem !== undefined) this.#problems.set(state.problem, state)
  }

  /** A series that has a value. */
  see(value: SeriesValue): void {
    const key = labelsKey(value.labels)
    const before = this.#known.get(key) ?? { labels: value.labels, phase: 'inactive', lastSeenAt: value.sampledAt }
    this.#known.delete(key)
    this.#add(before, (inner) => stepSeen(this.#rule, inner, value, { now: this.#now, isFilling: this.#isFilling(inner) }))
  }

  /** Those that have no value and ought to: they are known from now on. Others are expected no longer. */
  expect(expected: readonly SeriesState['labels'][]): void {
    const wanted = new Set<string>()
    const seen = new Set(this.#states.map((state) => labelsKey(state.labels)))
    for (const labels of expected) {
      const key = labelsKey(labels)
      wanted.add(key)
      if (!seen.has(key) && !this.#known.has(key))
        this.#known.set(key, { labels, phase: 'inactive', lastSeenAt: 0, expectedSince: this.#now })
    }
    for (const [key, before] of this.#known) {
      if (wanted.has(key)) continue
      this.#known.delete(key)
      this.#add(before, (inner) => end(inner, 'no longer expected', true))
    }
  }

  finish(isEmpty: boolean): EvaluationPlan {
    for (const before of this.#known.values()) {
      this.#add(before, (inner) => (this.#isFilling(inner) ? { state: inner, reason: '' } : stepMissing(this.#rule, inner, this.#now)))
    }
    const hasNothing = isEmpty && wantsValues(this.#rule) && this.#states.every((state) => isRemembered(this.#rule, state))
    this.#clear('query failed')
    if (hasNothing) this.#raise('no data', this.#rule.noData, 'nothing matches the rule')
    else this.#clear('no data')
    return { states: this.#states, transitions: this.#transitions, health: hasNothing ? 'no data' : 'ok' }
  }

  fail(reason: string): EvaluationPlan {
    const { queryFailed } = this.#rule
    const isOver = this.#raise('query failed', queryFailed, reason)
    for (const before of this.#known.values()) {
      if (isOver && queryFailed.state === 'resolve') this.#add(before, (inner) => end(inner, 'query failed'))
      else this.#states.push(before)
    }
    const nothing = this.#problems.get('no data')
    if (nothing !== undefined) this.#states.push(nothing)
    return { states: this.#states, transitions: this.#transitions, health: 'query failed' }
  }

  /** One step further in what is wrong with the rule itself; whether it has lasted as long as it must. An alert only if the policy says so. */
  #raise(problem: RuleProblem, policy: ProblemPolicy, reason: string): boolean {
    if (policy.state === 'keep' || (problem === 'no data' && policy.state === 'resolve')) {
      this.#clear(problem)
      return false
    }
    const known = this.#problems.get(problem)
    const blank: SeriesState = { labels: { [problemLabel]: problem }, phase: 'inactive', lastSeenAt: this.#now, problem }
    const before = known ?? blank
    const activeSince = before.activeSince ?? this.#now
    const isOver = this.#now - activeSince >= (policy.forMs ?? this.#rule.forMs)
    const details = { problem, explanation: `${problem}: ${reason}` }
    const phase = policy.state !== 'alert' ? 'inactive' : isOver ? 'firing' : 'pending'
    const state: SeriesState = {
      ...before,
      phase,
      activeSince,
      details,
      ...(phase === 'firing' && { firedAt: before.firedAt ?? this.#now }),
    }
    this.#note(before, { state, reason: details.explanation })
    this.#states.push(state)
    return isOver
  }

  #clear(problem: RuleProblem): void {
    const before = this.#problems.get(problem)
    if (before !== undefined) this.#note(before, end(before, 'over', true))
  }

  /** Whether a state rests on samples that this process does not have, and its own are not enough yet. */
  #isFilling({ phase, activeSince }: SeriesState): boolean {
    if (this.#filling === undefined || phase === 'inactive' || this.#rule.condition.kind === 'absent') return false
    return (activeSince ?? this.#now) < this.#filling.since && this.#now < this.#filling.until
  }

  #add(before: SeriesState, advance: (inner: SeriesState) => Step): void {
    const { flapping } = this.#rule
    const { inner: _, ...rest } = before
    const step = advance({ ...rest, phase: innerPhase(before) })
    const isGone = step.isForgotten === true || flapping === undefined
    const damped = isGone ? { state: step.state } : dampFlapping(flapping, before, step.state, this.#now)
    this.#note(before, { ...step, ...damped })
    if (step.isForgotten !== true && isKept(this.#rule, damped.state)) this.#states.push(damped.state)
  }

  #note(before: SeriesState, { state, reason }: Step): void {
    if (state.phase !== before.phase) this.#transitions.push({ state, from: before.phase, to: state.phase, reason })
  }
}

/** Whether a state is there only because it has changed lately. */
function isRemembered(rule: Rule, { phase }: SeriesState): boolean {
  return phase === 'inactive' && rule.condition.kind !== 'absent' && rule.noData.state !== 'alert'
}

/** Whether a state must be known at the next step. */
function isKept(rule: Rule, state: SeriesState): boolean {
  if (state.phase !== 'inactive' || (state.changes?.length ?? 0) > 0) return true
  return rule.condition.kind === 'absent' || rule.noData.state === 'alert'
}

function stepSeen(rule: Rule, before: SeriesState, value: SeriesValue, { now, isFilling }: { now: number; isFilling: boolean }): Step {
  const { graceUntil: _, details: __, ...known } = before
  const seen: SeriesState = {
    ...known,
    lastSeenAt: Math.max(value.sampledAt, before.lastSeenAt),
    value: value.value,
    ...(value.details && { details: value.details }),
  }
  if (rule.condition.kind === 'absent') return stepTo(rule, seen, false, now)
  const isBreached = holds(rule.condition, value.value)
  if (!isBreached && isFilling && !isProof(rule, value)) return { state: seen, reason: '' }
  if (before.phase !== 'firing' || isBreached) return stepTo(rule, seen, isBreached, now)
  const isRecovered = rule.recovery === undefined || holds(rule.recovery, value.value)
  return stepTo(rule, seen, !(isRecovered && (value.isCovered || !provesOnlyCovered(rule))), now)
}

/** Whether a value would be no other if there had been samples for longer. */
function isProof({ source }: Rule, { isCovered }: SeriesValue): boolean {
  if (source.kind !== 'metric') return source.kind === 'query'
  const isOfOne = source.groupBy === undefined && source.method?.kind !== 'members' && source.method?.kind !== 'outlier'
  return isOfOne && (isCovered || source.aggregation === 'last')
}

function provesOnlyCovered({ source }: Rule): boolean {
  return source.kind === 'events' || (source.kind === 'metric' && needsCoverage.has(source.aggregation))
}

function stepMissing(rule: Rule, before: SeriesState, now: number): Step {
  if (before.graceUntil !== undefined && now < before.graceUntil) return { state: before, reason: '' }
  const windowMs = rule.source.windowMs
  if (rule.condition.kind === 'absent') return stepAbsent(rule, before, now)
  const silentMs = now - before.lastSeenAt
  const staleMs = Math.max(windowMs, minStaleMs)
  if (silentMs < staleMs) return { state: before, reason: '' }
  const { state: policy, forMs } = rule.noData
  if (silentMs < staleMs + (forMs ?? 0)) return { state: before, reason: '' }
  if (policy === 'keep' && before.phase !== 'pending') return { state: before, reason: '' }
  if (policy !== 'alert') return end(before, 'no data')
  if (silentMs >= rule.forgetAfterMs) return end(before, 'forgotten', true)
  const details = { problem: 'no data', explanation: `no data since ${formatTime(before.lastSeenAt)}` }
  return { ...stepTo({ ...rule, ...(forMs !== undefined && { forMs: 0 }) }, { ...before, details }, true, now), reason: 'no data' }
}

/** Who is away for the window, or has not come within it since it is expected, is absent. */
function stepAbsent(rule: Rule, before: SeriesState, now: number): Step {
  if (rule.condition.kind !== 'absent') return { state: before, reason: '' }
  const { which, expected } = rule.condition
  const isNew = before.lastSeenAt === 0
  const since = isNew ? (before.expectedSince ?? now) : before.lastSeenAt
  if (expected === 'learned' && now - since >= rule.forgetAfterMs) return end(before, 'forgotten', true)
  const isMeant = which === 'any' || (which === 'never') === isNew
  const isBreached = isMeant && now - since >= rule.source.windowMs
  const absence = isNew ? 'never reported' : 'stopped reporting'
  const explanation = isNew ? `never reported since it is expected, ${formatTime(since)}` : `stopped reporting at ${formatTime(since)}`
  const state = isBreached ? { ...before, details: { absence, explanation } } : before
  const step = stepTo(rule, state, isBreached, now)
  return isBreached ? { ...step, reason: absence } : step
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** The state machine itself, once it is known whether the series is in breach. */
function stepTo(rule: Rule, before: SeriesState, isBreached: boolean, now: number): Step {
  if (isBreached) return stepBreached(rule, before, now)
  if (before.phase === 'inactive') return { state: before, reason: '' }
  if (before.phase === 'pending') return end(before, 'condition no longer holds')
  const clearedAt = before.clearedAt ?? now
  if (now - clearedAt >= rule.keepFiringForMs) return end(before, 'condition no longer holds')
  const reason = `condition no longer holds, kept for ${formatDuration(rule.keepFiringForMs)}`
  return { state: { ...before, phase: 'recovering', clearedAt }, reason }
}

function stepBreached(rule: Rule, before: SeriesState, now: number): Step {
  const activeSince = before.activeSince ?? now
  if (before.phase === 'firing' || before.phase === 'recovering') {
    const { clearedAt: _, ...firing } = before
    return { state: { ...firing, phase: 'firing' }, reason: 'condition holds again' }
  }
  if (now - activeSince >= rule.forMs) {
    return { state: { ...before, phase: 'firing', activeSince, firedAt: now }, reason: 'condition holds' }
  }
  return { state: { ...before, phase: 'pending', activeSince }, reason: 'condition holds' }
}

function end(before: SeriesState, reason: string, isForgotten = false): Step {
  const { activeSince: _, clearedAt: __, details: ___, graceUntil: ____, inner: _____, ...rest } = before
  return { state: { ...rest, phase: 'inactive' }, reason, isForgotten }
}
