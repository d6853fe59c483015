/** The writer thread of the SQLite medium: owns the database connection; every `done` it posts means "on the disk". */
import { parentPort, workerData } from 'node:worker_threads'
import { type Database, openDatabase } from './sqlite-database.ts'
import type { PackedWrites, WriterAnswer, WriterOptions, WriterRequest } from './sqlite-messages.ts'
import { isStoreError } from './store.ts'

/** How many rows travel to the main thread in one message at start. */
const rowsPerMessage = 1_000

const port = parentPort!
let database: Database | undefined

function answer(message: WriterAnswer, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

/** Runs `action` and answers with `done`, or with the reason why not. */
function attempt(action: () => void): void {
  try {
    action()
  } catch (error) {
    answer({
      type: 'failed',
      code: isStoreError(error) ? error.code : 'broken',
      message: error instanceof Error ? error.message : String(error),
    })
  }
}

function sendRows(from: Database): void {
  for (const rows of from.readAll(rowsPerMessage)) {
    const packed: PackedWrites = rows
    answer({ type: 'rows', rows: packed }, [packed.bytes.buffer])
  }
}

port.on('message', (request: WriterRequest) => {
  if (request.type === 'commit') {
    attempt(() => {
      database!.commit(request.batch)
      answer({ type: 'done' })
    })
  } else if (request.type === 'scrub') {
    attempt(() => {
      database!.scrub()
      answer({ type: 'done' })
    })
  } else {
    attempt(() => {
      database?.close()
      answer({ type: 'done' })
    })
    port.close()
  }
})

attempt(() => {
  database = openDatabase(workerData as WriterOptions)
  sendRows(database)
  answer({ type: 'opened', revision: database.revision })
})
