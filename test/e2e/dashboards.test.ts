import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resolveInfluxOptions } from '../../aggregator/influx/options.ts'
import type { SchemaName } from '../../aggregator/influx/schema.ts'
import { backfillStatements } from '../../aggregator/influx/tiers.ts'
import { eventually } from '../support/cluster.ts'
import { dashboardQueries, tryQuery } from '../support/dashboard-queries.ts'
import { startMeasuredCluster, type MeasuredCluster } from '../support/measured-cluster.ts'
import { createInfluxServer, type InfluxServer } from './influx-server.ts'

/** Enough that each rate, difference and interval has neighbours. */
const scrapesWanted = 20

describe.each<SchemaName>(['default', 'withfields'])('dashboards on what the aggregator writes, schema %s', (schema) => {
  let influx: InfluxServer
  let cluster: MeasuredCluster
  beforeAll(async () => {
    influx = await createInfluxServer()
    await influx.start()
    cluster = await startMeasuredCluster({ influxUrl: influx.url, schema })
    await eventually('the nodes are scraped', async () => (cluster.scrapes() >= scrapesWanted ? true : undefined))
  })
  afterAll(async () => {
    await cluster?.stop()
    await influx?.remove()
  })

  it('get a value for every query, annotation and variable', async () => {
    const asked = dashboardQueries(schema)
    expect(asked.length).toBeGreaterThan(200)
    const failing = async () => {
      const problems = await Promise.all(asked.map((one) => tryQuery((statement) => influx.query(statement), one)))
      return problems.filter((problem) => problem !== undefined)
    }
    let last: readonly string[] = []
    await eventually('all of them', async () => ((last = await failing()).length === 0 ? true : undefined), 20_000).catch(() => {})
    expect(last).toEqual([])
  })

  it('read the tiers of older points under the same names', async () => {
    const settings = resolveInfluxOptions({ url: influx.url, schema })
    for (const statement of backfillStatements(settings, Date.now() - 60_000, Date.now() + 300_000)) await influx.query(statement)
    // Growth needs two points, which a tier has after five minutes only.
    const asked = dashboardQueries(schema, '5m').filter(({ query }) => !query.includes('non_negative_'))
    const problems = await Promise.all(asked.map((one) => tryQuery((statement) => influx.query(statement), one)))
    expect(problems.filter((problem) => problem !== undefined)).toEqual([])
  })

  it('show totals that are the sums of their parts', async () => {
    const value = async (type: string) => {
      const field = schema === 'default' ? ['cpu/request', 'value'] : ['cpu', 'request']
      const series = await influx.query(
        `SELECT last("${field[1]}") FROM "${field[0]}" WHERE "type" = '${type}' GROUP BY "nodename", "namespace_name"`,
      )
      return series.reduce((sum, { values }) => sum + (values[0]![1] as number), 0)
    }
    expect(await value('cluster')).toBe(800)
    expect(await value('node')).toBe(800)
    expect(await value('ns')).toBe(800)
  })
})
