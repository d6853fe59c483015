import type { Alert } from './alert.ts'
import type { SeriesState } from '../evaluation/series-state.ts'
import type { DigestRecord, Notification, SentRecord, ThreadRecord } from '../delivery/notification.ts'
import type { Acknowledgement } from './acknowledgement.ts'
import type { Silence } from './silence.ts'

/** What is kept, by table and key. Values are JSON objects. */
interface Tables {
  /** By fingerprint. */
  readonly alert: Alert
  /** By rule and series: `StoredState.key`. */
  readonly series: StoredState
  /** By silence ID. */
  readonly silence: Silence
  /** What each group has told each integration, by lane. */
  readonly sent: SentRecord
  /** By lane. */
  readonly thread: ThreadRecord
  /** Notifications that are not delivered yet, by notification ID. */
  readonly notification: Notification
  /** What is put together for an integration that is told too much, by receiver and integration. */
  readonly digest: DigestRecord
  /** By fingerprint. */
  readonly acknowledgement: Acknowledgement
  /** Single values of the process. */
  readonly fact: { readonly value: string | number }
}

export type TableName = keyof Tables

/** The state of one series of one rule, as kept on disk. */
export interface StoredState {
  readonly rule: string
  readonly state: SeriesState
}

export type Put = { [T in TableName]: { readonly table: T; readonly key: string; readonly value: Tables[T] } }[TableName]

export interface Removal {
  readonly table: TableName
  readonly key: string
}

/** One line of the history that answers why somebody was told something, or was not. */
export interface JournalEntry {
  /** Increasing; given by the journal. */
  readonly sequence: number
  readonly time: number
  readonly kind: EntryKind
  readonly fingerprint?: string
  readonly alertname?: string
  readonly receiver?: string
  /** The notification's ID. */
  readonly notification?: string
  readonly text: string
}

type EntryKind =
  | 'transition'
  | 'received'
  | 'grouped'
  | 'acknowledged'
  | 'digested'
  | 'tested'
  | 'suppressed'
  | 'released'
  | 'enqueued'
  | 'delivered'
  | 'retried'
  | 'failed'
  | 'silence'
  | 'configuration'

export type EntryDraft = Omit<JournalEntry, 'sequence'>

/** What happens together or not at all. */
export interface Change {
  readonly put?: readonly Put[]
  readonly remove?: readonly Removal[]
  readonly entries?: readonly EntryDraft[]
}

/** Everything that is kept, but for the history. */
export type Snapshot = { readonly [T in TableName]: ReadonlyMap<string, Tables[T]> }

export interface EntryQuery {
  /** A fingerprint or an alert's name. */
  readonly alert?: string
  readonly receiver?: string
  readonly notification?: string
  readonly since?: number
  /** At most this many, the newest ones. */
  readonly limit: number
}

/**
 * The disk under the alerts. A resolved `commit` survives the death of the process and of the machine's power; a rejected one has changed
 * nothing. Commits take effect in the order of their calls.
 */
export interface Journal {
  load(): Promise<Snapshot>
  commit(change: Change): Promise<void>
  /** Oldest first. */
  entries(query: EntryQuery): Promise<JournalEntry[]>
  /** Forgets history from before `time`, and whatever exceeds the row limit. */
  prune(time: number): Promise<void>
  close(): Promise<void>
}

/** A change that is all of `changes`. */
export function mergeChanges(...changes: readonly Change[]): Required<Change> {
  return {
    put: changes.flatMap((change) => change.put ?? []),
    remove: changes.flatMap((change) => change.remove ?? []),
    entries: changes.flatMap((change) => change.entries ?? []),
  }
}
