import type { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import type { Informer } from '../../orchestrator/client/informer.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { EventArchive } from './event-archive.ts'
import { createLogAccounts } from './log-accounts.ts'
import { LogDoor } from './log-routes.ts'
import { LogSearch } from './log-search.ts'
import { createLogSources } from './node-logs.ts'
import type { NodeAccess } from './node-logs.ts'
import { createStoreSource } from './store-source.ts'

export interface LogsOptions {
  readonly nodes: Informer<CoreV1Node>
  readonly access: NodeAccess
  readonly logs?: {
    /** Where events are kept; absent: they are not. */
    readonly eventsDir?: string
    /** Where the API server's audit log is, if it is on this machine. */
    readonly auditDir?: string
  }
  readonly clock: Clock
  readonly log: Log
}

/** Logs of the whole cluster. */
export interface Logs {
  readonly door: LogDoor
  /** Absent where events are not kept. */
  readonly events: EventArchive | undefined
  start(): Promise<void>
  stop(): Promise<void>
}

/** Composes the search over all nodes and the stores of this machine. Nothing is opened before `start`. */
export function createLogs({ nodes, access, logs = {}, clock, ...options }: LogsOptions): Logs {
  const { eventsDir, auditDir } = logs
  const log = options.log.child({ part: 'logs' })
  const events = eventsDir === undefined ? undefined : new EventArchive({ folder: eventsDir, clock, log })
  const stores = [
    ...(eventsDir === undefined ? [] : [createStoreSource({ kind: 'events', folder: eventsDir, clock, log })]),
    ...(auditDir === undefined ? [] : [createStoreSource({ kind: 'audit', folder: auditDir, clock, log })]),
  ]
  const search = new LogSearch({ sources: createLogSources({ nodes, access, stores }), clock })
  return {
    door: new LogDoor({ search, accounts: createLogAccounts({ nodes, readStatus: (...asked) => access.readLogStatus(...asked) }), clock }),
    events,
    start: async () => {
      await events?.start()
    },
    stop: async () => {
      for (const store of stores) store.close()
      await events?.stop()
    },
  }
}
