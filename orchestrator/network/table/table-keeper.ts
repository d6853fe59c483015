import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { Nft } from './nft.ts'
import { readTable } from './read-table.ts'
import { planTransaction } from './table-state.ts'
import type { TableState } from './table-state.ts'

/** What a table is to hold. */
export interface TableSource {
  /** Resolves once enough is known to plan from: rules from half a cache would break what the table of the last run still does. */
  ready(signal: AbortSignal): Promise<void>
  /** Calls the listener after each change that can matter. Returns the unsubscriber. */
  onChange(listener: () => void): () => void
  /** The table as it is to be now; `undefined`: there is to be none. `isAudit`: the kernel's table was just read back. */
  desired(round: { readonly isAudit: boolean; readonly signal: AbortSignal }): Promise<TableState | undefined>
  /** Called when the kernel has the table that was asked for last. */
  applied?(): Promise<void>
}

export interface TableKeeperOptions {
  readonly nft: Nft
  readonly clock: Clock
  readonly log: Log
  readonly table: string
  /** What the table holds, for the log, e.g. `service rules`. */
  readonly what: string
}

/**
 * Keeps a table equal to what its source wants: changes within `quietMs` make one transaction that touches only what differs; at the
 * start, after a failure and every `auditMs` the kernel's table is read back and repaired.
 */
export interface TableKeeper {
  /** Runs until `signal` aborts; the rules stay. */
  run(signal: AbortSignal): Promise<void>
}

/** Changes that come this close together go into one transaction. */
const quietMs = 20
const auditMs = 180_000
const firstRetryMs = 500
const maxRetryMs = 30_000

/** Builds the keeper; nothing happens before `run`. */
export function createTableKeeper(options: TableKeeperOptions, source: TableSource): TableKeeper {
  const { nft, log, table, what } = options
  let present: TableState | undefined

  async function synchronize(isAudit: boolean, signal: AbortSignal): Promise<void> {
    if (isAudit) present = await readBack(nft, table)
    const desired = await source.desired({ isAudit, signal })
    const statements = planTransaction(table, present, desired)
    if (statements !== '') {
      try {
        await nft.apply(statements)
      } catch (error) {
        if (present === undefined || desired === undefined) throw error
        // Something else is in the way of the difference, e.g. an element of a form that nobody planned: start the table anew.
        log.warn({ err: error, table }, `${what} do not apply, replacing the table`)
        await nft.apply(planTransaction(table, undefined, desired))
      }
      log.debug({ table, bytes: statements.length, isAudit }, `${what} changed`)
    }
    present = desired
    await source.applied?.()
  }

  return { run: (signal) => keepSynchronized(synchronize, { ...options, source }, signal) }
}

/** The loop around `synchronize`: on a change, on time, and again with growing pauses while it fails. */
async function keepSynchronized(
  synchronize: (isAudit: boolean, signal: AbortSignal) => Promise<void>,
  { source, clock, log, table, what }: TableKeeperOptions & { readonly source: TableSource },
  signal: AbortSignal,
): Promise<void> {
  const changes = createSignal(signal)
  const unsubscribe = source.onChange(() => changes.raise())
  try {
    await source.ready(signal)
    let nextAuditAt = clock.monotonic()
    let retryMs = firstRetryMs
    while (!signal.aborted) {
      changes.clear()
      try {
        const isAudit = clock.monotonic() >= nextAuditAt
        await synchronize(isAudit, signal)
        if (isAudit) nextAuditAt = clock.monotonic() + auditMs
        retryMs = firstRetryMs
      } catch (error) {
        if (signal.aborted) return
        log.warn({ err: error, table, retryMs }, `${what} could not be brought up to date`)
        nextAuditAt = clock.monotonic()
        await clock.sleep(retryMs, signal)
        retryMs = Math.min(retryMs * 2, maxRetryMs)
        continue
      }
      await waitForChange(changes, clock, { ms: nextAuditAt - clock.monotonic(), signal })
      await clock.sleep(quietMs, signal)
    }
  } finally {
    unsubscribe()
  }
}

async function readBack(nft: Nft, table: string): Promise<TableState | undefined> {
  const listing = await nft.list(table)
  if (listing === undefined) return undefined
  try {
    return readTable(listing)
  } catch {
    return foreignState
  }
}

/** What stands for a listing that cannot be read: a table of a shape that nobody plans, so it is replaced, or removed. */
const foreignState: TableState = {
  chains: new Map([['foreign', { hook: { type: 'filter', hook: 'input', priority: 0 }, rules: [] }]]),
  collections: new Map(),
  elements: new Map(),
}

interface ChangeSignal {
  raise(): void
  clear(): void
  wait(): Promise<void>
}

/** A flag to wait for; raised for good when `signal` aborts. */
function createSignal(signal: AbortSignal): ChangeSignal {
  let { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return {
    raise: () => resolve(),
    clear() {
      if (!signal.aborted) ({ promise, resolve } = Promise.withResolvers<void>())
    },
    wait: () => promise,
  }
}

async function waitForChange(
  changes: ChangeSignal,
  clock: Clock,
  timeout: { readonly ms: number; readonly signal: AbortSignal },
): Promise<void> {
  const timer = new AbortController()
  await Promise.race([changes.wait(), clock.sleep(Math.max(timeout.ms, 0), AbortSignal.any([timer.signal, timeout.signal]))])
  timer.abort()
}
