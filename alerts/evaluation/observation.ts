import type { Details } from '../rules/rule.ts'
import type { Labels } from '../state/labels.ts'

/** What one series of a rule shows at one evaluation. */
export interface SeriesValue {
  readonly labels: Labels
  readonly value: number
  /** When its newest sample was taken. */
  readonly sampledAt: number
  /** Whether the samples reach back over the whole window; where they do not, a low value proves nothing. */
  readonly isCovered: boolean
  /** What explains the value. */
  readonly details?: Details
}

/** What the rule's query gave: values, and who ought to have some where that is known; or why it could not be asked. */
export type Observation =
  | {
      readonly kind: 'values'
      readonly values: readonly SeriesValue[]
      readonly expected?: readonly Labels[]
      /** Since when there can be samples: what began before may look as if it were over. Absent: for as long as matters. */
      readonly collectedSince?: number
    }
  | { readonly kind: 'failed'; readonly reason: string }
