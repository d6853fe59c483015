/**
 * A line that has not ended so many bytes of its file behind its beginning is told as it is, and what follows is another one: reading goes on behind it
 * after a restart, which else would begin anew with it however far its end is.
 */
export const maxSpanBytes = 64 * 1024 * 1024

/** Where a line's text lies and what was said of it. One object is used again for every line. */
export interface Slice {
  buffer: Buffer
  start: number
  end: number
  /** Index into `logStreams`. */
  stream: number
  /** ns since the epoch as two halves, since a number can't hold them and a bigint is an allocation. */
  timeHigh: number
  timeLow: number
  /** Whether the text goes on in the stream's next line. */
  isPartial: boolean
}

/**
 * Finds what a container runtime wrote around a line: fills `out` from `buffer[start, end)`, without the line's end. `false` where the line
 * does not have the runtime's form; `out` is then in no particular state.
 */
export type Decode = (buffer: Buffer, start: number, end: number, out: Slice) => boolean

export function createSlice(): Slice {
  return { buffer: Buffer.alloc(0), start: 0, end: 0, stream: 0, timeHigh: 0, timeLow: 0, isPartial: false }
}

/** The text as it is, at no time that is known: the reader's stamps it. */
export const decodePlain: Decode = (buffer, start, end, out) => {
  out.buffer = buffer
  out.start = start
  // Windows' line ends.
  out.end = end > start && buffer[end - 1] === 0x0d ? end - 1 : end
  out.stream = 0
  out.isPartial = false
  out.timeHigh = 0
  out.timeLow = 0
  return true
}

/** Sets a slice's time to milliseconds since the epoch. */
export function setTime(out: Slice, ms: number): void {
  const seconds = Math.floor(ms / 1000)
  setTimeParts(out, seconds, Math.round((ms - seconds * 1000) * 1e6))
}

/** Sets a slice's time to seconds since the epoch and nanoseconds; all steps are exact in doubles. */
export function setTimeParts(out: Slice, seconds: number, nanoseconds: number): void {
  const upper = Math.floor(seconds / 65_536) * 1e9
  const lower = (seconds % 65_536) * 1e9 + nanoseconds
  const upperRest = upper % 65_536
  const low = upperRest * 65_536 + lower
  const carry = Math.floor(low / 4_294_967_296)
  out.timeHigh = (upper - upperRest) / 65_536 + carry
  out.timeLow = low - carry * 4_294_967_296
}

/** A slice's time, ms since the epoch. */
export function timeOf({ timeHigh, timeLow }: Slice): number {
  return (timeHigh * 4_294_967_296 + timeLow) / 1e6
}
