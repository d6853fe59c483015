import type { InfluxDB } from 'influx'
import type { Clock } from '../../lib/clock.ts'
import { storedTagValue } from '../../lib/line-protocol.ts'
import { metrics } from '../catalog.ts'
import type { MetricRow } from '../catalog.ts'
import type { EntityType, Series } from '../window.ts'
import { runStatement } from './database.ts'
import type { InfluxSeries } from './database.ts'
import { entityOfTags, groupingTags } from './entity-tags.ts'
import { durationMs, resolveInfluxOptions, tierNames } from './options.ts'
import type { InfluxOptions, InfluxSettings, TierName } from './options.ts'
import { placeOf, podIdentityMeasurement } from './schema.ts'
import { tierField } from './tiers.ts'
import type { TierStatistic } from './tiers.ts'

/** A metric that can be asked for: a row of the catalogue, or one of a pod's own. */
export type HistoryMetric = Pick<MetricRow, 'name' | 'type' | 'valueType'>

/** Whose points are asked for, and when, ms, both ends inclusive. */
export interface HistoryRequest {
  readonly metric: HistoryMetric
  readonly tags: Readonly<Record<string, string>>
  readonly since: number
  readonly until: number
}

/** The points of every entity of a type that has `tags`, in buckets of `bucketMs` from `since` to `until` (ms, both multiples of it, the end exclusive). */
export interface SeriesRequest {
  readonly metric: HistoryMetric
  readonly type: EntityType
  readonly tags: Readonly<Record<string, string>>
  readonly since: number
  readonly until: number
  readonly bucketMs: number
  readonly function: 'mean' | 'max' | 'min' | 'sum' | 'count' | 'last'
  /** An answer with more series is none: the request is refused. */
  readonly maxSeries: number
}

/** A series as the memory window has them; of what pods export, the labels that are not the pod's. */
export interface HistorySeries extends Series {
  readonly ownLabels?: Readonly<Record<string, string>>
}

/** One row of an answer: its time, then the values of the selected columns; null where there is none. */
export type HistoryRow = readonly [timestamp: number, ...values: (number | null)[]]

/** Functions over the points of a bucket. From a tier, median and percentiles are those of its means. */
export type HistoryFunction = 'mean' | 'max' | 'min' | 'median' | 'count' | 'percentile50' | 'percentile95' | 'percentile99'

/** The pod that a uid belonged to, and when (ms): before and after, its name was another pod's. */
export interface IdentifiedPod {
  readonly namespace: string
  readonly pod: string
  readonly since: number
  readonly until: number
}

export interface InfluxHistoryOptions {
  readonly driver: InfluxDB
  readonly influx: InfluxOptions
  /** The tag `cluster_name` of what is read; absent: whatever clusters write there. */
  readonly clusterName?: string
  readonly clock: Clock
}

/** More points than this are no answer that anybody reads. */
const maxRows = 100_000
const maxNames = 100_000
/** How long it is believed which policies there are. */
const policiesMs = 60_000

/** Where points of some age are kept. */
interface Store {
  readonly policy: string
  /** Absent: the points as they were written. */
  readonly tier?: TierName
}

/**
 * Reads what InfluxDB holds, in either schema. A range is read from the finest points that are kept as long as it reaches back. Values from outside
 * go in as bound parameters, never as text of a statement.
 */
export class InfluxHistory {
  readonly #driver: InfluxDB
  readonly #settings: InfluxSettings
  readonly #clusterTags: Readonly<Record<string, string>>
  readonly #clock: Clock
  #policies: { readonly at: number; readonly durations: ReadonlyMap<string, number> } | undefined

  constructor({ driver, influx, clusterName, clock }: InfluxHistoryOptions) {
    this.#driver = driver
    this.#settings = resolveInfluxOptions(influx)
    this.#clusterTags = clusterName === undefined ? {} : { cluster_name: clusterName }
    this.#clock = clock
  }

  /** Every point of one entity and metric, oldest first. Where that would be more than 100,000, the points of a coarser tier. */
  async points(request: HistoryRequest): Promise<readonly HistoryRow[]> {
    const { field } = placeOf(this.#settings.schema, request.metric.name)
    const stores = await this.#storesFor(request.since)
    let rows: readonly HistoryRow[] = []
    for (const store of stores) {
      rows = await this.#select(store, `"${field}"`, request, `ORDER BY time ASC LIMIT ${maxRows + 1}`)
      if (rows.length <= maxRows) return rows
    }
    return rows.slice(0, maxRows)
  }

  /** The functions' values per bucket of `bucketMs`, or over the whole range as one row. */
  async buckets(
    request: HistoryRequest,
    functions: readonly HistoryFunction[],
    bucketMs: number | undefined,
  ): Promise<readonly HistoryRow[]> {
    const [store] = await this.#storesFor(request.since)
    const { field } = placeOf(this.#settings.schema, request.metric.name)
    const hasStatistics = store!.tier !== undefined && request.metric.type === 'gauge'
    const columns = functions.map((name) => `${selector(name, field, hasStatistics)} AS ${name}`).join(', ')
    return this.#select(store!, columns, request, bucketMs === undefined ? '' : `GROUP BY time(${Math.round(bucketMs)}ms) fill(none)`)
  }

  /** One sample per bucket of every series, timed at the bucket's beginning. */
  async series(request: SeriesRequest): Promise<readonly HistorySeries[]> {
    const { metric, type, since, until, bucketMs, maxSeries } = request
    const [store] = await this.#storesFor(since)
    const { measurement, field } = placeOf(this.#settings.schema, metric.name)
    const { condition, parameters } = this.#conditionOf({ type, ...request.tags })
    const isCustom = metric.name.startsWith('custom/')
    const grouping = isCustom ? '*' : [...groupingTags(type), resourceTag].map(quoteIdentifier).join(', ')
    const statement =
      `SELECT ${selector(request.function, field, store!.tier !== undefined && metric.type === 'gauge')} AS v ` +
      `FROM "${store!.policy}".${quoteIdentifier(measurement)} WHERE ${condition} AND time >= ${since}ms AND time < ${until}ms ` +
      `GROUP BY time(${bucketMs}ms), ${grouping} fill(none) SLIMIT ${maxSeries + 1}`
    const answer = await this.#run(statement, parameters)
    if (answer.length > maxSeries) throw new RangeError(`there are more than ${maxSeries} series of ${metric.name}`)
    return answer.map(({ tags = {}, values }) => ({ ...readEntity(type, tags, isCustom), metric: metric.name, ...readColumns(values) }))
  }

  /** The values that a tag has among the entities of a type, sorted. */
  async names(tag: string, type: EntityType, tags: Readonly<Record<string, string>>): Promise<readonly string[]> {
    // Every entity has it.
    const { measurement } = placeOf(this.#settings.schema, 'memory/usage')
    const { condition, parameters } = this.#conditionOf({ ...tags, type })
    const statement = `SHOW TAG VALUES FROM "${measurement}" WITH KEY = "${tag}" WHERE ${condition} LIMIT ${maxNames}`
    const series = await this.#run(statement, parameters)
    return [...new Set(series.flatMap(({ values }) => values.map(([, value]) => String(value))))].sort()
  }

  /** The names of the metrics that an entity of a type has points of, in the order of the catalogue. */
  async metricNames(type: EntityType, tags: Readonly<Record<string, string>>): Promise<readonly string[]> {
    const { condition, parameters } = this.#conditionOf(tags)
    const [series] = await this.#run(`SHOW MEASUREMENTS WHERE ${condition}`, parameters)
    const measurements = new Set((series?.values ?? []).map(([name]) => String(name)))
    const { schema } = this.#settings
    return metrics
      .filter(
        ({ name, entities }) => measurements.has(placeOf(schema, name).measurement) && (schema === 'default' || entities.includes(type)),
      )
      .map(({ name }) => name)
  }

  /** The pod that has or had a uid, by what was written about uids while it lived. `undefined`: nobody has ever said, or it is too long ago. */
  async findPod(uid: string): Promise<IdentifiedPod | undefined> {
    for (const { policy } of await this.#storesFor(0, true)) {
      const from = `FROM "${policy}"."${podIdentityMeasurement}"`
      const { condition, parameters } = this.#conditionOf({})
      const suffix = condition === '' ? '' : ` AND ${condition}`
      const found = await this.#run(`SELECT last("pod_id") ${from} WHERE "pod_id" = $uid${suffix} GROUP BY "namespace_name", "pod_name"`, {
        ...parameters,
        uid,
      })
      const { namespace_name: namespace, pod_name: pod } = found[0]?.tags ?? {}
      if (namespace === undefined || pod === undefined) continue
      const named = this.#conditionOf({ namespace_name: namespace, pod_name: pod })
      const [told] = await this.#run(
        `SELECT "pod_id" ${from} WHERE ${named.condition} ORDER BY time ASC LIMIT ${maxRows}`,
        named.parameters,
      )
      return { namespace, pod, ...timeOf(uid, (told?.values ?? []) as readonly (readonly [number, string])[]) }
    }
    return undefined
  }

  #run(statement: string, parameters: Readonly<Record<string, string>>): Promise<readonly InfluxSeries[]> {
    return runStatement(this.#driver, statement, { clock: this.#clock, parameters })
  }

  /** What reaches back to a time (ms), finest first; what reaches back farthest where nothing does. `isAll`: everything there is. */
  async #storesFor(since: number, isAll = false): Promise<readonly Store[]> {
    const { policy, isManaged } = this.#settings
    const durations = isManaged ? await this.#durations() : new Map<string, number>()
    const stores: Store[] = [{ policy }, ...tierNames.filter((tier) => durations.has(tier)).map((tier) => ({ policy: tier, tier }))]
    if (isAll) return stores
    const reach = (store: Store) => durations.get(store.policy) ?? Infinity
    const age = this.#clock.now() - since
    const reaching = stores.filter((store) => reach(store) >= age)
    return reaching.length > 0 ? reaching : [stores.reduce((best, store) => (reach(store) > reach(best) ? store : best))]
  }

  async #durations(): Promise<ReadonlyMap<string, number>> {
    const now = this.#clock.monotonic()
    if (this.#policies !== undefined && now - this.#policies.at < policiesMs) return this.#policies.durations
    const [series] = await this.#run(`SHOW RETENTION POLICIES ON "${this.#settings.database}"`, {})
    const durations = new Map((series?.values ?? []).map(([name, duration]) => [String(name), durationMs(String(duration))]))
    this.#policies = { at: now, durations }
    return durations
  }

  #conditionOf(tags: Readonly<Record<string, string>>): {
    readonly condition: string
    readonly parameters: Readonly<Record<string, string>>
  } {
    const all = { ...this.#clusterTags, ...tags }
    const names = Object.keys(all)
    return {
      condition: names.map((name, index) => `${quoteIdentifier(name)} = $tag${index}`).join(' AND '),
      parameters: Object.fromEntries(names.map((name, index) => [`tag${index}`, storedTagValue(name, all[name as keyof typeof all]!)])),
    }
  }

  async #select(store: Store, columns: string, request: HistoryRequest, rest: string): Promise<readonly HistoryRow[]> {
    const { measurement } = placeOf(this.#settings.schema, request.metric.name)
    const { condition, parameters } = this.#conditionOf(request.tags)
    const statement =
      `SELECT ${columns} FROM "${store.policy}"."${measurement}" WHERE ${condition} ` +
      `AND time >= ${Math.round(request.since)}ms AND time <= ${Math.round(request.until)}ms ${rest}`
    const [series] = await this.#run(statement, parameters)
    return (series?.values ?? []) as readonly HistoryRow[]
  }
}

/** The tag that tells the series of one entity apart. */
const resourceTag = 'resource_id'

/** Tags of every point, which tell no series from others. */
const podTags: ReadonlySet<string> = new Set(['type', 'cluster_name', 'namespace_name', 'pod_name', 'custom_metric_name'])

function readEntity(type: EntityType, tags: Readonly<Record<string, string>>, isCustom: boolean) {
  const { [resourceTag]: resource, ...rest } = tags
  const named = { entity: entityOfTags(type, rest), ...(resource === undefined || resource === '' ? {} : { resource }) }
  if (!isCustom) return named
  const own = Object.entries(rest).filter(([name, value]) => !podTags.has(name) && value !== '')
  return { ...named, ownLabels: Object.fromEntries(own) }
}

function readColumns(values: InfluxSeries['values']): { readonly timestamps: Float64Array; readonly values: Float64Array } {
  const rows = values.filter(([, value]) => typeof value === 'number') as [number, number][]
  return { timestamps: Float64Array.from(rows, ([time]) => time), values: Float64Array.from(rows, ([, value]) => value) }
}

/** A name in a statement: nothing in it ends it. */
function quoteIdentifier(name: string): string {
  return `"${name.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`
}

const percentiles: Readonly<Partial<Record<HistoryFunction, number>>> = { percentile50: 50, percentile95: 95, percentile99: 99 }

/** A function over a field; with `hasStatistics` over what a tier keeps of it, where that is exact. */
function selector(name: HistoryFunction | 'sum' | 'last', field: string, hasStatistics: boolean): string {
  const percentile = percentiles[name as HistoryFunction]
  if (percentile !== undefined) return `percentile("${field}", ${percentile})`
  if (!hasStatistics || name === 'median' || name === 'last') return `${name}("${field}")`
  const statistic = (one: TierStatistic) => `"${tierField(field, one)}"`
  const exact: Readonly<Record<string, string>> = {
    mean: `sum(${statistic('sum')}) / sum(${statistic('count')})`,
    count: `sum(${statistic('count')})`,
    sum: `sum(${statistic('sum')})`,
    max: `max(${statistic('max')})`,
    min: `min(${statistic('min')})`,
  }
  return exact[name]!
}

/** When a name was the uid's: from when it was first told, or ever if it was the first, until another uid was. */
function timeOf(uid: string, told: readonly (readonly [time: number, uid: string])[]): { readonly since: number; readonly until: number } {
  const first = told.findIndex(([, other]) => other === uid)
  const last = told.findLastIndex(([, other]) => other === uid)
  return { since: first <= 0 ? -Infinity : told[first]![0], until: last + 1 < told.length && last >= 0 ? told[last + 1]![0] - 1 : Infinity }
}
