import type { LogBatch, LogOrigin } from '../log-batch.ts'

/** The first byte of a record; another form gets another one. Behind it, aligned, is when its oldest line came. */
const version = 1
const recordHeadBytes = 12
/** Length of the head's JSON, length of the text, number of lines, whether there are fields. */
const headBytes = 16
/** Origins that are kept, so that batches of one origin share one object. */
const maxOrigins = 1000

interface Head {
  readonly origin: LogOrigin
  readonly file: string
  readonly next: number
}

/** Batches as bytes, in the byte order of this machine: columns as they are in memory, the rest as JSON. `since`: ms of the wall clock. */
export function encodeBatches(batches: readonly LogBatch[], since: number): Buffer {
  const recordHead = Buffer.alloc(recordHeadBytes, version)
  recordHead.writeDoubleLE(since, recordHeadBytes - 8)
  const parts: Uint8Array[] = [recordHead]
  for (const batch of batches) {
    const { origin, file, nextPosition, count, text, fields } = batch
    const head = Buffer.from(JSON.stringify({ origin, file, next: nextPosition } satisfies Head))
    const fieldBytes = Buffer.from(fields === undefined ? '' : JSON.stringify(fields))
    const sizes = Buffer.alloc(headBytes)
    for (const [index, size] of [head.length, text.length, count, fieldBytes.length].entries()) sizes.writeUInt32LE(size, index * 4)
    const columns = [batch.times, batch.positions, batch.ends].map(({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer, byteOffset, byteLength),
    )
    parts.push(sizes, head, ...columns, batch.levels, batch.streams, text, fieldBytes)
  }
  return Buffer.concat(parts)
}

/** Reads what `encodeBatches` wrote. Throws for anything else. */
export class BatchDecoder {
  readonly #origins = new Map<string, LogOrigin>()

  decode(body: Buffer): { readonly batches: readonly LogBatch[]; readonly since: number } {
    if (body[0] !== version || body.length < recordHeadBytes) throw new Error('not a record of lines')
    const batches: LogBatch[] = []
    for (let at = recordHeadBytes; at < body.length;) {
      const [headLength, textLength, count, fieldsLength] = [0, 4, 8, 12].map((offset) => body.readUInt32LE(at + offset)) as Sizes
      at += headBytes
      const take = (length: number) => body.subarray(at, (at += length))
      const { origin, file, next } = JSON.parse(take(headLength).toString()) as Head
      const [times, positions, ends] = [take(count * 8), take(count * 8), take(count * 4)]
      const [levels, streams, text, fields] = [take(count), take(count), take(textLength), take(fieldsLength)]
      if (at > body.length) throw new Error('a record of lines that ends early')
      batches.push({
        origin: this.#intern(origin),
        file,
        count,
        text,
        // Columns need memory that is aligned.
        times: new BigInt64Array(new Uint8Array(times).buffer),
        positions: new Float64Array(new Uint8Array(positions).buffer),
        ends: new Uint32Array(new Uint8Array(ends).buffer),
        nextPosition: next,
        levels,
        streams,
        fields: fields.length === 0 ? undefined : readFields(fields),
      })
    }
    return { batches, since: body.readDoubleLE(recordHeadBytes - 8) }
  }

  #intern(origin: LogOrigin): LogOrigin {
    const key = JSON.stringify(origin)
    const known = this.#origins.get(key)
    if (known !== undefined) return known
    if (this.#origins.size >= maxOrigins) this.#origins.clear()
    this.#origins.set(key, origin)
    return origin
  }
}

type Sizes = [number, number, number, number]

function readFields(bytes: Buffer): LogBatch['fields'] {
  return (JSON.parse(bytes.toString()) as (Readonly<Record<string, string>> | null)[]).map((fields) => fields ?? undefined)
}
