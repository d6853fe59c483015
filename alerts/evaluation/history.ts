import type { InfluxSeries } from '../../aggregator/influx/database.ts'
import type { SeriesRequest } from '../../aggregator/influx/history.ts'
import type { CheckedSelect } from '../../aggregator/metrics-api/influxql.ts'
import type { RuleSeries } from './observe-metric.ts'

/** A query of a rule, as of a moment (ms). */
export interface SelectRequest {
  readonly select: CheckedSelect
  readonly parameters: Readonly<Record<string, string | number>>
  readonly at: number
  readonly timeoutMs: number
}

/** What rules read that the memory window does not hold. Rejects with the reason where it cannot be asked. */
export interface RuleHistory {
  series(request: SeriesRequest): Promise<readonly RuleSeries[]>
  select(request: SelectRequest): Promise<readonly InfluxSeries[]>
}
