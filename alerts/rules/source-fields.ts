import { findMetric, metrics } from '../../aggregator/catalog.ts'
import type { Metric } from '../../aggregator/catalog.ts'
import { readSelect } from '../../aggregator/metrics-api/influxql.ts'
import type { DocumentReader, Field } from '../../lib/document.ts'
import { createMatcher, parseMatcher } from '../routing/matcher.ts'
import type { Matcher } from '../routing/matcher.ts'
import type { AmountUnit } from './amount.ts'
import { entityTypes } from './entity.ts'
import type { EntitySelector } from './entity.ts'
import { parseMethod } from './method-fields.ts'
import { readDuration, readLabelNames, readPositiveDuration, refuseFields, sourceKeys } from './rule-fields.ts'
import type { RuleFields } from './rule-fields.ts'
import { aggregations, combinations, eventLabels } from './source.ts'
import type { Aggregation, Combination, EventSource, MetricSource, QuerySource, Source } from './source.ts'

/** What a rule measures, and the unit that its condition is in. */
export interface ParsedSource {
  readonly source: Source
  readonly unit: AmountUnit
}

/** What makes a name one of pods' own metrics. */
export const customPrefix = 'custom/'

const defaultWindowMs = 60_000
const defaultQueryTimeoutMs = 10_000
const maxQueryTimeoutMs = 60_000
const defaultQueryDelayMs = 10_000
/** A time between two samples, for the query to be allowed to miss a series. */
const defaultQueryWindowMs = 60_000

/** Short words for the metric that a value is divided by: the same group of the catalogue, another member. */
const denominators: Readonly<Record<string, string>> = {
  limit: 'limit',
  request: 'request',
  allocatable: 'node_allocatable',
  capacity: 'node_capacity',
}

/** Where combining by sum would count the same thing twice, values of a group are combined as they were aggregated. */
const defaultCombination: Readonly<Record<Aggregation, Combination>> = {
  avg: 'avg',
  max: 'max',
  min: 'min',
  last: 'sum',
  sum: 'sum',
  count: 'sum',
  increase: 'sum',
  rate: 'sum',
  change: 'sum',
  change_percent: 'avg',
}

/** The subject of a rule: one of `metric`, `events` and `query`, with what goes with it. */
export function parseSource(reader: DocumentReader, rule: Field, fields: RuleFields): ParsedSource | undefined {
  const kinds = (['metric', 'events', 'query'] as const).filter((key) => fields[key] !== undefined)
  if (kinds.length === 0) return reader.problem(rule, 'field metric is missing; a rule has one of metric, events and query')
  if (kinds.length > 1) return reader.problem(fields[kinds[1]!]!, `a rule has one of metric, events and query, not ${kinds.join(' and ')}`)
  const goesWith = (...keys: readonly (typeof sourceKeys)[number][]) => {
    const others = sourceKeys.filter((key) => key !== kinds[0] && !keys.includes(key))
    refuseFields(reader, fields, others, `goes not with ${kinds[0]!}`)
  }
  if (kinds[0] === 'events') {
    goesWith('window', 'groupBy')
    return { source: parseEvents(reader, fields), unit: 'count' }
  }
  if (kinds[0] === 'query') {
    goesWith('parameters', 'timeout', 'ingest_delay', 'window')
    const source = parseQuery(reader, fields)
    return source && { source, unit: 'no known unit' }
  }
  refuseFields(reader, fields, ['parameters', 'timeout'], 'goes with query only')
  return parseMetricSource(reader, rule, fields)
}

function parseMetricSource(reader: DocumentReader, rule: Field, fields: RuleFields): ParsedSource | undefined {
  const entity = parseEntity(reader, rule, fields)
  const metric = parseMetric(reader, fields.metric!, entity)
  const of = metric && entity && parseDenominator(reader, fields.of, metric, entity)
  const aggregation = reader.word(fields.aggregation, aggregations) ?? 'last'
  const windowMs = readPositiveDuration(reader, fields.window) ?? defaultWindowMs
  const groupBy = readLabelNames(reader, fields.groupBy)
  const delayMs = readDuration(reader, fields.ingest_delay)
  if (entity === undefined || metric === undefined) return undefined
  const { method, unit } = parseMethod(reader, fields, unitOf(metric, aggregation, of !== undefined), windowMs)
  const fallback = method?.kind === 'forecast' ? 'min' : defaultCombination[aggregation]
  if (method?.kind === 'forecast' && fields.aggregation !== undefined) reader.problem(fields.aggregation, 'goes not with forecast')
  const source: MetricSource = {
    kind: 'metric',
    metric: metric.name,
    entity,
    aggregation,
    windowMs,
    combination: reader.word(fields.combine, combinations) ?? fallback,
    ...(of && { of }),
    ...(groupBy === undefined ? (method?.kind === 'members' ? { groupBy: [] } : {}) : { groupBy }),
    ...(method && { method }),
    ...(delayMs === undefined ? {} : { delayMs }),
  }
  return { source, unit }
}

function unitOf(metric: KnownMetric, aggregation: Aggregation, isShare: boolean): AmountUnit {
  if (aggregation === 'change_percent') return 'percent'
  if (aggregation === 'count') return 'count'
  return isShare ? 'share' : metric.unit
}

function parseEntity(reader: DocumentReader, rule: Field, fields: RuleFields): EntitySelector | undefined {
  const isCustom = reader.text(fields.metric)?.startsWith(customPrefix) === true
  if (fields.entity === undefined) {
    return isCustom ? { type: 'pod', matchers: [], podLabels: {} } : reader.problem(rule, 'field entity is missing')
  }
  const members = reader.record(fields.entity, ['type', 'labels', 'matchers', 'podLabels'], isCustom ? [] : ['type'])
  const type = reader.word(members.type, Object.keys(entityTypes)) ?? (isCustom ? 'pod' : undefined)
  if (isCustom && type !== 'pod') reader.problem(members.type!, 'allowed: pod, whose metrics begin with custom/')
  const equals = Object.entries(reader.textRecord(members.labels))
  const matchers = [
    ...equals.map(([name, value]) => reader.attempt(members.labels!, () => createMatcher(name, '=', value))),
    ...reader.list(members.matchers).map((item) => reader.attempt(item, () => parseMatcher(reader.text(item) ?? ''))),
  ].filter((matcher): matcher is Matcher => matcher !== undefined)
  const podLabels = reader.textRecord(members.podLabels)
  return type === undefined ? undefined : { type: entityTypes[type]!, matchers, podLabels }
}

/** A row of the catalogue, or the name of something that pods export. */
type KnownMetric = Pick<Metric, 'name'> & { readonly unit: AmountUnit }

function customMetric(name: string): { readonly name: Metric['name']; readonly unit: AmountUnit } | undefined {
  return /^custom\/[a-zA-Z_:][\w:./-]{0,199}$/.test(name) ? { name: name as Metric['name'], unit: 'no known unit' } : undefined
}

function parseMetric(reader: DocumentReader, field: Field, entity: EntitySelector | undefined): KnownMetric | undefined {
  const name = reader.text(field)
  if (name === undefined) return undefined
  if (name.startsWith(customPrefix)) return customMetric(name) ?? reader.problem(field, 'must be custom/ and the name of a metric of pods')
  const metric = findMetric(name)
  if (metric === undefined) return reader.problem(field, `not a metric of the catalogue; ${suggestMetrics(name)}`)
  if (entity !== undefined && !metric.entities.includes(entity.type)) {
    return reader.problem(field, `is not measured for entities of type ${entity.type}; allowed types: ${metric.entities.join(', ')}`)
  }
  return metric
}

function parseDenominator(
  reader: DocumentReader,
  field: Field | undefined,
  metric: KnownMetric,
  entity: EntitySelector,
): MetricSource['of'] | undefined {
  const word = reader.text(field)
  if (word === undefined || field === undefined) return undefined
  const isCustom = metric.name.startsWith(customPrefix)
  if (isCustom) {
    const found = word.startsWith(customPrefix) ? customMetric(word) : undefined
    return found === undefined ? reader.problem(field, 'must be another metric custom/…') : { metric: found.name, isLast: false }
  }
  const isShort = Object.hasOwn(denominators, word)
  const found = findMetric(isShort ? `${metric.name.split('/')[0]}/${denominators[word]}` : word)
  if (found?.entities.includes(entity.type)) return { metric: found.name, isLast: isShort }
  const words = Object.keys(denominators).join(', ')
  return reader.problem(field, `must be ${words} where the catalogue has it for ${metric.name} of ${entity.type}, or a metric's name`)
}

function parseEvents(reader: DocumentReader, fields: RuleFields): EventSource {
  const { reason, type, kind, namespace } = reader.record(fields.events!, ['reason', 'type', 'kind', 'namespace'])
  const groupBy = readLabelNames(reader, fields.groupBy) ?? ['namespace', 'kind', 'name', 'reason', 'pod', 'node']
  for (const name of groupBy) {
    if (!(eventLabels as readonly string[]).includes(name)) reader.problem(fields.groupBy!, `${name}: allowed: ${eventLabels.join(', ')}`)
  }
  return {
    kind: 'events',
    reasons: reader.words(reason),
    types: reader.words(type),
    kinds: reader.words(kind),
    namespaces: reader.words(namespace),
    groupBy,
    windowMs: readPositiveDuration(reader, fields.window) ?? defaultWindowMs,
  }
}

function parseQuery(reader: DocumentReader, fields: RuleFields): QuerySource | undefined {
  const field = fields.query!
  const text = reader.text(field)
  const parameters = fields.parameters === undefined ? {} : readParameters(reader, fields.parameters)
  const names = Object.keys(parameters)
  const select = text === undefined ? undefined : reader.attempt(field, () => readSelect(text, { placeholders: names }))
  for (const name of names) {
    if (select !== undefined && !select.placeholders.has(name)) reader.problem(fields.parameters!, `the query has no $${name}`)
  }
  const timeoutMs = readPositiveDuration(reader, fields.timeout) ?? defaultQueryTimeoutMs
  if (timeoutMs > maxQueryTimeoutMs) reader.problem(fields.timeout!, 'must be at most 1m')
  const delayMs = readDuration(reader, fields.ingest_delay) ?? defaultQueryDelayMs
  const windowMs = readPositiveDuration(reader, fields.window) ?? defaultQueryWindowMs
  return select && { kind: 'query', select, parameters, timeoutMs, delayMs, windowMs }
}

/** Texts and numbers. */
function readParameters(reader: DocumentReader, field: Field): Record<string, string | number> {
  const entries = reader.entries(field).map(([name, member]) => {
    const text = reader.text(member) ?? ''
    return [name, /^-?\d+(\.\d+)?$/.test(text) && !reader.isQuoted(member) ? Number(text) : text] as const
  })
  return Object.fromEntries(entries)
}

function suggestMetrics(name: string): string {
  const group = name.split('/')[0]!
  const near = metrics.filter((metric) => metric.name.startsWith(`${group}/`))
  return `allowed: ${(near.length > 0 ? near : metrics).map((metric) => metric.name).join(', ')}`
}
