import { Account, countNames, type AccountOrigin, type Losses } from './accounts.ts'
import type { LogOrigin } from './log-batch.ts'
import type { LogSinkStats } from './sinks/sink.ts'

/** Accounts of origins of which nothing is read any more are kept as long as there are no more than these. */
const maxAccounts = 1000

type SinkTotals = Pick<LogSinkStats, 'delivered' | 'deliveredBytes' | 'sentBytes' | 'requests' | 'failedRequests' | 'dropped'>

/**
 * The accounts of all origins and sinks. They go on over restarts and crashes: what `toSaved` answers is to be saved together with the positions of
 * the files, so that a line that is met again is not counted as lost twice.
 */
export class AccountBook {
  readonly total = new Account(undefined)
  /** By origin, the oldest first; kept for a while when nothing of it is read any more. */
  readonly #accounts = new Map<string, Account>()
  /** What became of the lines of each sink in earlier runs. */
  readonly #sinksBefore = new Map<string, SinkTotals>()

  get origins(): ReadonlyMap<string, Account> {
    return this.#accounts
  }

  /** Takes up what an earlier run saved. Whatever is not as it should be begins anew. */
  restore(saved: unknown): void {
    const { total, origins, sinks } = asRecord(saved)
    restoreAccount(this.total, total)
    for (const entry of Array.isArray(origins) ? (origins as unknown[]) : []) {
      const origin = readOrigin(entry)
      if (origin === undefined) continue
      const account = new Account(origin, this.total)
      restoreAccount(account, entry)
      this.#accounts.set(origin.id, account)
    }
    for (const [name, entry] of Object.entries(asRecord(sinks))) this.#sinksBefore.set(name, readSink(entry))
  }

  /** Plain data for `restore`. */
  toSaved(sinks: readonly LogSinkStats[]): unknown {
    return {
      total: saveAccount(this.total),
      origins: [...this.#accounts.values()].map((account) => ({ ...pickOrigin(account.origin!), ...saveAccount(account) })),
      sinks: Object.fromEntries(sinks.map((stats) => [stats.name, totalsOf(this.withBefore(stats))])),
    }
  }

  of(origin: LogOrigin): Account {
    const account = this.#accounts.get(origin.id) ?? new Account(origin, this.total)
    account.origin = origin
    this.#accounts.set(origin.id, account)
    return account
  }

  /** The figures of a sink with those of earlier runs. Lines that those did not settle have come again, or will. */
  withBefore(stats: LogSinkStats): LogSinkStats {
    const before = this.#sinksBefore.get(stats.name)
    if (before === undefined) return stats
    const dropped = { ...before.dropped }
    for (const [reason, lines] of Object.entries(stats.dropped)) dropped[reason] = (dropped[reason] ?? 0) + lines
    const settled = before.delivered + Object.values(before.dropped).reduce((sum, lines) => sum + lines, 0)
    return {
      ...stats,
      accepted: stats.accepted + settled,
      delivered: stats.delivered + before.delivered,
      deliveredBytes: stats.deliveredBytes + before.deliveredBytes,
      sentBytes: stats.sentBytes + before.sentBytes,
      requests: stats.requests + before.requests,
      failedRequests: stats.failedRequests + before.failedRequests,
      dropped,
    }
  }

  /** Whether there are accounts that `forget` would let go of. */
  get isOverfull(): boolean {
    return this.#accounts.size > maxAccounts
  }

  /** Lets go of the oldest accounts that are too many and not `isLive`; answers whose they were. */
  forget(isLive: (origin: AccountOrigin) => boolean): readonly AccountOrigin[] {
    const forgotten: AccountOrigin[] = []
    for (const [id, { origin }] of this.#accounts) {
      if (!this.isOverfull) break
      if (origin === undefined || isLive(origin)) continue
      this.#accounts.delete(id)
      forgotten.push(origin)
    }
    return forgotten
  }
}

function totalsOf({ delivered, deliveredBytes, sentBytes, requests, failedRequests, dropped }: LogSinkStats): SinkTotals {
  return { delivered, deliveredBytes, sentBytes, requests, failedRequests, dropped }
}

function saveAccount(account: Account): object {
  const counts = countNames.map((name) => [name, account[name]] as const)
  const { lines, bytes } = account.sureLosses
  return { ...Object.fromEntries(counts.filter(([, value]) => value > 0)), lostLines: lines, lostBytes: bytes }
}

function restoreAccount(account: Account, saved: unknown): void {
  const record = asRecord(saved)
  for (const name of countNames) account[name] = readCount(record[name])
  const [lines, bytes] = [asRecord(record['lostLines']), asRecord(record['lostBytes'])]
  const restoreLosses = (losses: Losses) => {
    for (const reason of Object.keys(lines)) losses.add(reason, readCount(lines[reason]), readCount(bytes[reason]))
  }
  restoreLosses(account.losses)
  restoreLosses(account.sureLosses)
}

function readSink(saved: unknown): SinkTotals {
  const { delivered, deliveredBytes, sentBytes, requests, failedRequests, dropped } = asRecord(saved)
  return {
    delivered: readCount(delivered),
    deliveredBytes: readCount(deliveredBytes),
    sentBytes: readCount(sentBytes),
    requests: readCount(requests),
    failedRequests: readCount(failedRequests),
    dropped: Object.fromEntries(Object.entries(asRecord(dropped)).map(([reason, lines]) => [reason, readCount(lines)])),
  }
}

const originKinds: readonly string[] = ['container', 'file', 'journal', 'audit', 'events'] satisfies LogOrigin['kind'][]

function pickOrigin({ id, kind, namespace, pod, container }: AccountOrigin): AccountOrigin {
  return { id, kind, namespace, pod, container }
}

function readOrigin(saved: unknown): AccountOrigin | undefined {
  const { id, kind, namespace, pod, container } = asRecord(saved)
  if (typeof id !== 'string' || typeof kind !== 'string' || !originKinds.includes(kind)) return undefined
  if (typeof namespace !== 'string' || typeof pod !== 'string' || typeof container !== 'string') return undefined
  return { id, kind: kind as LogOrigin['kind'], namespace, pod, container }
}

function readCount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
