import { columnCount, groups, keptColumns } from './metrics.ts'
import type { GroupName } from './metrics.ts'

const groupNames = Object.keys(groups) as GroupName[]
const isKept = Array.from({ length: columnCount }, (_, index) => keptColumns.includes(index))

/** One interface, disk or core of a container: its name and its rows, `fields` numbers per sample. */
export interface Instance {
  readonly name: string
  /** The name's bytes, so that a parser can find it without making a string. */
  readonly nameBytes: Uint8Array
  readonly values: Float64Array
}

/** Per figure: its value as long as that stands still, and the first and last sample that had it. */
const stillBytes = columnCount * (8 + 4 + 4)

/**
 * The last `capacity` samples of one container, in columns. Most figures of most containers never change: they are one number each, and
 * get an array when they do. A sample starts empty (NaN), but for the figures that are read less often than each pass, which start with
 * their last value.
 * `ago` counts samples backwards from the newest (0).
 */
export class SampleRing {
  readonly capacity: number
  /** Instances that were not kept because their group was full. */
  droppedInstances = 0
  readonly #timestamps: Float64Array
  readonly #elapsed: Float64Array
  readonly #columns: (Float64Array | undefined)[] = Array.from({ length: columnCount })
  readonly #still = new Float64Array(columnCount)
  /** Numbers of samples, counted from 1; 0 where the figure was never seen. */
  readonly #since = new Uint32Array(columnCount)
  readonly #until = new Uint32Array(columnCount)
  /** The columns that there are, by how a sample starts: empty, or with its last value. */
  readonly #freshValues: Float64Array[] = []
  readonly #keptValues: Float64Array[] = []
  readonly #instances: Record<GroupName, Instance[]> = { network: [], disk: [], diskTimes: [], diskCost: [], perCpu: [] }
  /** Of the newest sample. */
  #number = 0
  #head = -1
  #count = 0
  #bytes: number

  constructor(capacity: number) {
    this.capacity = capacity
    this.#timestamps = new Float64Array(capacity)
    this.#elapsed = new Float64Array(capacity)
    this.#bytes = capacity * 16 + stillBytes
  }

  /** How many samples are held. */
  get count(): number {
    return this.#count
  }

  /** Bytes of the arrays held. */
  get bytes(): number {
    return this.#bytes
  }

  /** Starts a sample taken at `timestampMs` (wall clock) and `elapsedMs` (monotonic clock, for rates). */
  begin(timestampMs: number, elapsedMs: number): void {
    const previous = this.#head
    this.#number++
    this.#head = (previous + 1) % this.capacity
    this.#count = Math.min(this.#count + 1, this.capacity)
    this.#timestamps[this.#head] = timestampMs
    this.#elapsed[this.#head] = elapsedMs
    const head = this.#head
    for (const values of this.#freshValues) values[head] = Number.NaN
    for (const values of this.#keptValues) values[head] = values[previous]!
    for (const group of groupNames) {
      const width = groups[group].fields.length
      for (const { values } of this.#instances[group]) values.fill(Number.NaN, head * width, (head + 1) * width)
    }
  }

  /** Sets a figure of the newest sample. */
  set(index: number, value: number): void {
    const values = this.#columns[index]
    if (values !== undefined) values[this.#head] = value
    else if (!this.#standsStill(index, value)) this.#makeColumn(index)[this.#head] = value
  }

  /** A figure, NaN where it is absent. */
  get(index: number, ago = 0): number {
    if (ago >= this.#count) return Number.NaN
    const values = this.#columns[index]
    return values === undefined ? this.#stillAt(index, this.#number - ago) : values[this.#slot(ago)]!
  }

  /** Notes a value for a figure without an array; false where it needs one to tell its past from now. */
  #standsStill(index: number, value: number): boolean {
    const until = this.#until[index]!
    if (until === 0) {
      if (Number.isNaN(value)) return true
      this.#still[index] = value
      this.#since[index] = this.#number
    } else {
      if (Number.isNaN(value) && until < this.#number && isKept[index] !== true) return true
      if (value !== this.#still[index] || (until < this.#number - 1 && isKept[index] !== true)) return false
    }
    this.#until[index] = this.#number
    return true
  }

  /** What a figure without an array was in a sample. */
  #stillAt(index: number, number: number): number {
    const since = this.#since[index]!
    const wasThere = since > 0 && number >= since && (isKept[index] === true || number <= this.#until[index]!)
    return wasThere ? this.#still[index]! : Number.NaN
  }

  #makeColumn(index: number): Float64Array {
    const values = new Float64Array(this.capacity).fill(Number.NaN)
    for (let ago = 0; ago < this.#count; ago++) values[this.#slot(ago)] = this.#stillAt(index, this.#number - ago)
    this.#bytes += values.byteLength
    this.#columns[index] = values
    const peers = isKept[index] === true ? this.#keptValues : this.#freshValues
    peers.push(values)
    return values
  }

  /** When the sample was taken, milliseconds since the epoch; NaN where there is none. */
  timestamp(ago = 0): number {
    return ago < this.#count ? this.#timestamps[this.#slot(ago)]! : Number.NaN
  }

  /** Milliseconds between a sample and the one before it by the monotonic clock; NaN where there is none. */
  intervalMs(ago = 0): number {
    if (ago + 1 >= this.#count) return Number.NaN
    return this.#elapsed[this.#slot(ago)]! - this.#elapsed[this.#slot(ago + 1)]!
  }

  /** Growth per second of a counter over the interval that ends with a sample; NaN without two values or after a reset. */
  rate(index: number, ago = 0): number {
    const growth = this.get(index, ago) - this.get(index, ago + 1)
    const seconds = this.intervalMs(ago) / 1000
    return growth >= 0 && seconds > 0 ? growth / seconds : Number.NaN
  }

  /** The instances of a group in the order in which they were first seen. */
  instances(group: GroupName): readonly Instance[] {
    return this.#instances[group]
  }

  /** A field of an instance. */
  instanceValue(group: GroupName, instance: Instance, field: number, ago = 0): number {
    if (ago >= this.#count) return Number.NaN
    return instance.values[this.#slot(ago) * groups[group].fields.length + field]!
  }

  /** Sets a field of the newest sample of an instance. */
  setInstance(group: GroupName, instance: Instance, field: number, value: number): void {
    instance.values[this.#head * groups[group].fields.length + field] = value
  }

  /** The instance whose name is `bytes[start, end)`, made on first sight; `undefined` when the group is full. */
  instance(group: GroupName, bytes: Uint8Array, start: number, end: number): Instance | undefined {
    const known = this.#instances[group]
    for (const candidate of known) if (isSame(candidate.nameBytes, bytes, start, end)) return candidate
    if (known.length >= groups[group].maxInstances) {
      this.droppedInstances++
      return undefined
    }
    const nameBytes = bytes.slice(start, end)
    const values = new Float64Array(this.capacity * groups[group].fields.length).fill(Number.NaN)
    this.#bytes += values.byteLength
    const made: Instance = { name: Buffer.from(nameBytes).toString('latin1'), nameBytes, values }
    known.push(made)
    return made
  }

  #slot(ago: number): number {
    return (this.#head - ago + this.capacity) % this.capacity
  }
}

function isSame(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false
  for (let index = 0; index < name.length; index++) if (name[index] !== bytes[start + index]) return false
  return true
}
