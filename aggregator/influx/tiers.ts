import { createHash } from 'node:crypto'
import { tierNames } from './options.ts'
import type { InfluxSettings, TierName } from './options.ts'
import { measurementsOf, podIdentityMeasurement } from './schema.ts'
import type { Measurement } from './schema.ts'

/** What a tier keeps of a gauge besides its mean, which stays under the gauge's own field. */
export type TierStatistic = 'min' | 'max' | 'sum' | 'count'

/** The field of a tier with a statistic of a field. */
export function tierField(field: string, statistic: TierStatistic): string {
  return field === 'value' ? statistic : `${field}_${statistic}`
}

/** A continuous query as it should be. */
export interface ContinuousQuery {
  /** Ends with a hash of the text, so that another text is another name. */
  readonly name: string
  readonly statement: string
}

interface TierRule {
  readonly bucket: TierName
  readonly bucketMs: number
  /** How often the last buckets are computed, and how far back: late points up to that age are in. */
  readonly resample: string
}

const rules: Readonly<Record<TierName, TierRule>> = {
  '5m': { bucket: '5m', bucketMs: 300_000, resample: 'EVERY 5m FOR 15m' },
  '1h': { bucket: '1h', bucketMs: 3_600_000, resample: 'EVERY 15m FOR 2h' },
}

/** How long one point of a tier stands for, ms. */
export function tierStepMs(tier: TierName): number {
  return rules[tier].bucketMs
}

const namePrefix = 'binnacle_'

/** Whether a continuous query is one of ours, of whatever version. */
export function isOurs(name: string): boolean {
  return name.startsWith(namePrefix)
}

/**
 * The queries that fill the tiers: means with min, max, sum and count of gauges, the last value of counters, and which pod had which uid. The tier
 * of hours is made from that of five minutes where there is one, so raw points are read once.
 */
export function continuousQueries(settings: InfluxSettings): readonly ContinuousQuery[] {
  return wantedTiers(settings).flatMap((tier) => {
    const { bucket, resample } = rules[tier]
    return selectionsOf(settings, tier).map((selection) => {
      const body = `RESAMPLE ${resample} BEGIN ${selection} GROUP BY time(${bucket}), * END`
      const hash = createHash('sha256').update(body).digest('hex').slice(0, 12)
      const name = `${namePrefix}${tier}_${hash}`
      return { name, statement: `CREATE CONTINUOUS QUERY "${name}" ON "${settings.database}" ${body}` }
    })
  })
}

/** The statements that fill the tiers again from `since` (ms) on, as after an outage; in their order. */
export function backfillStatements(settings: InfluxSettings, since: number, until: number): readonly string[] {
  return wantedTiers(settings).flatMap((tier) => {
    const { bucket, bucketMs } = rules[tier]
    const start = Math.floor(since / bucketMs) * bucketMs
    const range = `WHERE time >= ${start}ms AND time < ${Math.round(until)}ms`
    return selectionsOf(settings, tier).map((selection) => `${selection} ${range} GROUP BY time(${bucket}), *`)
  })
}

/** The tiers that are to be there, finest first. */
export function wantedTiers({ tiers }: InfluxSettings): readonly TierName[] {
  return tierNames.filter((name) => tiers[name] !== 'none')
}

/** `SELECT … INTO … FROM …` of every query of a tier. */
function selectionsOf(settings: InfluxSettings, tier: TierName): readonly string[] {
  const isFromRaw = wantedTiers(settings)[0] === tier
  const source = isFromRaw ? settings.policy : wantedTiers(settings)[0]!
  const into = `INTO "${settings.database}"."${tier}".:MEASUREMENT FROM "${settings.database}"."${source}"`
  const measurements = measurementsOf(settings.schema)
  const identity = `SELECT last("pod_id") AS "pod_id" ${into}./^${podIdentityMeasurement}$/`
  if (settings.schema === 'withfields') {
    return [...measurements.map((measurement) => `SELECT ${fieldsOf(measurement, isFromRaw)} ${into}./^${measurement.name}$/`), identity]
  }
  const gauges = measurements.filter((measurement) => !isCounter(measurement)).map(({ name }) => name)
  const counters = measurements.filter(isCounter).map(({ name }) => name)
  return [
    `SELECT ${gaugeFields('value', isFromRaw)} ${into}.${matching([...gauges, 'custom/.+'])}`,
    `SELECT last("value") AS "value" ${into}.${matching(counters)}`,
    identity,
  ]
}

function isCounter({ fields }: Measurement): boolean {
  return fields[0]?.metric.type === 'cumulative'
}

function fieldsOf({ fields }: Measurement, isFromRaw: boolean): string {
  return fields
    .map(({ name, metric }) => (metric.type === 'cumulative' ? `last("${name}") AS "${name}"` : gaugeFields(name, isFromRaw)))
    .join(', ')
}

function gaugeFields(field: string, isFromRaw: boolean): string {
  const quoted = (statistic: TierStatistic) => `"${tierField(field, statistic)}"`
  const [min, max, sum, count] = [quoted('min'), quoted('max'), quoted('sum'), quoted('count')]
  return isFromRaw
    ? `mean("${field}") AS "${field}", min("${field}") AS ${min}, max("${field}") AS ${max}, sum("${field}") AS ${sum}, count("${field}") AS ${count}`
    : `sum(${sum}) / sum(${count}) AS "${field}", min(${min}) AS ${min}, max(${max}) AS ${max}, sum(${sum}) AS ${sum}, sum(${count}) AS ${count}`
}

function matching(names: readonly string[]): string {
  return `/^(${names.map((name) => name.replaceAll('/', '\\/')).join('|')})$/`
}
