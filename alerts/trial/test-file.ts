import type { ClusterEvent } from '../../aggregator/events.ts'
import { DocumentReader } from '../../lib/document.ts'
import type { Field } from '../../lib/document.ts'
import { durationForm, parseDuration } from '../../lib/duration.ts'
import type { RuleSeries } from '../evaluation/observe-metric.ts'
import type { Labels } from '../state/labels.ts'
import { parseSeries, parseValues } from './series-notation.ts'

/** The moment that a test calls 0: the beginning of a Tuesday. */
export const testStart = Date.UTC(2030, 0, 1)

/** An alert that ought to be, or one of a notification. */
export interface ExpectedAlert {
  readonly labels: Labels
  /** Absent: whatever they are. */
  readonly annotations?: Labels
  readonly state: 'firing' | 'pending'
}

/** Which alerts of one name there ought to be at a moment (ms after the start); no others may be. */
export interface AlertCheck {
  readonly at: number
  readonly alertname: string
  readonly expected: readonly ExpectedAlert[]
}

export interface ExpectedNotification {
  readonly receiver: string
  readonly status: 'firing' | 'resolved'
  /** Labels of its alerts, without those that resolved in a notification that fires. */
  readonly alerts: readonly Labels[]
}

/** What ought to have been told since the check before, in order. */
export interface NotificationCheck {
  readonly at: number
  readonly expected: readonly ExpectedNotification[]
}

/** What a query answers for one series. */
export interface QueryAnswer extends Pick<RuleSeries, 'timestamps' | 'values'> {
  readonly alert: string
  readonly labels: Labels
}

/** One scenario. */
export interface RuleTest {
  readonly name: string
  readonly series: readonly RuleSeries[]
  readonly queries: readonly QueryAnswer[]
  readonly events: readonly ClusterEvent[]
  readonly nodes: readonly string[]
  readonly pods: readonly { readonly namespace: string; readonly pod: string; readonly node: string }[]
  readonly alerts: readonly AlertCheck[]
  readonly notifications: readonly NotificationCheck[]
}

/** A file of tests. */
export interface RuleTestFile {
  readonly ruleFiles: readonly string[]
  readonly alertmanagerConfig: string | undefined
  readonly intervalMs: number
  readonly tests: readonly RuleTest[]
}

const defaultIntervalMs = 5000
const maxMoment = 2_678_400_000

/** Reads a file of tests; throws `FileError` with every problem. */
export function parseTestFile(file: string, text: string): RuleTestFile {
  const reader = new DocumentReader(file, text)
  const fields = reader.record(reader.root, ['rule_files', 'alertmanager_config', 'evaluation_interval', 'tests'], ['rule_files', 'tests'])
  const parsed = {
    ruleFiles: reader.texts(fields.rule_files),
    alertmanagerConfig: reader.text(fields.alertmanager_config),
    intervalMs: readSpan(reader, fields.evaluation_interval) ?? defaultIntervalMs,
    tests: reader.list(fields.tests).map((field, index) => parseTest(reader, field, index)),
  }
  if (parsed.intervalMs < 1000) reader.problem(fields.evaluation_interval!, 'must be at least 1s')
  reader.finish()
  return parsed
}

const testKeys = ['name', 'interval', 'input_series', 'queries', 'events', 'nodes', 'pods', 'alert_rule_test', 'notification_test'] as const

function parseTest(reader: DocumentReader, field: Field, index: number): RuleTest {
  const fields = reader.record(field, testKeys)
  const intervalMs = readSpan(reader, fields.interval) ?? defaultIntervalMs
  return {
    name: reader.text(fields.name) ?? `test ${index + 1}`,
    series: reader.list(fields.input_series).flatMap((item) => parseInput(reader, item, intervalMs) ?? []),
    queries: reader.list(fields.queries).flatMap((item) => parseQuery(reader, item, intervalMs) ?? []),
    events: reader.list(fields.events).map((item, place) => parseEvent(reader, item, place)),
    nodes: reader.texts(fields.nodes),
    pods: reader.list(fields.pods).map((item) => parsePod(reader, item)),
    alerts: reader.list(fields.alert_rule_test).map((item) => parseAlertCheck(reader, item)),
    notifications: reader.list(fields.notification_test).map((item) => parseNotificationCheck(reader, item)),
  }
}

function parseInput(reader: DocumentReader, field: Field, intervalMs: number): RuleSeries | undefined {
  const { series, values, start, interval } = reader.record(field, ['series', 'values', 'start', 'interval'], ['series', 'values'])
  const name = series && reader.attempt(series, () => parseSeries(reader.text(series) ?? ''))
  const samples = readSamples(reader, { values, start, interval }, intervalMs)
  return name && samples && { ...name, ...samples }
}

type SampleFields = Readonly<Partial<Record<'values' | 'start' | 'interval', Field | undefined>>>

function readSamples(reader: DocumentReader, { values, start, interval }: SampleFields, intervalMs: number) {
  const offset = readOffset(reader, start) ?? 0
  const step = readSpan(reader, interval) ?? intervalMs
  return values && reader.attempt(values, () => parseValues(reader.text(values) ?? '', testStart + offset, step))
}

function parseQuery(reader: DocumentReader, field: Field, intervalMs: number): QueryAnswer | undefined {
  const { alert, labels, values, start, interval } = reader.record(
    field,
    ['alert', 'labels', 'values', 'start', 'interval'],
    ['alert', 'values'],
  )
  const samples = readSamples(reader, { values, start, interval }, intervalMs)
  return samples && { alert: reader.text(alert) ?? '', labels: reader.textRecord(labels), ...samples }
}

function parseEvent(reader: DocumentReader, field: Field, index: number): ClusterEvent {
  const keys = ['at', 'reason', 'kind', 'namespace', 'name', 'type', 'count', 'node', 'message'] as const
  const fields = reader.record(field, keys, ['at', 'reason', 'kind', 'name'])
  const text = (key: (typeof keys)[number], fallback: string) => reader.text(fields[key]) ?? fallback
  const time = testStart + (readSpan(reader, fields.at) ?? 0)
  const count = reader.number(fields.count) ?? 1
  const namespace = text('namespace', '')
  return {
    uid: `event-${index}`,
    namespace: namespace === '' ? 'default' : namespace,
    type: text('type', 'Warning'),
    reason: text('reason', ''),
    message: text('message', ''),
    object: { kind: text('kind', ''), namespace, name: text('name', ''), uid: '' },
    component: '',
    host: text('node', ''),
    count,
    added: count,
    firstSeen: time,
    lastSeen: time,
  }
}

function parsePod(reader: DocumentReader, field: Field) {
  const fields = reader.record(field, ['namespace', 'pod', 'node'], ['namespace', 'pod'])
  return { namespace: reader.text(fields.namespace) ?? '', pod: reader.text(fields.pod) ?? '', node: reader.text(fields.node) ?? '' }
}

function parseAlertCheck(reader: DocumentReader, field: Field): AlertCheck {
  const fields = reader.record(field, ['eval_time', 'alertname', 'exp_alerts'], ['eval_time', 'alertname'])
  const alertname = reader.text(fields.alertname) ?? ''
  const expected = reader.list(fields.exp_alerts).map((item): ExpectedAlert => {
    const members = reader.record(item, ['exp_labels', 'exp_annotations', 'state'])
    const annotations = members.exp_annotations && reader.textRecord(members.exp_annotations)
    return {
      labels: { ...reader.textRecord(members.exp_labels), alertname },
      ...(annotations && { annotations }),
      state: reader.word(members.state, ['firing', 'pending']) ?? 'firing',
    }
  })
  return { at: readMoment(reader, fields.eval_time), alertname, expected }
}

function parseNotificationCheck(reader: DocumentReader, field: Field): NotificationCheck {
  const fields = reader.record(field, ['eval_time', 'exp_notifications'], ['eval_time'])
  const expected = reader.list(fields.exp_notifications).map((item): ExpectedNotification => {
    const members = reader.record(item, ['receiver', 'status', 'exp_alerts'], ['receiver'])
    return {
      receiver: reader.text(members.receiver) ?? '',
      status: reader.word(members.status, ['firing', 'resolved']) ?? 'firing',
      alerts: reader.list(members.exp_alerts).map((alert) => reader.textRecord(alert)),
    }
  })
  return { at: readMoment(reader, fields.eval_time), expected }
}

function readMoment(reader: DocumentReader, field: Field | undefined): number {
  const at = readSpan(reader, field) ?? 0
  if (at > maxMoment) reader.problem(field!, 'must be at most 31d')
  return at
}

function readSpan(reader: DocumentReader, field: Field | undefined): number | undefined {
  return reader.parsed(field, parseDuration, durationForm)
}

/** `-4w` is four weeks before the start. */
function readOffset(reader: DocumentReader, field: Field | undefined): number | undefined {
  const parse = (text: string) => {
    const ms = parseDuration(text.replace(/^-/, ''))
    return ms === undefined ? undefined : text.startsWith('-') ? -ms : ms
  }
  return reader.parsed(field, parse, `${durationForm}, with a minus for before the start`)
}
