import type { LogOrigin } from '../log-batch.ts'
import type { FoundLine } from './search.ts'

/** A line as JSON has it: what a record of the answer is. Empty texts and what a line does not have are left out. */
export interface LineRecord {
  /** RFC 3339 with nine digits of a second, UTC. */
  readonly time: string
  /** Where it is not a container's. */
  readonly kind?: Exclude<LogOrigin['kind'], 'container'>
  readonly node?: string
  readonly namespace?: string
  readonly pod?: string
  readonly container?: string
  readonly level?: string
  readonly stream?: 'stderr'
  readonly text: string
  readonly fields?: Readonly<Record<string, string | number | boolean>>
  readonly id: string
}

/** The last record of an answer that has an end: how many lines it has, and what is not in it. */
export interface EndRecord {
  readonly end: { readonly lines: number; readonly isCutAtLimit: boolean; readonly problems: readonly Problem[] }
}

/** Something that is not in the answer, and why. */
export interface Problem {
  readonly node?: string
  readonly problem: string
}

/** To mergers: everything that was stored is told, from here on lines come as they are written. */
export interface LiveRecord {
  readonly live: string
}

/** To mergers: everything up to this place is told. */
export interface PlaceRecord {
  readonly place: string
}

/** To mergers: the search goes on. */
export interface SignRecord {
  readonly sign: number
}

export type LogRecord = LineRecord | EndRecord | LiveRecord | PlaceRecord | SignRecord | Problem

export function toLineRecord(line: FoundLine): LineRecord {
  const { origin, level, stream, fields } = line
  return {
    time: formatTime(line.time),
    ...(origin.kind === 'container' ? {} : { kind: origin.kind }),
    ...(origin.node === '' ? {} : { node: origin.node }),
    ...(origin.namespace === '' ? {} : { namespace: origin.namespace }),
    ...(origin.pod === '' ? {} : { pod: origin.pod }),
    ...(origin.container === '' ? {} : { container: origin.container }),
    ...(level === 'unknown' ? {} : { level }),
    ...(stream === 'stdout' ? {} : { stream }),
    text: line.text,
    ...(fields === undefined ? {} : { fields }),
    id: line.id,
  }
}

/** ns since the epoch as RFC 3339 with nine digits: sorts as text. */
export function formatTime(time: bigint): string {
  const seconds = time / 1_000_000_000n
  const rest = time - seconds * 1_000_000_000n
  // Division goes towards zero; before 1970 the rest is negative.
  const [whole, part] = rest < 0n ? [seconds - 1n, rest + 1_000_000_000n] : [seconds, rest]
  const date = new Date(Number(whole) * 1000)
  const text = Number.isNaN(date.getTime()) ? '1970-01-01T00:00:00.000Z' : date.toISOString()
  return `${text.slice(0, -5)}.${String(part).padStart(9, '0')}Z`
}

/** What wrote a line, in one word: `namespace/pod/container` of containers. */
export function nameOfOrigin({ kind, node, namespace, pod, container }: Partial<LineRecord>): string {
  if (pod !== undefined) return [namespace, pod, container].filter((part) => part !== undefined).join('/')
  const where = namespace ?? node
  return [kind, where, container].filter((part) => part !== undefined).join('/')
}

/** One line of plain text per line: `time name text`; what has several lines is told apart by two spaces. */
export function formatPlain(record: LineRecord): string {
  return `${record.time} ${nameOfOrigin(record)} ${record.text.replaceAll('\n', '\n  ')}\n`
}
