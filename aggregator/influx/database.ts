import { InfluxDB } from 'influx'
import type { Clock } from '../../lib/clock.ts'
import { retentionPolicy } from './connection.ts'
import type { InfluxOptions } from './connection.ts'

/** How long a statement may take: the driver's promise never settles when a connection breaks inside an answer. */
const statementTimeoutMs = 15_000

/** The driver for administration and queries of the database that the options name. */
export function createInfluxDriver(options: InfluxOptions): InfluxDB {
  const url = new URL(options.url)
  return new InfluxDB({
    hosts: [
      {
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port),
        protocol: url.protocol === 'https:' ? 'https' : 'http',
        path: url.pathname === '/' ? '' : url.pathname,
      },
    ],
    database: options.database ?? 'k8s',
    ...(options.username === undefined ? {} : { username: options.username, password: options.password ?? '' }),
  })
}

/**
 * Makes sure of the database and its retention policy `default`, which becomes the database's default one. An existing policy gets the
 * duration of the options when they name one. Safe to repeat; rejects when InfluxDB cannot be reached or refuses.
 */
export async function ensureDatabase(driver: InfluxDB, options: InfluxOptions, clock: Clock): Promise<void> {
  const within = <T>(statement: Promise<T>) => withDeadline(statement, clock)
  const database = options.database ?? 'k8s'
  await within(driver.createDatabase(database))
  const policies = await within(driver.showRetentionPolicies(database))
  const policy = { database, duration: options.retention ?? 'INF', replication: 1, isDefault: true }
  const existing = policies.find(({ name }) => name === retentionPolicy)
  if (existing === undefined) await within(driver.createRetentionPolicy(retentionPolicy, policy))
  else if (options.retention !== undefined || !existing.default) {
    const duration = options.retention ?? existing.duration
    await within(driver.alterRetentionPolicy(retentionPolicy, { ...policy, duration: duration === '0s' ? 'INF' : duration }))
  }
}

/** The work's outcome, or a rejection when it takes longer than a statement may. */
export async function withDeadline<T>(work: Promise<T>, clock: Clock): Promise<T> {
  const settled = new AbortController()
  try {
    const late = clock.sleep(statementTimeoutMs, settled.signal).then((): never => {
      throw new Error(`InfluxDB did not answer a statement within ${statementTimeoutMs} ms`)
    })
    late.catch(() => {})
    return await Promise.race([work, late])
  } finally {
    settled.abort()
  }
}
