import { DatabaseSync } from 'node:sqlite'
import type { PackedWrites, WriterOptions } from './sqlite-messages.ts'
import { StoreError, type StoreErrorCode } from './store.ts'

/** Raised with every change of the tables below; files of a higher one are refused. */
const schemaVersion = 1
/** 'bncl': tells our files from other SQLite files. */
const applicationId = 0x62_6e_63_6c
const pageSize = 4096

/**
 * objects: the newest version of everything. state: one row with the revision of the last write, which removals raise
 * without leaving a row of their own.
 */
const schema = `
CREATE TABLE objects (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL, create_revision INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 0), revision INTEGER NOT NULL);
INSERT INTO state (id, revision) VALUES (0, 0);
PRAGMA application_id = ${applicationId};
PRAGMA user_version = ${schemaVersion};
`

/** SQLite's primary result codes, as `errcode & 255`, that mean something of their own to us. */
const codes: Readonly<Record<number, StoreErrorCode>> = { 5: 'locked', 6: 'locked', 13: 'full' }

/** The database file, used by one thread. Every call is durable when it returns and throws a `StoreError` when it is not done at all. */
export interface Database {
  readonly revision: number
  readAll(rowsPerBlock: number): Generator<PackedWrites>
  commit(batch: PackedWrites): void
  /** Makes the file anew from what it holds, without what was overwritten. */
  scrub(): void
  close(): void
}

/** Opens or makes the file. Throws `newer`, `locked`, `full` or `broken`. */
export function openDatabase({ file, maxBytes }: WriterOptions): Database {
  return guarded(file, () => {
    const connection = new DatabaseSync(file)
    try {
      connection.exec(
        `PRAGMA page_size = ${pageSize}; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`,
      )
      connection.exec(`PRAGMA max_page_count = ${Math.floor(maxBytes / pageSize)}; PRAGMA temp_store = MEMORY;`)
      prepareSchema(connection, file)
      return new SqliteDatabase(connection, file)
    } catch (error) {
      connection.close()
      throw error
    }
  })
}

function prepareSchema(connection: DatabaseSync, file: string): void {
  const version = numberOf(connection, 'PRAGMA user_version')
  if (numberOf(connection, 'SELECT count(*) FROM sqlite_schema') === 0) {
    connection.exec(`BEGIN IMMEDIATE; ${schema} COMMIT;`)
    return
  }
  if (numberOf(connection, 'PRAGMA application_id') !== applicationId)
    throw new StoreError('broken', `${file} is not a store of this program`)
  if (version > schemaVersion) {
    throw new StoreError(
      'newer',
      `${file} has data format ${version}, this version reads up to ${schemaVersion}: use the newer version that wrote it`,
    )
  }
  // Takes the lock that is then held until the end, so that a second process is refused at its start.
  connection.exec('BEGIN IMMEDIATE; UPDATE state SET revision = revision; COMMIT;')
}

function numberOf(connection: DatabaseSync, query: string): number {
  return Number(Object.values(connection.prepare(query).get() ?? {})[0] ?? 0)
}

class SqliteDatabase implements Database {
  readonly #connection: DatabaseSync
  readonly #file: string
  readonly #put
  readonly #remove
  readonly #setRevision

  constructor(connection: DatabaseSync, file: string) {
    this.#connection = connection
    this.#file = file
    this.#put = connection.prepare(`INSERT INTO objects (key, revision, create_revision, bytes) VALUES (?, ?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, create_revision = excluded.create_revision, bytes = excluded.bytes`)
    this.#remove = connection.prepare('DELETE FROM objects WHERE key = ?')
    this.#setRevision = connection.prepare('UPDATE state SET revision = max(revision, ?)')
  }

  get revision(): number {
    return numberOf(this.#connection, 'SELECT revision FROM state')
  }

  *readAll(rowsPerBlock: number): Generator<PackedWrites> {
    let block: Row[] = []
    for (const row of this.#connection.prepare('SELECT key, revision, create_revision, bytes FROM objects ORDER BY key').iterate()) {
      block.push(row as unknown as Row)
      if (block.length < rowsPerBlock) continue
      yield pack(block)
      block = []
    }
    yield pack(block)
  }

  commit(batch: PackedWrites): void {
    guarded(this.#file, () => {
      this.#connection.exec('BEGIN IMMEDIATE')
      try {
        this.#apply(batch)
        this.#connection.exec('COMMIT')
      } catch (error) {
        if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK')
        throw error
      }
    })
  }

  scrub(): void {
    guarded(this.#file, () => this.#connection.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE);'))
  }

  close(): void {
    this.#connection.close()
  }

  #apply({ keys, revisions, createRevisions, lengths, bytes }: PackedWrites): void {
    let offset = 0
    for (const [index, key] of keys.entries()) {
      const length = lengths[index]!
      if (length < 0) {
        this.#remove.run(key)
        continue
      }
      this.#put.run(key, revisions[index]!, createRevisions[index]!, bytes.subarray(offset, offset + length))
      offset += length
    }
    this.#setRevision.run(revisions.at(-1)!)
  }
}

interface Row {
  readonly key: string
  readonly revision: number
  readonly create_revision: number
  readonly bytes: Uint8Array
}

function pack(rows: readonly Row[]): PackedWrites {
  const bytes = new Uint8Array(rows.reduce((sum, row) => sum + row.bytes.length, 0))
  let offset = 0
  for (const row of rows) {
    bytes.set(row.bytes, offset)
    offset += row.bytes.length
  }
  return {
    keys: rows.map((row) => row.key),
    revisions: rows.map((row) => row.revision),
    createRevisions: rows.map((row) => row.create_revision),
    lengths: rows.map((row) => row.bytes.length),
    bytes,
  }
}

/** Turns SQLite's errors into ours. */
function guarded<T>(file: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof StoreError) throw error
    const code = codes[((error as { errcode?: number }).errcode ?? 0) & 255] ?? 'broken'
    const why = error instanceof Error ? error.message : String(error)
    throw new StoreError(
      code,
      { locked: `${file} is in use by another process`, full: `no room for ${file}: ${why}` }[code as string] ?? `${file}: ${why}`,
      { cause: error },
    )
  }
}
