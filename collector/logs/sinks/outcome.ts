import type { LogBatch } from '../log-batch.ts'
import { batchBytes, selectLines, textEnd, textStart } from './batch-lines.ts'
import type { Group, Owner, Part } from './lane.ts'
import type { LineRef, SendOutcome } from './sink.ts'

/** Lines that were refused with the same words. */
export interface RefusedLines {
  readonly reason: string
  readonly message: string
  readonly lines: readonly LineRef[]
}

/** What an answer means for a group. */
export interface GroupOutcome {
  /** What is out of the delivery's hands, by part. */
  readonly parts: readonly {
    readonly owner: Owner
    readonly lines: number
    readonly bytes: number
    readonly delivered: number
    readonly deliveredBytes: number
  }[]
  /** What is to be sent again. */
  readonly left: readonly Part[]
  readonly refused: readonly RefusedLines[]
}

/** Messages quote values; beyond so many of one answer they are one. */
const maxMessages = 20

/** Takes a group apart by the answer to it. A line that is named twice, or is none of the group's, counts once, or not. */
export function readOutcome(group: Group, { refused = [], again }: SendOutcome): GroupOutcome {
  const marks = new Map<LogBatch, Map<number, 'refused' | 'again'>>(group.parts.map(({ batch }) => [batch, new Map()]))
  const mark = ({ batch, index }: LineRef, as: 'refused' | 'again'): boolean => {
    const own = marks.get(batch)
    if (own === undefined || own.has(index) || index >= batch.count) return false
    own.set(index, as)
    return true
  }
  const known = refused.filter((line) => mark(line, 'refused'))
  for (const line of again?.lines ?? []) mark(line, 'again')
  const left: Part[] = []
  const parts = group.parts.map(({ owner, batch, bytes, at }) => {
    const own = marks.get(batch)!
    const later = [...own].flatMap(([index, as]) => (as === 'again' ? [index] : [])).sort((a, b) => a - b)
    const rest = later.length === 0 ? undefined : selectLines(batch, later)
    if (rest !== undefined) left.push({ owner, batch: rest, bytes: batchBytes(rest), at })
    let deliveredBytes = batch.text.length
    for (const index of own.keys()) deliveredBytes -= textEnd(batch, index) - textStart(batch, index)
    const lines = batch.count - later.length
    return { owner, lines, bytes: bytes - (rest === undefined ? 0 : batchBytes(rest)), delivered: batch.count - own.size, deliveredBytes }
  })
  return { parts, left, refused: groupRefusals(known) }
}

function groupRefusals(refused: NonNullable<SendOutcome['refused']>): readonly RefusedLines[] {
  const groups = new Map<string, { reason: string; message: string; lines: LineRef[] }>()
  for (const { reason, message, batch, index } of refused) {
    const key = `${reason} ${message}`
    const isNew = !groups.has(key)
    const shared = isNew && groups.size >= maxMessages ? reason : key
    const found = groups.get(shared) ?? { reason, message, lines: [] }
    found.lines.push({ batch, index })
    groups.set(shared, found)
  }
  return [...groups.values()]
}
