import { Readable } from 'node:stream'
import type { Clock } from '../../../../lib/clock.ts'
import type { LogOptions, ObservedContainer } from '../runtime.ts'

/** A running container says something this often. */
const heartbeatMs = 10_000
/** However long it ran, no more of the past is made up than this. */
const maxLines = 10_000

/** One line and when it was written. */
interface Line {
  readonly atMs: number
  readonly text: string
}

/** What a simulated container has written: its start, a line every ten seconds, its end. The same at every look. */
export function linesOf(container: ObservedContainer, nowMs: number): Line[] {
  const startedMs = container.startedAtMs
  if (startedMs === undefined) return []
  const untilMs = container.finishedAtMs ?? nowMs
  const beats = Math.floor((untilMs - startedMs) / heartbeatMs)
  const first = Math.max(1, beats - maxLines + 1)
  const lines: Line[] = first === 1 ? [{ atMs: startedMs, text: `${container.name}: started (simulated, image ${container.image})` }] : []
  for (let beat = first; beat <= beats; beat++) {
    lines.push({ atMs: startedMs + beat * heartbeatMs, text: `${container.name}: running for ${(beat * heartbeatMs) / 1000} s` })
  }
  if (container.finishedAtMs !== undefined)
    lines.push({ atMs: container.finishedAtMs, text: `${container.name}: ended with code ${container.exitCode ?? 0}` })
  return lines
}

/** The log of a simulated container as a stream. `current` answers how the container is at a moment. */
export function logStream(options: {
  readonly clock: Clock
  readonly log: LogOptions
  readonly signal: AbortSignal
  readonly current: () => ObservedContainer | undefined
}): Readable {
  return Readable.from(chunks(options), { objectMode: false })
}

async function* chunks({ clock, log, signal, current }: Parameters<typeof logStream>[0]): AsyncGenerator<string> {
  const container = current()
  if (container === undefined) return
  let lines = linesOf(container, clock.now()).filter(({ atMs }) => log.sinceMs === undefined || atMs >= log.sinceMs)
  if (log.tailLines !== undefined) lines = log.tailLines === 0 ? [] : lines.slice(-log.tailLines)
  for (const line of lines) yield format(line, log.timestamps)
  let lastMs = clock.now()
  while (log.follow && !signal.aborted && current()?.state === 'running') {
    await clock.sleep(heartbeatMs, signal)
    const now = current()
    if (now === undefined || signal.aborted) return
    for (const line of linesOf(now, clock.now())) if (line.atMs > lastMs) yield format(line, log.timestamps)
    lastMs = clock.now()
  }
}

const format = (line: Line, timestamps: boolean) => `${timestamps ? `${new Date(line.atMs).toISOString()} ` : ''}${line.text}\n`
