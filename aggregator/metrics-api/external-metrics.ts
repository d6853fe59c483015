import type { DocumentReader, Field } from '../../lib/document.ts'
import { parseDuration } from '../../orchestrator/api/duration.ts'
import { findMetric } from '../catalog.ts'
import type { Metric } from '../catalog.ts'
import type { EntityType } from '../window.ts'
import { checkSelect } from './influxql.ts'

/** How the figures of the entities that were found become the metric; `each` keeps them apart. */
export type Aggregation = (typeof aggregations)[number]

/** A figure that is about nothing in the cluster, under a name that autoscalers ask for. */
export interface ExternalMetric {
  readonly name: string
  /** Where it may be asked for; empty: everywhere. */
  readonly namespaces: readonly string[]
  readonly source:
    | {
        readonly type: 'influxql'
        readonly query: string
        /** The column with the value; absent: the only one besides the time. */
        readonly column: string | undefined
        readonly usesNamespace: boolean
      }
    | {
        readonly type: 'catalogue'
        readonly row: Metric
        readonly entity: EntityType
        readonly labels: Readonly<Record<string, string>>
        readonly aggregation: Aggregation
      }
  /** How long an answer is good for. */
  readonly cacheMs: number
  readonly timeoutMs: number
  /** What it is when there is nothing to be found; absent: then it has no value, and autoscalers stay where they are. */
  readonly emptyValue: number | undefined
}

const aggregations = ['sum', 'mean', 'max', 'min', 'count', 'each'] as const
const entityTypes = ['cluster', 'node', 'ns', 'workload', 'pod', 'pod_container', 'sys_container'] as const satisfies readonly EntityType[]
const keys = [
  'name',
  'namespaces',
  'query',
  'column',
  'metric',
  'entity',
  'labels',
  'aggregation',
  'cache',
  'timeout',
  'emptyValue',
] as const
const queryKeys = ['column'] as const
const catalogueKeys = ['entity', 'labels', 'aggregation'] as const
const maxMetrics = 1000
const defaultCacheMs = 5000
const defaultTimeoutMs = 5000

/** The one thing that a query can be told by whoever asks. */
export const namespacePlaceholder = 'namespace'

/**
 * Reads the section `externalMetrics` of the aggregator's configuration: a list whose members have a `name` and either a `query` (one
 * InfluxQL SELECT) or a `metric` of the catalogue. Notes every problem at the reader.
 */
export function readExternalMetrics(reader: DocumentReader, field: Field | undefined): readonly ExternalMetric[] {
  const seen = new Set<string>()
  const items = reader.list(field)
  if (items.length > maxMetrics) reader.problem(field!, `must have at most ${maxMetrics} metrics`)
  return items.flatMap((item) => {
    const metric = readMetric(reader, item)
    if (metric !== undefined && seen.has(metric.name)) reader.problem(item, `name: ${JSON.stringify(metric.name)} is there already`)
    if (metric !== undefined) seen.add(metric.name)
    return metric ?? []
  })
}

type Fields = Partial<Record<(typeof keys)[number], Field>>

function readMetric(reader: DocumentReader, item: Field): ExternalMetric | undefined {
  const fields = reader.record(item, keys, ['name'])
  const name = reader.parsed(
    fields.name,
    (text) => (/^[A-Za-z_][A-Za-z0-9_.:-]{0,252}$/.test(text) ? text : undefined),
    'letters, digits, "_", ".", ":" or "-", beginning with a letter or "_"',
  )
  const source = readSource(reader, item, fields)
  const emptyValue = reader.number(fields.emptyValue)
  if (name === undefined || source === undefined) return undefined
  return {
    name,
    namespaces: reader.texts(fields.namespaces),
    source,
    cacheMs: readTime(reader, fields.cache, { min: 0, max: 3_600_000 }) ?? defaultCacheMs,
    timeoutMs: readTime(reader, fields.timeout, { min: 100, max: 25_000 }) ?? defaultTimeoutMs,
    emptyValue,
  }
}

function readSource(reader: DocumentReader, item: Field, fields: Fields): ExternalMetric['source'] | undefined {
  if ((fields.query === undefined) === (fields.metric === undefined))
    return reader.problem(item, 'must have either query (InfluxQL) or metric (a name of the catalogue)')
  const isQuery = fields.query !== undefined
  for (const key of isQuery ? catalogueKeys : queryKeys)
    if (fields[key] !== undefined) reader.problem(fields[key], `${key} has no meaning beside ${isQuery ? 'query' : 'metric'}`)
  return isQuery ? readQuery(reader, fields) : readCatalogue(reader, fields)
}

function readQuery(reader: DocumentReader, fields: Fields): ExternalMetric['source'] | undefined {
  const query = reader.text(fields.query)
  if (query === undefined) return undefined
  const placeholders = reader.attempt(fields.query!, () => checkSelect(query, [namespacePlaceholder]))
  if (placeholders === undefined) return undefined
  return { type: 'influxql', query, column: reader.text(fields.column), usesNamespace: placeholders.has(namespacePlaceholder) }
}

function readCatalogue(reader: DocumentReader, fields: Fields): ExternalMetric['source'] | undefined {
  const row = reader.parsed(fields.metric, findMetric, 'a metric of the catalogue, such as cpu/usage_rate')
  const entity = reader.word(fields.entity, entityTypes) ?? 'cluster'
  if (row === undefined) return undefined
  if (!row.entities.includes(entity)) {
    const message = `${row.name} is not known of ${entity}; allowed: ${row.entities.join(', ')}`
    return reader.problem(fields.entity ?? fields.metric!, message)
  }
  return {
    type: 'catalogue',
    row,
    entity,
    labels: reader.textRecord(fields.labels),
    aggregation: reader.word(fields.aggregation, aggregations) ?? 'sum',
  }
}

function readTime(
  reader: DocumentReader,
  field: Field | undefined,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const read = (text: string) => {
    const ms = parseDuration(text)
    return ms !== undefined && ms >= min && ms <= max ? ms : undefined
  }
  return reader.parsed(field, read, `a duration such as 500ms or 5s, from ${min / 1000}s to ${max / 1000}s`)
}
