import type { DocumentReader, Field } from '../../lib/document.ts'
import { durationForm, parseDuration } from '../../lib/duration.ts'
import { labelNamePattern } from '../state/labels.ts'
import { amountForm, parseAmount } from './amount.ts'
import type { AmountUnit } from './amount.ts'
import { comparisons } from './threshold.ts'
import type { Comparison, Threshold } from './threshold.ts'

/** No alert has as many labels. */
const maxLabelNames = 100

/** Fields of a rule that say what it measures. */
export const sourceKeys = [
  'metric',
  'of',
  'entity',
  'aggregation',
  'window',
  'groupBy',
  'combine',
  'members',
  'min_members',
  'baseline',
  'outlier',
  'forecast',
  'events',
  'query',
  'parameters',
  'timeout',
  'ingest_delay',
] as const

/** Fields of a rule that say when it alerts and how. */
const alertKeys = [
  'alert',
  'condition',
  'expected',
  'recovery',
  'for',
  'keep_firing_for',
  'no_data',
  'query_failed',
  'forget_after',
  'flapping',
  'severity',
  'labels',
  'annotations',
] as const

export const ruleKeys = [...alertKeys, ...sourceKeys] as const

export type RuleFields = Partial<Record<(typeof ruleKeys)[number], Field>>

/** Milliseconds, or a problem. */
export function readDuration(reader: DocumentReader, field: Field | undefined): number | undefined {
  return reader.parsed(field, parseDuration, durationForm)
}

/** A duration longer than nothing. */
export function readPositiveDuration(reader: DocumentReader, field: Field | undefined): number | undefined {
  const ms = readDuration(reader, field)
  return ms === 0 ? reader.problem(field!, 'must be longer than 0') : ms
}

/** A whole number from `min` to `max`. */
export function readCount(reader: DocumentReader, field: Field | undefined, [min, max]: readonly [number, number]): number | undefined {
  const parse = (text: string) => (/^\d{1,6}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined)
  return reader.parsed(field, parse, `a whole number from ${min} to ${max}`)
}

/** `80%` or `0.8`, from 0 to 1. */
export function readShare(reader: DocumentReader, field: Field | undefined): number | undefined {
  const parse = (text: string) => {
    const share = parseAmount(text, 'share')
    return share !== undefined && share >= 0 && share <= 1 ? share : undefined
  }
  return reader.parsed(field, parse, 'a share from 0% to 100%')
}

/** A number with the suffixes of its unit. */
export function readAmount(reader: DocumentReader, field: Field | undefined, unit: AmountUnit): number | undefined {
  return reader.parsed(field, (text) => parseAmount(text, unit), amountForm(unit))
}

/** `> 80%`. With `fallback` a number alone is compared so. */
export function readThreshold(reader: DocumentReader, field: Field, unit: AmountUnit, fallback?: Comparison): Threshold | undefined {
  const text = reader.text(field)
  if (text === undefined) return undefined
  const match = /^(>=|<=|==|!=|>|<)?(.+)$/s.exec(text.trim())
  const comparison = (match?.[1] as Comparison | undefined) ?? fallback
  const value = match === null ? undefined : parseAmount(match[2]!, unit)
  if (comparison !== undefined && value !== undefined) return { comparison, value }
  return reader.problem(field, `must be one of ${comparisons.join(' ')} followed by ${amountForm(unit)}`)
}

/** A list of label names; absent where there is no field. */
export function readLabelNames(reader: DocumentReader, field: Field | undefined): readonly string[] | undefined {
  if (field === undefined) return undefined
  const names = new Set<string>()
  for (const item of reader.list(field)) {
    const name = reader.text(item)
    if (name === undefined) continue
    if (!labelNamePattern.test(name)) reader.problem(item, 'must be a label name: letters, digits and _')
    if (names.has(name)) reader.problem(item, `${name} is there twice`)
    names.add(name)
  }
  if (names.size > maxLabelNames) reader.problem(field, `must have at most ${maxLabelNames} names`)
  return [...names]
}

/** Notes every field of `keys` that is there but goes only with something else. */
export function refuseFields(reader: DocumentReader, fields: RuleFields, keys: readonly (keyof RuleFields)[], why: string): void {
  for (const key of keys) if (fields[key] !== undefined) reader.problem(fields[key], why)
}
