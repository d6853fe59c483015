import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { columnOf } from '../../aggregator/catalog.ts'
import { createEntity } from '../../aggregator/entity.ts'
import { createMetricSet } from '../../aggregator/metric-set.ts'
import type { Batch } from '../../aggregator/metric-set.ts'
import { InfluxSink } from '../../aggregator/influx/influx-sink.ts'
import { systemClock } from '../../lib/clock.ts'
import { cleanTagValue } from '../../lib/line-writer.ts'
import { silentLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { createInfluxServer } from './influx-server.ts'
import type { InfluxServer } from './influx-server.ts'

/** Ten entities, one metric, at one moment. */
function createBatch(timestamp: number, names: readonly string[], value = 1): Batch {
  const sets = names.map((name, index) => {
    const set = createMetricSet(createEntity('pod', `key-${index}-${timestamp}`, { pod_name: name }))
    set.values[columnOf('cpu/usage_rate')] = value
    return set
  })
  return { nodeName: 'n1', timestamp, sets: new Map(sets.map((set) => [set.entity.key, set])) }
}

describe('points in a real InfluxDB', () => {
  let server: InfluxServer
  let dir: string
  beforeAll(async () => {
    server = await createInfluxServer()
    dir = await mkdtemp(join(tmpdir(), 'binnacle-spool-'))
  })
  afterAll(async () => {
    await server.remove()
    await rm(dir, { recursive: true, force: true })
  })

  /** `spoolName` is the sink's name too: its spool is the folder of that name. */
  function createSink(database: string, spoolName?: string): InfluxSink {
    const context = { clusterName: 'test', clock: systemClock, random: systemRandom, log: silentLog }
    return new InfluxSink(
      { name: spoolName ?? 'influxdb', influx: { url: server.url, database, retention: '52w' } },
      spoolName === undefined ? context : { ...context, spoolDir: dir, spoolMaxBytes: 64 << 20 },
    )
  }

  it('waits for an InfluxDB that starts later, makes the database and its retention policy, and leaves no gap over an outage', async () => {
    const sink = createSink('outage', 'outage')
    await sink.start()
    const start = Date.now() - 1_000_000
    const names = Array.from({ length: 100 }, (_, index) => `pod-${index}`)
    let count = 0
    const load = (seconds: number) =>
      (async () => {
        for (let step = 0; step < seconds * 10; step++) {
          sink.add(createBatch(start + count++ * 1000, names))
          await sleep(100)
        }
      })()
    await load(2)
    await server.start()
    await load(3)
    await server.stop()
    await load(6)
    await server.start()
    await load(4)
    for (let tries = 0; tries < 150 && sink.stats().delivered < count * 100; tries++) await sleep(100)
    await sink.stop()
    expect(sink.stats()).toMatchObject({ lost: {}, waiting: 0 })
    const [series] = await server.query('SELECT count(value) FROM "cpu/usage_rate"', 'outage')
    expect(series!.values[0]![1]).toBe(count * 100)
    const [policies] = await server.query('SHOW RETENTION POLICIES', 'outage')
    expect(policies!.values).toContainEqual(expect.arrayContaining(['default', '8736h0m0s']))
  })

  it('reads back 10,000 hostile tag values as they were written', async () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
      fc.string({
        unit: fc.constantFrom('\\', ',', '=', ' ', '"', "'", '\n', '\r', '\t', '\0', 'é', '😀', 'a', '/', '\u2028', '#'),
        minLength: 1,
        maxLength: 12,
      }),
      fc.constantFrom(
        'a\ncpu value=1',
        'x\\',
        'x\\\\',
        ',a=b',
        ' value=1 1',
        '" or 1=1',
        'a\\ b',
        'a\\,b',
        '\\=',
        "'; DROP DATABASE k8s",
        'inject\ncpu,host=evil value=1i 1',
      ),
    )
    const values = fc.sample(hostile, { numRuns: 10_000, seed: 7 })
    const sink = createSink('hostile')
    await sink.start()
    const timestamp = Date.now()
    for (let at = 0; at < values.length; at += 1000) sink.add(createBatch(timestamp + at, values.slice(at, at + 1000), 42))
    await sink.stop()
    expect(sink.stats()).toMatchObject({ delivered: values.length, lost: {} })
    const stored = new Set(
      (await server.query('SHOW TAG VALUES FROM "cpu/usage_rate" WITH KEY = "pod_name"', 'hostile')).flatMap((series) =>
        series.values.map(([, value]) => value),
      ),
    )
    const expected = new Set(values.map((value) => cleanTagValue(value, 1024)).filter((value) => value !== ''))
    expect([...expected].filter((value) => !stored.has(value))).toEqual([])
    expect([...stored].filter((value) => !expected.has(value as string))).toEqual([])
    expect((await server.query('SHOW MEASUREMENTS', 'hostile'))[0]!.values).toEqual([['cpu/usage_rate']])
    expect((await server.query('SHOW TAG KEYS', 'hostile'))[0]!.values.flat()).toEqual(['cluster_name', 'pod_name', 'type'])
  })

  it('keeps every batch that was on disk when the process was killed', async () => {
    const spoolDir = join(dir, 'killed')
    const child = spawn(process.execPath, [join(import.meta.dirname, 'spool-writer.ts'), spoolDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let acknowledged = 0
    child.stdout.on('data', (chunk: Buffer) => (acknowledged += chunk.toString().split('\n').length - 1))
    while (acknowledged < 50) await sleep(10)
    child.kill('SIGKILL')
    await once(child, 'close')
    const sink = createSink('killed', 'killed')
    await sink.start()
    for (let tries = 0; tries < 100 && sink.stats().waiting > 0; tries++) await sleep(100)
    await sink.stop()
    const [series] = await server.query('SELECT count(value) FROM "cpu/usage_rate"', 'killed')
    expect(series!.values[0]![1]).toBeGreaterThanOrEqual(acknowledged)
    expect(acknowledged).toBeGreaterThanOrEqual(50)
  })
})
