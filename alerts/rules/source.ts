import type { CheckedSelect } from '../../aggregator/metrics-api/influxql.ts'
import type { EntitySelector } from './entity.ts'
import type { Threshold } from './threshold.ts'

/** How the samples of one series inside the window become one value. */
export const aggregations = ['avg', 'max', 'min', 'last', 'sum', 'count', 'increase', 'rate', 'change', 'change_percent'] as const
export type Aggregation = (typeof aggregations)[number]

/** How the values of several series become the value of their group. */
export const combinations = ['sum', 'avg', 'max', 'min', 'count'] as const
export type Combination = (typeof combinations)[number]

/** Which side of what is usual is told: `both` makes the score its distance. */
export const sides = ['above', 'below', 'both'] as const
export type Side = (typeof sides)[number]

/** How many members of a group meet a condition of their own. */
export interface MembersMethod {
  readonly kind: 'members'
  readonly threshold: Threshold
  /** Whether the value is a share of the members, or their number. */
  readonly isShare: boolean
  /** A group with fewer members has no value. */
  readonly minMembers: number
}

/** How far the value is from the median of the same hour of the week in the weeks before, in robust standard deviations. */
export interface BaselineMethod {
  readonly kind: 'baseline'
  readonly weeks: number
  /** With fewer weeks of history there is no score. */
  readonly minWeeks: number
  readonly side: Side
  /** The least deviation that counts as one, in the unit of the value; absent: a twentieth of the median. */
  readonly minDeviation?: number
}

/** How far a member is from the median of its peers, in robust standard deviations. */
export interface OutlierMethod {
  readonly kind: 'outlier'
  readonly minMembers: number
  readonly side: Side
  readonly minDeviation?: number
}

/** In how many hours a robust line through the samples reaches a value. */
export interface ForecastMethod {
  readonly kind: 'forecast'
  readonly reaches: Threshold
}

export type Method = MembersMethod | BaselineMethod | OutlierMethod | ForecastMethod

/** A metric of entities: of the catalogue, or one that pods export (`custom/<name>`). */
export interface MetricSource {
  readonly kind: 'metric'
  readonly metric: string
  /** The metric that the value is divided by: the rule is on a share. `isLast`: its newest sample, whatever the aggregation. */
  readonly of?: { readonly metric: string; readonly isLast: boolean }
  readonly entity: EntitySelector
  readonly aggregation: Aggregation
  readonly windowMs: number
  /** Labels that make one series of several; absent means one series per entity and resource. Of outliers: what makes peers. */
  readonly groupBy?: readonly string[]
  readonly combination: Combination
  readonly method?: Method
  /** How long samples may take to arrive: the window ends this long ago. Absent: as the place needs that it is read from. */
  readonly delayMs?: number
}

/** Reasons that are counted by counters of pods, not by events of the API. */
export const countedReasons = { Restart: 'restart_count', OOMKill: 'memory/oom_kills' } as const

/** Events of the cluster, counted. */
export interface EventSource {
  readonly kind: 'events'
  /** Each empty list takes everything. */
  readonly reasons: readonly string[]
  readonly types: readonly string[]
  readonly kinds: readonly string[]
  readonly namespaces: readonly string[]
  readonly groupBy: readonly string[]
  readonly windowMs: number
}

/** Labels that an event has. `pod` or `node` is its name where it is about one. */
export const eventLabels = ['namespace', 'kind', 'name', 'reason', 'type', 'pod', 'node'] as const

/** One SELECT of InfluxQL; each series of its answer is one of the rule, labelled by its tags. */
export interface QuerySource {
  readonly kind: 'query'
  readonly select: CheckedSelect
  readonly parameters: Readonly<Record<string, string | number>>
  readonly timeoutMs: number
  readonly delayMs: number
  /** How long a series that is missing from the answer is late, not gone. */
  readonly windowMs: number
}

export type Source = MetricSource | EventSource | QuerySource
