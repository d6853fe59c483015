import type { Readable } from 'node:stream'
import type { ObservedContainer } from '../runtime.ts'
import { identityOf, label } from './docker-labels.ts'

/** The fields of a Docker event that matter here. */
export interface DockerEvent {
  readonly Type?: string
  readonly Action?: string
  readonly timeNano?: number
  readonly time?: number
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> }
}

/** Longer lines than this are no event of any engine. */
const maxLineBytes = 1024 * 1024

/** Objects of a stream of JSON lines. A line that is none ends the iteration with an error; so does the stream's own error. */
export async function* jsonLines<T>(stream: Readable): AsyncGenerator<T> {
  let rest = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream as AsyncIterable<string>) {
    rest += chunk
    let start = 0
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
      const line = rest.slice(start, end).trim()
      start = end + 1
      if (line !== '') yield JSON.parse(line) as T
    }
    rest = rest.slice(start)
    if (rest.length > maxLineBytes) throw new RangeError('a line of the event stream is longer than 1 MiB')
  }
}

/** What an event says of a container of ours; `undefined` for events that change nothing. */
export function factsOfEvent(
  event: DockerEvent,
): { readonly observed: ObservedContainer } | { readonly removed: ObservedContainer } | undefined {
  const labels = event.Actor?.Attributes ?? {}
  const identity = identityOf(labels)
  const id = event.Actor?.ID
  if (identity === undefined || id === undefined) return undefined
  const atMs = event.timeNano === undefined ? (event.time ?? 0) * 1000 : Math.floor(event.timeNano / 1e6)
  const base = { id, ...identity, image: labels[label.image] ?? labels['image'] ?? '', imageId: '', createdAtMs: atMs }
  switch (event.Action) {
    case 'create':
      return { observed: { ...base, state: 'created' } }
    case 'start':
      return { observed: { ...base, state: 'running', startedAtMs: atMs } }
    case 'oom':
      return { observed: { ...base, state: 'running', isOomKilled: true } }
    case 'die':
      return { observed: { ...base, state: 'exited', finishedAtMs: atMs, exitCode: Number(labels['exitCode'] ?? 0) } }
    case 'destroy':
      return { removed: { ...base, state: 'exited' } }
    default:
      return undefined
  }
}
