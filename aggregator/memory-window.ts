import { columnOf, findMetric } from './catalog.ts'
import type { Batch, MetricSet } from './metric-set.ts'
import type { Entity, EntityFilter, EntityType, MetricWindow, Series } from './window.ts'

export interface MemoryWindowOptions {
  /** How long samples stay. */
  readonly windowMs: number
  /** What all samples together may take. Held: the oldest samples of the whole window go first, then new entities are refused. */
  readonly maxBytes: number
  /** Called when an entity had no room, at most once per window. */
  readonly onFull?: (stats: WindowStats) => void
}

/** What the window holds at the moment. */
export interface WindowStats {
  readonly entities: number
  readonly bytes: number
  readonly maxBytes: number
  /** Samples (values) written since the start. */
  readonly samples: number
  /** Blocks dropped before their time because of `maxBytes`. */
  readonly blocksDropped: number
  /** Sets of entities that there was no room for. */
  readonly setsRefused: number
  /** When that was last, ms; undefined while it has not been. */
  readonly lastRefusal: number | undefined
  /** Different sets of series that blocks have. */
  readonly layouts: number
  /** The oldest sample that is still there, ms; undefined while there is none. */
  readonly oldest: number | undefined
}

/**
 * Samples per block: at a resolution of 5 s a block holds a minute. Blocks are shorter where there are so many entities that each would not
 * have room for two of them: the samples of an entity go a block at a time, the newest block never.
 */
const blockLengths = [12, 6, 3] as const

/** Doubles that are asked for at once, for several blocks: 128 KiB. */
const slabLength = 16_384

/** An entity that has had no sample for this long is taken to be gone when room is needed. */
const idleMs = 60_000

/**
 * What a block costs beside its numbers, and an entity beside its blocks. Measured as heap and array buffers after collection: 1,000 entities
 * of 20 series and 60 blocks each took 190 bytes per block beside the numbers; 5,000 entities of one block each 1,640 per entity. Rounded up.
 * A series costs 9.4 bytes per sample then: 6.8 kB for an hour at 5 s.
 */
const blockOverheadBytes = 250
const entityOverheadBytes = 2000

/** Which series the columns of a block are. Shared by all blocks that have the same, and forgotten with the last of them. */
interface Layout {
  readonly key: string
  readonly plain: Int16Array
  readonly labelled: readonly { readonly column: number; readonly resource: string }[]
  readonly width: number
  /** Blocks that have it. */
  uses: number
}

/** `data` holds `width + 1` columns of `capacity` numbers each: the timestamps, then each series. */
interface Block {
  readonly record: EntityRecord
  readonly layout: Layout
  readonly data: Float64Array
  readonly capacity: number
  length: number
}

interface EntityRecord {
  entity: Entity
  readonly blocks: Block[]
}

/**
 * Recent samples of every entity in columns of doubles, 8 bytes a sample. Entities leave when their last sample has left the window.
 * Values keep every digit that the processors gave them.
 */
export class MemoryWindow implements MetricWindow {
  readonly #options: MemoryWindowOptions
  readonly #records = new Map<string, EntityRecord>()
  readonly #byType = new Map<EntityType, Set<EntityRecord>>()
  readonly #layouts = new Map<string, Layout>()
  readonly #lastLayouts = new Map<EntityType, Layout>()
  readonly #handlers = new Set<Parameters<MetricWindow['onBatch']>[0]>()
  /** Every block in the order in which it was begun; those before `#firstBlock` are gone. */
  #blocks: (Block | undefined)[] = []
  #firstBlock = 0
  #bytes = 0
  #samples = 0
  #blocksDropped = 0
  #setsRefused = 0
  #lastRefusal: number | undefined
  #toldFullAt = -Infinity
  /** Memory for the next blocks. */
  #slab = new Float64Array(0)
  #slabUsed = 0

  constructor(options: MemoryWindowOptions) {
    this.#options = options
  }

  /** Takes in a batch and tells the listeners. Batches of one entity come in the order of their timestamps. */
  add(batch: Batch): void {
    this.#expire(batch.timestamp)
    const entityKeys: string[] = []
    for (const set of batch.sets.values()) if (this.#append(set, batch.timestamp)) entityKeys.push(set.entity.key)
    for (const handler of this.#handlers) handler({ timestamp: batch.timestamp, entityKeys })
  }

  *entities(filter: EntityFilter): Iterable<Entity> {
    for (const record of this.#matching(filter)) yield record.entity
  }

  *series(metric: string, filter: EntityFilter, range: { readonly since?: number; readonly until?: number } = {}): Iterable<Series> {
    const row = findMetric(metric)
    if (row === undefined) return
    const column = columnOf(row.name)
    const bounds = { since: range.since ?? -Infinity, until: range.until ?? Infinity }
    for (const record of this.#matching(filter)) {
      const resources = row.isLabelled === true ? resourcesOf(record, column) : [undefined]
      for (const resource of resources) {
        const samples = collectSamples(record, { column, resource }, bounds)
        if (samples.timestamps.length > 0)
          yield { entity: record.entity, metric, ...(resource === undefined ? {} : { resource }), ...samples }
      }
    }
  }

  latest(metric: string, entityKey: string): { readonly timestamp: number; readonly value: number } | undefined {
    const record = this.#records.get(entityKey)
    const row = findMetric(metric)
    if (record === undefined || row === undefined) return undefined
    for (const block of record.blocks.toReversed()) {
      const position = positionOf(block.layout, columnOf(row.name))
      if (position < 0) continue
      for (let index = block.length - 1; index >= 0; index--) {
        const value = block.data[(position + 1) * block.capacity + index]!
        if (!Number.isNaN(value)) return { timestamp: block.data[index]!, value }
      }
    }
    return undefined
  }

  onBatch(handler: Parameters<MetricWindow['onBatch']>[0]): () => void {
    this.#handlers.add(handler)
    return () => void this.#handlers.delete(handler)
  }

  /** The time of the newest sample of an entity, ms. */
  latestTimestamp(entityKey: string): number | undefined {
    const block = this.#records.get(entityKey)?.blocks.at(-1)
    return block?.data[block.length - 1]
  }

  /** The entity of a key, if it has samples. */
  find(entityKey: string): Entity | undefined {
    return this.#records.get(entityKey)?.entity
  }

  stats(): WindowStats {
    return {
      entities: this.#records.size,
      bytes: this.#bytes,
      maxBytes: this.#options.maxBytes,
      samples: this.#samples,
      blocksDropped: this.#blocksDropped,
      setsRefused: this.#setsRefused,
      lastRefusal: this.#lastRefusal,
      layouts: this.#layouts.size,
      oldest: this.#blocks[this.#firstBlock]?.data[0],
    }
  }

  *#matching({ type, key, labels }: EntityFilter): Iterable<EntityRecord> {
    const wanted = Object.entries(labels ?? {})
    const candidates =
      key !== undefined ? [this.#records.get(key)] : type !== undefined ? (this.#byType.get(type) ?? []) : this.#records.values()
    for (const record of candidates) {
      if (record === undefined || (type !== undefined && record.entity.type !== type)) continue
      if (wanted.every(([name, value]) => record.entity.labels[name] === value)) yield record
    }
  }

  #append(set: MetricSet, timestamp: number): boolean {
    const record = this.#records.get(set.entity.key) ?? { entity: set.entity, blocks: [] }
    const block = this.#blockFor(record, set, timestamp)
    if (block === undefined) return false
    record.entity = set.entity
    const { layout, data, capacity, length } = block
    data[length] = timestamp
    let position = capacity + length
    for (const column of layout.plain) {
      const value = set.values[column]!
      data[position] = value
      if (!Number.isNaN(value)) this.#samples++
      position += capacity
    }
    for (const { column, resource } of layout.labelled) {
      data[position] = set.labelled.find((entry) => entry.column === column && entry.resource === resource)?.value ?? Number.NaN
      position += capacity
    }
    this.#samples += set.labelled.length
    block.length++
    return true
  }

  /** The block that takes the set's sample: the last one while it has room and a column for every value. */
  #blockFor(record: EntityRecord, set: MetricSet, timestamp: number): Block | undefined {
    const last = record.blocks.at(-1)
    if (last !== undefined && last.length < last.capacity && fits(last.layout, set)) return last
    const layout = this.#layoutFor(set, last?.layout)
    return layout.width === 0 ? undefined : this.#beginBlock(record, layout, timestamp)
  }

  #beginBlock(record: EntityRecord, layout: Layout, timestamp: number): Block | undefined {
    const capacity = this.#capacityFor(layout)
    const bytes = blockBytes(layout, capacity)
    while (this.#bytes + bytes + entityOverheadBytes > this.#options.maxBytes) {
      if (!this.#dropOldest(record, timestamp)) {
        this.#refuse(timestamp)
        return undefined
      }
    }
    if (!this.#records.has(record.entity.key)) {
      this.#index(record)
      this.#bytes += entityOverheadBytes
    }
    const block: Block = { record, layout, data: this.#takeMemory((layout.width + 1) * capacity), capacity, length: 0 }
    record.blocks.push(block)
    this.#blocks.push(block)
    this.#bytes += bytes
    if (layout.uses++ === 0) this.#layouts.set(layout.key, layout)
    return block
  }

  #capacityFor(layout: Layout): number {
    const share = this.#options.maxBytes / (this.#records.size + 1) - entityOverheadBytes
    return blockLengths.find((length) => blockBytes(layout, length) * 2 <= share) ?? blockLengths.at(-1)!
  }

  #refuse(timestamp: number): void {
    this.#setsRefused++
    this.#lastRefusal = timestamp
    if (timestamp - this.#toldFullAt < this.#options.windowMs) return
    this.#toldFullAt = timestamp
    this.#options.onFull?.(this.stats())
  }

  /** Blocks go in the order in which they were begun, so those that share a piece of memory go together. */
  #takeMemory(length: number): Float64Array {
    if (this.#slabUsed + length > this.#slab.length) {
      this.#slab = new Float64Array(Math.max(slabLength, length))
      this.#slabUsed = 0
    }
    return this.#slab.subarray(this.#slabUsed, (this.#slabUsed += length))
  }

  /** Drops the block that was begun first, unless it is all that another living entity has. */
  #dropOldest(writer: EntityRecord, now: number): boolean {
    const block = this.#blocks[this.#firstBlock]
    if (block === undefined) return false
    const isLast = block === block.record.blocks.at(-1)
    if (isLast && block.record !== writer && now - block.data[block.length - 1]! < idleMs) return false
    this.#remove(block)
    this.#blocksDropped++
    return true
  }

  #expire(now: number): void {
    const cutoff = now - this.#options.windowMs
    for (;;) {
      const block = this.#blocks[this.#firstBlock]
      if (block === undefined || block.data[block.length - 1]! >= cutoff) return
      this.#remove(block)
    }
  }

  #remove(block: Block): void {
    this.#blocks[this.#firstBlock++] = undefined
    if (this.#firstBlock > 1024 && this.#firstBlock * 2 > this.#blocks.length) {
      this.#blocks = this.#blocks.slice(this.#firstBlock)
      this.#firstBlock = 0
    }
    const { record, layout } = block
    record.blocks.splice(record.blocks.indexOf(block), 1)
    this.#bytes -= blockBytes(layout, block.capacity)
    if (--layout.uses === 0) this.#layouts.delete(layout.key)
    if (record.blocks.length > 0) return
    this.#bytes -= entityOverheadBytes
    this.#records.delete(record.entity.key)
    this.#byType.get(record.entity.type)?.delete(record)
  }

  #index(record: EntityRecord): void {
    this.#records.set(record.entity.key, record)
    const ofType = this.#byType.get(record.entity.type) ?? new Set()
    this.#byType.set(record.entity.type, ofType.add(record))
  }

  /** A layout with a column for every value of the set, wider than that if what came before lets more be expected. */
  #layoutFor(set: MetricSet, before: Layout | undefined): Layout {
    const expected = before ?? this.#lastLayouts.get(set.entity.type)
    if (expected !== undefined && fits(expected, set) && (before !== undefined || expected.labelled.length === set.labelled.length))
      return expected
    const plain = [...set.values.keys()].filter((column) => !Number.isNaN(set.values[column]) || expected?.plain.includes(column) === true)
    const labels = new Map(set.labelled.map((entry) => [`${entry.column} ${entry.resource}`, entry]))
    for (const entry of before?.labelled ?? []) labels.set(`${entry.column} ${entry.resource}`, { ...entry, value: 0 })
    const key = JSON.stringify([plain, [...labels.keys()]])
    const layout = this.#layouts.get(key) ?? {
      key,
      plain: Int16Array.from(plain),
      labelled: [...labels.values()].map(({ column, resource }) => ({ column, resource })),
      width: plain.length + labels.size,
      uses: 0,
    }
    this.#lastLayouts.set(set.entity.type, layout)
    return layout
  }
}

function blockBytes({ width }: Layout, capacity: number): number {
  return (width + 1) * capacity * 8 + blockOverheadBytes
}

function fits(layout: Layout, set: MetricSet): boolean {
  let present = 0
  for (const value of set.values) if (!Number.isNaN(value)) present++
  for (const column of layout.plain) if (!Number.isNaN(set.values[column])) present--
  return present === 0 && set.labelled.every(({ column, resource }) => positionOf(layout, column, resource) >= 0)
}

/** Where a series is among a layout's columns, -1 if it is not. */
function positionOf(layout: Layout, column: number, resource?: string): number {
  if (resource === undefined) return layout.plain.indexOf(column)
  const index = layout.labelled.findIndex((entry) => entry.column === column && entry.resource === resource)
  return index < 0 ? -1 : layout.plain.length + index
}

function resourcesOf(record: EntityRecord, column: number): Iterable<string> {
  const resources = new Set<string>()
  for (const { layout } of record.blocks) {
    for (const entry of layout.labelled) if (entry.column === column) resources.add(entry.resource)
  }
  return resources
}

function collectSamples(
  record: EntityRecord,
  { column, resource }: { readonly column: number; readonly resource: string | undefined },
  { since, until }: { readonly since: number; readonly until: number },
): { readonly timestamps: Float64Array; readonly values: Float64Array } {
  let most = 0
  for (const block of record.blocks) if (reaches(block, since, until)) most += block.length
  const timestamps = new Float64Array(most)
  const values = new Float64Array(most)
  let count = 0
  for (const block of record.blocks) {
    if (!reaches(block, since, until)) continue
    const { layout, data, capacity, length } = block
    const position = positionOf(layout, column, resource)
    if (position < 0) continue
    const first = (position + 1) * capacity
    for (let index = 0; index < length; index++) {
      const timestamp = data[index]!
      const value = data[first + index]!
      if (timestamp < since || timestamp > until || Number.isNaN(value)) continue
      timestamps[count] = timestamp
      values[count++] = value
    }
  }
  return { timestamps: timestamps.subarray(0, count), values: values.subarray(0, count) }
}

/** Whether any sample of a block lies in a range. */
function reaches({ data, length }: Block, since: number, until: number): boolean {
  return data[length - 1]! >= since && data[0]! <= until
}
