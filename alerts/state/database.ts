import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { Change, EntryQuery, JournalEntry, Snapshot, TableName } from './journal.ts'

/** The layout that this program reads and writes. */
const schemaVersion = 1

/** More history than this is forgotten, oldest first. */
const maxEntries = 200_000

const tableNames: readonly TableName[] = [
  'alert',
  'series',
  'silence',
  'sent',
  'thread',
  'notification',
  'digest',
  'acknowledgement',
  'fact',
]

const schema = `
  CREATE TABLE IF NOT EXISTS record (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS entry (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, kind TEXT NOT NULL,
    fingerprint TEXT, alertname TEXT, receiver TEXT, notification TEXT, text TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS entry_fingerprint ON entry (fingerprint, sequence);
  CREATE INDEX IF NOT EXISTS entry_time ON entry (time);
`

/** Thrown for a data file that this version cannot use. */
class DatabaseError extends Error {
  readonly code = 'EALERTSDATA'
}

/** The SQLite file of the alerts. Blocking, so it lives in a worker thread; tests use it in memory. */
export class StateDatabase {
  readonly #database: DatabaseSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #append: StatementSync

  /** Opens or makes the file; `:memory:` is one that is gone with the object. */
  constructor(path: string) {
    this.#database = new DatabaseSync(path)
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;')
    const { user_version: version } = this.#database.prepare('PRAGMA user_version').get() as { user_version: number }
    if (version > schemaVersion) {
      this.#database.close()
      throw new DatabaseError(`${path} has layout ${version}, made by a newer version; this one reads up to ${schemaVersion}`)
    }
    this.#database.exec(schema)
    this.#database.exec(`PRAGMA user_version = ${schemaVersion}`)
    this.#put = this.#database.prepare('INSERT INTO record VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body')
    this.#remove = this.#database.prepare('DELETE FROM record WHERE kind = ? AND key = ?')
    this.#append = this.#database.prepare(
      'INSERT INTO entry (time, kind, fingerprint, alertname, receiver, notification, text) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
  }

  load(): Snapshot {
    const maps = Object.fromEntries(tableNames.map((name) => [name, new Map<string, unknown>()]))
    const rows = this.#database.prepare('SELECT kind, key, body FROM record').iterate() as Iterable<{
      kind: string
      key: string
      body: string
    }>
    for (const { kind, key, body } of rows) maps[kind]?.set(key, JSON.parse(body))
    return maps as unknown as Snapshot
  }

  /** Writes all changes in one transaction with one flush to the disk. */
  commit(changes: readonly Change[]): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      for (const change of changes) this.#apply(change)
      this.#database.exec('COMMIT')
    } catch (err) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw err
    }
  }

  entries(query: EntryQuery): JournalEntry[] {
    const conditions: string[] = []
    const values: SQLInputValue[] = []
    const where = (condition: string, ...parameters: SQLInputValue[]) => {
      conditions.push(condition)
      values.push(...parameters)
    }
    if (query.alert !== undefined) where('(fingerprint = ? OR alertname = ?)', query.alert, query.alert)
    if (query.receiver !== undefined) where('receiver = ?', query.receiver)
    if (query.notification !== undefined) where('notification = ?', query.notification)
    if (query.since !== undefined) where('time >= ?', query.since)
    const filter = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
    const statement = this.#database.prepare(`SELECT * FROM entry ${filter} ORDER BY sequence DESC LIMIT ?`)
    const rows = statement.all(...values, query.limit) as unknown as Record<string, unknown>[]
    return rows
      .reverse()
      .map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))) as unknown as JournalEntry[]
  }

  prune(time: number): void {
    this.#database.prepare('DELETE FROM entry WHERE time < ? OR sequence <= (SELECT max(sequence) FROM entry) - ?').run(time, maxEntries)
  }

  close(): void {
    this.#database.close()
  }

  #apply(change: Change): void {
    for (const { table, key } of change.remove ?? []) this.#remove.run(table, key)
    for (const { table, key, value } of change.put ?? []) this.#put.run(table, key, JSON.stringify(value))
    for (const entry of change.entries ?? []) {
      const { time, kind, fingerprint = null, alertname = null, receiver = null, notification = null, text } = entry
      this.#append.run(time, kind, fingerprint, alertname, receiver, notification, text)
    }
  }
}
