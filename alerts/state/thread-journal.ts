import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Change, EntryQuery, Journal, JournalEntry, Snapshot } from './journal.ts'
import type { JournalReply, JournalRequest } from './journal-worker.ts'

/** Thrown when the disk did not take a change, or the thread is gone. */
class JournalError extends Error {
  readonly code: string

  constructor(message: string, code = 'EALERTSJOURNAL') {
    super(message)
    this.code = code
  }
}

type RequestBody = JournalRequest extends infer R ? (R extends { id: number } ? Omit<R, 'id'> : never) : never

/** More requests than this in flight means that the disk has stopped; further ones are refused. */
const maxPending = 10_000

/** A journal in a SQLite file, written by a thread of its own so that a slow disk never blocks the event loop. */
export function openThreadJournal(path: string): Journal {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const worker = new Worker(new URL('./journal-worker.ts', import.meta.url), { workerData: { path } })
  const pending = new Map<number, { resolve: (value: unknown) => void; reject: (err: Error) => void }>()
  let nextId = 1
  let failure: JournalError | undefined

  const failAll = (err: JournalError) => {
    failure ??= err
    for (const { reject } of pending.values()) reject(failure)
    pending.clear()
  }
  worker.on('message', ({ id, value, error }: JournalReply) => {
    const waiting = pending.get(id)
    pending.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(new JournalError(`${path}: ${error.message}`, error.code))
  })
  worker.on('error', (err) => failAll(new JournalError(`journal thread failed: ${(err as Error).message}`)))
  worker.on('exit', () => failAll(new JournalError('the journal is closed')))

  const ask = (body: RequestBody): Promise<unknown> => {
    if (failure !== undefined) return Promise.reject(failure)
    if (pending.size >= maxPending) return Promise.reject(new JournalError(`${path}: the disk does not keep up`))
    const id = nextId++
    return new Promise((resolve, reject) => {
      pending.set(id, { resolve, reject })
      worker.postMessage({ id, ...body }, [])
    })
  }
  return {
    load: async () => (await ask({ action: 'load' })) as Snapshot,
    commit: async (change: Change) => void (await ask({ action: 'commit', change })),
    entries: async (query: EntryQuery) => (await ask({ action: 'entries', query })) as JournalEntry[],
    prune: async (time: number) => void (await ask({ action: 'prune', time })),
    close: async () => {
      if (failure !== undefined) return
      await ask({ action: 'close' })
      await worker.terminate()
    },
  }
}
