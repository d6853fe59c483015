import { parentPort, workerData } from 'node:worker_threads'
import { StateDatabase } from './database.ts'
import type { Change, EntryQuery } from './journal.ts'

/** What the journal asks its thread for. Each request is answered with `JournalReply` of the same `id`, in order. */
export type JournalRequest =
  | { readonly id: number; readonly action: 'load' | 'close' }
  | { readonly id: number; readonly action: 'commit'; readonly change: Change }
  | { readonly id: number; readonly action: 'entries'; readonly query: EntryQuery }
  | { readonly id: number; readonly action: 'prune'; readonly time: number }

export interface JournalReply {
  readonly id: number
  readonly value?: unknown
  /** Set when the request failed; nothing was changed then. */
  readonly error?: { readonly message: string; readonly code?: string }
}

type Commit = Extract<JournalRequest, { action: 'commit' }>

/**
 * The thread that owns the file. Commits that arrive while one is being flushed to the disk share the next flush; any other request is
 * answered after the commits before it.
 */
export function serveJournal(path: string, port: NonNullable<typeof parentPort>): void {
  let database: StateDatabase | undefined
  let queue: JournalRequest[] = []
  const open = () => (database ??= new StateDatabase(path))

  const reply = (id: number, action: () => unknown) => {
    try {
      port.postMessage({ id, value: action() } satisfies JournalReply)
    } catch (err) {
      const { message, code } = err as Error & { code?: string }
      port.postMessage({ id, error: { message, ...(code === undefined ? {} : { code }) } } satisfies JournalReply)
    }
  }
  const flush = (commits: readonly Commit[]) => {
    if (commits.length === 0) return
    let failure: unknown
    try {
      open().commit(commits.map((request) => request.change))
    } catch (err) {
      failure = err
    }
    for (const { id } of commits) {
      reply(id, () => {
        if (failure !== undefined) throw failure as Error
      })
    }
  }
  const answer = (request: Exclude<JournalRequest, Commit>) => {
    if (request.action === 'load') return open().load()
    if (request.action === 'entries') return open().entries(request.query)
    if (request.action === 'prune') return open().prune(request.time)
    return database?.close()
  }
  const run = () => {
    const requests = queue
    queue = []
    let commits: Commit[] = []
    for (const request of requests) {
      if (request.action === 'commit') {
        commits.push(request)
        continue
      }
      flush(commits)
      commits = []
      reply(request.id, () => answer(request))
      if (request.action === 'close') port.close()
    }
    flush(commits)
  }
  port.on('message', (request: JournalRequest) => {
    queue.push(request)
    if (queue.length === 1) setImmediate(run)
  })
}

if (parentPort !== null) serveJournal((workerData as { path: string }).path, parentPort)
