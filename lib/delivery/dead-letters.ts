import { appendFile, mkdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { toTimestamp } from '../clock.ts'
import type { Clock } from '../clock.ts'

/** What a destination refused for good, and what it said. */
export interface Refusal {
  readonly reason: string
  readonly message: string
  /** How many points, events or lines were refused. */
  readonly items: number
  /** Those that are meant, as they were sent; a few where there are many, none where nobody can tell. */
  readonly samples: readonly string[]
}

/** Keeps what was refused for a person to look at. */
export interface DeadLetters {
  /** Rejects when the file can't be written. One call at a time. */
  add(refusal: Refusal): Promise<void>
}

export interface DeadLetterOptions {
  readonly dir: string
  readonly maxBytes: number
  readonly clock: Clock
}

/** A type conflict refuses thousands of lines alike: a few tell as much. */
const maxSamples = 50
const maxSampleLength = 2000
const maxMessageLength = 4000

/**
 * Appends a JSON object per refusal to `refused.jsonl` in `dir`: time, reason, the destination's words, count, and up to 50 samples. The file takes
 * `maxBytes`, then becomes `refused.old.jsonl`, so that both together stay below twice that and one entry.
 */
export function createDeadLetters(options: DeadLetterOptions): DeadLetters {
  const append = createRefusedFile(options)
  return {
    add: async ({ reason, message, items, samples }) => {
      const kept = samples.slice(0, maxSamples).map((sample) => sample.slice(0, maxSampleLength))
      const entry = { time: toTimestamp(options.clock.now()), reason, items, message: message.slice(0, maxMessageLength), samples: kept }
      await append(`${JSON.stringify(entry)}\n`)
    },
  }
}

/** Appends to `refused.jsonl` in a folder, which becomes `refused.old.jsonl` when it has `maxBytes`. One call at a time. */
export function createRefusedFile({
  dir,
  maxBytes,
}: Pick<DeadLetterOptions, 'dir' | 'maxBytes'>): (lines: string | Buffer) => Promise<void> {
  const path = join(dir, 'refused.jsonl')
  return async (lines) => {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    )
    if (size >= maxBytes) await rename(path, join(dir, 'refused.old.jsonl'))
    await appendFile(path, lines, { mode: 0o600 })
  }
}
