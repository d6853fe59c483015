import type { LogBatch } from '../log-batch.ts'

/** What a line costs in memory besides its text. */
const lineOverheadBytes = 48

/** About what a batch takes in memory and in a request. */
export function batchBytes({ text, count, fields }: LogBatch): number {
  return text.length + count * (fields === undefined ? lineOverheadBytes : 4 * lineOverheadBytes)
}

/** About what one line takes. */
export function lineBytes(batch: LogBatch, index: number): number {
  return textEnd(batch, index) - textStart(batch, index) + lineOverheadBytes * (batch.fields === undefined ? 1 : 4)
}

/** Where the text of line `index` begins in the text of its batch. */
export function textStart({ ends }: LogBatch, index: number): number {
  return index === 0 ? 0 : ends[index - 1]!
}

export function textEnd({ ends }: LogBatch, index: number): number {
  return ends[index]!
}

/** Lines `from` to before `to`, in the memory of the whole where that is possible. */
export function sliceBatch(batch: LogBatch, from: number, to: number): LogBatch {
  if (from === 0 && to === batch.count) return batch
  const start = from === 0 ? 0 : batch.ends[from - 1]!
  return {
    origin: batch.origin,
    file: batch.file,
    count: to - from,
    text: batch.text.subarray(start, batch.ends[to - 1]),
    ends: from === 0 ? batch.ends.subarray(0, to) : batch.ends.slice(from, to).map((end) => end - start),
    times: batch.times.subarray(from, to),
    positions: batch.positions.subarray(from, to),
    nextPosition: to === batch.count ? batch.nextPosition : batch.positions[to]!,
    levels: batch.levels.subarray(from, to),
    streams: batch.streams.subarray(from, to),
    fields: batch.fields?.slice(from, to),
  }
}

/** The lines at `indexes`, which grow. */
export function selectLines(batch: LogBatch, indexes: readonly number[]): LogBatch {
  const ends = new Uint32Array(indexes.length)
  const texts = indexes.map((index) => batch.text.subarray(textStart(batch, index), textEnd(batch, index)))
  let end = 0
  for (const [at, text] of texts.entries()) ends[at] = end += text.length
  return {
    origin: batch.origin,
    file: batch.file,
    count: indexes.length,
    text: Buffer.concat(texts),
    ends,
    times: BigInt64Array.from(indexes, (index) => batch.times[index]!),
    positions: Float64Array.from(indexes, (index) => batch.positions[index]!),
    nextPosition: batch.nextPosition,
    levels: Uint8Array.from(indexes, (index) => batch.levels[index]!),
    streams: Uint8Array.from(indexes, (index) => batch.streams[index]!),
    fields: batch.fields === undefined ? undefined : indexes.map((index) => batch.fields![index]),
  }
}
