import { metrics } from '../catalog.ts'
import type { Batch, MetricSet } from '../metric-set.ts'
import type { Entity } from '../window.ts'

/** Longest tag value in UTF-16 units; longer ones are cut. InfluxDB refuses keys over 64 KiB, all tags of a point together. */
const maxTagValueLength = 1024
/** A tag of labels may be longer: dashboards select by it. */
const maxLabelsLength = 8192

/** Labels of entities that are no tags, as in Heapster's default schema: each would make a series per restart of a pod. */
const untagged: ReadonlySet<string> = new Set(['pod_id', 'namespace_id', 'host_id', 'hostname'])

const minus = 45
const zero = 48

/** How many points went into the lines, and how many could not. */
export interface EncodedCounts {
  readonly points: number
  /** NaN, infinite, or beyond 64 bits. */
  readonly dropped: number
}

/**
 * Writes points in InfluxDB's line protocol with Heapster's schema: measurement = metric name, tags = labels and `cluster_name`, sorted, one
 * field `value`, timestamps in ms. The bytes grow in one buffer that is reused; tags are encoded once per entity.
 * Safe by construction: no label can end a line, a tag or a field (control characters become spaces, a backslash at the end gets one more
 * character after it), so what is read back is what was written up to that replacement.
 */
export class LineEncoder {
  readonly #clusterName: string
  readonly #measurements = metrics.map(({ name }) => Buffer.from(escapeMeasurement(name)))
  readonly #isInteger = metrics.map(({ valueType }) => valueType === 'int')
  readonly #isLabelled = metrics.map(({ isLabelled }) => isLabelled === true)
  readonly #tags = new WeakMap<Entity, EntityTags>()
  #bytes: Buffer = Buffer.allocUnsafe(1 << 20)
  #length = 0
  #points = 0
  #dropped = 0

  constructor(options: { readonly clusterName: string }) {
    this.#clusterName = options.clusterName
  }

  /** Points since the last `take`. */
  get points(): number {
    return this.#points
  }

  /** Bytes since the last `take`. */
  get length(): number {
    return this.#length
  }

  /** Encodes every value of the batch. `onFull` is called when `limit` points are in; it is expected to `take` them. */
  addBatch(batch: Batch, limit = Infinity, onFull?: () => void): void {
    const tail = Buffer.from(` ${Math.round(batch.timestamp)}\n`, 'latin1')
    for (const set of batch.sets.values()) {
      this.addSet(set, tail)
      if (this.#points >= limit) onFull?.()
    }
  }

  /** Hands out the lines so far and starts anew. The bytes are the caller's own. */
  take(): { readonly lines: Buffer; readonly counts: EncodedCounts } {
    const lines = Buffer.from(this.#bytes.subarray(0, this.#length))
    const counts = { points: this.#points, dropped: this.#dropped }
    this.#length = 0
    this.#points = 0
    this.#dropped = 0
    return { lines, counts }
  }

  /** Encodes one set; `tail` is a space, the timestamp and a newline. */
  addSet(set: MetricSet, tail: Buffer): void {
    const tags = this.#tagsOf(set.entity)
    const { values } = set
    for (let column = 0; column < values.length; column++) {
      const value = values[column]!
      // NaN is how a set says "no value"; it is not a lost point.
      if (value !== value) continue
      if (this.#isLabelled[column]!) continue
      this.#addPoint(column, tags.plain, value, tail)
    }
    for (const { column, resource, value } of set.labelled) this.#addPoint(column, this.#labelledTags(tags, resource), value, tail)
  }

  #addPoint(column: number, tags: Buffer, value: number, tail: Buffer): void {
    if (!Number.isFinite(value) || (this.#isInteger[column]! && Math.abs(value) >= 2 ** 63)) {
      this.#dropped++
      return
    }
    const measurement = this.#measurements[column]!
    this.#reserve(measurement.length + tags.length + tail.length + 48)
    this.#append(measurement)
    this.#append(tags)
    if (this.#isInteger[column]!) this.#writeInteger(Math.round(value))
    else this.#length += this.#bytes.write(String(value), this.#length, 'latin1')
    this.#append(tail)
    this.#points++
  }

  #append(part: Buffer): void {
    const bytes = this.#bytes
    let at = this.#length
    if (part.length > 40) {
      bytes.set(part, at)
      at += part.length
    } else {
      // A call into the engine costs more than copying a few bytes here.
      for (let index = 0; index < part.length; index++) bytes[at++] = part[index]!
    }
    this.#length = at
  }

  #writeInteger(value: number): void {
    if (!Number.isSafeInteger(value)) {
      this.#length += this.#bytes.write(`${BigInt(value)}i`, this.#length, 'latin1')
      return
    }
    const bytes = this.#bytes
    let rest = value
    if (rest < 0) {
      bytes[this.#length++] = minus
      rest = -rest
    }
    let digits = 1
    for (let bound = 10; rest >= bound; bound *= 10) digits++
    let at = this.#length + digits
    this.#length = at + 1
    bytes[at] = 105 // i
    // Small integers divide several times faster than doubles do.
    while (rest > 0x7fff_ffff) {
      const next = Math.floor(rest / 10)
      bytes[--at] = zero + (rest - next * 10)
      rest = next
    }
    let small = rest | 0
    do {
      const next = (small / 10) | 0
      bytes[--at] = zero + (small - next * 10)
      small = next
    } while (small > 0)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }

  #tagsOf(entity: Entity): EntityTags {
    const known = this.#tags.get(entity)
    if (known !== undefined) return known
    const tags = { entity, plain: this.#encodeTags(entity), byResource: new Map<string, Buffer>() }
    this.#tags.set(entity, tags)
    return tags
  }

  #labelledTags(tags: EntityTags, resource: string): Buffer {
    const known = tags.byResource.get(resource)
    if (known !== undefined) return known
    const encoded = this.#encodeTags(tags.entity, resource)
    tags.byResource.set(resource, encoded)
    return encoded
  }

  #encodeTags(entity: Entity, resource?: string): Buffer {
    const labels: Record<string, string> = { ...entity.labels, cluster_name: this.#clusterName }
    if (resource !== undefined) labels['resource_id'] = resource
    return Buffer.from(`${encodeTags(labels)} value=`)
  }
}

interface EntityTags {
  readonly entity: Entity
  readonly plain: Buffer
  readonly byResource: Map<string, Buffer>
}

/** `,key=value` for every label that is a tag, sorted by key; labels with an empty value are left out. */
export function encodeTags(labels: Readonly<Record<string, string>>): string {
  let text = ''
  for (const name of Object.keys(labels).sort()) {
    if (untagged.has(name)) continue
    const value = storedTagValue(name, labels[name]!)
    if (value !== '') text += `,${escapeTag(name)}=${escapeTag(value)}`
  }
  return text
}

/** The value under which a label's value is found in InfluxDB. */
export function storedTagValue(name: string, value: string): string {
  return cleanTagValue(value, name === 'labels' ? maxLabelsLength : maxTagValueLength)
}

/**
 * The nearest tag value that the line protocol can carry: control characters and line ends as spaces, lone surrogates as U+FFFD, cut to
 * `maxLength`, and a space after a backslash at the end, which would swallow the separator behind it.
 */
export function cleanTagValue(value: string, maxLength: number): string {
  const clean = value.slice(0, maxLength).toWellFormed().replaceAll(unprintable, ' ')
  return clean.endsWith('\\') ? `${clean} ` : clean
}

/** Control characters (Unicode's Cc) and the two line separators beyond them. */
const unprintable = /[\p{Cc}\u2028\u2029]/gu

function escapeTag(text: string): string {
  return text.replaceAll(/[,= ]/g, '\\$&')
}

function escapeMeasurement(name: string): string {
  return name.replaceAll(/[, ]/g, '\\$&')
}
