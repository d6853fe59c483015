import type { Put } from '../state/journal.ts'
import type { Delivery, Notification, ThreadRecord } from './notification.ts'

type ThreadPut = Extract<Put, { readonly table: 'thread' }>

/** What receivers call the first messages of threads, by lane, so that later messages go with them. In memory as on disk. */
export class Threads {
  readonly #records = new Map<string, ThreadRecord>()

  restore(records: Iterable<readonly [string, ThreadRecord]>): void {
    for (const [lane, record] of records) this.#records.set(lane, record)
  }

  /** The message that a notification belongs to: the first of its own lane, else the first of those that it continues. */
  find({ id, lane, thread, origins = [], replyTo }: Notification): string | undefined {
    if (replyTo !== undefined) return replyTo
    for (const place of thread === id ? origins : [{ lane, thread }, ...origins]) {
      const record = this.#records.get(place.lane)
      if (record?.thread === place.thread) return record.reference
    }
    return undefined
  }

  /** What has to be put on disk together with the result of an attempt, and to be kept then. */
  changeOf({ lane, thread }: Notification, { reference }: Delivery): ThreadPut | undefined {
    const known = this.#records.get(lane)
    if (reference === undefined || (known?.thread === thread && known.reference === reference)) return undefined
    return { table: 'thread', key: lane, value: { thread, reference } }
  }

  keep({ key, value }: ThreadPut): void {
    this.#records.set(key, value)
  }

  /** Lanes of which something is known. */
  lanes(): string[] {
    return [...this.#records.keys()]
  }

  forget(lanes: readonly string[]): void {
    for (const lane of lanes) this.#records.delete(lane)
  }
}
