import { appendFile, mkdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { toTimestamp } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import type { RejectReason } from './write-answer.ts'

/** Points that InfluxDB refused for good, and what it said. */
export interface Refusal {
  readonly reason: RejectReason
  readonly message: string
  /** How many points were refused. */
  readonly rejected: number
  /** Every line of the write that was answered so. */
  readonly lines: readonly string[]
}

/** Keeps refused points for a person to look at. */
export interface DeadLetters {
  /** Rejects when the file can't be written. One call at a time. */
  add(refusal: Refusal): Promise<void>
}

const fileName = 'refused.jsonl'
const olderFileName = 'refused.old.jsonl'
/** A type conflict refuses thousands of lines alike: a few tell as much. */
const maxLines = 50
const maxLineLength = 2000

/**
 * Appends a JSON object per refused write to `refused.jsonl` in `dir`: time, reason, InfluxDB's words, count, and up to 50 of the lines that
 * are meant. The file takes `maxBytes`, then becomes `refused.old.jsonl`, so that both together stay below twice that and one entry.
 */
export function createDeadLetters(options: { readonly dir: string; readonly maxBytes: number; readonly clock: Clock }): DeadLetters {
  const { dir, maxBytes, clock } = options
  const path = join(dir, fileName)
  return {
    add: async ({ reason, message, rejected, lines }) => {
      await mkdir(dir, { recursive: true })
      const size = await stat(path).then(
        (found) => found.size,
        () => 0,
      )
      if (size >= maxBytes) await rename(path, join(dir, olderFileName))
      const entry = { time: toTimestamp(clock.now()), reason, rejected, message, lines: meantLines(message, rejected, lines) }
      await appendFile(path, `${JSON.stringify(entry)}\n`, { mode: 0o600 })
    },
  }
}

/** The lines that the answer speaks of: all where none was stored, those of the measurement that it names, or those that it quotes. */
function meantLines(message: string, rejected: number, lines: readonly string[]): string[] {
  const measurement = /on measurement "((?:[^"\\]|\\.)*)"/.exec(message)?.[1]
  const isMeant = (line: string) =>
    measurement === undefined ? message.includes(line) : /^(?:[^,\\]|\\.)*/.exec(line)?.[0] === measurement
  const meant = rejected >= lines.length ? lines : lines.filter(isMeant)
  return meant.slice(0, maxLines).map((line) => line.slice(0, maxLineLength))
}
