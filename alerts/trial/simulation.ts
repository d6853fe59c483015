import type { Observer } from '../evaluation/observer.ts'
import { planEvaluation } from '../evaluation/evaluation.plan.ts'
import { isFiring } from '../evaluation/series-state.ts'
import type { SeriesState } from '../evaluation/series-state.ts'
import { alertAnnotations, alertLabels } from '../rules/rule.ts'
import type { Rule } from '../rules/rule.ts'
import { labelsKey } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'

/** A time for which a rule would have fired on one series. */
export interface SimulatedAlert {
  readonly labels: Labels
  /** As they were when it began. */
  readonly annotations: Labels
  /** When the condition began to hold; absent where nothing tells. */
  readonly activeAt: number | undefined
  readonly startsAt: number
  /** Absent: it still fires at the end of the range. */
  readonly endsAt?: number
  readonly value: number | undefined
}

export interface SimulationRange {
  /** ms; the first evaluation is at the first multiple of the interval from `since` on. */
  readonly since: number
  readonly until: number
  readonly intervalMs: number
}

export interface Simulation {
  readonly evaluations: number
  /** Evaluations that had no answer, and the reason of the last of them. */
  readonly failures: number
  readonly lastError: string
  readonly alerts: readonly SimulatedAlert[]
  /** Whether there were more alerts than are listed, or the range was not seen through. */
  readonly isCut: boolean
}

export interface SimulationLimits {
  readonly maxAlerts: number
  readonly maxDurationMs: number
  /** Milliseconds from some point on. */
  readonly monotonic: () => number
}

/** After so long others get their turn. */
const turnMs = 20

/** Evaluates one rule over the past as it would have been evaluated then, from no state. */
export async function simulate(rule: Rule, observer: Observer, range: SimulationRange, limits: SimulationLimits): Promise<Simulation> {
  const { since, until, intervalMs } = range
  const recorder = new AlertRecorder(rule, limits.maxAlerts)
  let states: readonly SeriesState[] = []
  let [evaluations, failures, lastError] = [0, 0, '']
  let isCut = false
  const started = limits.monotonic()
  let turn = started
  for (let at = Math.ceil(since / intervalMs) * intervalMs; at <= until; at += intervalMs) {
    const observation = await observer.ask(rule, at)
    const plan = planEvaluation(rule, observation, states, at)
    states = plan.states
    recorder.record(plan.transitions, at)
    if (observation.kind === 'failed') [failures, lastError] = [failures + 1, observation.reason]
    evaluations++
    const passed = limits.monotonic()
    isCut = passed - started > limits.maxDurationMs
    if (isCut) break
    if (passed - turn < turnMs) continue
    await new Promise((resolve) => setImmediate(resolve))
    turn = limits.monotonic()
  }
  return { evaluations, failures, lastError, alerts: recorder.alerts(), isCut: isCut || recorder.isFull }
}

/** Makes spans of transitions. */
class AlertRecorder {
  isFull = false
  readonly #rule: Rule
  readonly #max: number
  readonly #open = new Map<string, SimulatedAlert>()
  readonly #closed: SimulatedAlert[] = []

  constructor(rule: Rule, max: number) {
    this.#rule = rule
    this.#max = max
  }

  record(transitions: ReturnType<typeof planEvaluation>['transitions'], at: number): void {
    for (const { state, from, to } of transitions) {
      if (!isFiring(from) && isFiring(to)) this.#begin(state, at)
      else if (isFiring(from) && !isFiring(to)) this.#end(state, at)
    }
  }

  alerts(): SimulatedAlert[] {
    return [...this.#closed, ...this.#open.values()].sort((left, right) => left.startsAt - right.startsAt)
  }

  #begin(state: SeriesState, at: number): void {
    this.isFull ||= this.#open.size + this.#closed.length >= this.#max
    if (this.isFull) return
    const labels = alertLabels(this.#rule, state.labels)
    const annotations = alertAnnotations(this.#rule, { labels, value: state.value, details: state.details ?? {} })
    this.#open.set(labelsKey(labels), { labels, annotations, activeAt: state.activeSince, startsAt: at, value: state.value })
  }

  #end(state: SeriesState, at: number): void {
    const key = labelsKey(alertLabels(this.#rule, state.labels))
    const alert = this.#open.get(key)
    if (alert === undefined) return
    this.#open.delete(key)
    this.#closed.push({ ...alert, endsAt: at })
  }
}
