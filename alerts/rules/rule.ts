import type { Labels } from '../state/labels.ts'
import type { Source } from './source.ts'
import type { Template } from './template.ts'
import type { Threshold } from './threshold.ts'

/** What happens when there is nothing to judge by: alerts end, stay as they are, or the lack is itself an alert. */
export const problemStates = ['resolve', 'keep', 'alert'] as const
export type ProblemState = (typeof problemStates)[number]

/** What happens when samples stop or a query fails, and for how long that must last. Absent: as long as the rule's own `for`. */
export interface ProblemPolicy {
  readonly state: ProblemState
  readonly forMs?: number
}

/** When a series that keeps changing counts as flapping. */
export interface FlappingSettings {
  /** How many steps are looked at. */
  readonly history: number
  readonly stepMs: number
  /** Weighted shares of steps with a change: above the one it begins, below the other it ends. */
  readonly enter: number
  readonly leave: number
}

/** Who ought to report: those that have, those that the API knows, or a list. */
export type Expected = 'learned' | 'cluster' | readonly Labels[]

/** `never`: expected and not seen yet. `stopped`: was there and is not any more. */
export type AbsenceKind = 'any' | 'never' | 'stopped'

/** What makes a series alert: its value, or that it is not there. */
export type Condition =
  | ({ readonly kind: 'threshold' } & Threshold)
  | { readonly kind: 'absent'; readonly which: AbsenceKind; readonly expected: Expected }

/** One alerting rule, checked. */
export interface Rule {
  /** Group, alert name and severity: what keeps the state over a reload. */
  readonly id: string
  readonly group: string
  readonly file: string
  readonly alert: string
  readonly source: Source
  readonly condition: Condition
  /** What ends a firing alert; absent means that the condition does not hold. */
  readonly recovery?: Threshold
  readonly forMs: number
  readonly keepFiringForMs: number
  readonly noData: ProblemPolicy
  readonly queryFailed: ProblemPolicy
  /** When a learned series that is gone is not expected any more. */
  readonly forgetAfterMs: number
  /** Absent: flapping is not looked for. */
  readonly flapping?: FlappingSettings
  readonly labels: Readonly<Record<string, Template>>
  readonly annotations: Readonly<Record<string, Template>>
  /** The rule in one line, for pages and journals. */
  readonly query: string
}

/** Rules that are evaluated together, in order. */
export interface RuleGroup {
  readonly name: string
  readonly file: string
  /** Absent: the evaluation interval of the process. */
  readonly intervalMs?: number
  readonly rules: readonly Rule[]
}

/** What is known of a value besides itself; annotations can name each as `{{ $expected }}` and so on. */
export type Details = Readonly<Record<string, string | number>>

/** The names of details. `explanation` becomes an annotation by itself. */
export const detailNames = [
  'explanation',
  'observed',
  'expected',
  'deviation',
  'score',
  'weeks',
  'members',
  'matching',
  'absence',
  'problem',
] as const

/** The label values of a rule for one series: `alertname`, the series' own labels, the rule's. */
export function alertLabels(rule: Rule, series: Labels): Labels {
  const own = renderAll(rule.labels, { labels: series, value: undefined, details: {} })
  const filled = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== ''))
  return { ...series, ...filled, alertname: rule.alert }
}

/** What annotations are made of. */
export interface AnnotationScope {
  readonly labels: Labels
  readonly value: number | undefined
  readonly details: Details
}

/** The annotations of a rule for one series at one value; `explanation` is one of them where there is something to explain. */
export function alertAnnotations(rule: Rule, scope: AnnotationScope): Labels {
  const { explanation } = scope.details
  return { ...(explanation === undefined ? {} : { explanation: String(explanation) }), ...renderAll(rule.annotations, scope) }
}

function renderAll(templates: Readonly<Record<string, Template>>, { labels, value, details }: AnnotationScope): Labels {
  const scope = {
    lookup: ([root = '', name]: readonly string[]) => {
      if (root === '$value') return value
      if (root !== '$labels') return details[root.slice(1)]
      return name !== undefined && Object.hasOwn(labels, name) ? labels[name] : undefined
    },
  }
  return Object.fromEntries(Object.entries(templates).map(([name, template]) => [name, template.render(scope)]))
}
