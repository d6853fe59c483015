import type { InfluxDB } from 'influx'
import type { InfluxQuery, InfluxSeries } from './external-values.ts'

/** Asks a database through the driver; values for placeholders go as bound parameters, never as text of the statement. */
export function createInfluxQuery(driver: Pick<InfluxDB, 'queryRaw'>, database: string): InfluxQuery {
  return async (statement, placeholders) => {
    const answer = (await driver.queryRaw(statement, { database, precision: 'ms', placeholders: { ...placeholders } })) as RawAnswer
    const [result] = answer.results
    if (result?.error !== undefined) throw new Error(`InfluxDB refused the query: ${result.error}`)
    return result?.series ?? []
  }
}

interface RawAnswer {
  readonly results: readonly { readonly error?: string; readonly series?: readonly InfluxSeries[] }[]
}
