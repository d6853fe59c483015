import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { columnOf } from '../../aggregator/catalog.ts'
import { createEntity } from '../../aggregator/entity.ts'
import { createHttpServer } from '../../aggregator/http-server.ts'
import { createInfluxDriver } from '../../aggregator/influx/database.ts'
import { InfluxHistory } from '../../aggregator/influx/history.ts'
import { InfluxSink } from '../../aggregator/influx/influx-sink.ts'
import { resolveInfluxOptions } from '../../aggregator/influx/options.ts'
import { MemoryWindow } from '../../aggregator/memory-window.ts'
import { createMetricSet } from '../../aggregator/metric-set.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { createInfluxServer } from './influx-server.ts'
import type { InfluxServer } from './influx-server.ts'

const start = Date.UTC(2026, 0, 1)
const range = 'start=2026-01-01T00:00:00Z&end=2026-01-01T00:01:39Z'
const hostileName = "web' OR 1=1 --\\"

describe('the history of Heapster', () => {
  let server: InfluxServer
  let http: FastifyInstance
  beforeAll(async () => {
    server = await createInfluxServer()
    await server.start()
    const influx = { url: server.url, database: 'k8s' }
    const driver = createInfluxDriver(influx)
    const sink = new InfluxSink(
      { name: 'influxdb', influx },
      { clusterName: 'test', clock: systemClock, random: systemRandom, log: silentLog },
    )
    await sink.start()
    for (let second = 0; second < 100; second++) {
      const sets = ['web', hostileName].map((name) => {
        const set = createMetricSet(createEntity('pod', name, { namespace_name: 'default', pod_name: name }))
        set.values[columnOf('cpu/usage_rate')] = second
        set.values[columnOf('network/rx_rate')] = second / 4
        set.labelled.push({ column: columnOf('filesystem/usage'), resource: 'Volume:data', value: second })
        return set
      })
      sink.add({ nodeName: 'n1', timestamp: start + second * 1000, sets: new Map(sets.map((set) => [set.entity.key, set])) })
    }
    await sink.stop()
    http = createHttpServer({
      window: new MemoryWindow({ windowMs: 1000, maxBytes: 1000 }),
      latest: () => [],
      report: () => {
        throw new Error('nobody asks for it')
      },
      unready: () => [],
      history: new InfluxHistory({ driver, settings: resolveInfluxOptions(influx), clock: systemClock }),
      now: () => systemClock.now(),
    })
  })
  afterAll(async () => {
    await http.close()
    await server.remove()
  })

  const pod = '/api/v1/historical/namespaces/default/pods/web'
  async function get(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const { statusCode, body } = await http.inject(path)
    return { status: statusCode, body }
  }
  const getJson = async (path: string): Promise<unknown> => JSON.parse((await get(path)).body)

  it('has the points of a range, ints and floats', async () => {
    const rates = (await getJson(`${pod}/metrics/cpu/usage_rate?${range}`)) as { metrics: { value: number }[]; latestTimestamp: string }
    expect(rates.metrics.map(({ value }) => value)).toEqual(Array.from({ length: 100 }, (_, second) => second))
    expect(rates.latestTimestamp).toBe('2026-01-01T00:01:39Z')
    expect(await getJson(`${pod}/metrics/network/rx_rate?start=2026-01-01T00:00:01Z&end=2026-01-01T00:00:01Z`)).toEqual({
      metrics: [{ timestamp: '2026-01-01T00:00:01Z', value: 0.25, floatValue: 0.25 }],
      latestTimestamp: '2026-01-01T00:00:01Z',
    })
    expect(await getJson(`${pod}/metrics/filesystem/usage?${range}&labels=resource_id:Volume:data`)).toMatchObject({
      metrics: { length: 100 },
    })
  })

  it('adds up, all at once and per bucket', async () => {
    expect(await getJson(`${pod}/metrics-aggregated/average,max,min,median,count,95-perc/cpu/usage_rate?${range}`)).toEqual({
      buckets: [
        {
          timestamp: '2026-01-01T00:00:00Z',
          average: { floatValue: 49.5 },
          maximum: { intValue: 99 },
          minimum: { intValue: 0 },
          median: { intValue: 50 },
          count: 100,
          percentiles: { 95: { intValue: 94 } },
        },
      ],
      bucketSize: 99e9,
    })
    const perMinute = (await getJson(`${pod}/metrics-aggregated/count/cpu/usage_rate?${range}&bucket=1m`)) as {
      buckets: { count: number }[]
    }
    expect(perMinute.buckets.map(({ count }) => count)).toEqual([60, 40])
  })

  it('takes names from outside as values, whatever they are', async () => {
    const path = `/api/v1/historical/namespaces/default/pods/${encodeURIComponent(hostileName)}/metrics/cpu/usage_rate?${range}`
    expect(await getJson(path)).toMatchObject({ metrics: { length: 100 } })
    const nobody = `/api/v1/historical/namespaces/default/pods/${encodeURIComponent("' OR 1=1 --")}/metrics/cpu/usage_rate?${range}`
    expect(await getJson(nobody)).toEqual({ metrics: [], latestTimestamp: '0001-01-01T00:00:00Z' })
    expect(await getJson(`/api/v1/historical/namespaces/default/pod-list/web,nobody/metrics/cpu/usage_rate?${range}`)).toMatchObject({
      items: [{ metrics: { length: 100 } }, { metrics: [] }],
    })
  })

  it('says what is wrong with a request', async () => {
    expect(await get(`${pod}/metrics/cpu/usage_rate`)).toEqual({
      status: 400,
      body: 'start: required, an RFC 3339 time such as "2026-01-02T15:04:05Z"\n',
    })
    expect((await get(`${pod}/metrics-aggregated/mean/cpu/usage_rate?${range}`)).body).toContain('"mean" is not one of average, max')
    expect((await get(`${pod}/metrics-aggregated/max/cpu/usage_rate?${range}&bucket=5`)).body).toContain('bucket: "5" is not')
    expect((await get(`${pod}/metrics-aggregated/max/cpu/usage_rate?start=1970-01-01T00:00:00Z&bucket=1ms`)).status).toBe(400)
  })
})
