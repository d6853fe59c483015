import type { LogBatch } from '../log-batch.ts'
import { batchBytes, lineBytes, sliceBatch } from './batch-lines.ts'

/** Who waits for lines: a call of `deliver`, or a record of the spool. */
export interface Owner {
  /** Lines of which nothing is known yet. */
  open: number
  /** When they came, ms of the wall clock. */
  readonly since: number
  /** On disk: nothing is lost with the process. */
  readonly isStored: boolean
  /** Nothing is open any more. */
  settle(): void
  /** The sink has stopped with something open. */
  abandon(): void
}

export interface Part {
  owner: Owner
  readonly batch: LogBatch
  readonly bytes: number
  /** Monotonic time at which the lane got it. */
  readonly at: number
}

/** What goes out as one request. */
export interface Group {
  readonly parts: readonly Part[]
  readonly lines: number
}

export interface GroupLimits {
  readonly maxLines: number
  readonly maxBytes: number
  readonly maxDelayMs: number
}

/**
 * The lines of some of the files, in order, on their way to one receiver: at most one group of a lane is on its way, so that lines of one file never
 * overtake each other. What came from the spool is older than what did not.
 */
export class Lane {
  /** Is being sent. */
  current: Group | undefined
  /** Has to be sent again, just as it was. */
  retry: Group | undefined
  /** How many lines may go at once while lines that the receiver refuses are looked for. */
  #narrowed = Infinity
  stored: Part[] = []
  fresh: Part[] = []
  #freshLines = 0
  #freshBytes = 0

  push(part: Part): void {
    if (part.owner.isStored) {
      this.stored.push(part)
      return
    }
    this.fresh.push(part)
    this.#freshLines += part.batch.count
    this.#freshBytes += part.bytes
  }

  /** When a group may be taken: a monotonic time, -Infinity for now, `undefined` where there is nothing. `mayTakeFresh`: the spool has nothing older. */
  readyAt(limits: GroupLimits, mayTakeFresh: boolean): number | undefined {
    if (this.current !== undefined) return undefined
    if (this.retry !== undefined || this.stored.length > 0) return -Infinity
    const first = this.fresh[0]
    if (!mayTakeFresh || first === undefined) return undefined
    return this.#freshLines >= Math.min(limits.maxLines, this.#narrowed) || this.#freshBytes >= limits.maxBytes
      ? -Infinity
      : first.at + limits.maxDelayMs
  }

  /** Takes the oldest lines as a group that is then `current`. */
  take(limits: GroupLimits, mayTakeFresh: boolean): Group | undefined {
    this.current = this.retry ?? this.#gather(limits, mayTakeFresh)
    this.retry = undefined
    return this.current
  }

  /** The current group was settled. */
  finish(): void {
    this.current = undefined
    this.#narrowed = this.#narrowed >= 1 << 24 ? Infinity : this.#narrowed * 2
  }

  /** The current group is to be sent again, as it is or as what is left of it. */
  again(parts: readonly Part[]): void {
    this.current = undefined
    this.retry = groupOf(parts)
  }

  /** The current group goes back; the next ones are half as large. */
  narrow(): void {
    const { parts, lines } = this.current!
    this.#narrowed = Math.max(1, Math.ceil(lines / 2))
    this.current = undefined
    this.putBack(parts)
  }

  /** Puts parts at the front again. */
  putBack(parts: readonly Part[]): void {
    const isStored = ({ owner }: Part) => owner.isStored
    this.stored.unshift(...parts.filter(isStored))
    this.#unshiftFresh(parts.filter((part) => !isStored(part)))
  }

  /** Whether lines of `fresh` may go to disk: nothing that is in memory alone goes before them. */
  get canSpill(): boolean {
    const before = this.current ?? this.retry
    return this.fresh.length > 0 && (before === undefined || before.parts.every(({ owner }) => owner.isStored))
  }

  /** Takes what was to be sent again. */
  takeRetry(): readonly Part[] {
    const parts = this.retry?.parts ?? []
    this.retry = undefined
    return parts
  }

  /** Lines that are here, on their way or not. */
  get lines(): number {
    const own = [this.current, this.retry].reduce((sum, group) => sum + (group?.lines ?? 0), 0)
    return [this.stored, this.fresh].reduce((sum, parts) => sum + countLines(parts), own)
  }

  /** Takes what came before a time and is not on its way. */
  takeOlderThan(time: number): Part[] {
    const isOld = ({ owner }: Part) => owner.since < time
    const old = [...(this.retry?.parts ?? []), ...this.stored, ...this.fresh].filter(isOld)
    if (old.length === 0) return old
    if (this.retry !== undefined) this.retry = groupOf(this.retry.parts.filter((part) => !isOld(part)))
    this.stored = this.stored.filter((part) => !isOld(part))
    this.#unshiftFresh(this.takeFresh().filter((part) => !isOld(part)))
    return old
  }

  /** Takes all that is in memory alone and not on its way. */
  takeFresh(): Part[] {
    const parts = this.fresh
    this.fresh = []
    this.#freshLines = 0
    this.#freshBytes = 0
    return parts
  }

  #unshiftFresh(parts: readonly Part[]): void {
    this.fresh.unshift(...parts)
    for (const { batch, bytes } of parts) {
      this.#freshLines += batch.count
      this.#freshBytes += bytes
    }
  }

  #gather(limits: GroupLimits, mayTakeFresh: boolean): Group | undefined {
    const parts: Part[] = []
    const room = { lines: Math.min(limits.maxLines, this.#narrowed), bytes: limits.maxBytes }
    while (room.lines > 0 && room.bytes > 0) {
      const from = this.stored.length > 0 ? this.stored : mayTakeFresh ? this.fresh : []
      const first = from[0]
      if (first === undefined) break
      const count = fitting(first, room, parts.length === 0)
      if (count === 0) break
      const part = count === first.batch.count ? first : portion(first, 0, count)
      if (part === first) from.shift()
      else from[0] = portion(first, count, first.batch.count)
      if (from === this.fresh) {
        this.#freshLines -= count
        this.#freshBytes -= part.bytes
      }
      room.lines -= count
      room.bytes -= part.bytes
      parts.push(part)
    }
    return parts.length === 0 ? undefined : groupOf(parts)
  }
}

/** How many lines of a part have room; one at least where a group would be empty otherwise. */
function fitting({ batch, bytes }: Part, room: { readonly lines: number; readonly bytes: number }, isFirst: boolean): number {
  if (batch.count <= room.lines && bytes <= room.bytes) return batch.count
  let count = 0
  for (let taken = 0; count < Math.min(room.lines, batch.count); count++) {
    taken += lineBytes(batch, count)
    if (taken > room.bytes) break
  }
  return count === 0 && isFirst ? 1 : count
}

function portion({ owner, batch, at }: Part, from: number, to: number): Part {
  const slice = sliceBatch(batch, from, to)
  return { owner, batch: slice, bytes: batchBytes(slice), at }
}

function groupOf(parts: readonly Part[]): Group | undefined {
  return parts.length === 0 ? undefined : { parts, lines: countLines(parts) }
}

export function countLines(parts: readonly Part[]): number {
  return parts.reduce((sum, { batch }) => sum + batch.count, 0)
}

/** How many of the first parts together have no more than so many bytes; one at least. */
export function countFitting(parts: readonly Part[], bytes: number): number {
  let count = 0
  for (let taken = 0; count < parts.length; count++) {
    taken += parts[count]!.bytes
    if (taken > bytes) break
  }
  return Math.max(1, count)
}

/** When the first of them came. */
export function oldestOf(parts: readonly Part[]): number {
  return parts.reduce((oldest, { owner }) => Math.min(oldest, owner.since), Infinity)
}

/** FNV-1a, 32 bits. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
