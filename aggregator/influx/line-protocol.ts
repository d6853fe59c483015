import { ByteWriter } from '../../lib/byte-writer.ts'
import { encodeTags, escapeKey, escapeMeasurement, quoteString } from '../../lib/line-protocol.ts'
import { metrics } from '../catalog.ts'
import type { CustomSample } from '../custom-metrics.ts'
import type { ClusterEvent } from '../events.ts'
import type { Batch, LabelledValue, MetricSet } from '../metric-set.ts'
import type { Entity } from '../window.ts'
import { defaultTags, eventPlace, measurementsOf, placeOf, podIdentityMeasurement, tagNames } from './schema.ts'
import type { SchemaName } from './schema.ts'
import { hashSeries } from './series-guard.ts'
import type { SeriesGuard, SeriesHash } from './series-guard.ts'

/** How many points went into the lines, and what was left out. */
export interface EncodedCounts {
  readonly points: number
  /** Values that are infinite or beyond 64 bits. */
  readonly dropped: number
  /** Points of series that the guard refused. */
  readonly refused: number
}

export interface LineEncoderOptions {
  readonly clusterName: string
  /** Default `default`. */
  readonly schema?: SchemaName
  /** Labels that are tags besides those that tell entities apart. */
  readonly tags?: readonly string[]
  readonly guard?: SeriesGuard
  /** Whether metrics that only grow are written. Default true. */
  readonly hasCounters?: boolean
}

/** The columns that make one line: one in the default schema, a measurement's fields in the other. */
interface LineGroup {
  readonly columns: readonly number[]
  /** Measurement, escaped. */
  readonly measurement: Buffer
}

/**
 * Writes points in InfluxDB's line protocol with Heapster's schemas: measurement = metric name (or its first part), tags = labels and
 * `cluster_name`, sorted, timestamps in ns. The bytes grow in one buffer that is reused; tags are encoded once per entity.
 */
export class LineEncoder {
  readonly #clusterName: string
  readonly #schema: SchemaName
  readonly #tagNames: ReadonlySet<string>
  readonly #guard: SeriesGuard | undefined
  readonly #writer = new ByteWriter()
  readonly #fieldKeys: readonly Buffer[]
  readonly #isInteger = metrics.map(({ valueType }) => valueType === 'int')
  readonly #isWritten: readonly boolean[]
  readonly #groups: readonly LineGroup[]
  readonly #groupOf: Int32Array
  readonly #tags = new WeakMap<Entity, EntityTags>()
  readonly #resourceTags = new Map<string, Buffer>()
  #points = 0
  #dropped = 0
  #refused = 0

  constructor({ clusterName, schema = 'default', tags = defaultTags, guard, hasCounters = true }: LineEncoderOptions) {
    this.#clusterName = clusterName
    this.#schema = schema
    this.#tagNames = tagNames(tags)
    this.#guard = guard
    this.#isWritten = metrics.map(({ type }) => hasCounters || type !== 'cumulative')
    this.#fieldKeys = metrics.map(({ name }) => Buffer.from(`${escapeKey(placeOf(schema, name).field)}=`))
    this.#groups = measurementsOf(schema).map(({ name, fields }) => ({
      measurement: Buffer.from(escapeMeasurement(name)),
      columns: fields.map(({ metric }) => metrics.indexOf(metric)),
    }))
    this.#groupOf = new Int32Array(metrics.length)
    for (const [index, { columns }] of this.#groups.entries()) for (const column of columns) this.#groupOf[column] = index
  }

  /** Points since the last `take`. */
  get points(): number {
    return this.#points
  }

  /** Bytes since the last `take`. */
  get length(): number {
    return this.#writer.length
  }

  /** Encodes every value of the batch. `onFull` is called when `limit` points are in; it is expected to `take` them. */
  addBatch(batch: Batch, limit = Infinity, onFull?: () => void): void {
    const tail = encodeTime(batch.timestamp)
    for (const set of batch.sets.values()) {
      this.addSet(set, tail)
      if (this.#points >= limit) onFull?.()
    }
  }

  /** Hands out the lines so far and starts anew. The bytes are the caller's own. */
  take(): { readonly lines: Buffer; readonly counts: EncodedCounts } {
    return { lines: this.#writer.take(), counts: this.#takeCounts() }
  }

  /** As `take`, but the bytes are the caller's only until `release`. */
  lend(): { readonly lines: Buffer; readonly release: () => void; readonly counts: EncodedCounts } {
    const { bytes, release } = this.#writer.lend()
    return { lines: bytes, release, counts: this.#takeCounts() }
  }

  /** Encodes one set; `tail` is a space, the timestamp in ns and a newline. */
  addSet(set: MetricSet, tail: Buffer): void {
    const tags = this.#tagsOf(set.entity)
    const { values } = set
    if (this.#schema === 'default') {
      for (let column = 0; column < values.length; column++) {
        const value = values[column]!
        // NaN is how a set says "no value"; it is not a lost point.
        if (value === value && this.#isWritten[column]!) this.#addValue(column, tags.plain, value, tail)
      }
    } else {
      for (let index = 0; index < this.#groups.length; index++) this.#addFields(index, tags.plain, values, tail)
    }
    if (set.labelled.length > 0) this.#addLabelled(set.labelled, tags, tail)
  }

  /** Writes that a pod has this uid. */
  addIdentity(
    { namespace, pod, uid }: { readonly namespace: string; readonly pod: string; readonly uid: string },
    timestamp: number,
  ): void {
    const tags = encodeTags({ cluster_name: this.#clusterName, namespace_name: namespace, pod_name: pod })
    this.#addText(`${podIdentityMeasurement}${tags} pod_id=${quoteString(uid)} ${Math.round(timestamp)}000000\n`)
  }

  /**
   * Writes an event at the time when it last happened. What would make a series per event (uids, in the default schema everything but the pod)
   * is in the text, not among the tags.
   */
  addEvent(event: ClusterEvent): void {
    const { measurement, field } = eventPlace(this.#schema)
    const { object } = event
    const pod: Record<string, string> = object.kind === 'Pod' ? { pod_name: object.name, namespace_name: object.namespace } : {}
    const shared = { cluster_name: this.#clusterName, hostname: event.host, ...pod }
    const more = {
      namespace_name: object.namespace === '' ? event.namespace : object.namespace,
      object_name: object.name,
      kind: object.kind,
      type: event.type,
      reason: event.reason,
      component: event.component,
    }
    const tags = encodeTags(this.#schema === 'default' ? shared : { ...shared, ...more })
    const guarded = this.#guard?.admit(hashSeries(`${measurement}${tags}`), 0) !== false
    if (!guarded) return void this.#refused++
    const text = this.#schema === 'default' ? JSON.stringify(event) : event.message
    const rest = this.#schema === 'default' ? '' : `,count=${Math.round(event.count)}i,uid=${quoteString(event.uid)}`
    this.#addText(`${measurement}${tags} ${field}=${quoteString(text)}${rest} ${eventTime(event)}\n`)
  }

  /** Writes a sample of a pod's own metric as `custom/<name>`. */
  addCustom(sample: CustomSample): void {
    if (!Number.isFinite(sample.value)) return void this.#dropped++
    const { measurement, field } = placeOf(this.#schema, `custom/${sample.name}`)
    const own = { type: 'pod', cluster_name: this.#clusterName, namespace_name: sample.namespace, pod_name: sample.pod }
    const tags = encodeTags({ ...safeLabels(sample.labels), ...own })
    if (this.#guard?.admit(hashSeries(`${measurement}${tags}`), 0) === false) return void this.#refused++
    this.#addText(`${escapeMeasurement(measurement)}${tags} ${escapeKey(field)}=${sample.value} ${Math.round(sample.timestamp)}000000\n`)
  }

  #takeCounts(): EncodedCounts {
    const counts = { points: this.#points, dropped: this.#dropped, refused: this.#refused }
    this.#points = 0
    this.#dropped = 0
    this.#refused = 0
    return counts
  }

  #addText(line: string): void {
    this.#writer.appendText(line)
    this.#points++
  }

  #addValue(column: number, tags: TagSet, value: number, tail: Buffer): void {
    const writer = this.#writer
    if (!this.#isStorable(column, value)) return void this.#dropped++
    if (!this.#isAdmitted(tags, column)) return void this.#refused++
    const { measurement } = this.#groups[column]!
    const key = this.#fieldKeys[column]!
    writer.reserve(measurement.length + lengthOf(tags) + key.length + tail.length + 48)
    writer.append(measurement)
    this.#appendTags(tags)
    writer.append(key)
    this.#writeNumber(column, value)
    writer.append(tail)
    this.#points++
  }

  #appendTags({ text, resource, split }: TagSet): void {
    if (resource === undefined) return this.#writer.append(text)
    this.#writer.appendSlice(text, 0, split)
    this.#writer.append(resource)
    this.#writer.appendSlice(text, split, text.length)
  }

  #addFields(index: number, tags: TagSet, values: Float64Array, tail: Buffer): void {
    const { columns, measurement } = this.#groups[index]!
    const writer = this.#writer
    let isBegun = false
    for (const column of columns) {
      const value = values[column]
      if (value === undefined || value !== value || !this.#isWritten[column]!) continue
      if (!this.#isStorable(column, value)) {
        this.#dropped++
        continue
      }
      if (!isBegun) {
        if (!this.#isAdmitted(tags, index)) return void this.#refused++
        writer.reserve(measurement.length + lengthOf(tags))
        writer.append(measurement)
        this.#appendTags(tags)
      }
      const key = this.#fieldKeys[column]!
      writer.reserve(key.length + tail.length + 48)
      if (isBegun) writer.append(comma)
      writer.append(key)
      this.#writeNumber(column, value)
      isBegun = true
    }
    if (!isBegun) return
    writer.append(tail)
    this.#points++
  }

  #addLabelled(labelled: readonly LabelledValue[], tags: EntityTags, tail: Buffer): void {
    if (this.#schema === 'default') {
      for (const { column, resource, value } of labelled) {
        if (this.#isWritten[column]!) this.#addValue(column, this.#labelledTags(tags, resource), value, tail)
      }
      return
    }
    // One line per resource: its values as the columns of a set.
    const byResource = new Map<string, Float64Array>()
    for (const { column, resource, value } of labelled) {
      const values = byResource.get(resource) ?? new Float64Array(metrics.length).fill(Number.NaN)
      values[column] = value
      byResource.set(resource, values)
    }
    const groups = new Set(labelled.map(({ column }) => this.#groupOf[column]!))
    for (const [resource, values] of byResource) {
      for (const index of groups) this.#addFields(index, this.#labelledTags(tags, resource), values, tail)
    }
  }

  #isStorable(column: number, value: number): boolean {
    return Number.isFinite(value) && (!this.#isInteger[column]! || Math.abs(value) < 2 ** 63)
  }

  #writeNumber(column: number, value: number): void {
    if (this.#isInteger[column]!) this.#writer.appendInteger(Math.round(value))
    else this.#writer.appendFloat(value)
  }

  #isAdmitted(tags: TagSet, member: number): boolean {
    const guard = this.#guard
    if (guard === undefined) return true
    const word = Math.floor(member / answersPerWord)
    const shift = (member % answersPerWord) * 2
    const known = tags.answers === undefined || tags.epoch !== guard.epoch ? 0 : (tags.answers[word]! >>> shift) & answerMask
    if (known > 0) return known === admitted
    const isAdmitted = guard.admit(tags, member)
    // Those of a resource have few points each: they keep no answers before one is a refusal, which is to be counted once.
    if (isAdmitted && tags.answers === undefined) return true
    const answers = (tags.answers ??= this.#createAnswers())
    if (tags.epoch !== guard.epoch) answers.fill(0)
    tags.epoch = guard.epoch
    answers[word] = answers[word]! | ((isAdmitted ? admitted : refused) << shift)
    return isAdmitted
  }

  #tagsOf(entity: Entity): EntityTags {
    const known = this.#tags.get(entity)
    if (known !== undefined) return known
    const tags: EntityTags = { plain: this.#encodeTags(entity), ofResources: noResources }
    this.#tags.set(entity, tags)
    return tags
  }

  #labelledTags(tags: EntityTags, resource: string): TagSet {
    const known = tags.ofResources.get(resource)
    if (known !== undefined) return known
    const { text, split } = tags.plain
    const part = this.#resourceTag(resource)
    const { high, low } = hashSeries(`${text.toString('utf8', 0, split)}${part.toString()}${text.toString('utf8', split)}`)
    const encoded: TagSet = { text, resource: part, split, high, low, answers: undefined, epoch: 0 }
    tags.ofResources = tags.ofResources === noResources ? new Map([[resource, encoded]]) : tags.ofResources.set(resource, encoded)
    return encoded
  }

  /** Most entities have resources of the same few names. */
  #resourceTag(resource: string): Buffer {
    const known = this.#resourceTags.get(resource)
    if (known !== undefined) return known
    const tag = Buffer.from(encodeTags({ resource_id: resource }))
    if (this.#resourceTags.size >= maxResourceTags) this.#resourceTags.clear()
    this.#resourceTags.set(resource, tag)
    return tag
  }

  #encodeTags(entity: Entity): TagSet {
    const before: Record<string, string> = { cluster_name: this.#clusterName }
    const behind: Record<string, string> = {}
    for (const [name, value] of Object.entries(entity.labels)) {
      if (this.#tagNames.has(name)) (name < 'resource_id' ? before : behind)[name] = value
    }
    const head = encodeTags(before)
    const text = head + encodeTags(behind)
    // Spreading the hash would give each set a piece of memory beside it.
    const { high, low } = hashSeries(text)
    return {
      text: Buffer.from(`${text} `),
      resource: undefined,
      split: Buffer.byteLength(head),
      high,
      low,
      answers: this.#guard === undefined ? undefined : this.#createAnswers(),
      epoch: 0,
    }
  }

  #createAnswers(): number[] {
    return Array.from({ length: Math.ceil(this.#groups.length / answersPerWord) }, () => 0)
  }
}

const comma = Buffer.from(',')
const admitted = 1
const refused = 2
/** Answers are two bits each in small integers: there are several hundred thousand tag sets in a large cluster, and typed arrays cost twice that. */
const answersPerWord = 15
const answerMask = 3
/** Names that many entities share; those of the volumes of single pods are not worth their place. */
const maxResourceTags = 1000

/** The tags of a point as text, their hash, and what the guard said of each measurement with them. */
interface TagSet extends SeriesHash {
  /** Those of the entity. */
  readonly text: Buffer
  /** The tag `resource_id`, which belongs at `split` of the text, where the tags are those of a resource. */
  readonly resource: Buffer | undefined
  readonly split: number
  answers: number[] | undefined
  epoch: number
}

const lengthOf = ({ text, resource }: TagSet): number => text.length + (resource?.length ?? 0)

interface EntityTags {
  readonly plain: TagSet
  ofResources: Map<string, TagSet>
}

/** Shared by the many entities that have none. */
const noResources = new Map<string, TagSet>()

/** InfluxDB refuses a tag with the name of its own column. */
function safeLabels({ time, ...labels }: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return time === undefined ? labels : { ...labels, label_time: time }
}

/** Nanoseconds, since events need them to be told apart. */
function encodeTime(timestamp: number): Buffer {
  return Buffer.from(` ${Math.round(timestamp)}000000\n`, 'latin1')
}

/**
 * Many events happen in the same second of the API's clock, and two in one series at one time would be one. What the time leaves open comes from
 * the uid, so that each has a time of its own and the same one every time that it is written.
 */
function eventTime({ uid, lastSeen }: ClusterEvent): string {
  const time = Math.round(lastSeen)
  const hash = hashSeries(uid).high >>> 0
  if (time % 1000 === 0) return `${time / 1000}${String(hash % 1e9).padStart(9, '0')}`
  return `${time}${String(hash % 1e6).padStart(6, '0')}`
}
