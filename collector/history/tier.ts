import { absent, decode, encode } from './code.ts'

/** One figure's past. */
interface Track {
  /** Averages of all slots, then peaks; `undefined` while all of it is zero. */
  codes: Uint16Array<ArrayBuffer> | undefined
  /** The first slot in which the figure was there. */
  readonly firstSlot: number
}

const initialSlots = 32

/** What a typed array takes besides its elements, about. */
const objectBytes = 200

/** What a slot range of a figure comes to. */
export interface Aggregate {
  mean: number
  max: number
  /** Samples. */
  count: number
}

/**
 * Averages and peaks of many figures in slots of `stepMs`, the newest `capacity` of them. Slots lie on the grid of the wall clock. Arrays
 * are made when a figure is first seen above zero and grow with the time seen, so a container that is short-lived or idle costs little.
 */
export class Tier {
  readonly stepMs: number
  readonly capacity: number
  readonly #tracks: (Track | undefined)[]
  /** Of the slot that is being filled: sums of all figures, then their maxima, then how often each was seen. */
  readonly #filling: Float64Array
  readonly #figures: number
  /** Samples per slot. */
  #counts = new Uint16Array(initialSlots)
  #slots = initialSlots
  /** The slot that is being filled. */
  #current = Number.NaN
  #currentCount = 0
  #firstSlot = Number.NaN
  #arrays = 0

  constructor({ stepMs, capacity, figures }: { readonly stepMs: number; readonly capacity: number; readonly figures: number }) {
    this.stepMs = stepMs
    this.capacity = capacity
    this.#tracks = Array.from({ length: figures })
    this.#filling = new Float64Array(figures * 3)
    this.#figures = figures
  }

  /** Bytes of the arrays held. */
  get bytes(): number {
    return (this.#arrays * 2 + 1) * this.#slots * 2 + this.#arrays * objectBytes + this.#figures * 32 + 3 * objectBytes
  }

  /** Whether everything from the first sample on is still held. */
  get isWhole(): boolean {
    return this.#current - this.#firstSlot < this.capacity
  }

  /** Takes one sample in. A clock that went back by more than a slot is not followed until it has caught up. */
  add(timestampMs: number, values: Float64Array): void {
    const slot = Math.floor(timestampMs / this.stepMs)
    if (slot < this.#current) return
    if (slot !== this.#current) this.#advance(slot)
    this.#currentCount++
    for (let index = 0; index < values.length; index++) {
      const value = values[index]!
      if (Number.isNaN(value)) continue
      this.#filling[index]! += value
      this.#filling[this.#figures * 2 + index]!++
      if (value > this.#filling[this.#figures + index]!) this.#filling[this.#figures + index] = value
    }
  }

  /** What the slots that begin in `[fromMs, toMs)` come to for a figure; the one that is being filled counts too. */
  aggregate(figure: number, fromMs: number, toMs: number): Aggregate {
    const result: Aggregate = { mean: Number.NaN, max: Number.NaN, count: 0 }
    const first = Math.max(Math.ceil(fromMs / this.stepMs), this.#current - this.capacity + 1, this.#firstSlot)
    const last = Math.min(Math.ceil(toMs / this.stepMs) - 1, this.#current)
    let sum = 0
    for (let slot = first; slot <= last; slot++) {
      const isFilling = slot === this.#current
      const seen = this.#filling[this.#figures * 2 + figure]!
      const mean = isFilling ? this.#filling[figure]! / seen : this.#read(figure, slot, 0)
      if (Number.isNaN(mean)) continue
      const count = isFilling ? seen : this.#counts[slot % this.#slots]!
      const max = isFilling ? this.#filling[this.#figures + figure]! : this.#read(figure, slot, this.#slots)
      sum += mean * count
      result.count += count
      result.max = Number.isNaN(result.max) ? max : Math.max(result.max, max)
    }
    if (result.count > 0) result.mean = sum / result.count
    return result
  }

  /** How many of the newest `slots` slots have samples. */
  filledSlots(slots: number): number {
    let filled = this.#currentCount > 0 ? 1 : 0
    for (let slot = Math.max(this.#current - slots + 1, this.#firstSlot); slot < this.#current; slot++) {
      if (this.#counts[slot % this.#slots]! > 0) filled++
    }
    return filled
  }

  /** An average, or a peak `#slots` places behind it. */
  #read(figure: number, slot: number, offset: number): number {
    const track = this.#tracks[figure]
    const position = slot % this.#slots
    if (track === undefined || slot < track.firstSlot || this.#counts[position] === 0) return Number.NaN
    return track.codes === undefined ? 0 : decode(track.codes[offset + position]!)
  }

  /** Writes the slot that was being filled and goes on to another. */
  #advance(slot: number): void {
    if (Number.isNaN(this.#current)) this.#firstSlot = slot
    else {
      this.#write()
      this.#fit(slot)
      this.#clear(this.#current + 1, slot)
    }
    this.#current = slot
    this.#currentCount = 0
    this.#filling.fill(0)
  }

  #write(): void {
    const position = this.#current % this.#slots
    this.#counts[position] = Math.min(this.#currentCount, 0xffff)
    for (let figure = 0; figure < this.#figures; figure++) {
      const seen = this.#filling[this.#figures * 2 + figure]!
      const max = this.#filling[this.#figures + figure]!
      const track = this.#tracks[figure] ?? (seen === 0 ? undefined : this.#makeTrack(figure))
      if (track === undefined) continue
      // Until now all was zero, as a fresh array is.
      if (track.codes === undefined && (seen === 0 || max > 0)) {
        track.codes = new Uint16Array(this.#slots * 2)
        this.#arrays++
      }
      if (track.codes === undefined) continue
      track.codes[position] = seen === 0 ? absent : encode(this.#filling[figure]! / seen)
      track.codes[this.#slots + position] = seen === 0 ? absent : encode(max)
    }
  }

  #makeTrack(figure: number): Track {
    const track: Track = { codes: undefined, firstSlot: this.#current }
    this.#tracks[figure] = track
    return track
  }

  /** Slots that were passed over have no samples. */
  #clear(from: number, to: number): void {
    for (let slot = Math.max(from, to - this.#slots + 1); slot <= to; slot++) this.#counts[slot % this.#slots] = 0
  }

  /** Makes room for the slots up to `slot`, in powers of two up to the capacity. */
  #fit(slot: number): void {
    const wanted = Math.min(slot - this.#firstSlot + 1, this.capacity)
    if (wanted <= this.#slots) return
    let slots = this.#slots
    while (slots < wanted) slots = Math.min(slots * 2, this.capacity)
    const oldest = Math.max(this.#firstSlot, this.#current - this.#slots + 1)
    const move = (from: Uint16Array<ArrayBuffer>, into: Uint16Array<ArrayBuffer>, half: 0 | 1) => {
      for (let held = oldest; held <= this.#current; held++) {
        into[half * slots + (held % slots)] = from[half * this.#slots + (held % this.#slots)]!
      }
      return into
    }
    this.#counts = move(this.#counts, new Uint16Array(slots), 0)
    for (const track of this.#tracks) {
      if (track?.codes !== undefined) track.codes = move(track.codes, move(track.codes, new Uint16Array(slots * 2), 0), 1)
    }
    this.#slots = slots
  }
}
