import type { InfluxDB } from 'influx'
import type { Clock } from '../../lib/clock.ts'
import { lazyPackage } from '../../lib/lazy-package.ts'
import { durationMs, resolveInfluxOptions } from './options.ts'
import type { InfluxOptions, InfluxSettings } from './options.ts'
import { backfillStatements, continuousQueries, isOurs, wantedTiers } from './tiers.ts'

const library = lazyPackage<typeof import('influx')>('influx')

/** How long a statement may take: the driver's promise never settles when a connection breaks inside an answer. */
const statementTimeoutMs = 15_000
/** Filling tiers again reads every point of the time. */
const backfillTimeoutMs = 300_000

/** The driver for administration and queries of the database that the options name. A server of version 2 takes the token as password. */
export function createInfluxDriver(options: InfluxOptions): InfluxDB {
  const { url: address, database, credentials, v2, tls } = resolveInfluxOptions(options)
  const url = new URL(address)
  const known = v2 === undefined ? credentials : { username: credentials?.username ?? 'token', password: v2.token }
  return new (library().InfluxDB)({
    hosts: [
      {
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port),
        protocol: url.protocol === 'https:' ? 'https' : 'http',
        path: url.pathname === '/' ? '' : url.pathname,
        ...(url.protocol === 'https:' ? { options: { ca: tls.ca, rejectUnauthorized: tls.isUnverified !== true } } : {}),
      },
    ],
    database: v2?.bucket ?? database,
    ...known,
  })
}

/** InfluxDB could not be asked, or refused; an HTTP server answers it with 503. */
class InfluxError extends Error {
  readonly code = 'INFLUX'
  readonly statusCode = 503

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'InfluxError'
  }
}

/** A table of an answer. */
export interface InfluxSeries {
  readonly name?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly columns: readonly string[]
  readonly values: readonly (readonly unknown[])[]
}

export interface StatementOptions {
  readonly clock: Clock
  readonly timeoutMs?: number
  /** Bound parameters: what comes from outside is never part of the text. */
  readonly parameters?: Readonly<Record<string, string | number>>
}

/** Runs one statement; rejects when InfluxDB cannot be reached, is too slow, or refuses. Times are ms. */
export async function runStatement(driver: InfluxDB, statement: string, options: StatementOptions): Promise<readonly InfluxSeries[]> {
  const { clock, timeoutMs = statementTimeoutMs, parameters } = options
  const asked = driver.queryRaw(statement, { precision: 'ms', ...(parameters === undefined ? {} : { placeholders: parameters }) })
  const { results } = await withDeadline(asked as Promise<RawAnswer>, clock, timeoutMs).catch((cause: Error) => {
    throw new InfluxError(`InfluxDB cannot be asked: ${cause.message}`, { cause })
  })
  const failure = results[0]?.error
  if (failure !== undefined) throw new InfluxError(`InfluxDB refused a statement: ${failure}`)
  return results[0]?.series ?? []
}

interface RawAnswer {
  readonly results: readonly { readonly error?: string; readonly series?: readonly InfluxSeries[] }[]
}

/**
 * Makes sure of the database, its retention policies and the queries that fill the tiers: what is missing is made, what differs from the options is
 * altered, queries of ours that are not wanted any more are dropped. The policy that points go to becomes the database's default one. Safe to
 * repeat; rejects when InfluxDB cannot be reached or refuses. What is not managed is left as it is.
 */
export async function ensureDatabase(driver: InfluxDB, options: InfluxOptions, clock: Clock): Promise<void> {
  const settings = resolveInfluxOptions(options)
  if (!settings.isManaged) return
  const { database, policy, retention, tiers } = settings
  await withDeadline(driver.createDatabase(database), clock, statementTimeoutMs)
  const existing = await withDeadline(driver.showRetentionPolicies(database), clock, statementTimeoutMs)
  const ensure = async (name: string, wanted: string | undefined, isDefault: boolean) => {
    const found = existing.find((candidate) => candidate.name === name)
    const duration = wanted ?? found?.duration ?? 'INF'
    if (found !== undefined && durationMs(found.duration) === durationMs(duration) && found.default === isDefault) return
    const clause = `DURATION ${durationMs(duration) === Infinity ? 'INF' : duration}`
    const head =
      found === undefined
        ? `CREATE RETENTION POLICY "${name}" ON "${database}" ${clause} REPLICATION 1`
        : `ALTER RETENTION POLICY "${name}" ON "${database}" ${clause} SHARD DURATION 0s`
    await runStatement(driver, `${head}${isDefault ? ' DEFAULT' : ''}`, { clock })
  }
  await ensure(policy, retention, true)
  for (const tier of wantedTiers(settings)) await ensure(tier, tiers[tier], false)
  await ensureQueries(driver, settings, clock)
}

async function ensureQueries(driver: InfluxDB, settings: InfluxSettings, clock: Clock): Promise<void> {
  const wanted = continuousQueries(settings)
  const shown = await runStatement(driver, 'SHOW CONTINUOUS QUERIES', { clock })
  const names = new Set((shown.find(({ name }) => name === settings.database)?.values ?? []).map(([name]) => String(name)).filter(isOurs))
  for (const name of names) {
    if (wanted.some((query) => query.name === name)) continue
    await runStatement(driver, `DROP CONTINUOUS QUERY "${name}" ON "${settings.database}"`, { clock })
  }
  for (const { name, statement } of wanted) if (!names.has(name)) await runStatement(driver, statement, { clock })
}

/** Fills the tiers again with what has come since a time (ms): continuous queries do not look back that far. */
export async function backfillTiers(
  driver: InfluxDB,
  options: InfluxOptions,
  { since, clock }: { readonly since: number; readonly clock: Clock },
): Promise<void> {
  const settings = resolveInfluxOptions(options)
  if (!settings.isManaged) return
  for (const statement of backfillStatements(settings, since, clock.now())) {
    await runStatement(driver, statement, { clock, timeoutMs: backfillTimeoutMs })
  }
}

/** How many series InfluxDB says that it has; `undefined` where it does not say. */
export async function countSeries(driver: InfluxDB, options: InfluxOptions, clock: Clock): Promise<number | undefined> {
  const { database, isManaged } = resolveInfluxOptions(options)
  if (!isManaged) return undefined
  const [series] = await runStatement(driver, `SHOW SERIES CARDINALITY ON "${database}"`, { clock })
  const count = Number(series?.values[0]?.[0] ?? Number.NaN)
  return Number.isFinite(count) ? count : undefined
}

/** The work's outcome, or a rejection when it takes longer than it may. */
async function withDeadline<T>(work: Promise<T>, clock: Clock, timeoutMs: number): Promise<T> {
  const settled = new AbortController()
  try {
    const late = clock.sleep(timeoutMs, settled.signal).then((): never => {
      throw new Error(`InfluxDB did not answer a statement within ${timeoutMs} ms`)
    })
    late.catch(() => {})
    return await Promise.race([work, late])
  } catch (error) {
    // The driver asks a host that has failed only after a pause, and says of the time between that there is none.
    if ((error as Error).message !== 'No host available') throw error
    throw new Error('the server could not be reached a moment ago', { cause: error })
  } finally {
    settled.abort()
  }
}
