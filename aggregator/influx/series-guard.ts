/** Two halves, signed 32-bit numbers, of a hash that tells the tag sets of series apart. */
export interface SeriesHash {
  readonly high: number
  readonly low: number
}

export interface SeriesGuardStats {
  /** What InfluxDB last said and what came since; before it has said anything, what was written since the start. */
  readonly estimate: number
  readonly limit: number
  /** Distinct series that were refused since the last count by InfluxDB. */
  readonly refused: number
}

const uncountedPerGeneration = 60

/**
 * Keeps the number of series in InfluxDB at a limit: a series that has been written goes on, one more than the limit is refused until there is
 * room. What is there comes from InfluxDB's own count (`noteCount`), what is new from a set of hashes here, 8 bytes a slot, never larger than
 * four slots per series of the limit. Before the second count nobody knows which series are new and which were there before the start: until
 * then as many are let in as the limit allows by itself.
 */
export class SeriesGuard {
  readonly #limit: number
  #known: HashSet
  #older: HashSet
  #counted = 0
  #counts = 0
  #admitted = 0
  #refused = 0
  #uncounted = 0
  #epoch = 1

  constructor(limit: number) {
    this.#limit = limit
    this.#known = new HashSet()
    this.#older = new HashSet()
  }

  /** Changes when answers that were given may not hold any more. */
  get epoch(): number {
    return this.#epoch
  }

  /** Whether points of this series may be written. */
  admit(hash: SeriesHash, member: number): boolean {
    const high = mix(hash.high ^ Math.imul(member + 1, 0x9e3779b1))
    const low = mix(hash.low + Math.imul(member + 1, 0x85ebca6b))
    if (this.#known.has(high, low)) return true
    const isOld = this.#older.has(high, low)
    if (!isOld && this.#budget() <= this.#admitted) {
      this.#refused++
      return false
    }
    if (!isOld) this.#admitted++
    this.#known.add(high, low)
    // The set must not grow with the churn of days: what is not seen for a whole generation is forgotten.
    if (this.#known.size > this.#limit) this.#turnGeneration()
    return true
  }

  /**
   * What InfluxDB counts, to be told about once a minute; `undefined` where it cannot say: then what was written in the last hour or two counts.
   */
  noteCount(series: number | undefined): void {
    if (series === undefined) {
      if (++this.#uncounted % uncountedPerGeneration > 0) return
      this.#turnGeneration()
      this.#admitted = this.#older.size
      this.#refused = 0
      return
    }
    this.#counted = series
    this.#counts++
    if (this.#counts > 1) this.#admitted = 0
    if (this.#refused > 0) this.#epoch++
    this.#refused = 0
  }

  stats(): SeriesGuardStats {
    const estimate = this.#counts > 1 ? this.#counted + this.#admitted : Math.max(this.#counted, this.#known.size)
    return { estimate, limit: this.#limit, refused: this.#refused }
  }

  #budget(): number {
    return this.#counts < 2 ? this.#limit : Math.max(0, this.#limit - this.#counted)
  }

  #turnGeneration(): void {
    this.#older = this.#known
    this.#known = new HashSet()
    this.#epoch++
  }
}

/** The hash of a tag set's text (FNV-1a, twice with different offsets). */
export function hashSeries(text: string): SeriesHash {
  let high = 0x811c9dc5
  let low = 0x2f0b4c47
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    high = Math.imul(high ^ unit, 0x01000193)
    low = Math.imul(low ^ unit, 0x85ebca6b) ^ (low >>> 15)
  }
  // Signed: the engine keeps those without an object for each.
  return { high: high | 0, low: low | 0 }
}

function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** A set of pairs of 32-bit numbers with open addressing, at most half full. A pair of zeros counts as one with a low half of 1. */
class HashSet {
  #slots = new Uint32Array(2 * 1024)
  #size = 0

  get size(): number {
    return this.#size
  }

  has(high: number, low: number): boolean {
    const at = this.#find(this.#slots, high, low || 1)
    return this.#slots[at + 1] !== 0
  }

  add(high: number, low: number): void {
    const at = this.#find(this.#slots, high, low || 1)
    if (this.#slots[at + 1] !== 0) return
    this.#slots[at] = high
    this.#slots[at + 1] = low || 1
    this.#size++
    if (this.#size * 4 > this.#slots.length) this.#grow()
  }

  #find(slots: Uint32Array, high: number, low: number): number {
    const mask = slots.length / 2 - 1
    let slot = high & mask
    while (slots[slot * 2 + 1] !== 0 && (slots[slot * 2] !== high || slots[slot * 2 + 1] !== low)) slot = (slot + 1) & mask
    return slot * 2
  }

  #grow(): void {
    const larger = new Uint32Array(this.#slots.length * 2)
    for (let at = 0; at < this.#slots.length; at += 2) {
      const low = this.#slots[at + 1]!
      if (low === 0) continue
      const place = this.#find(larger, this.#slots[at]!, low)
      larger[place] = this.#slots[at]!
      larger[place + 1] = low
    }
    this.#slots = larger
  }
}
