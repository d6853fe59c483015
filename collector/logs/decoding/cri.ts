import type { Slice } from './slice.ts'
import { readTimestamp } from './timestamp.ts'

const space = 0x20
const streams = { stdout: Buffer.from('stdout'), stderr: Buffer.from('stderr') }

/** A line of a CRI runtime: `TIME stdout|stderr TAGS TEXT`, where the first of the tags (`:` between them) is `P` while the text goes on, or `F`. */
export function decodeCri(buffer: Buffer, start: number, end: number, out: Slice): boolean {
  // By hand: a search would go on to the end of the block where a line has no space.
  let afterTime = start
  while (afterTime < end && buffer[afterTime] !== space) afterTime++
  if (afterTime + 10 > end || !readTimestamp(buffer, start, afterTime, out)) return false
  const streamStart = afterTime + 1
  if (isAt(buffer, streamStart, streams.stdout)) out.stream = 0
  else if (isAt(buffer, streamStart, streams.stderr)) out.stream = 1
  else return false
  const tag = streamStart + 7
  if (buffer[tag - 1] !== space) return false
  if (buffer[tag] !== 0x46 && buffer[tag] !== 0x50) return false
  out.isPartial = buffer[tag] === 0x50
  let textStart = tag + 1
  while (textStart < end && buffer[textStart] !== space) textStart++
  if (textStart > tag + 1 && buffer[tag + 1] !== 0x3a) return false
  out.buffer = buffer
  out.start = Math.min(textStart + 1, end)
  out.end = end
  return true
}

function isAt(buffer: Buffer, at: number, wanted: Buffer): boolean {
  for (let index = 0; index < wanted.length; index++) if (buffer[at + index] !== wanted[index]) return false
  return true
}
