import { StateDatabase } from './database.ts'
import type { Journal } from './journal.ts'

/** A journal on the calling thread, in memory unless a path is given: for tests whose clock stands still. */
export function createInlineJournal(path = ':memory:'): Journal {
  const database = new StateDatabase(path)
  return {
    load: async () => database.load(),
    commit: async (change) => database.commit([change]),
    entries: async (query) => database.entries(query),
    prune: async (time) => database.prune(time),
    close: async () => database.close(),
  }
}
