import type { DocumentReader, Field } from '../../lib/document.ts'
import type { AmountUnit } from './amount.ts'
import { readCount, readDuration, readPositiveDuration, readShare, readThreshold, refuseFields } from './rule-fields.ts'
import type { RuleFields } from './rule-fields.ts'
import { problemStates } from './rule.ts'
import type { AbsenceKind, Condition, Expected, FlappingSettings, ProblemPolicy, ProblemState } from './rule.ts'
import type { Source } from './source.ts'

/** Conditions on who reports, and which lack each means. */
const absences: Readonly<Record<string, AbsenceKind>> = { absent: 'any', 'never reported': 'never', 'stopped reporting': 'stopped' }

/** More than this is a list that a person keeps up to date no longer. */
const maxExpected = 10_000

/** When a rule on `source` alerts. */
export function parseCondition(reader: DocumentReader, fields: RuleFields, source: Source, unit: AmountUnit): Condition | undefined {
  const field = fields.condition
  if (field === undefined) return undefined
  const which = absences[reader.text(field) ?? '']
  if (which === undefined) {
    refuseFields(reader, fields, ['expected'], 'goes with the conditions absent, never reported and stopped reporting')
    const threshold = readThreshold(reader, field, unit)
    return threshold && { kind: 'threshold', ...threshold }
  }
  refuseFields(reader, fields, ['recovery'], 'a rule on absence has no recovery threshold')
  refuseFields(reader, fields, ['no_data'], 'a rule on absence is about nothing else')
  if (source.kind === 'events') reader.problem(field, 'events have no absence; a rule on them counts')
  if (source.kind === 'metric' && source.method !== undefined) reader.problem(field, `goes not with ${source.method.kind}`)
  const expected = parseExpected(reader, fields.expected, source)
  if (which === 'never' && expected === 'learned')
    reader.problem(fields.expected ?? field, 'what was never there cannot be learned: expected must be cluster or a list')
  return { kind: 'absent', which, expected }
}

function parseExpected(reader: DocumentReader, field: Field | undefined, source: Source): Expected {
  if (field === undefined) return 'learned'
  if (!reader.isList(field)) {
    const word = reader.word(field, ['learned', 'cluster']) ?? 'learned'
    const isKnown = source.kind === 'metric' && ['node', 'pod'].includes(source.entity.type) && source.groupBy === undefined
    if (word === 'cluster' && !isKnown) reader.problem(field, 'cluster goes with entities of type node and pod, without groupBy')
    return word
  }
  const items = reader.list(field)
  if (items.length === 0 || items.length > maxExpected) reader.problem(field, `must have 1 to ${maxExpected} entries`)
  return items.map((item) => reader.textRecord(item))
}

const emptyPolicy: Readonly<Record<'no_data' | 'query_failed', ProblemState>> = { no_data: 'resolve', query_failed: 'keep' }

/** `keep`, or `{ state: keep, for: 5m }`. */
export function parsePolicy(reader: DocumentReader, fields: RuleFields, key: 'no_data' | 'query_failed'): ProblemPolicy {
  const field = fields[key]
  if (field === undefined) return { state: emptyPolicy[key] }
  if (!reader.isMapping(field)) return { state: reader.word(field, problemStates) ?? emptyPolicy[key] }
  const members = reader.record(field, ['state', 'for'], ['state'])
  const forMs = readDuration(reader, members.for)
  return { state: reader.word(members.state, problemStates) ?? emptyPolicy[key], ...(forMs === undefined ? {} : { forMs }) }
}

const defaultStepMs = 30_000
const defaultHistory = 21
const defaultEnter = 0.5
const defaultLeave = 0.25

/** `off`, or what differs from the defaults. A step is an evaluation, or 30 s where evaluations are closer together. */
export function parseFlapping(
  reader: DocumentReader,
  field: Field | undefined,
  intervalMs: number | undefined,
): { readonly flapping?: FlappingSettings } {
  const stepMs = Math.max(intervalMs ?? 0, defaultStepMs)
  const defaults = { history: defaultHistory, stepMs, enter: defaultEnter, leave: defaultLeave }
  if (field === undefined) return { flapping: defaults }
  if (!reader.isMapping(field)) {
    const isOff = ['off', 'false'].includes(reader.text(field) ?? '')
    if (!isOff) reader.problem(field, 'must be off, or a mapping of history, step, enter and leave')
    return {}
  }
  const members = reader.record(field, ['history', 'step', 'enter', 'leave'])
  const flapping: FlappingSettings = {
    history: readCount(reader, members.history, [3, 1000]) ?? defaults.history,
    stepMs: readPositiveDuration(reader, members.step) ?? defaults.stepMs,
    enter: readShare(reader, members.enter) ?? defaults.enter,
    leave: readShare(reader, members.leave) ?? defaults.leave,
  }
  if (flapping.leave >= flapping.enter) reader.problem(members.leave ?? members.enter!, 'leave must be less than enter')
  return { flapping }
}
