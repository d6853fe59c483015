import { createSocket } from 'node:dgram'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { column } from '../metrics.ts'
import { StatsStore } from '../stats-store.ts'
import type { ContainerSample, Driver, WriteOutcome } from './driver.ts'
import { createElasticsearchDriver } from './elasticsearch.ts'
import { createInfluxDriver } from './influxdb.ts'
import { Outlet } from './outlet.ts'
import { samplesOf } from './points.ts'
import { createStatsdDriver } from './statsd.ts'
import { createStdoutDriver } from './stdout.ts'

const never = new AbortController().signal
const clock = new FakeClock()
let server: Server | undefined
afterEach(() => {
  server?.close()
  server = undefined
})

interface Received {
  readonly url: string
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: Buffer
}

/** A server that notes what it gets and answers in turn. */
async function receive(...answers: readonly (readonly [status: number, text: string])[]): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const made = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const [status, text] = answers[received.length] ?? [204, '']
      received.push({ url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) })
      response.writeHead(status).end(text)
    })
  })
  server = made
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(made.address() as AddressInfo).port}`, received }
}

const evil = 'a,b=c d\\\n"x" 1\nforged value=1'

function samplesWith(name = 'web', times: readonly number[] = [1000, 2000]): ContainerSample[] {
  const store = new StatsStore({ capacity: 5, maxBytes: 1e8 })
  const container = store.upsert(
    {
      name: `/docker/${name}`,
      id: 'x',
      aliases: [name],
      namespace: 'docker',
      labels: { secret: 'label' },
      image: 'i',
      createdMs: 0,
      startedMs: 0,
      hasNetwork: true,
      pod: { name: 'pod', namespace: 'shop', uid: 'u', container: 'app', isSandbox: false },
    },
    0,
  )!
  for (const at of times) {
    container.ring.begin(at, at)
    container.ring.set(column.cpuUsage, at * 1e6)
    container.ring.set(column.cpuPressureSomeAvg10, 1.5)
    const bytes = Buffer.from('eth0')
    const eth = container.ring.instance('network', bytes, 0, bytes.length)!
    container.ring.setInstance('network', eth, 0, at)
  }
  return samplesOf(container, 1000, { machine: 'n1', storageCapacityBytes: Number.NaN })
}

const names = (sample: ContainerSample) => sample.points.map(({ measurement }) => measurement)

test('samples newer than asked are taken, with a fixed set of tags and without the labels of the container', () => {
  const [sample, ...more] = samplesWith()
  expect(more).toEqual([])
  expect(sample?.timestampMs).toBe(2000)
  expect(sample?.tags).toEqual({ machine: 'n1', container_name: 'web', pod_name: 'pod', namespace: 'shop', pod_container: 'app' })
  expect(names(sample!)).toEqual(expect.arrayContaining(['cpu_usage_total', 'rx_bytes', 'pressure_waiting_avg10']))
})

test('InfluxDB: lines that no name can forge, in the given database and policy, compressed and with credentials', async () => {
  const { url, received } = await receive([204, ''])
  const driver = createInfluxDriver({ kind: 'influxdb', url, database: 'my db', retentionPolicy: 'week', user: 'u', password: 'p' }, clock)
  const [body] = driver.encode(samplesWith(evil))
  const { gzipSync } = await import('node:zlib')
  expect(await driver.write({ bytes: gzipSync(body!.bytes), points: body!.points }, never)).toEqual({ result: 'done', lost: 0 })
  const lines = gunzipSync(received[0]!.body).toString().trim().split('\n')
  expect(lines).toHaveLength(body!.points)
  expect(lines.every((line) => /^[a-z_0-9]+,container_name=a\\,b\\=c\\ d.* value=[\d.]+i? 2000$/.test(line))).toBe(true)
  expect(received[0]!.url).toBe('/write?db=my+db&precision=ms&rp=week')
  expect(received[0]!.headers['authorization']).toBe(`Basic ${Buffer.from('u:p').toString('base64')}`)
  driver.close()
})

test('InfluxDB: a missing database is made; what is refused for good is counted; trouble is tried again', async () => {
  const answers = [
    [404, '{"error":"database not found: \\"db\\""}'],
    [200, '{}'],
    [400, '{"error":"partial write: field type conflict dropped=3"}'],
    [400, '{"error":"unable to parse"}'],
    [503, 'later'],
  ] as const
  const { url, received } = await receive(...answers)
  const driver = createInfluxDriver({ kind: 'influxdb', url, database: 'db' }, clock)
  const body = { bytes: Buffer.from('x'), points: 10 }
  expect(await driver.write(body, never)).toMatchObject({ result: 'retry' })
  expect(received[1]!.url).toBe('/query?q=CREATE%20DATABASE%20%22db%22')
  expect(await driver.write(body, never)).toMatchObject({ result: 'done', lost: 3 })
  expect(await driver.write(body, never)).toMatchObject({ result: 'done', lost: 10 })
  expect(await driver.write(body, never)).toMatchObject({ result: 'retry' })
  driver.close()
  server!.close()
  await expect(driver.write(body, AbortSignal.timeout(5000))).rejects.toMatchObject({ code: expect.any(String) })
})

test('Elasticsearch: a document per sample whose id makes a second time harmless, and refused ones are counted', async () => {
  const { url, received } = await receive([200, '{"errors":true,"items":[{"index":{"status":201}},{"index":{"status":400}}]}'])
  const driver = createElasticsearchDriver({ kind: 'elasticsearch', url, index: 'metrics' }, clock)
  const [body] = driver.encode([...samplesWith('a'), ...samplesWith(evil)])
  const lines = body!.bytes.toString().trim().split('\n')
  expect(lines).toHaveLength(4)
  expect(JSON.parse(lines[0]!)).toEqual({ index: { _index: 'metrics', _id: 'n1/docker/a@2000' } })
  expect(JSON.parse(lines[1]!)).toMatchObject({
    timestamp: '1970-01-01T00:00:02.000Z',
    container_Name: 'a',
    container_stats: { cpu_usage_total: 2e9, rx_bytes: { eth0: 2000 } },
  })
  expect(await driver.write(body!, never)).toMatchObject({ result: 'done', lost: body!.points / 2 })
  expect(received[0]!.url).toContain('/_bulk')
  driver.close()
})

test('StatsD: gauges in datagrams that fit a frame, of the newest sample, with names that have no meaning of their own', async () => {
  const socket = createSocket('udp4')
  const arrived = new Promise<string>((resolve) => socket.once('message', (message) => resolve(message.toString())))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const driver = createStatsdDriver({ kind: 'statsd', host: '127.0.0.1', port: socket.address().port, prefix: 'cadvisor' })
  const bodies = driver.encode([...samplesWith('a.b:c|d'), ...samplesWith('other')])
  expect(bodies.every(({ bytes }) => bytes.length <= 1432)).toBe(true)
  expect(await driver.write(bodies[0]!, never)).toEqual({ result: 'done', lost: 0 })
  const lines = (await arrived).trim().split('\n')
  expect(lines[0]).toBe('cadvisor.a_b_c_d.cpu_usage_total:2000000000|g')
  expect(lines.every((line) => /^[\w.-]+:[\d.]+\|g$/.test(line))).toBe(true)
  driver.close()
  socket.close()
})

test('standard output: a line per sample, whatever the name is', async () => {
  const printed: string[] = []
  const driver = createStdoutDriver({ kind: 'stdout', print: async (text) => void printed.push(text) })
  await driver.write(driver.encode(samplesWith(evil))[0]!, never)
  expect(printed.join('').split('\n')).toHaveLength(2)
  expect(printed[0]).toMatch(/^cName="a,b=c d.*" host=n1 ts=1970-01-01T00:00:02\.000Z .*rx_bytes\.eth0=2000/)
})

/** A sink that does as it is told. */
function fakeDriver(outcomes: WriteOutcome[], bodyBytes = 10): Driver & { written: number } {
  const driver = {
    kind: 'stdout' as const,
    written: 0,
    isImmediate: false,
    isCompressed: false,
    encode: (samples: readonly ContainerSample[]) => samples.map(() => ({ bytes: Buffer.alloc(bodyBytes), points: 1 })),
    write: async () => {
      const outcome = outcomes.shift() ?? { result: 'done' as const, lost: 0 }
      if (outcome.result === 'done') driver.written++
      return outcome
    },
    close: () => {},
  }
  return driver
}

function outletOf(driver: Driver, clock: FakeClock): Outlet {
  return new Outlet({ driver, clock, log: silentLog, random: seededRandom(1), intervalMs: 60_000 })
}

const figure = (outlet: Outlet, name: string) => outlet.figures().find((row) => row.name === name)?.value

test('a sink that fails is tried again with growing pauses, and nothing is lost', async () => {
  const clock = new FakeClock(0)
  const driver = fakeDriver([
    { result: 'retry', reason: 'away' },
    { result: 'retry', reason: 'away' },
  ])
  const outlet = outletOf(driver, clock)
  const abort = new AbortController()
  const running = outlet.run(abort.signal)
  await outlet.add(samplesWith())
  await clock.advance(59_000)
  expect(driver.written).toBe(0)
  await clock.advance(5000)
  expect(driver.written).toBe(1)
  expect(figure(outlet, 'driver_retries_total')).toBe(2)
  expect(figure(outlet, 'driver_points_lost_total')).toBe(0)
  abort.abort()
  await running
})

test('the queue is bounded: the oldest is dropped and counted', async () => {
  const outlet = outletOf(fakeDriver([], 6 << 20), new FakeClock(0))
  for (let index = 0; index < 4; index++) await outlet.add(samplesWith())
  expect(figure(outlet, 'driver_points_lost_total')).toBe(2)
  expect(figure(outlet, 'driver_queued_bytes')).toBe(12 << 20)
})

test('what waits at the end is written, or counted as lost when the sink is away', async () => {
  for (const [outcomes, written, lost] of [
    [[], 1, 0],
    [[{ result: 'retry', reason: 'away' }], 0, 1],
  ] as const) {
    const driver = fakeDriver([...outcomes])
    const outlet = outletOf(driver, new FakeClock(0))
    const abort = new AbortController()
    const running = outlet.run(abort.signal)
    await outlet.add(samplesWith())
    abort.abort()
    await running
    expect({ written: driver.written, lost: figure(outlet, 'driver_points_lost_total') }).toEqual({ written, lost })
  }
})
