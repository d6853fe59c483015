import { labelsKey } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import { holds } from '../rules/rule.ts'
import type { Rule } from '../rules/rule.ts'

/** What one series of a rule shows at one evaluation. */
export interface SeriesValue {
  readonly labels: Labels
  readonly value: number
  /** When its newest sample was taken. */
  readonly sampledAt: number
  /** Whether the samples reach back over the whole window; where they do not, a low value proves nothing. */
  readonly isCovered: boolean
}

/** What the rule's query gave: values, or why it could not be asked. */
export type Observation =
  | { readonly kind: 'values'; readonly values: readonly SeriesValue[] }
  | { readonly kind: 'failed'; readonly reason: string }

/** `recovering`: the condition is over, and `keep_firing_for` is not. For receivers it is still firing. */
type Phase = 'inactive' | 'pending' | 'firing' | 'recovering'

/** Where one series of one rule stands. Inactive ones are kept only by rules on absence, which must know what was there. */
export interface SeriesState {
  readonly labels: Labels
  readonly phase: Phase
  /** When the condition began to hold without a break. */
  readonly activeSince?: number
  readonly firedAt?: number
  /** When the condition ended, while recovering. */
  readonly clearedAt?: number
  readonly lastSeenAt: number
  /** Set after a restart: until then an empty window proves nothing. */
  readonly graceUntil?: number
  readonly value?: number
  /** The alert that was made of it, while firing or recovering. Set by the evaluator. */
  readonly fingerprint?: string
}

export interface Transition {
  readonly state: SeriesState
  readonly from: Phase
  readonly to: Phase
  readonly reason: string
}

/** `no data`: nothing matches and nothing is known. `query failed`: all states are as they were. */
export type RuleHealth = 'ok' | 'no data' | 'query failed'

export interface EvaluationPlan {
  readonly states: readonly SeriesState[]
  readonly transitions: readonly Transition[]
  readonly health: RuleHealth
}

/** A series that has been silent for less than this (or its rule's window, if longer) is late, not gone. */
const minStaleMs = 30_000

/** Aggregations that calm down only when samples leave the window: it must have been watched for all of it. */
const needsCoverage: ReadonlySet<string> = new Set(['increase', 'rate', 'max', 'min', 'sum'])

/**
 * One step of a rule: where each series stands at `now`, given what was observed and where it stood. Pure; the same arguments give the same
 * plan. A failed query changes nothing. A series that is missing keeps its state until it is stale, then follows the rule's `no_data`.
 */
export function planEvaluation(rule: Rule, observation: Observation, previous: readonly SeriesState[], now: number): EvaluationPlan {
  if (observation.kind === 'failed') return { states: previous, transitions: [], health: 'query failed' }
  const known = new Map(previous.map((state) => [labelsKey(state.labels), state]))
  const states: SeriesState[] = []
  const transitions: Transition[] = []
  const add = (before: SeriesState, step: Step) => {
    const from = before.phase
    if (step.state.phase !== from) transitions.push({ state: step.state, from, to: step.state.phase, reason: step.reason })
    if (step.state.phase !== 'inactive' || (rule.condition.kind === 'absent' && !step.isForgotten)) states.push(step.state)
  }
  for (const value of observation.values) {
    const key = labelsKey(value.labels)
    const before = known.get(key) ?? { labels: value.labels, phase: 'inactive', lastSeenAt: value.sampledAt }
    known.delete(key)
    add(before, stepSeen(rule, before, value, now))
  }
  for (const before of known.values()) add(before, stepMissing(rule, before, now))
  const isEmpty = observation.values.length === 0 && states.length === 0
  return { states, transitions, health: isEmpty ? 'no data' : 'ok' }
}

interface Step {
  readonly state: SeriesState
  readonly reason: string
  readonly isForgotten?: boolean
}

function stepSeen(rule: Rule, before: SeriesState, value: SeriesValue, now: number): Step {
  const { graceUntil: _, ...known } = before
  const seen = { ...known, lastSeenAt: Math.max(value.sampledAt, before.lastSeenAt), value: value.value }
  if (rule.condition.kind === 'absent') return stepTo(rule, seen, false, now)
  const isBreached = holds(rule.condition, value.value)
  if (before.phase !== 'firing' || isBreached) return stepTo(rule, seen, isBreached, now)
  const isRecovered = rule.recovery === undefined || holds(rule.recovery, value.value)
  const isProven = value.isCovered || !needsCoverage.has(rule.aggregation)
  return stepTo(rule, seen, !(isRecovered && isProven), now)
}

function stepMissing(rule: Rule, before: SeriesState, now: number): Step {
  if (before.graceUntil !== undefined && now < before.graceUntil) return { state: before, reason: '' }
  const silentMs = now - before.lastSeenAt
  if (rule.condition.kind === 'absent') {
    if (silentMs >= rule.condition.forgetAfterMs) return end(before, 'forgotten', true)
    return stepTo(rule, before, silentMs >= rule.windowMs, now)
  }
  if (silentMs < Math.max(rule.windowMs, minStaleMs)) return { state: before, reason: '' }
  if (rule.noData === 'keep' && before.phase !== 'pending') return { state: before, reason: '' }
  if (rule.noData === 'alert') return stepTo(rule, before, true, now)
  return end(before, 'no data')
}

/** The state machine itself, once it is known whether the series is in breach. */
function stepTo(rule: Rule, before: SeriesState, isBreached: boolean, now: number): Step {
  if (isBreached) return stepBreached(rule, before, now)
  if (before.phase === 'inactive') return { state: before, reason: '' }
  if (before.phase === 'pending') return end(before, 'condition no longer holds')
  const clearedAt = before.clearedAt ?? now
  if (now - clearedAt >= rule.keepFiringForMs) return end(before, 'condition no longer holds')
  return { state: { ...before, phase: 'recovering', clearedAt }, reason: 'condition no longer holds, kept by keep_firing_for' }
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
  const { labels, lastSeenAt, value, fingerprint, firedAt } = before
  const rest = {
    ...(value !== undefined && { value }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(firedAt !== undefined && { firedAt }),
  }
  return { state: { labels, phase: 'inactive', lastSeenAt, ...rest }, reason, isForgotten }
}
