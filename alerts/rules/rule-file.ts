import { DocumentReader } from '../../lib/document.ts'
import type { Field } from '../../lib/document.ts'
import { labelNamePattern } from '../state/labels.ts'
import { describeRule } from './describe.ts'
import { identityLabels, resourceLabel } from './entity.ts'
import { parseCondition, parseFlapping, parsePolicy } from './policy-fields.ts'
import { readDuration, readThreshold, refuseFields, ruleKeys } from './rule-fields.ts'
import type { RuleFields } from './rule-fields.ts'
import { detailNames } from './rule.ts'
import type { Rule, RuleGroup } from './rule.ts'
import { parseSource } from './source-fields.ts'
import type { Source } from './source.ts'
import { compileTemplate } from './template.ts'
import type { Template } from './template.ts'

const defaultForgetAfterMs = 86_400_000
const minIntervalMs = 1000

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
    const rule = parseRule(reader, item, { group: name, file, intervalMs })
    if (rule === undefined) return []
    if (ids.has(rule.id)) reader.problem(item, `alert ${rule.alert} is there twice with the same severity; one of them must differ`)
    ids.add(rule.id)
    return [rule]
  })
  return { name, file, rules, ...(intervalMs === undefined ? {} : { intervalMs }) }
}

interface RuleOrigin {
  readonly group: string
  readonly file: string
  readonly intervalMs: number | undefined
}

function parseRule(reader: DocumentReader, field: Field, origin: RuleOrigin): Rule | undefined {
  const fields = reader.record(field, ruleKeys, ['alert', 'condition'])
  const alert = reader.text(fields.alert)
  const severity = reader.text(fields.severity)
  const annotations = parseTemplates(reader, fields.annotations)
  const { group, file } = origin
  const timing = {
    forMs: readDuration(reader, fields.for) ?? 0,
    keepFiringForMs: readDuration(reader, fields.keep_firing_for) ?? 0,
    noData: parsePolicy(reader, fields, 'no_data'),
    queryFailed: parsePolicy(reader, fields, 'query_failed'),
    forgetAfterMs: readDuration(reader, fields.forget_after) ?? defaultForgetAfterMs,
    ...parseFlapping(reader, fields.flapping, origin.intervalMs),
  }
  const parsed = parseSource(reader, field, fields)
  if (parsed === undefined) return undefined
  const { source, unit } = parsed
  if (source.kind === 'events') refuseFields(reader, fields, ['no_data'], 'goes not with events: that nothing happens is no lack')
  const condition = parseCondition(reader, fields, source, unit)
  const recovery = fields.recovery && condition?.kind === 'threshold' ? readThreshold(reader, fields.recovery, unit) : undefined
  if (fields.forget_after && !remembers(condition, timing.noData.state))
    reader.problem(fields.forget_after, 'goes with rules on absence and with no_data: alert')
  const labels = parseLabels(reader, fields, severity, labelsOf(source))
  if (alert === undefined || condition === undefined) return undefined
  const id = [group, alert, ...(severity === undefined ? [] : [severity])].join('/')
  const rule = { id, group, file, alert, source, condition, labels, annotations, ...timing, ...(recovery && { recovery }) }
  return { ...rule, query: describeRule(rule, reader.text(fields.condition) ?? '') }
}

function remembers(condition: Rule['condition'] | undefined, noData: string): boolean {
  return condition?.kind === 'absent' || noData === 'alert'
}

/** The labels that a rule's series have by themselves, as far as they are known before. */
function labelsOf(source: Source): readonly string[] {
  if (source.kind === 'query') return []
  if (source.kind === 'metric' && source.method?.kind === 'outlier') return [...identityLabels(source.entity.type), resourceLabel]
  return source.groupBy ?? [...identityLabels(source.kind === 'metric' ? source.entity.type : 'pod'), resourceLabel]
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
    const varying = template.references.find(([root = '']) => valueNames.has(root))
    if (varying !== undefined) {
      reader.problem(
        fields.labels!,
        `label ${name} uses ${varying[0]}, which would make a new alert at every evaluation; put it in annotations`,
      )
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
    const wrong = template.references.find(([root = '', key, more]) =>
      root === '$labels' ? key === undefined || more !== undefined : !valueNames.has(root) || key !== undefined,
    )
    if (wrong !== undefined)
      reader.problem(member, `{{ ${wrong.join('.')} }} is unknown; allowed: {{ $labels.name }}, {{ $value }} and ${detailForm}`)
  }
  return templates
}

const valueNames: ReadonlySet<string> = new Set(['$value', ...detailNames.map((name) => `$${name}`)])
const detailForm = detailNames.map((name) => `$${name}`).join(', ')
