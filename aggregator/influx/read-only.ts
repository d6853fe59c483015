import { randomBytes } from 'node:crypto'
import { HttpPoster } from '../../lib/http-poster.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { readSelect } from '../metrics-api/influxql.ts'
import type { CheckedSelect } from '../metrics-api/influxql.ts'
import { createInfluxDriver, runStatement } from './database.ts'
import type { InfluxSeries } from './database.ts'
import { resolveInfluxOptions } from './options.ts'
import type { InfluxOptions, InfluxSettings } from './options.ts'

/** Who asks queries that come from files, where the server wants to know: an account that may read the database and nothing else. */
export const readerName = 'binnacle_reader'

export interface ReadOnlyOptions {
  readonly influx: InfluxOptions
  readonly clock: Clock
  readonly log: Log
  /** What one answer may take. Default 4 MiB. */
  readonly maxAnswerBytes?: number
}

/** One query, as of a moment (ms). */
export interface ReadRequest {
  readonly select: CheckedSelect
  readonly parameters: Readonly<Record<string, string | number>>
  readonly at: number
  readonly timeoutMs: number
}

interface Account {
  readonly user: string
  readonly password: string
}

/**
 * Asks SELECTs that others have written: checked to be nothing else and to stay in the database, under a deadline, with an answer of bounded size.
 * Where the server has accounts and ours may make some, an account is made that can read this database only; its password is new with each
 * process and known to it alone. Else the account of the options asks.
 */
export class ReadOnlyQueries {
  readonly #options: ReadOnlyOptions
  readonly #settings: InfluxSettings
  #account: Promise<Account | undefined> | undefined

  constructor(options: ReadOnlyOptions) {
    this.#options = options
    this.#settings = resolveInfluxOptions(options.influx)
  }

  /** The series of the answer. Rejects with the reason where there is none. */
  async ask(request: ReadRequest): Promise<readonly InfluxSeries[]> {
    const { database, v2 } = this.#settings
    readSelect(request.select.text, { placeholders: [...request.select.placeholders], databases: [v2?.bucket ?? database] })
    this.#account ??= this.#findAccount()
    const answer = await this.#post(request, await this.#account)
    if (answer.status !== 401) return this.#read(answer)
    // Another process has made the account anew.
    this.#account = this.#findAccount()
    return this.#read(await this.#post(request, await this.#account))
  }

  async #post({ select, parameters, at, timeoutMs }: ReadRequest, account: Account | undefined) {
    const { url: address, database, v2, tls } = this.#settings
    const { clock } = this.#options
    const url = new URL(`${address.replace(/\/$/, '')}/query`)
    const headers = { 'content-type': 'application/x-www-form-urlencoded', ...authorization(account, v2?.token) }
    const poster = new HttpPoster({ url, headers, tls, clock, timeoutMs, maxAnswerBytes: this.#maxBytes })
    const form = new URLSearchParams({ db: v2?.bucket ?? database, epoch: 'ms', q: select.at(at), params: JSON.stringify(parameters) })
    try {
      return await poster.post(Buffer.from(form.toString()), new AbortController().signal)
    } finally {
      poster.close()
    }
  }

  get #maxBytes(): number {
    return this.#options.maxAnswerBytes ?? 4 << 20
  }

  #read({ status, body }: { readonly status: number; readonly body: string }): readonly InfluxSeries[] {
    let answer: { results?: { error?: string; partial?: boolean; series?: (InfluxSeries & { partial?: boolean })[] }[]; error?: string }
    try {
      answer = JSON.parse(body) as typeof answer
    } catch {
      throw new Error(status === 200 ? `InfluxDB's answer is longer than ${this.#maxBytes} bytes` : `InfluxDB answered ${status}`)
    }
    const [result] = answer.results ?? []
    const refusal = answer.error ?? result?.error
    if (refusal !== undefined) throw new Error(`InfluxDB refused the query: ${refusal}`)
    if (result?.partial === true || result?.series?.some((series) => series.partial === true) === true)
      throw new Error('InfluxDB cut its answer short: it has more rows than the server gives at once')
    return result?.series ?? []
  }

  async #findAccount(): Promise<Account | undefined> {
    const { credentials, isManaged, v2 } = this.#settings
    if (credentials === undefined || v2 !== undefined) return undefined
    const own = { user: credentials.username, password: credentials.password }
    return isManaged ? this.#makeAccount().catch((err: unknown) => this.#complain(err, own)) : own
  }

  #complain(err: unknown, own: Account): Account {
    const reason = (err as Error).message
    this.#options.log.warn(
      { reason, user: own.user },
      'no account that only reads could be made: queries of rules run as the account that writes',
    )
    return own
  }

  async #makeAccount(): Promise<Account> {
    const { influx, clock } = this.#options
    const driver = createInfluxDriver(influx)
    const password = randomBytes(24).toString('hex')
    const [users] = await runStatement(driver, 'SHOW USERS', { clock })
    const isThere = users?.values.some(([name]) => name === readerName) === true
    const statement = isThere
      ? `SET PASSWORD FOR "${readerName}" = '${password}'`
      : `CREATE USER "${readerName}" WITH PASSWORD '${password}'`
    await runStatement(driver, statement, { clock })
    await runStatement(driver, `GRANT READ ON "${this.#settings.database}" TO "${readerName}"`, { clock })
    return { user: readerName, password }
  }
}

function authorization(account: Account | undefined, token: string | undefined): Readonly<Record<string, string>> {
  if (token !== undefined) return { authorization: `Token ${token}` }
  if (account === undefined) return {}
  return { authorization: `Basic ${Buffer.from(`${account.user}:${account.password}`).toString('base64')}` }
}
