import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { columnOf } from '../../aggregator/catalog.ts'
import type { MetricName } from '../../aggregator/catalog.ts'
import { createEntity } from '../../aggregator/entity.ts'
import { EventLog } from '../../aggregator/event-log.ts'
import { createHttpServer } from '../../aggregator/http-server.ts'
import { backfillTiers, createInfluxDriver } from '../../aggregator/influx/database.ts'
import { InfluxHistory } from '../../aggregator/influx/history.ts'
import { InfluxSink } from '../../aggregator/influx/influx-sink.ts'
import type { InfluxOptions } from '../../aggregator/influx/options.ts'
import { CustomWindow } from '../../aggregator/custom-window.ts'
import { MemoryWindow } from '../../aggregator/memory-window.ts'
import { createMetricSet } from '../../aggregator/metric-set.ts'
import type { Batch, MetricSet } from '../../aggregator/metric-set.ts'
import { systemClock } from '../../lib/clock.ts'
import { cleanTagValue } from '../../lib/line-protocol.ts'
import { silentLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import type { EntityType } from '../../aggregator/window.ts'
import { drained } from './drained.ts'
import { createInfluxServer } from './influx-server.ts'
import type { InfluxServer } from './influx-server.ts'

const start = Date.UTC(2026, 0, 1)
const range = 'start=2026-01-01T00:00:00Z&end=2026-01-01T00:01:39Z'
const hostileName = "web' OR 1=1 --\\"
const context = { clusterName: 'test', clock: systemClock, random: systemRandom, log: silentLog }
const empty = { metrics: [], latestTimestamp: '0001-01-01T00:00:00Z' }

interface Points {
  readonly metrics: readonly { readonly timestamp: string; readonly value: number }[]
}

function createServer(influx: InfluxOptions): FastifyInstance {
  return createHttpServer({
    window: new MemoryWindow({ windowMs: 1000, maxBytes: 1000 }),
    latest: () => [],
    customWindow: new CustomWindow({ windowMs: 1000, maxBytes: 1000 }),
    isStrict: false,
    report: () => {
      throw new Error('nobody asks for it')
    },
    unready: () => [],
    events: new EventLog(1),
    history: new InfluxHistory({ driver: createInfluxDriver(influx), influx, clusterName: 'test', clock: systemClock }),
    now: () => systemClock.now(),
  })
}

function createSet(type: EntityType, labels: Readonly<Record<string, string>>, values: Partial<Record<MetricName, number>>): MetricSet {
  const set = createMetricSet(createEntity(type, JSON.stringify(labels), labels))
  for (const [name, value] of Object.entries(values)) set.values[columnOf(name as MetricName)] = value
  return set
}

function batchOf(timestamp: number, sets: readonly MetricSet[]): Batch {
  return { nodeName: 'n1', timestamp, sets: new Map(sets.map((set, index) => [`${set.entity.key}${index}`, set])) }
}

async function getJson(http: FastifyInstance, path: string): Promise<unknown> {
  return JSON.parse((await http.inject(path)).body)
}

let server: InfluxServer
beforeAll(async () => {
  server = await createInfluxServer()
  await server.start()
})
afterAll(() => server.remove())

describe.each(['default', 'withfields'] as const)('the history of Heapster in the schema %s', (schema) => {
  let http: FastifyInstance
  beforeAll(async () => {
    const influx: InfluxOptions = { url: server.url, database: `history-${schema}`, schema }
    const sink = new InfluxSink({ name: 'influxdb', influx }, context)
    await sink.start()
    for (let second = 0; second < 100; second++) {
      // The pod "again" dies after 50 s; another one of its name follows.
      const pods = [
        ['web', 'uid-web'],
        [hostileName, 'uid-hostile'],
        ['again', second < 50 ? 'uid-first' : 'uid-second'],
      ].map(([name, uid]) => {
        const labels = { namespace_name: 'default', pod_name: name!, pod_id: uid!, nodename: 'n1' }
        const set = createSet('pod', labels, { 'cpu/usage_rate': second, 'network/rx_rate': second / 4, 'memory/usage': 1 })
        set.labelled.push({ column: columnOf('filesystem/usage'), resource: 'Volume:data', value: second })
        return set
      })
      const container = { namespace_name: 'default', pod_name: 'web', container_name: 'app', nodename: 'n1' }
      const others = [
        createSet('pod_container', container, { 'cpu/usage_rate': second * 2, 'memory/usage': 1 }),
        createSet('sys_container', { nodename: 'n1', container_name: 'kubelet' }, { 'cpu/usage_rate': 7, 'memory/usage': 1 }),
        createSet('node', { nodename: 'n1' }, { 'cpu/usage_rate': 9, 'memory/usage': 1 }),
        createSet('ns', { namespace_name: 'default' }, { 'memory/usage': 1 }),
        createSet('cluster', {}, { 'cpu/usage_rate': 11, 'memory/usage': 1 }),
      ]
      sink.add(batchOf(start + second * 1000, [...pods, ...others]))
    }
    const length = { name: 'queue_length', type: 'gauge', namespace: 'default', pod: 'web', timestamp: start } as const
    sink.addCustomSamples([
      { ...length, labels: { queue: 'a' }, value: 3.5 },
      { ...length, labels: { queue: 'b' }, value: 4 },
    ])
    await drained(sink)
    await sink.stop()
    http = createServer(influx)
  })
  afterAll(() => http.close())

  const root = '/api/v1/historical'
  const pod = `${root}/namespaces/default/pods/web`

  it('has the points of a range, ints and floats', async () => {
    const rates = (await getJson(http, `${pod}/metrics/cpu/usage_rate?${range}`)) as Points & { latestTimestamp: string }
    expect(rates.metrics.map(({ value }) => value)).toEqual(Array.from({ length: 100 }, (_, second) => second))
    expect(rates.latestTimestamp).toBe('2026-01-01T00:01:39Z')
    expect(await getJson(http, `${pod}/metrics/network/rx_rate?start=2026-01-01T00:00:01Z&end=2026-01-01T00:00:01Z`)).toEqual({
      metrics: [{ timestamp: '2026-01-01T00:00:01Z', value: 0.25, floatValue: 0.25 }],
      latestTimestamp: '2026-01-01T00:00:01Z',
    })
    expect(await getJson(http, `${pod}/metrics/filesystem/usage?${range}&labels=resource_id:Volume:data`)).toMatchObject({
      metrics: { length: 100 },
    })
    expect(await getJson(http, `${pod}/metrics/cpu-usage/?${range}`)).toEqual(rates)
  })

  it('answers at every place of the model', async () => {
    const values = async (path: string) => {
      const { metrics } = (await getJson(http, `${root}${path}/metrics/cpu/usage_rate?${range}`)) as Points
      return [metrics.length, metrics.at(-1)?.value]
    }
    expect(await values('')).toEqual([100, 11])
    expect(await values('/nodes/n1')).toEqual([100, 9])
    expect(await values('/nodes/n1/freecontainers/kubelet')).toEqual([100, 7])
    expect(await values('/namespaces/default/pods/web/containers/app')).toEqual([100, 198])
    expect(await getJson(http, `${root}/namespaces/default/metrics/memory/usage?${range}`)).toMatchObject({ metrics: { length: 100 } })
    expect(await getJson(http, `${root}/nodes`)).toEqual(['n1'])
    expect(await getJson(http, `${root}/namespaces/`)).toEqual(['default'])
    expect(await getJson(http, `${root}/namespaces/default/pods`)).toEqual(['again', cleanTagValue(hostileName, 1024), 'web'].sort())
    expect(await getJson(http, `${root}/namespaces/nobody/pods`)).toEqual([])
    expect(await getJson(http, `${root}/namespaces/default/pods/web/containers`)).toEqual(['app'])
    expect(await getJson(http, `${root}/nodes/n1/freecontainers`)).toEqual(['kubelet'])
    expect(await getJson(http, `${pod}/metrics`)).toEqual(expect.arrayContaining(['cpu/usage_rate', 'filesystem/usage']))
    expect(await getJson(http, `${root}/pod-id/uid-web/metrics/`)).toContain('cpu/usage_rate')
    expect(await getJson(http, `${root}/namespaces/default/pods/nobody/metrics`)).toEqual([])
  })

  it('knows pods by their uid, and when a name was whose', async () => {
    const first = (await getJson(http, `${root}/pod-id/uid-first/metrics/cpu/usage_rate?${range}`)) as Points
    const second = (await getJson(http, `${root}/pod-id/uid-second/metrics/cpu/usage_rate?${range}`)) as Points
    expect([first.metrics.length, first.metrics.at(-1)?.value]).toEqual([50, 49])
    expect([second.metrics.length, second.metrics[0]?.value]).toEqual([50, 50])
    expect(await getJson(http, `${root}/pod-id/uid-web/containers/app/metrics/cpu/usage_rate?${range}`)).toMatchObject({
      metrics: { length: 100 },
    })
    expect(
      await getJson(http, `${root}/pod-id-list/uid-first,nobody,uid-web/metrics-aggregated/count/cpu/usage_rate?${range}`),
    ).toMatchObject({
      items: [{ buckets: [{ count: 50 }] }, { buckets: [] }, { buckets: [{ count: 100 }] }],
    })
    expect(await getJson(http, `${root}/pod-id/${encodeURIComponent("' OR 1=1 --")}/metrics/cpu/usage_rate?${range}`)).toEqual(empty)
  })

  it('adds up, all at once and per bucket', async () => {
    expect(await getJson(http, `${pod}/metrics-aggregated/average,max,min,median,count,95-perc/cpu/usage_rate?${range}`)).toEqual({
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
    const perMinute = (await getJson(http, `${pod}/metrics-aggregated/count/cpu/usage_rate?${range}&bucket=1m`)) as {
      buckets: { count: number }[]
    }
    expect(perMinute.buckets.map(({ count }) => count)).toEqual([60, 40])
  })

  it('takes names from outside as values, whatever they are', async () => {
    const path = `${root}/namespaces/default/pods/${encodeURIComponent(hostileName)}/metrics/cpu/usage_rate?${range}`
    expect(await getJson(http, path)).toMatchObject({ metrics: { length: 100 } })
    const nobody = `${root}/namespaces/default/pods/${encodeURIComponent("' OR 1=1 --")}/metrics/cpu/usage_rate?${range}`
    expect(await getJson(http, nobody)).toEqual(empty)
    expect(await getJson(http, `${root}/namespaces/default/pod-list/web,nobody/metrics/cpu/usage_rate?${range}`)).toMatchObject({
      items: [{ metrics: { length: 100 } }, { metrics: [] }],
    })
  })

  it('has the metrics that pods export', async () => {
    expect(await getJson(http, `${pod}/metrics/custom/queue_length?${range}&labels=queue:a`)).toMatchObject({ metrics: [{ value: 3.5 }] })
    expect(await getJson(http, `${pod}/metrics/custom/queue_length?${range}&labels=queue:c`)).toEqual(empty)
    const sum = await getJson(http, `${pod}/metrics/custom/queue_length?${range}`)
    expect(sum).toMatchObject({ metrics: [{ timestamp: '2026-01-01T00:00:00Z', value: 7.5 }] })
    expect((sum as Points).metrics).toHaveLength(1)
    const injected = await http.inject(`${pod}/metrics/custom/queue_length?${range}&labels=${encodeURIComponent('a" = 1 OR "b')}:b`)
    expect(injected.statusCode).toBe(400)
  })

  it('says what is wrong with a request', async () => {
    const get = async (path: string) => {
      const { statusCode: status, body } = await http.inject(path)
      return { status, body }
    }
    expect(await get(`${pod}/metrics/cpu/usage_rate`)).toEqual({
      status: 400,
      body: 'start: required, an RFC 3339 time such as "2026-01-02T15:04:05Z"\n',
    })
    expect((await get(`${pod}/metrics-aggregated/mean/cpu/usage_rate?${range}`)).body).toContain('"mean" is not one of average, max')
    expect((await get(`${pod}/metrics-aggregated/max/cpu/usage_rate?${range}&bucket=5`)).body).toContain('bucket: "5" is not')
    expect((await get(`${pod}/metrics-aggregated/max/cpu/usage_rate?start=1970-01-01T00:00:00Z&bucket=1ms`)).status).toBe(400)
  })
})

describe('the history of Heapster without its InfluxDB', () => {
  it('says so with 503, and goes on when it is there', async () => {
    const away = await createInfluxServer()
    const http = createServer({ url: away.url })
    const path = `/api/v1/historical/nodes/n1/metrics/cpu/usage_rate?${range}`
    const { statusCode, body } = await http.inject(path)
    expect([statusCode, body]).toEqual([503, expect.stringContaining('InfluxDB cannot be asked: ')])
    await away.start()
    const answers = async () => (await http.inject(path)).statusCode
    // A database that was never made is refused, which is no empty answer either.
    await expect.poll(answers, { timeout: 20_000 }).toBe(503)
    await away.query('CREATE DATABASE "k8s" WITH NAME "default"')
    await expect.poll(answers, { timeout: 20_000 }).toBe(200)
    await http.close()
    await away.remove()
  })
})

describe.each(['default', 'withfields'] as const)('the tiers of a database in the schema %s', (schema) => {
  it('answer for what is older than the points are kept, with exact sums, and go when they are not wanted', async () => {
    const database = `tiers-${schema}`
    const influx: InfluxOptions = { url: server.url, database, schema, retention: '2h', tiers: { '5m': '30d' } }
    const sink = new InfluxSink({ name: 'influxdb', influx }, context)
    await sink.start()
    const begun = Math.floor((systemClock.now() - 3_000_000) / 300_000) * 300_000
    for (let step = 0; step < 120; step++) {
      const labels = { namespace_name: 'default', pod_name: 'web', pod_id: 'uid-web' }
      sink.add(
        batchOf(begun + step * 10_000, [createSet('pod', labels, { 'cpu/usage_rate': step, 'cpu/usage': step * 10, 'memory/usage': 1 })]),
      )
    }
    await drained(sink)
    await sink.stop()
    const driver = createInfluxDriver(influx)
    await backfillTiers(driver, influx, { since: begun, clock: systemClock })
    const http = createServer(influx)
    const ask = (path: string) => getJson(http, `/api/v1/historical${path}start=${new Date(begun - 7_200_000).toISOString()}`)
    const old = (await ask('/pod-id/uid-web/metrics/cpu/usage_rate?')) as Points
    expect(old.metrics.map(({ value }) => value)).toEqual([15, 45, 75, 105])
    const counter = (await ask('/namespaces/default/pods/web/metrics/cpu/usage?')) as Points
    expect(counter.metrics.map(({ value }) => value)).toEqual([290, 590, 890, 1190])
    expect(await ask('/namespaces/default/pods/web/metrics-aggregated/average,max,min,count/cpu/usage_rate?')).toMatchObject({
      buckets: [{ average: { floatValue: 59.5 }, maximum: { intValue: 119 }, minimum: { intValue: 0 }, count: 120 }],
    })
    const policies = async () =>
      (await server.query('SHOW RETENTION POLICIES', database))[0]!.values.map(([name, duration, , , isDefault]) => [
        name,
        duration,
        isDefault,
      ])
    expect(await policies()).toEqual(
      expect.arrayContaining([
        ['default', '2h0m0s', true],
        ['5m', '720h0m0s', false],
        ['1h', '0s', false],
      ]),
    )
    const queries = async () =>
      (await server.query('SHOW CONTINUOUS QUERIES', database)).find(({ name }) => name === database)!.values.map(([name]) => String(name))
    const before = await queries()
    expect(before.filter((name) => name.startsWith('binnacle_5m_')).length).toBeGreaterThan(2)
    const changed = new InfluxSink(
      { name: 'influxdb', influx: { ...influx, retention: '3h', tiers: { '5m': 'none', '1h': '52w' } } },
      context,
    )
    await changed.start()
    changed.add(batchOf(systemClock.now(), [createSet('cluster', {}, { 'memory/usage': 1 })]))
    await drained(changed)
    await changed.stop()
    expect(changed.stats().delivered).toBe(1)
    expect((await policies()).filter(([name]) => name !== '5m')).toEqual(
      expect.arrayContaining([
        ['default', '3h0m0s', true],
        ['1h', '8736h0m0s', false],
      ]),
    )
    const after = await queries()
    expect(after.filter((name) => name.startsWith('binnacle_5m_'))).toEqual([])
    expect(after.length).toBeGreaterThan(0)
    expect(after.filter((name) => before.includes(name))).toEqual([])
    await http.close()
  })
})
