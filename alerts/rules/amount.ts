import type { Metric } from '../../aggregator/catalog.ts'
import { durationForm, parseDuration } from '../../lib/duration.ts'

/**
 * What a number in a rule is measured in: a metric's unit, a share for a ratio of two metrics, hours for a forecast, standard deviations for
 * a score; nobody knows of what pods export.
 */
export type AmountUnit = Metric['unit'] | 'hours' | 'standard deviations' | 'no known unit'

const decimal = { '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 }
const binary = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50 }

/** What a suffix multiplies with, for each unit. */
const suffixes: Readonly<Record<AmountUnit, Readonly<Record<string, number>>>> = {
  count: decimal,
  'per second': decimal,
  bytes: { ...decimal, ...binary },
  'bytes per second': { ...decimal, ...binary },
  millicores: { '': 1, m: 1, cores: 1000 },
  milliload: { '': 1, m: 1 },
  share: { '': 1, '%': 0.01 },
  percent: { '': 1, '%': 1 },
  milliseconds: { '': 1 },
  nanoseconds: { '': 1 },
  hours: { '': 1 },
  'standard deviations': { '': 1 },
  'no known unit': { ...decimal, ...binary, '%': 0.01 },
}

/** Longer ones are none, and would take the time of their square to be found so. */
const maxAmountLength = 100

const msPerUnit: Partial<Record<AmountUnit, number>> = { milliseconds: 1, nanoseconds: 1e6, hours: 1 / 3_600_000 }

/** The number that `text` (`500m`, `100Mi`, `80%`, `1h30m`) stands for in `unit`, or `undefined` where it is none. */
export function parseAmount(text: string, unit: AmountUnit): number | undefined {
  if (text.length > maxAmountLength) return undefined
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z%]*)$/.exec(text.trim())
  const factor = match === null ? undefined : suffixes[unit][match[2]!]
  if (match !== null && factor !== undefined) return finite(Number(match[1]) * factor)
  const perMs = msPerUnit[unit]
  const ms = perMs === undefined ? undefined : parseDuration(text.trim())
  return ms === undefined ? undefined : ms * perMs!
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined
}

/** What `parseAmount` takes for a unit, for error messages. */
export function amountForm(unit: AmountUnit): string {
  const names = Object.keys(suffixes[unit]).filter((suffix) => suffix !== '')
  const units = names.length === 0 ? '' : `, alone or with ${names.join(', ')}`
  return `a number of ${unit}${units}${msPerUnit[unit] === undefined ? '' : ` or ${durationForm}`}`
}
