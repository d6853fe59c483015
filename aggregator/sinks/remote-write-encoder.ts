import type { PointEncoder } from './encoded-sink.ts'
import { outsideLabels } from './points.ts'
import type { Point } from './points.ts'
import type { Payload } from '../../lib/delivery/spool.ts'

/** Prometheus has no limit of its own for label values; what is longer than this helps nobody. */
const maxLabelLength = 1024

/**
 * Gathers points as the time series of a remote-write request (protobuf message `WriteRequest`, one sample each). The labels of a series are
 * encoded once and kept for as long as its entity's labels are.
 */
export class RemoteWriteEncoder implements PointEncoder {
  readonly #prefix: string
  readonly #clusterName: string
  #series = new WeakMap<object, Map<string, Buffer>>()
  #parts: Buffer[] = []
  items = 0

  constructor(options: { readonly prefix: string; readonly clusterName: string }) {
    this.#prefix = options.prefix
    this.#clusterName = options.clusterName
  }

  addPoint(point: Point): void {
    const labels = this.#labelsOf(point)
    const sample = encodeSample(point.value, Math.round(point.timestamp))
    this.#parts.push(frame(1, labels.length + sample.length), labels, sample)
    this.items++
  }

  take(): Payload {
    const payload = { body: Buffer.concat(this.#parts), items: this.items }
    this.#parts = []
    this.items = 0
    return payload
  }

  #labelsOf(point: Point): Buffer {
    const ofEntity = this.#series.get(point.labels) ?? new Map<string, Buffer>()
    this.#series.set(point.labels, ofEntity)
    const key = point.resource === undefined ? point.name : `${point.name}\0${point.resource}`
    const known = ofEntity.get(key)
    if (known !== undefined) return known
    const encoded = encodeLabels(seriesLabels(point, this.#prefix, this.#clusterName))
    ofEntity.set(key, encoded)
    return encoded
  }
}

/** The name and labels under which Prometheus knows a point. */
export function seriesLabels(point: Point, prefix: string, clusterName: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>()
  for (const [name, value] of Object.entries(outsideLabels(point, clusterName))) {
    const clean = value.slice(0, maxLabelLength).toWellFormed()
    if (clean !== '') labels.set(labelName(name), clean)
  }
  labels.set('__name__', `${prefix}${point.name}`.replaceAll(/[^a-zA-Z0-9_:]/g, '_').replace(/^(?=\d)/, '_'))
  return new Map([...labels].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A name that Prometheus allows; what it keeps for itself (two underscores) is not for others. */
function labelName(name: string): string {
  const clean = name.replaceAll(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d|$)/, '_')
  return clean.startsWith('__') ? `label${clean}` : clean
}

function encodeLabels(labels: ReadonlyMap<string, string>): Buffer {
  const parts: Buffer[] = []
  for (const [name, value] of labels) {
    const text = Buffer.concat([textField(1, name), textField(2, value)])
    parts.push(frame(1, text.length), text)
  }
  return Buffer.concat(parts)
}

/** `samples` (2) of a time series: `value` (1), a double, and `timestamp` (2), ms. */
function encodeSample(value: number, timestamp: number): Buffer {
  const time = varint(timestamp)
  const body = Buffer.allocUnsafe(12 + time.length)
  body[0] = (2 << 3) | 2
  body[1] = 10 + time.length
  body[2] = (1 << 3) | 1
  body.writeDoubleLE(value, 3)
  body[11] = 2 << 3
  time.copy(body, 12)
  return body
}

function textField(field: number, text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([frame(field, bytes.length), bytes])
}

/** The head of a length-delimited field. */
function frame(field: number, length: number): Buffer {
  return Buffer.concat([Buffer.of((field << 3) | 2), varint(length)])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}
