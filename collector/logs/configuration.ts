import { isAbsolute } from 'node:path'
import { DocumentReader, type Field } from '../../lib/document.ts'
import { durationForm, parseDuration } from '../../lib/duration.ts'
import { LabelSelectorError, parseLabelSelector } from '../../lib/label-selector.ts'
import { compilePattern } from './processing/pattern.ts'
import { isFieldName, isMetricName, reservedMetricPrefixes } from './processing/metric-names.ts'
import {
  defaultReading,
  type FileSourceSettings,
  type JournalSettings,
  type LimitSettings,
  type LogMetricSettings,
  type LogSettings,
  type MatchSettings,
  type MultilineSettings,
  type ParserSettings,
  type ReadingSettings,
  type RedactSettings,
  type RuleSettings,
  type SampleSettings,
  type SourceSettings,
} from './settings.ts'
import { OptionNode } from './sinks/option-node.ts'

const mib = 1024 * 1024
const origins = ['beginning', 'end'] as const

/** The parts of a configuration that are read elsewhere, with the reader that notes their problems. */
export interface ConfigurationParts {
  readonly reader: DocumentReader
  readonly sinks: Field | undefined
  readonly store: Field | undefined
}

/**
 * Reads everything but sinks and store of a configuration, and checks the names of sinks against `sinkNames`. Problems are noted with the
 * reader, whose `finish` is the caller's to call.
 */
export function readLogSettings(
  file: string,
  text: string,
  readParts: (parts: ConfigurationParts) => { readonly sinkNames: readonly string[] },
): LogSettings {
  const reader = new DocumentReader(file, text)
  const root = reader.record(reader.root, ['sources', 'rules', 'reading', 'annotations', 'sinks', 'store'])
  const { sinkNames } = readParts({ reader, sinks: root.sinks, store: root.store })
  const sources = root.sources === undefined ? { docker: { from: 'beginning' as const } } : readSources(reader, root.sources)
  const settings: LogSettings = {
    docker: sources.docker,
    pods: sources.pods,
    files: sources.files ?? [],
    journal: sources.journal,
    rules: reader.list(root.rules).map((field) => readRule(reader, field, sinkNames)),
    reading: root.reading === undefined ? defaultReading : readReading(new OptionNode(reader, root.reading)),
    heedsAnnotations: reader.boolean(root.annotations) ?? true,
  }
  reader.finish()
  return settings
}

interface Sources {
  docker?: SourceSettings | undefined
  pods?: LogSettings['pods']
  files?: readonly FileSourceSettings[]
  journal?: JournalSettings | undefined
}

function readSources(reader: DocumentReader, field: Field): Sources {
  const { docker, pods, files, journal } = reader.record(field, ['docker', 'pods', 'files', 'journal'])
  return {
    docker: docker === undefined ? undefined : readSource(reader, docker, (node) => fromOf(node)),
    pods:
      pods === undefined
        ? undefined
        : readSource(reader, pods, (node) => ({ ...fromOf(node), path: pathOf(node, 'path', '/var/log/pods') })),
    files: reader.list(files).map((item) => finished(new OptionNode(reader, item), readFileSource)),
    journal: journal === undefined ? undefined : readSource(reader, journal, readJournal),
  }
}

/** `true`, `false`, or a mapping of options. */
function readSource<T>(reader: DocumentReader, field: Field, read: (node: OptionNode) => T): T | undefined {
  const isWord = field.node !== null && 'value' in field.node && typeof field.node.value === 'boolean'
  if (isWord && reader.boolean(field) === false) return undefined
  if (!isWord) return finished(new OptionNode(reader, field), read)
  const nothing = new DocumentReader('', '{}')
  return read(new OptionNode(nothing, nothing.root))
}

function finished<T>(node: OptionNode, read: (node: OptionNode) => T): T {
  const value = read(node)
  node.finish()
  return value
}

function fromOf(node: OptionNode): SourceSettings {
  return { from: node.word('from', origins, 'beginning') }
}

function pathOf(node: OptionNode, key: string, fallback: string): string {
  const path = node.text(key) ?? fallback
  if (!isAbsolute(path)) node.problem(key, 'must be an absolute path')
  return path
}

function readFileSource(node: OptionNode): FileSourceSettings {
  const paths = node.texts('paths') ?? []
  if (paths.length === 0) node.problem('paths', 'must name at least one path')
  const exclude = node.texts('exclude') ?? []
  if ([...paths, ...exclude].some((path) => !isAbsolute(path) || path.length > 4096)) node.problem('paths', 'must be absolute paths')
  return {
    ...fromOf(node),
    name: node.matching('name', /^[\w.-]{1,100}$/, 'a name of letters, digits, dots, dashes and underscores'),
    kind: node.word('kind', ['file', 'audit', 'events'], 'file'),
    paths,
    exclude,
    format: node.word('format', ['plain', 'docker', 'cri'], 'plain'),
    followsLinks: node.flag('follow_links', false),
    labels: node.textRecord('labels'),
  }
}

function readJournal(node: OptionNode): JournalSettings {
  const units = node.texts('units') ?? []
  if (units.some((unit) => !/^[\w@.:\\-]{1,255}$/.test(unit))) node.problem('units', 'must be names of units')
  const command = node.text('command') ?? 'journalctl'
  if (!/^(?:\/[^\0]+|[\w.-]+)$/.test(command)) node.problem('command', 'must be a program, without arguments')
  return { ...fromOf(node), units, command, directory: node.has('directory') ? pathOf(node, 'directory', '') : undefined }
}

function readReading(node: OptionNode): ReadingSettings {
  const bounded = (key: string, value: number, min: number, max: number) => node.bytes(key, { min, max, default: value })
  const settings = {
    maxLineBytes: bounded('max_line', defaultReading.maxLineBytes, 1024, 4 * mib),
    maxUnacknowledgedBytes: bounded('max_unacknowledged', defaultReading.maxUnacknowledgedBytes, mib, 64 * mib),
    maxHeldBytes: bounded('max_held', defaultReading.maxHeldBytes, 0, 1024 * 1024 * mib),
    maxHeldFiles: node.count('max_held_files', { min: 1, max: 65_536, default: defaultReading.maxHeldFiles }),
    checkpointMs: node.duration('checkpoint', { min: 100, max: 60_000, default: defaultReading.checkpointMs }),
  }
  node.finish()
  return settings
}

const ruleFields = ['match', 'exclude', 'parser', 'multiline', 'limit', 'drop', 'keep', 'sample', 'redact', 'metrics', 'sinks'] as const

function readRule(reader: DocumentReader, field: Field, sinkNames: readonly string[]): RuleSettings {
  const rule = reader.record(field, ruleFields)
  const isExcluded = reader.boolean(rule.exclude)
  const parser = rule.parser === undefined ? undefined : readParser(reader, rule.parser)
  const multiline = rule.multiline === undefined ? undefined : readMultiline(reader, rule.multiline)
  const limit = rule.limit === undefined ? undefined : finished(new OptionNode(reader, rule.limit), readLimit)
  const redact = rule.redact === undefined ? undefined : readRedact(reader, rule.redact)
  const sinks = rule.sinks === undefined ? undefined : reader.texts(rule.sinks)
  for (const name of sinks ?? []) {
    if (!sinkNames.includes(name)) reader.problem(rule.sinks!, `sinks are: ${sinkNames.join(', ') || 'none'}`)
  }
  return {
    match: rule.match === undefined ? emptyMatch : readMatch(reader, rule.match),
    ...(isExcluded === undefined ? {} : { isExcluded }),
    ...(parser === undefined ? {} : { parser }),
    ...(multiline === undefined ? {} : { multiline }),
    ...(limit === undefined ? {} : { limit }),
    ...(redact === undefined ? {} : { redact }),
    ...(sinks === undefined ? {} : { sinks }),
    drop: readPatterns(reader, rule.drop),
    keep: readPatterns(reader, rule.keep),
    sample: reader.list(rule.sample).flatMap((item) => readSample(reader, item) ?? []),
    metrics: reader.list(rule.metrics).flatMap((item) => readMetric(reader, item) ?? []),
  }
}

const emptyMatch: MatchSettings = { kinds: [], namespaces: [], pods: [], containers: [], images: [], ids: [], selector: undefined }

function readMatch(reader: DocumentReader, field: Field): MatchSettings {
  const match = reader.record(field, ['kind', 'namespace', 'pod', 'container', 'image', 'id', 'selector'])
  // One text is as good as a list of one.
  const list = (one: Field | undefined) => {
    if (one === undefined) return []
    return one.node !== null && 'items' in one.node ? reader.texts(one) : [reader.text(one) ?? '']
  }
  const selector = reader.text(match.selector)
  if (selector !== undefined) checkSelector(reader, match.selector!, selector)
  return {
    kinds: list(match.kind),
    namespaces: list(match.namespace),
    pods: list(match.pod),
    containers: list(match.container),
    images: list(match.image),
    ids: list(match.id),
    selector,
  }
}

function checkSelector(reader: DocumentReader, field: Field, selector: string): void {
  try {
    parseLabelSelector(selector)
  } catch (error) {
    if (!(error instanceof LabelSelectorError)) throw error
    reader.problem(field, error.message)
  }
}

function readPattern(reader: DocumentReader, field: Field | undefined): string | undefined {
  const source = reader.text(field)
  if (source === undefined || field === undefined) return undefined
  return reader.attempt(field, () => compilePattern(source)) === undefined ? undefined : source
}

function readPatterns(reader: DocumentReader, field: Field | undefined): readonly string[] {
  return reader.list(field).flatMap((item) => readPattern(reader, item) ?? [])
}

const parserNames = ['json', 'logfmt', 'klog', 'access', 'none'] as const

function readParser(reader: DocumentReader, field: Field): ParserSettings | undefined {
  if (field.node !== null && 'items' in field.node) {
    const pattern = readPattern(reader, reader.record(field, ['regex'], ['regex']).regex)
    if (pattern === undefined) return undefined
    if (compilePattern(pattern).groupNames.length > 0) return { type: 'regex', pattern }
    return reader.problem(field, 'a regex needs named groups such as (?P<status>\\d+): they become fields')
  }
  const type = reader.word(field, parserNames)
  return type === undefined ? undefined : { type }
}

function readMultiline(reader: DocumentReader, field: Field): MultilineSettings | undefined {
  const { start, timeout, max_lines } = reader.record(field, ['start', 'timeout', 'max_lines'], ['start'])
  const pattern = readPattern(reader, start)
  const timeoutMs = reader.parsed(timeout, parseDuration, durationForm) ?? 2000
  const maxLines = reader.number(max_lines) ?? 500
  if (timeoutMs < 100 || timeoutMs > 60_000) reader.problem(timeout!, 'must be from 100ms to 1m')
  if (!Number.isInteger(maxLines) || maxLines < 2 || maxLines > 10_000) reader.problem(max_lines!, 'must be whole, from 2 to 10000')
  return pattern === undefined ? undefined : { start: pattern, timeoutMs, maxLines }
}

function readLimit(node: OptionNode): LimitSettings {
  const limit = {
    linesPerSecond: node.has('lines') ? node.count('lines', { min: 1, max: 1e9, default: 0 }) : Number.POSITIVE_INFINITY,
    bytesPerSecond: node.has('bytes') ? node.bytes('bytes', { min: 1, max: 1e12, default: 0 }) : Number.POSITIVE_INFINITY,
    burstSeconds: node.count('burst_seconds', { min: 1, max: 3600, default: 5 }),
  }
  if (!node.has('lines') && !node.has('bytes')) node.problem('lines', 'or bytes must be given: a number a second')
  return limit
}

function readRedact(reader: DocumentReader, field: Field): RedactSettings | undefined {
  if (field.node !== null && 'items' in field.node) {
    return { isOn: true, patterns: readPatterns(reader, reader.record(field, ['patterns'], ['patterns']).patterns) }
  }
  const isOn = reader.boolean(field)
  return isOn === undefined ? undefined : { isOn, patterns: [] }
}

function readSample(reader: DocumentReader, field: Field): SampleSettings | undefined {
  const { pattern, one_of } = reader.record(field, ['pattern', 'one_of'], ['pattern', 'one_of'])
  const source = readPattern(reader, pattern)
  const oneOf = reader.number(one_of)
  if (oneOf !== undefined && (!Number.isInteger(oneOf) || oneOf < 2 || oneOf > 1e9))
    return reader.problem(one_of!, 'must be whole, at least 2')
  return source === undefined || oneOf === undefined ? undefined : { pattern: source, oneOf }
}

const defaultBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

function readMetric(reader: DocumentReader, field: Field): LogMetricSettings | undefined {
  const fields = ['name', 'type', 'help', 'pattern', 'field', 'labels', 'buckets', 'max_series'] as const
  const metric = reader.record(field, fields, ['name', 'type'])
  const name = reader.text(metric.name)
  const type = reader.word(metric.type, ['counter', 'histogram'])
  if (name === undefined || type === undefined) return undefined
  if (!isMetricName(name))
    return reader.problem(metric.name!, `must be a Prometheus name that does not begin with ${reservedMetricPrefixes.join(', ')}`)
  const valueField = reader.text(metric.field)
  if (type === 'histogram' && valueField === undefined) reader.problem(field, 'a histogram needs a field: what it observes')
  const labels = reader.textRecord(metric.labels)
  if (Object.keys(labels).length > 8 || !Object.entries(labels).every(([label, from]) => isFieldName(label) && from !== ''))
    reader.problem(
      metric.labels!,
      'must be at most 8 label names, each with the field or group that its value comes from; namespace, pod and container are there',
    )
  const buckets = reader.list(metric.buckets).flatMap((item) => reader.number(item) ?? [])
  if (buckets.length > 64 || buckets.some((bound, index) => index > 0 && bound <= buckets[index - 1]!))
    reader.problem(metric.buckets!, 'must be at most 64 growing numbers')
  const maxSeries = reader.number(metric.max_series) ?? 100
  if (!Number.isInteger(maxSeries) || maxSeries < 1 || maxSeries > 10_000)
    reader.problem(metric.max_series!, 'must be whole, from 1 to 10000')
  return {
    name,
    type,
    help: reader.text(metric.help) ?? 'Made of log lines',
    pattern: readPattern(reader, metric.pattern),
    field: valueField,
    labels,
    buckets: buckets.length === 0 ? defaultBuckets : buckets,
    maxSeries,
  }
}
