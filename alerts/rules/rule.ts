import type { MetricName } from '../../aggregator/catalog.ts'
import type { Labels } from '../state/labels.ts'
import type { EntitySelector } from './entity.ts'
import type { Template } from './template.ts'

/** How the samples of one series inside the window become one value. */
export const aggregations = ['avg', 'max', 'min', 'last', 'sum', 'increase', 'rate'] as const
export type Aggregation = (typeof aggregations)[number]

/** How the values of several series become the value of their group. */
export const combinations = ['sum', 'avg', 'max', 'min', 'count'] as const
export type Combination = (typeof combinations)[number]

/** What happens to an alert whose series has no samples any more: it ends, it stays as it is, or the lack counts as a breach. */
export const noDataPolicies = ['resolve', 'keep', 'alert'] as const
type NoDataPolicy = (typeof noDataPolicies)[number]

export const comparisons = ['>', '>=', '<', '<=', '==', '!='] as const
export type Comparison = (typeof comparisons)[number]

/** A comparison with a number in the metric's unit (or in shares, for a ratio). */
export interface Threshold {
  readonly comparison: Comparison
  readonly value: number
}

/** What makes a series alert: its value, or that it was there and is not any more. */
export type Condition = ({ readonly kind: 'threshold' } & Threshold) | { readonly kind: 'absent'; readonly forgetAfterMs: number }

/** One alerting rule, checked. */
export interface Rule {
  /** Group, alert name and severity: what keeps the state over a reload. */
  readonly id: string
  readonly group: string
  readonly file: string
  readonly alert: string
  readonly metric: MetricName
  /** The metric that the value is divided by: the rule is on a share. */
  readonly of?: MetricName
  readonly entity: EntitySelector
  readonly aggregation: Aggregation
  readonly windowMs: number
  /** Labels that make one series of several; absent means one series per entity and resource. */
  readonly groupBy?: readonly string[]
  readonly combination: Combination
  readonly condition: Condition
  /** What ends a firing alert; absent means that the condition does not hold. */
  readonly recovery?: Threshold
  readonly forMs: number
  readonly keepFiringForMs: number
  readonly noData: NoDataPolicy
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

const comparers: Readonly<Record<Comparison, (left: number, right: number) => boolean>> = {
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
}

/** Whether `value` is on the wrong side of a threshold. */
export function holds(threshold: Threshold, value: number): boolean {
  return comparers[threshold.comparison](value, threshold.value)
}

/** The label values of a rule for one series: `alertname`, the series' own labels, the rule's. */
export function alertLabels(rule: Rule, series: Labels): Labels {
  const own = renderAll(rule.labels, series, undefined)
  const filled = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== ''))
  return { ...series, ...filled, alertname: rule.alert }
}

/** The annotations of a rule for one series at one value. */
export function alertAnnotations(rule: Rule, labels: Labels, value: number | undefined): Labels {
  return renderAll(rule.annotations, labels, value)
}

function renderAll(templates: Readonly<Record<string, Template>>, labels: Labels, value: number | undefined): Labels {
  const scope = {
    lookup: ([root, name]: readonly string[]) => {
      if (root === '$value') return value
      return name !== undefined && Object.hasOwn(labels, name) ? labels[name] : undefined
    },
  }
  return Object.fromEntries(Object.entries(templates).map(([name, template]) => [name, template.render(scope)]))
}
