import type { ListAnswer } from '../request.ts'

/** Objects are written in pieces of about this size. */
const pieceBytes = 256 * 1024
const comma = Buffer.from(',')

/** How many bytes a list's JSON has. */
export function lengthOfList(list: ListAnswer): number {
  let length = Buffer.byteLength(headOf(list)) + tail.length + Math.max(0, list.items.length - 1)
  for (const { bytes } of list.items) length += bytes.length
  return length
}

/** A list's JSON in pieces: the stored bytes of each object, copied once into the piece that goes out. */
export function* piecesOfList(list: ListAnswer): Generator<Buffer> {
  let pending: Buffer[] = [Buffer.from(headOf(list))]
  let length = pending[0]!.length
  for (const [index, { bytes }] of list.items.entries()) {
    if (index > 0) pending.push(comma)
    pending.push(bytes)
    length += bytes.length + 1
    if (length < pieceBytes) continue
    yield Buffer.concat(pending)
    pending = []
    length = 0
  }
  pending.push(tail)
  yield Buffer.concat(pending)
}

const headOf = ({ kind, apiVersion, metadata }: ListAnswer) =>
  `{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${JSON.stringify(metadata)},"items":[`
const tail = Buffer.from(']}')
