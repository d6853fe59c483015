import { absent, decode, encode } from './code.ts'

/** Averages and peaks of one figure; `undefined` in place of the arrays while all of it is zero. */
interface Track {
  means: Uint16Array | undefined
  peaks: Uint16Array | undefined
  /** The first slot in which the figure was there. */
  firstSlot: number
}

const initialSlots = 32

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
  readonly #sums: Float64Array
  readonly #maxima: Float64Array
  readonly #seen: Uint32Array
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
    this.#sums = new Float64Array(figures)
    this.#maxima = new Float64Array(figures)
    this.#seen = new Uint32Array(figures)
  }

  /** Bytes of the arrays held. */
  get bytes(): number {
    return (this.#arrays + 1) * this.#slots * 2 + this.#tracks.length * 20
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
      this.#sums[index]! += value
      this.#seen[index]!++
      if (value > this.#maxima[index]!) this.#maxima[index] = value
    }
  }

  /** What the slots that begin in `[fromMs, toMs)` come to for a figure; the one that is being filled counts too. */
  aggregate(figure: number, fromMs: number, toMs: number): Aggregate {
    const result: Aggregate = { mean: Number.NaN, max: Number.NaN, count: 0 }
    const first = Math.max(Math.ceil(fromMs / this.stepMs), this.#current - this.capacity + 1, this.#firstSlot)
    const last = Math.min(Math.ceil(toMs / this.stepMs) - 1, this.#current)
    let sum = 0
    for (let slot = first; slot <= last; slot++) {
      const mean = slot === this.#current ? this.#sums[figure]! / this.#seen[figure]! : this.#mean(figure, slot)
      if (Number.isNaN(mean)) continue
      const count = slot === this.#current ? this.#seen[figure]! : this.#counts[slot % this.#slots]!
      const max = slot === this.#current ? this.#maxima[figure]! : this.#peak(figure, slot)
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

  #mean(figure: number, slot: number): number {
    return this.#read(figure, slot, 'means')
  }

  #peak(figure: number, slot: number): number {
    return this.#read(figure, slot, 'peaks')
  }

  #read(figure: number, slot: number, kind: 'means' | 'peaks'): number {
    const track = this.#tracks[figure]
    if (track === undefined || slot < track.firstSlot || this.#counts[slot % this.#slots] === 0) return Number.NaN
    const codes = track[kind]
    return codes === undefined ? 0 : decode(codes[slot % this.#slots]!)
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
    this.#sums.fill(0)
    this.#maxima.fill(0)
    this.#seen.fill(0)
  }

  #write(): void {
    const position = this.#current % this.#slots
    this.#counts[position] = Math.min(this.#currentCount, 0xffff)
    for (let figure = 0; figure < this.#tracks.length; figure++) {
      const seen = this.#seen[figure]!
      const track = this.#tracks[figure] ?? (seen === 0 ? undefined : this.#makeTrack(figure))
      if (track === undefined) continue
      if (track.means === undefined && (seen === 0 || this.#maxima[figure]! > 0)) this.#makeArrays(track)
      if (track.means === undefined) continue
      track.means[position] = seen === 0 ? absent : encode(this.#sums[figure]! / seen)
      track.peaks![position] = seen === 0 ? absent : encode(this.#maxima[figure]!)
    }
  }

  #makeTrack(figure: number): Track {
    const track: Track = { means: undefined, peaks: undefined, firstSlot: this.#current }
    this.#tracks[figure] = track
    return track
  }

  /** All that was there before was zero. */
  #makeArrays(track: Track): void {
    track.means = new Uint16Array(this.#slots)
    track.peaks = new Uint16Array(this.#slots)
    this.#arrays += 2
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
    const move = (codes: Uint16Array) => {
      const larger = new Uint16Array(slots)
      for (let held = oldest; held <= this.#current; held++) larger[held % slots] = codes[held % this.#slots]!
      return larger
    }
    this.#counts = move(this.#counts)
    for (const track of this.#tracks) {
      if (track?.means === undefined) continue
      track.means = move(track.means)
      track.peaks = move(track.peaks!)
    }
    this.#slots = slots
  }
}
