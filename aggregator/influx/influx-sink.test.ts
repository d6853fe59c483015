import { createServer } from 'node:http'
import type { IncomingHttpHeaders, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { columnOf } from '../catalog.ts'
import { createEntity } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { Batch } from '../metric-set.ts'
import { InfluxSink } from './influx-sink.ts'
import type { InfluxOptions } from './options.ts'

interface Write {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly lines: readonly string[]
}

const patienceMs = 5000

describe('the InfluxDB sink', () => {
  let server: Server
  let clock: FakeClock
  let writes: Write[]
  let statements: string[]
  let answer: (write: Write) => { readonly status: number; readonly body?: string }
  beforeEach(async () => {
    clock = new FakeClock()
    writes = []
    statements = []
    answer = () => ({ status: 204 })
    server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const url = new URL(request.url!, 'http://influx')
        if (url.pathname.endsWith('/query')) {
          statements.push(url.searchParams.get('q') ?? new URLSearchParams(Buffer.concat(chunks).toString()).get('q') ?? '')
          return void response.setHeader('content-type', 'application/json').end('{"results":[{}]}')
        }
        const lines = gunzipSync(Buffer.concat(chunks)).toString().split('\n').slice(0, -1)
        const write = { path: request.url!, headers: request.headers, lines }
        const { status, body = '' } = answer(write)
        if (status === 204) writes.push(write)
        response.writeHead(status).end(body)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  async function open(options: Partial<InfluxOptions> = {}): Promise<InfluxSink> {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const sink = new InfluxSink(
      { name: 'influxdb', influx: { url, ...options } },
      { clusterName: 'c', clock, random: seededRandom(1), log: silentLog },
    )
    await sink.start()
    return sink
  }
  async function until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + patienceMs
    while (!condition() && performance.now() < deadline) await clock.advance(50)
    expect(condition()).toBe(true)
  }
  function batch(count: number): Batch {
    const sets = Array.from({ length: count }, (_, index) => {
      const set = createMetricSet(createEntity('ns', `p${index}`, { namespace_name: `p${index}` }))
      set.values[columnOf('memory/usage')] = index
      return set
    })
    return { nodeName: 'n', timestamp: clock.now(), sets: new Map(sets.map((set) => [set.entity.key, set])) }
  }

  it('makes sure of database, policies and tiers first, then writes to the policy with the credentials that were given', async () => {
    const sink = await open({ database: 'db', policy: 'raw', retention: '7d', username: 'me', password: 'secret' })
    const timestamp = clock.now()
    sink.add(batch(1))
    await until(() => writes.length === 1)
    expect(writes[0]).toMatchObject({
      path: '/write?db=db&rp=raw&precision=ns',
      headers: { authorization: `Basic ${Buffer.from('me:secret').toString('base64')}`, 'content-encoding': 'gzip' },
      lines: [`memory/usage,cluster_name=c,namespace_name=p0,type=ns value=0i ${timestamp}000000`],
    })
    expect(statements.filter((text) => /^create/i.test(text))).toEqual([
      expect.stringMatching(/^create database/i),
      'CREATE RETENTION POLICY "raw" ON "db" DURATION 7d REPLICATION 1 DEFAULT',
      'CREATE RETENTION POLICY "5m" ON "db" DURATION 90d REPLICATION 1',
      'CREATE RETENTION POLICY "1h" ON "db" DURATION INF REPLICATION 1',
      ...Array.from({ length: 6 }, () => expect.stringMatching(/^CREATE CONTINUOUS QUERY "binnacle_\w+" ON "db" RESAMPLE EVERY/)),
    ])
    await sink.stop()
  })

  it('speaks version 2 with organisation, bucket and token, and leaves the database to its owner', async () => {
    const sink = await open({ v2: { org: 'o', bucket: 'b', token: 't' } })
    sink.add(batch(1))
    await until(() => writes.length === 1)
    expect(writes[0]).toMatchObject({ path: '/api/v2/write?org=o&bucket=b&precision=ns', headers: { authorization: 'Token t' } })
    expect(statements).toEqual([])
    await sink.stop()
  })

  it('sends 5,000 points at once, and halves what the server calls too large', async () => {
    answer = ({ lines }) => ({ status: lines.length > 1500 ? 413 : 204 })
    const sink = await open()
    sink.add(batch(12_000))
    await until(() => sink.stats().delivered === 12_000)
    expect(writes.reduce((sum, { lines }) => sum + lines.length, 0)).toBe(12_000)
    expect(sink.stats()).toMatchObject({ lost: {}, waiting: 0 })
    await sink.stop()
  })

  it('counts what a partial write refused, and sends none of it again', async () => {
    answer = () => ({ status: 400, body: '{"error":"partial write: points beyond retention policy dropped=4"}' })
    const sink = await open()
    sink.add(batch(10))
    await until(() => sink.stats().delivered === 6)
    expect(sink.stats()).toMatchObject({ lost: { retention: 4 }, requests: 1, failedRequests: 0, waiting: 0 })
    await sink.stop()
  })

  it('makes the database and its policies again when they are gone', async () => {
    let isGone = true
    answer = () => (isGone ? { status: 500, body: '{"error":"retention policy not found: default"}' } : { status: 204 })
    const sink = await open()
    sink.add(batch(1))
    await until(() => sink.stats().failedRequests === 1)
    const before = statements.length
    isGone = false
    await until(() => writes.length === 1)
    expect(statements.length).toBeGreaterThan(before)
    await sink.stop()
  })

  it('tells once an hour which uid a pod has', async () => {
    const sink = await open()
    const entity = createEntity('pod', 'k', { namespace_name: 'd', pod_name: 'web', pod_id: 'uid' })
    const add = () => {
      const set = createMetricSet(entity)
      set.values[columnOf('memory/usage')] = 1
      sink.add({ nodeName: 'n', timestamp: clock.now(), sets: new Map([['k', set]]) })
    }
    for (let minute = 0; minute < 65; minute++) {
      add()
      await clock.advance(60_000)
    }
    await until(() => sink.stats().waiting === 0)
    const told = writes.flatMap(({ lines }) => lines.filter((line) => line.startsWith('pod_identity')))
    expect(told).toHaveLength(2)
    expect(told[0]).toMatch(/^pod_identity,cluster_name=c,namespace_name=d,pod_name=web pod_id="uid" \d+$/)
    await sink.stop()
  })
})
