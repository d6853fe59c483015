import { bucketCount, bucketOf, bucketValue } from './code.ts'

/** The shape of a figure over a span, of all its samples. */
export interface Shape {
  readonly count: number
  readonly mean: number
  /** Standard deviation. */
  readonly std: number
  readonly max: number
  readonly p50: number
  readonly p90: number
  readonly p95: number
}

/** A count takes the lower 20 bits of an entry, its bucket the upper 12. */
const countBits = 20
const countMask = 2 ** countBits - 1
const initialEntries = 8

/** What the objects of a distribution take besides entries and blocks, about. */
const objectBytes = 350

/**
 * How often each value of one figure was seen, in blocks of time, so that old ones can be left out: what was seen in the newest
 * `maxBlocks` blocks and the one that is being filled. Every sample counts once, so percentiles over hour or day are those of the samples
 * and not of percentiles. A sample costs a search among the few buckets of the current block and makes no object.
 */
export class Distribution {
  readonly #maxBlocks: number
  /** Block after block, `bucket | count`. */
  #entries = new Uint32Array(initialEntries)
  #length = 0
  /** Number of each block and where its entries start, oldest first. */
  readonly #numbers: number[] = []
  readonly #starts: number[] = []

  constructor(maxBlocks: number) {
    this.#maxBlocks = maxBlocks
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#entries.byteLength + this.#numbers.length * 16 + objectBytes
  }

  /** Counts samples of one value, given by its code, in the block `number`; numbers never go back. */
  add(number: number, code: number, count = 1): void {
    if (this.#numbers.at(-1) !== number) this.#begin(number)
    const bucket = bucketOf(code)
    const start = this.#starts.at(-1)!
    // The newest bucket was touched last, and figures stay where they are more often than not.
    for (let index = this.#length - 1; index >= start; index--) {
      const entry = this.#entries[index]!
      if (entry >>> countBits !== bucket) continue
      this.#entries[index] = ((bucket << countBits) | Math.min((entry & countMask) + count, countMask)) >>> 0
      return
    }
    if (this.#length === this.#entries.length) this.#grow()
    this.#entries[this.#length++] = ((bucket << countBits) | Math.min(count, countMask)) >>> 0
  }

  /** Adds what was seen in blocks from `oldest` on to a histogram. */
  collect(oldest: number, into: Histogram): void {
    const block = this.#numbers.findIndex((number) => number >= oldest)
    if (block < 0) return
    for (let index = this.#starts[block]!; index < this.#length; index++) {
      const entry = this.#entries[index]!
      into.add(entry >>> countBits, entry & countMask)
    }
  }

  #begin(number: number): void {
    const blocks = this.#numbers.length
    let old = 0
    while (old < blocks && this.#numbers[old]! < number - this.#maxBlocks) old++
    if (old > 0) this.#dropOldest(old)
    this.#numbers.push(number)
    this.#starts.push(this.#length)
  }

  #dropOldest(count: number): void {
    const from = this.#starts[count] ?? this.#length
    this.#entries.copyWithin(0, from, this.#length)
    this.#length -= from
    this.#numbers.splice(0, count)
    this.#starts.splice(0, count)
    for (let block = 0; block < this.#starts.length; block++) this.#starts[block]! -= from
  }

  #grow(): void {
    const larger = new Uint32Array(this.#entries.length * 2)
    larger.set(this.#entries)
    this.#entries = larger
  }
}

/** How often each bucket was seen; one is enough for many distributions, one after the other. */
export class Histogram {
  readonly #counts = new Float64Array(bucketCount)
  #lowest = bucketCount
  #highest = -1

  add(bucket: number, count: number): void {
    this.#counts[bucket]! += count
    this.#lowest = Math.min(this.#lowest, bucket)
    this.#highest = Math.max(this.#highest, bucket)
  }

  /** Makes it empty. */
  clear(): void {
    if (this.#highest >= 0) this.#counts.fill(0, this.#lowest, this.#highest + 1)
    this.#lowest = bucketCount
    this.#highest = -1
  }

  /** The shape of what was counted, every figure within 0.72 %; `undefined` where nothing was. */
  shape(): Shape | undefined {
    let count = 0
    let sum = 0
    for (let bucket = this.#lowest; bucket <= this.#highest; bucket++) {
      count += this.#counts[bucket]!
      sum += this.#counts[bucket]! * bucketValue(bucket)
    }
    if (count === 0) return undefined
    const mean = sum / count
    let squares = 0
    for (let bucket = this.#lowest; bucket <= this.#highest; bucket++) {
      if (this.#counts[bucket]! > 0) squares += this.#counts[bucket]! * (bucketValue(bucket) - mean) ** 2
    }
    const at = (share: number) => this.#at(share * count)
    return { count, mean, std: Math.sqrt(squares / count), max: bucketValue(this.#highest), p50: at(0.5), p90: at(0.9), p95: at(0.95) }
  }

  /** The value of the sample at a rank. */
  #at(rank: number): number {
    let left = Math.ceil(rank)
    for (let bucket = this.#lowest; bucket <= this.#highest; bucket++) {
      left -= this.#counts[bucket]!
      if (left <= 0) return bucketValue(bucket)
    }
    return bucketValue(this.#highest)
  }
}

/** The shape of values that are all there, exactly; NaN is left out. Nearest rank: a percentile is a value that was seen. */
export function shapeOfValues(values: readonly number[]): Shape | undefined {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((left, right) => left - right)
  const count = sorted.length
  if (count === 0) return undefined
  const mean = sorted.reduce((total, value) => total + value, 0) / count
  const variance = sorted.reduce((total, value) => total + (value - mean) ** 2, 0) / count
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * count) - 1)]!
  return { count, mean, std: Math.sqrt(variance), max: sorted[count - 1]!, p50: at(0.5), p90: at(0.9), p95: at(0.95) }
}
