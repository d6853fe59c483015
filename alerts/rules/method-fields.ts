import type { DocumentReader } from '../../lib/document.ts'
import type { AmountUnit } from './amount.ts'
import { readAmount, readCount, readThreshold, refuseFields } from './rule-fields.ts'
import type { RuleFields } from './rule-fields.ts'
import { sides } from './source.ts'
import type { BaselineMethod, ForecastMethod, MembersMethod, Method, OutlierMethod } from './source.ts'

/** How a rule judges values, and the unit that its condition is in then. */
export interface ParsedMethod {
  readonly method?: Method
  readonly unit: AmountUnit
}

const methodKeys = ['members', 'baseline', 'outlier', 'forecast'] as const

const defaultWeeks = 4
const maxWeeks = 12
const defaultMinPeers = 4
/** Aggregations that do not grow with the window. */
const comparable: readonly string[] = ['avg', 'max', 'min', 'last', 'rate']
const minForecastWindowText = 'a forecast needs a window of at least 5m'
const minForecastWindowMs = 300_000

/** The method of a rule on a metric whose values are in `unit`, where it has one. */
export function parseMethod(reader: DocumentReader, fields: RuleFields, unit: AmountUnit, windowMs: number): ParsedMethod {
  const given = methodKeys.filter((key) => fields[key] !== undefined)
  if (given.length > 1) reader.problem(fields[given[1]!]!, `goes not with ${given[0]!}; one of ${methodKeys.join(', ')} is allowed`)
  if (given[0] !== 'members') refuseFields(reader, fields, ['min_members'], 'goes with members only; an outlier has one of its own')
  switch (given[0]) {
    case 'members':
      return parseMembers(reader, fields, unit)
    case 'baseline':
      return { ...methodOf(parseBaseline(reader, fields, unit)), unit: 'standard deviations' }
    case 'outlier':
      refuseFields(reader, fields, ['combine'], 'goes not with outlier: members are compared, not combined')
      return { ...methodOf(parseOutlier(reader, fields, unit)), unit: 'standard deviations' }
    case 'forecast':
      if (windowMs < minForecastWindowMs) reader.problem(fields.window ?? fields.forecast!, minForecastWindowText)
      return { ...methodOf(parseForecast(reader, fields, unit)), unit: 'hours' }
    default:
      return { unit }
  }
}

function methodOf(method: Method | undefined): { readonly method?: Method } {
  return method === undefined ? {} : { method }
}

/** The value is a share where the rule's condition has a percent sign, else a number of members. */
function parseMembers(reader: DocumentReader, fields: RuleFields, unit: AmountUnit): ParsedMethod {
  const threshold = readThreshold(reader, fields.members!, unit)
  refuseFields(reader, fields, ['combine'], 'goes not with members: they are counted')
  const isShare = (reader.text(fields.condition) ?? '').includes('%')
  const minMembers = readCount(reader, fields.min_members, [1, 100_000]) ?? 1
  const method: MembersMethod | undefined = threshold && { kind: 'members', threshold, isShare, minMembers }
  return { ...methodOf(method), unit: isShare ? 'share' : 'count' }
}

function parseBaseline(reader: DocumentReader, fields: RuleFields, unit: AmountUnit): BaselineMethod {
  const { weeks, min_weeks, side, min_deviation } = reader.record(fields.baseline!, ['weeks', 'min_weeks', 'side', 'min_deviation'])
  const count = readCount(reader, weeks, [1, maxWeeks]) ?? defaultWeeks
  const minDeviation = readAmount(reader, min_deviation, unit)
  const aggregation = reader.text(fields.aggregation) ?? 'last'
  if (!comparable.includes(aggregation))
    reader.problem(fields.aggregation!, `goes not with baseline, whose windows are five minutes; allowed: ${comparable.join(', ')}`)
  return {
    kind: 'baseline',
    weeks: count,
    minWeeks: readCount(reader, min_weeks, [1, count]) ?? Math.min(2, count),
    side: reader.word(side, sides) ?? 'both',
    ...(minDeviation === undefined ? {} : { minDeviation }),
  }
}

function parseOutlier(reader: DocumentReader, fields: RuleFields, unit: AmountUnit): OutlierMethod {
  const { min_members, side, min_deviation } = reader.record(fields.outlier!, ['min_members', 'side', 'min_deviation'])
  const minDeviation = readAmount(reader, min_deviation, unit)
  return {
    kind: 'outlier',
    minMembers: readCount(reader, min_members, [3, 100_000]) ?? defaultMinPeers,
    side: reader.word(side, sides) ?? 'both',
    ...(minDeviation === undefined ? {} : { minDeviation }),
  }
}

function parseForecast(reader: DocumentReader, fields: RuleFields, unit: AmountUnit): ForecastMethod | undefined {
  const { reaches } = reader.record(fields.forecast!, ['reaches'], ['reaches'])
  const threshold = reaches && readThreshold(reader, reaches, unit, '>=')
  if (threshold !== undefined && ['==', '!='].includes(threshold.comparison))
    return reader.problem(reaches!, 'must be a value to rise to (80%, >= 80%) or to fall to (<= 10%)')
  return threshold && { kind: 'forecast', reaches: threshold }
}
