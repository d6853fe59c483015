/**
 * Kubernetes quantities (`100m`, `1.5Gi`, `1e3`) as exact numbers of nano-units, the finest step that upstream keeps.
 * Rules as apimachinery `api/resource`: finer fractions round away from zero, and the canonical text keeps the family of its suffix.
 */
export interface Quantity {
  readonly nanos: bigint
  readonly format: 'DecimalSI' | 'BinarySI' | 'DecimalExponent'
}

const nanosPerUnit = 1_000_000_000n
const pattern = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d+)?$/
const decimalExponent: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const binaryShift: Readonly<Record<string, bigint>> = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n }
/** Larger exponents than this can only be nonsense, and would cost unbounded memory. */
const maxExponent = 100

/** What upstream says of a text that is no quantity. */
export const quantityMessage = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

/** Parses a quantity; `undefined` where the text is none. Numbers are taken as their decimal text, as upstream's JSON does. */
export function tryParseQuantity(text: string | number): Quantity | undefined {
  const match = pattern.exec(typeof text === 'number' ? String(text) : text)
  if (match === null) return undefined
  const suffix = match[3] ?? ''
  const [whole, fraction = ''] = match[2]!.split('.') as [string, string?]
  const digits = BigInt(whole + fraction)
  const sign = match[1] === '-' ? -1n : 1n
  const shift = binaryShift[suffix]
  if (shift !== undefined)
    return { nanos: sign * divideUp((digits * nanosPerUnit) << shift, 10n ** BigInt(fraction.length)), format: 'BinarySI' }
  const isExponent = suffix.length > 1
  const exponent = isExponent ? Number(suffix.slice(1)) : decimalExponent[suffix]!
  if (Math.abs(exponent) > maxExponent) return undefined
  const power = exponent + 9 - fraction.length
  const nanos = power >= 0 ? digits * 10n ** BigInt(power) : divideUp(digits, 10n ** BigInt(-power))
  return { nanos: sign * nanos, format: isExponent ? 'DecimalExponent' : 'DecimalSI' }
}

/** Parses a quantity; throws a RangeError with upstream's words where the text is none. */
export function parseQuantity(text: string | number): Quantity {
  const quantity = tryParseQuantity(text)
  if (quantity === undefined) throw new RangeError(`${quantityMessage} (got ${JSON.stringify(text)})`)
  return quantity
}

function divideUp(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor
  return quotient * divisor === value ? quotient : quotient + 1n
}

/** The canonical text: no fraction, the largest suffix that keeps the value exact. */
export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return '0'
  const sign = nanos < 0n ? '-' : ''
  const magnitude = nanos < 0n ? -nanos : nanos
  const binary = format === 'BinarySI' && magnitude >= 1024n * nanosPerUnit && magnitude % nanosPerUnit === 0n
  return sign + (binary ? formatBinary(magnitude / nanosPerUnit) : formatDecimal(magnitude, format === 'DecimalExponent'))
}

function formatBinary(units: bigint): string {
  const suffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
  let step = 0
  while (step < suffixes.length - 1 && units % 1024n === 0n) {
    units /= 1024n
    step++
  }
  return `${units}${suffixes[step]}`
}

function formatDecimal(nanos: bigint, asExponent: boolean): string {
  const suffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
  let step = 0
  while (step < suffixes.length - 1 && nanos % 1000n === 0n) {
    nanos /= 1000n
    step++
  }
  if (!asExponent) return `${nanos}${suffixes[step]}`
  return step === 3 ? String(nanos) : `${nanos}e${(step - 3) * 3}`
}

/** Below, at, or above zero as `a` is less than, equal to, or more than `b`. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0
}

/** The sum, in the format of the first that is not zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format }
}

/** The difference `a - b`, in the format of the first that is not zero. */
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos - b.nanos, format: a.nanos === 0n ? b.format : a.format }
}

/** Whole units, fractions rounded up (bytes of a memory quantity). */
export function quantityValue(quantity: Quantity): number {
  return Number(roundUp(quantity.nanos, nanosPerUnit))
}

/** Thousandths, finer ones rounded up (millicores of a CPU quantity). */
export function quantityMilliValue(quantity: Quantity): number {
  return Number(roundUp(quantity.nanos, 1_000_000n))
}

function roundUp(value: bigint, unit: bigint): bigint {
  return value >= 0n ? divideUp(value, unit) : -divideUp(-value, unit)
}

/** Thousandths of a quantity text, 0 where it is absent or malformed: for values that were validated when they came in. */
export function milliValueOf(text: string | number | undefined): number {
  const quantity = text === undefined ? undefined : tryParseQuantity(text)
  return quantity === undefined ? 0 : quantityMilliValue(quantity)
}

/** Whole units of a quantity text, 0 where it is absent or malformed. */
export function valueOf(text: string | number | undefined): number {
  const quantity = text === undefined ? undefined : tryParseQuantity(text)
  return quantity === undefined ? 0 : quantityValue(quantity)
}

/** The quantity of a count of thousandths: `quantityFromMilli(1500)` is `1500m`. */
export function quantityFromMilli(milli: number): Quantity {
  return { nanos: BigInt(Math.round(milli)) * 1_000_000n, format: 'DecimalSI' }
}

/** The quantity of whole units; `BinarySI` prints bytes as `64Mi`. */
export function quantityFromUnits(units: number, format: Quantity['format'] = 'DecimalSI'): Quantity {
  return { nanos: BigInt(Math.round(units)) * nanosPerUnit, format }
}

/** The canonical text of a quantity text; the text itself where it is malformed. */
export function canonicalQuantity(text: string | number): string {
  const quantity = tryParseQuantity(text)
  return quantity === undefined ? String(text) : formatQuantity(quantity)
}
