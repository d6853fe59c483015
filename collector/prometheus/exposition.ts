import { escapeLabel, type Labels } from './labels.ts'

/** A family of series: name, help and type. The unit is the last word of the name, as Prometheus has it. */
export interface Family {
  readonly name: string
  readonly help: string
  /** `info`: one series of value 1 whose labels tell; a gauge in the text format. */
  readonly type: 'counter' | 'gauge' | 'untyped' | 'info' | 'histogram'
}

/** The text format 0.0.4, which everything reads, or OpenMetrics 1.0.0, which Prometheus asks for. */
export type Format = 'text' | 'openmetrics'

/** The content type of each format. */
export const contentTypes: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** The format that an `Accept` header asks for: OpenMetrics where it is named and not refused, else the text format. */
export function negotiateFormat(accept: string): Format {
  return /application\/openmetrics-text(?![^,]*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(accept) ? 'openmetrics' : 'text'
}

const lineFeed = 10
const space = 32
const point = 46
const zero = 48
const openBrace = 123
const closeBrace = 125
const comma = 44
const minus = 45

/** Most bytes that a value and a time take. */
const numbersLength = 64

/**
 * Writes the bytes of one scrape. A family is written with its first series, so an empty one leaves nothing. Labels come rendered and
 * numbers are written digit by digit: nothing is built per sample.
 */
export class Exposition {
  readonly #format: Format
  #bytes: Buffer
  #length = 0
  #family: Family | undefined
  #name: Buffer = Buffer.alloc(0)
  #isStarted = false

  /** `expectedBytes` is what the last scrape took; the buffer grows where it is more. */
  constructor({ format = 'text', expectedBytes = 0 }: { readonly format?: Format; readonly expectedBytes?: number } = {}) {
    this.#format = format
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(4096, Math.ceil(expectedBytes * 1.1)))
  }

  /** All series up to the next call belong to this family. A name must come once. */
  family(family: Family): void {
    this.#family = family
    this.#isStarted = false
  }

  /** Adds a series with labels of `renderLabels`. NaN stands for absent and adds nothing. */
  sample(labels: Labels, value: number, timestampMs?: number): void {
    this.add({ labels, timestampMs }, undefined, value, 0)
  }

  /** Adds a series of a histogram: `_bucket`, `_sum` or `_count`. */
  part(suffix: string, labels: Labels, value: number): void {
    if (!this.#isStarted) this.#startFamily()
    const name = this.#name
    this.#name = nameBytes(`${this.#family!.name}${suffix}`)
    this.sample(labels, value)
    this.#name = name
  }

  /**
   * Adds a series of a row: its labels, and `extra` ones behind them. `value` counts in 10^-`decimals`, so that nanoseconds come out as exact
   * seconds. NaN adds nothing.
   */
  add(
    row: { readonly labels: Labels; readonly timestampMs: number | undefined },
    extra: Labels | undefined,
    value: number,
    decimals: number,
  ): void {
    if (value !== value) return
    if (!this.#isStarted) this.#startFamily()
    const { labels, timestampMs } = row
    this.#reserve(this.#name.length + labels.length + (extra?.length ?? 0) + numbersLength)
    this.#append(this.#name)
    const hasExtra = extra !== undefined && extra.length > 0
    if (labels.length > 0 || hasExtra) {
      this.#bytes[this.#length++] = openBrace
      this.#append(labels)
      if (hasExtra) {
        if (labels.length > 0) this.#bytes[this.#length++] = comma
        this.#append(extra)
      }
      this.#bytes[this.#length++] = closeBrace
    }
    this.#bytes[this.#length++] = space
    this.#writeDecimal(value, decimals)
    if (timestampMs !== undefined) {
      this.#bytes[this.#length++] = space
      this.#writeDecimal(Math.round(timestampMs), this.#format === 'openmetrics' ? 3 : 0)
    }
    this.#bytes[this.#length++] = lineFeed
  }

  /** Ends the page and hands its bytes out. */
  finish(): Buffer {
    if (this.#format === 'openmetrics') this.#text('# EOF\n')
    return this.#bytes.subarray(0, this.#length)
  }

  #startFamily(): void {
    this.#isStarted = true
    const { name, help, type } = this.#family!
    this.#name = nameBytes(name)
    const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
    if (this.#format === 'text') {
      this.#text(`# HELP ${name} ${escaped}\n# TYPE ${name} ${type === 'info' ? 'gauge' : type}\n`)
      return
    }
    const base = type === 'counter' ? name.replace(/_total$/, '') : type === 'info' ? name.replace(/_info$/, '') : name
    const unit = type === 'info' ? undefined : /_(seconds|bytes)$/.exec(base)?.[1]
    this.#text(`# TYPE ${base} ${type === 'untyped' ? 'unknown' : type}\n`)
    if (unit !== undefined) this.#text(`# UNIT ${base} ${unit}\n`)
    this.#text(`# HELP ${base} ${escapeLabel(help)}\n`)
  }

  #text(text: string): void {
    this.#reserve(text.length * 3)
    this.#length += this.#bytes.write(text, this.#length, 'utf8')
  }

  #append(part: Buffer): void {
    this.#bytes.set(part, this.#length)
    this.#length += part.length
  }

  #writeDecimal(value: number, decimals: number): void {
    if (!Number.isSafeInteger(value)) {
      this.#length += this.#bytes.write(formatValue(decimals === 0 ? value : value / 10 ** decimals), this.#length, 'latin1')
      return
    }
    let rest = value
    if (rest < 0) {
      this.#bytes[this.#length++] = minus
      rest = -rest
    }
    if (decimals === 0) return this.#writeDigits(rest, 1)
    const scale = 10 ** decimals
    const whole = Math.floor(rest / scale)
    let fraction = rest - whole * scale
    this.#writeDigits(whole, 1)
    if (fraction === 0) return
    let digits = decimals
    for (; fraction % 10 === 0; fraction /= 10) digits--
    this.#bytes[this.#length++] = point
    this.#writeDigits(fraction, digits)
  }

  /** At least `width` digits, zeros in front. */
  #writeDigits(value: number, width: number): void {
    const bytes = this.#bytes
    let digits = width
    for (let bound = 10 ** width; value >= bound; bound *= 10) digits++
    let at = this.#length + digits
    this.#length = at
    let rest = value
    // Small integers divide several times faster than doubles do.
    for (; rest > 0x7fff_ffff; digits--) {
      const next = Math.floor(rest / 10)
      bytes[--at] = zero + (rest - next * 10)
      rest = next
    }
    let small = rest | 0
    for (; digits > 0; digits--) {
      const next = (small / 10) | 0
      bytes[--at] = zero + (small - next * 10)
      small = next
    }
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + more))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

/** A value as both formats have it. */
function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return value > 0 ? '+Inf' : '-Inf'
}

const names = new Map<string, Buffer>()

/** Families are a fixed table, so their names are encoded once. */
function nameBytes(name: string): Buffer {
  const known = names.get(name)
  if (known !== undefined) return known
  const bytes = Buffer.from(name, 'latin1')
  names.set(name, bytes)
  return bytes
}
