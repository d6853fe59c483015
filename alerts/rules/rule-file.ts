import { findMetric, metrics } from '../../aggregator/catalog.ts'
import type { Metric, MetricName } from '../../aggregator/catalog.ts'
import { durationForm, formatDuration, parseDuration } from '../../lib/duration.ts'
import { createMatcher, formatMatchers, parseMatcher } from '../routing/matcher.ts'
import type { Matcher } from '../routing/matcher.ts'
import { labelNamePattern } from '../state/labels.ts'
import { amountForm, parseAmount } from './amount.ts'
import type { AmountUnit } from './amount.ts'
import { DocumentReader } from '../../lib/document.ts'
import type { Field } from '../../lib/document.ts'
import { entityTypes, identityLabels, resourceLabel } from './entity.ts'
import type { EntitySelector } from './entity.ts'
import { aggregations, combinations, comparisons, noDataPolicies } from './rule.ts'
import type { Aggregation, Combination, Comparison, Condition, Rule, RuleGroup, Threshold } from './rule.ts'
import { compileTemplate } from './template.ts'
import type { Template } from './template.ts'

const ruleKeys = [
  'alert',
  'metric',
  'of',
  'entity',
  'aggregation',
  'window',
  'groupBy',
  'combine',
  'condition',
  'recovery',
  'for',
  'keep_firing_for',
  'no_data',
  'forget_after',
  'severity',
  'labels',
  'annotations',
] as const
type RuleFields = Partial<Record<(typeof ruleKeys)[number], Field>>

const defaultWindowMs = 60_000
const defaultForgetAfterMs = 86_400_000
const minIntervalMs = 1000

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
  increase: 'sum',
  rate: 'sum',
}

/**
 * Reads a rule file. Every problem is found in one pass and thrown as one `FileError` with line and column; a file with a problem gives no
 * rules at all.
 */
export function parseRuleFile(file: string, text: string): RuleGroup[] {
  const reader = new DocumentReader(file, text)
  const { groups } = reader.record(reader.root, ['groups'], ['groups'])
  const names = new Set<string>()
  const parsed = reader.list(groups).flatMap((field) => {
    const group = parseGroup(reader, field, file)
    if (group === undefined) return []
    if (names.has(group.name)) reader.problem(field, `group ${group.name} is there twice; names must differ within a file`)
    names.add(group.name)
    return [group]
  })
  reader.finish()
  return parsed
}

function parseGroup(reader: DocumentReader, field: Field, file: string): RuleGroup | undefined {
  const fields = reader.record(field, ['name', 'interval', 'rules'], ['name', 'rules'])
  const name = reader.text(fields.name)
  if (name === undefined) return undefined
  const intervalMs = readDuration(reader, fields.interval)
  if (intervalMs !== undefined && intervalMs < minIntervalMs) reader.problem(fields.interval!, 'must be at least 1s')
  const ids = new Set<string>()
  const rules = reader.list(fields.rules).flatMap((item) => {
    const rule = parseRule(reader, item, { group: name, file })
    if (rule === undefined) return []
    if (ids.has(rule.id)) reader.problem(item, `alert ${rule.alert} is there twice with the same severity; one of them must differ`)
    ids.add(rule.id)
    return [rule]
  })
  return { name, file, rules, ...(intervalMs === undefined ? {} : { intervalMs }) }
}

function parseRule(reader: DocumentReader, field: Field, origin: { group: string; file: string }): Rule | undefined {
  const fields = reader.record(field, ruleKeys, ['alert', 'metric', 'entity', 'condition'])
  const alert = reader.text(fields.alert)
  const severity = reader.text(fields.severity)
  const subject = parseSubject(reader, fields)
  const annotations = parseTemplates(reader, fields.annotations)
  const timing = {
    forMs: readDuration(reader, fields.for) ?? 0,
    keepFiringForMs: readDuration(reader, fields.keep_firing_for) ?? 0,
    noData: reader.word(fields.no_data, noDataPolicies) ?? 'resolve',
  }
  if (subject === undefined) return undefined
  const { unit, ...parts } = subject
  const condition = parseCondition(reader, fields, unit)
  const recovery = fields.recovery && parseThreshold(reader, fields.recovery, unit)
  if (recovery && condition?.kind === 'absent') reader.problem(fields.recovery!, 'a rule on absence has no recovery threshold')
  const labels = parseLabels(reader, fields, severity, parts.groupBy ?? [...identityLabels(parts.entity.type), resourceLabel])
  if (alert === undefined || condition === undefined) return undefined
  const id = [origin.group, alert, ...(severity === undefined ? [] : [severity])].join('/')
  const rule = { id, ...origin, alert, ...parts, condition, labels, annotations, ...timing, ...(recovery && { recovery }) }
  return { ...rule, query: describeRule(rule, reader.text(fields.condition) ?? '') }
}

/** What a rule measures, and in which unit its thresholds are. */
type Subject = Pick<Rule, 'metric' | 'of' | 'entity' | 'aggregation' | 'windowMs' | 'groupBy' | 'combination'> & {
  readonly unit: AmountUnit
}

function parseSubject(reader: DocumentReader, fields: RuleFields): Subject | undefined {
  const entity = parseEntity(reader, fields.entity)
  const metric = parseMetric(reader, fields.metric, entity)
  const of = metric && entity && parseDenominator(reader, fields.of, metric, entity)
  const aggregation = reader.word(fields.aggregation, aggregations) ?? 'last'
  const combination = reader.word(fields.combine, combinations) ?? defaultCombination[aggregation]
  const windowMs = readDuration(reader, fields.window) ?? defaultWindowMs
  if (windowMs === 0) reader.problem(fields.window!, 'must be longer than 0')
  const groupBy = parseGroupBy(reader, fields.groupBy)
  if (entity === undefined || metric === undefined) return undefined
  const unit = of === undefined ? metric.unit : 'share'
  return { metric: metric.name, entity, aggregation, combination, windowMs, unit, ...(of && { of: of.name }), ...(groupBy && { groupBy }) }
}

function parseEntity(reader: DocumentReader, field: Field | undefined): EntitySelector | undefined {
  if (field === undefined) return undefined
  const fields = reader.record(field, ['type', 'labels', 'matchers', 'podLabels'], ['type'])
  const type = reader.word(fields.type, Object.keys(entityTypes))
  const equals = Object.entries(reader.textRecord(fields.labels))
  const matchers = [
    ...equals.map(([name, value]) => reader.attempt(fields.labels!, () => createMatcher(name, '=', value))),
    ...reader.list(fields.matchers).map((item) => reader.attempt(item, () => parseMatcher(reader.text(item) ?? ''))),
  ].filter((matcher): matcher is Matcher => matcher !== undefined)
  const podLabels = reader.textRecord(fields.podLabels)
  return type === undefined ? undefined : { type: entityTypes[type]!, matchers, podLabels }
}

function parseMetric(reader: DocumentReader, field: Field | undefined, entity: EntitySelector | undefined): Metric | undefined {
  const name = reader.text(field)
  if (name === undefined || field === undefined) return undefined
  const metric = findMetric(name)
  if (metric === undefined) return reader.problem(field, `not a metric of the catalogue; ${suggestMetrics(name)}`)
  if (entity !== undefined && !metric.entities.includes(entity.type)) {
    return reader.problem(field, `is not measured for entities of type ${entity.type}; allowed types: ${metric.entities.join(', ')}`)
  }
  return metric
}

function parseDenominator(reader: DocumentReader, field: Field | undefined, metric: Metric, entity: EntitySelector): Metric | undefined {
  const word = reader.text(field)
  if (word === undefined || field === undefined) return undefined
  const isShort = Object.hasOwn(denominators, word)
  const found = findMetric(isShort ? `${metric.name.split('/')[0]}/${denominators[word]}` : word)
  if (found?.entities.includes(entity.type)) return found
  const words = Object.keys(denominators).join(', ')
  return reader.problem(field, `must be ${words} where the catalogue has it for ${metric.name} of ${entity.type}, or a metric's name`)
}

function parseGroupBy(reader: DocumentReader, field: Field | undefined): readonly string[] | undefined {
  if (field === undefined) return undefined
  return reader.list(field).flatMap((item) => {
    const name = reader.text(item)
    if (name === undefined) return []
    return labelNamePattern.test(name) ? [name] : (reader.problem(item, 'must be a label name: letters, digits and _') ?? [])
  })
}

function parseCondition(reader: DocumentReader, fields: RuleFields, unit: AmountUnit): Condition | undefined {
  const field = fields.condition
  const forgetAfterMs = readDuration(reader, fields.forget_after)
  if (field === undefined) return undefined
  if (reader.text(field) === 'absent') return { kind: 'absent', forgetAfterMs: forgetAfterMs ?? defaultForgetAfterMs }
  if (fields.forget_after !== undefined) reader.problem(fields.forget_after, 'goes with the condition absent only')
  const threshold = parseThreshold(reader, field, unit)
  return threshold && { kind: 'threshold', ...threshold }
}

function parseThreshold(reader: DocumentReader, field: Field, unit: AmountUnit): Threshold | undefined {
  const text = reader.text(field)
  if (text === undefined) return undefined
  const match = /^\s*(>=|<=|==|!=|>|<)\s*(.+)$/.exec(text)
  const value = match === null ? undefined : parseAmount(match[2]!, unit)
  if (match !== null && value !== undefined) return { comparison: match[1] as Comparison, value }
  return reader.problem(field, `must be one of ${comparisons.join(' ')} followed by ${amountForm(unit)}`)
}

function parseLabels(
  reader: DocumentReader,
  fields: RuleFields,
  severity: string | undefined,
  taken: readonly string[],
): Readonly<Record<string, Template>> {
  const labels = parseTemplates(reader, fields.labels)
  for (const [name, template] of Object.entries(labels)) {
    if (!labelNamePattern.test(name)) reader.problem(fields.labels!, `${name} is not a label name: letters, digits and _ are allowed`)
    if (name === 'alertname' || taken.includes(name)) reader.problem(fields.labels!, `label ${name} is set by the rule's entity`)
    if (name === 'severity' && severity !== undefined) reader.problem(fields.labels!, 'severity is given twice')
    if (template.references.some(([root]) => root === '$value')) {
      reader.problem(fields.labels!, `label ${name} uses $value, which would make a new alert at every evaluation; put it in annotations`)
    }
  }
  return severity === undefined ? labels : { ...labels, severity: compileTemplate(severity) }
}

function parseTemplates(reader: DocumentReader, field: Field | undefined): Record<string, Template> {
  if (field === undefined) return {}
  const templates: Record<string, Template> = {}
  for (const [name, member] of reader.entries(field)) {
    const template = reader.attempt(member, () => compileTemplate(reader.text(member) ?? ''))
    if (template === undefined) continue
    templates[name] = template
    const wrong = template.references.find(([root, key, more]) =>
      root === '$labels' ? key === undefined || more !== undefined : root !== '$value' || key !== undefined,
    )
    if (wrong !== undefined) reader.problem(member, `{{ ${wrong.join('.')} }} is unknown; allowed: {{ $labels.name }} and {{ $value }}`)
  }
  return templates
}

function readDuration(reader: DocumentReader, field: Field | undefined): number | undefined {
  return reader.parsed(field, parseDuration, durationForm)
}

function suggestMetrics(name: string): string {
  const group = name.split('/')[0]!
  const near = metrics.filter((metric) => metric.name.startsWith(`${group}/`))
  return `allowed: ${(near.length > 0 ? near : metrics).map((metric) => metric.name).join(', ')}`
}

function describeRule(rule: Omit<Rule, 'query'>, condition: string): string {
  const subject = `${rule.metric}${rule.entity.matchers.length > 0 ? formatMatchers(rule.entity.matchers) : ''}`
  const value = `${rule.aggregation}(${rule.entity.type} ${subject}, ${formatDuration(rule.windowMs)})`
  const share = rule.of === undefined ? value : `${value} / ${rule.of satisfies MetricName}`
  const group = rule.groupBy === undefined ? share : `${rule.combination} by (${rule.groupBy.join(', ')}) (${share})`
  return `${group} ${condition}`
}
