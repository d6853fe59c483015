import type { Details } from '../rules/rule.ts'
import type { Labels } from '../state/labels.ts'

/**
 * `recovering`: the condition is over, and `keep_firing_for` is not. `flapping`: it comes and goes so often that nobody is told each time. For
 * receivers both are still firing.
 */
export type Phase = 'inactive' | 'pending' | 'firing' | 'recovering' | 'flapping'

/** Whether receivers see an alert in this phase. */
export function isFiring(phase: Phase): boolean {
  return phase === 'firing' || phase === 'recovering' || phase === 'flapping'
}

/** Where one series of one rule stands. Inactive ones are kept only where they must be known: of rules on who reports, and after changes. */
export interface SeriesState {
  readonly labels: Labels
  readonly phase: Phase
  /** While flapping: where the series would be otherwise. */
  readonly inner?: Exclude<Phase, 'flapping'>
  /** Steps (counted from the epoch) in which it began or ceased to fire, as far as flapping looks back. */
  readonly changes?: readonly number[]
  /** When the condition began to hold without a break. */
  readonly activeSince?: number
  readonly firedAt?: number
  /** When the condition ended, while recovering. */
  readonly clearedAt?: number
  /** When its newest sample was taken; 0 for what is expected and was never seen. */
  readonly lastSeenAt: number
  /** Since when it is expected, where that is known. */
  readonly expectedSince?: number
  /** Set after a restart: until then an empty window proves nothing. */
  readonly graceUntil?: number
  readonly value?: number
  readonly details?: Details
  /** Set on what stands for the rule itself and not for one of its series. */
  readonly problem?: RuleProblem
  /** The alert that was made of it, while firing. Set by the evaluator. */
  readonly fingerprint?: string
}

/** What is wrong with a rule as a whole. */
export type RuleProblem = 'no data' | 'query failed'

/** The label that the alert on a rule itself has. */
export const problemLabel = 'problem'
