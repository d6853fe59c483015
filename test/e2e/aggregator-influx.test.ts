import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
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
import { cleanTagValue } from '../../lib/line-protocol.ts'
import { silentLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { drained } from './drained.ts'
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
    await drained(sink)
    await sink.stop()
    expect(sink.stats()).toMatchObject({ lost: {}, waiting: 0 })
    const [series] = await server.query('SELECT count(value) FROM "cpu/usage_rate"', 'outage')
    expect(series!.values[0]![1]).toBe(count * 100)
    const [policies] = await server.query('SHOW RETENTION POLICIES', 'outage')
    expect(policies!.values).toContainEqual(expect.arrayContaining(['default', '8736h0m0s']))
  })

  it('reads back 10,000 hostile names and texts of labels as they were written', async () => {
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
    const sink = new InfluxSink(
      { name: 'influxdb', influx: { url: server.url, database: 'hostile', tags: ['labels'] } },
      { clusterName: 'test', clock: systemClock, random: systemRandom, log: silentLog },
    )
    await sink.start()
    const timestamp = Date.now()
    for (let at = 0; at < values.length; at += 1000) {
      const batch = createBatch(timestamp + at, values.slice(at, at + 1000), 42)
      for (const set of batch.sets.values()) {
        const { key, labels } = set.entity
        set.entity = createEntity('pod', key, { ...labels, labels: `app:${labels['pod_name']}` })
      }
      sink.add(batch)
    }
    await drained(sink)
    await sink.stop()
    expect(sink.stats()).toMatchObject({ delivered: values.length, lost: {} })
    for (const [tag, prefix] of [
      ['pod_name', ''],
      ['labels', 'app:'],
    ] as const) {
      const answer = await server.query(`SHOW TAG VALUES FROM "cpu/usage_rate" WITH KEY = "${tag}"`, 'hostile')
      const stored = new Set(answer.flatMap((series) => series.values.map(([, value]) => value)))
      const expected = new Set(values.map((value) => cleanTagValue(prefix + value, 1024)).filter((value) => value !== ''))
      expect([...expected].filter((value) => !stored.has(value))).toEqual([])
      expect([...stored].filter((value) => !expected.has(value as string))).toEqual([])
    }
    expect((await server.query('SHOW MEASUREMENTS', 'hostile'))[0]!.values).toEqual([['cpu/usage_rate']])
    expect((await server.query('SHOW TAG KEYS', 'hostile'))[0]!.values.flat()).toEqual(['cluster_name', 'labels', 'pod_name', 'type'])
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
    await drained(sink)
    await sink.stop()
    const [series] = await server.query('SELECT count(value) FROM "cpu/usage_rate"', 'killed')
    expect(series!.values[0]![1]).toBeGreaterThanOrEqual(acknowledged)
    expect(acknowledged).toBeGreaterThanOrEqual(50)
  })

  it('stores the good points of a batch, and keeps the others with the reason that InfluxDB gave', async () => {
    await server.query('CREATE DATABASE "conflict"')
    const influx = { url: server.url, database: 'conflict', policy: 'autogen', retention: '52w' }
    await fetch(`${server.url}/write?db=conflict`, { method: 'POST', body: 'cpu/usage_rate,other=x value="text"' })
    const sink = new InfluxSink(
      { name: 'conflict', influx },
      { clusterName: 'test', clock: systemClock, random: systemRandom, log: silentLog, spoolDir: dir },
    )
    await sink.start()
    const batch = createBatch(Date.now(), ['a', 'b'])
    for (const set of batch.sets.values()) set.values[columnOf('memory/usage')] = 5
    sink.add(batch)
    await drained(sink)
    await sink.stop()
    expect(sink.stats()).toMatchObject({ accepted: 4, delivered: 2, lost: { 'field-type': 2 }, failedRequests: 0 })
    const letters = (await readFile(join(dir, 'conflict', 'refused.jsonl'), 'utf8')).trimEnd().split('\n')
    expect(letters).toHaveLength(1)
    expect(JSON.parse(letters[0]!)).toMatchObject({
      reason: 'field-type',
      items: 2,
      message: expect.stringContaining('field type conflict'),
      samples: [expect.stringMatching(/^cpu\/usage_rate,.*pod_name=a/), expect.stringMatching(/pod_name=b/)],
    })
    const [stored] = await server.query('SELECT count(value) FROM "memory/usage"', 'conflict')
    expect(stored!.values[0]![1]).toBe(2)
  })

  it('has no more series than the guard allows, and says what it refused', async () => {
    const influx = { url: server.url, database: 'guarded', maxSeries: 50 }
    const sink = new InfluxSink(
      { name: 'guarded', influx },
      { clusterName: 'test', clock: systemClock, random: systemRandom, log: silentLog },
    )
    await sink.start()
    const names = Array.from({ length: 80 }, (_, index) => `pod-${index}`)
    for (let round = 0; round < 3; round++) sink.add(createBatch(Date.now() + round * 1000, names))
    await drained(sink)
    await sink.stop()
    expect(sink.stats()).toMatchObject({ accepted: 240, delivered: 150, lost: { 'series-guard': 90 } })
    const [series] = await server.query('SHOW SERIES EXACT CARDINALITY ON "guarded"', 'guarded')
    expect(series!.values).toEqual([[50]])
  })

  it.each([
    ['default', 'log/events', 2],
    ['withfields', 'events', 2],
  ] as const)('has every event once in the schema %s, in few series', async (schema, measurement, seriesCount) => {
    const database = `events-${schema}`
    const sink = new InfluxSink(
      { name: database, influx: { url: server.url, database, schema } },
      { clusterName: 'test', clock: systemClock, random: systemRandom, log: silentLog },
    )
    await sink.start()
    const second = Math.floor(Date.now() / 1000) * 1000
    const events = Array.from({ length: 1000 }, (_, index) => ({
      uid: `uid-${index}`,
      namespace: 'default',
      type: 'Normal',
      reason: 'Pulled',
      message: `Container image "x" \\ already present, ${index}\nhostile value=1`,
      object: { kind: 'Pod', namespace: 'default', name: `web-${index % 2}`, uid: `pod-${index % 2}` },
      component: 'kubelet',
      host: 'n1',
      count: 1,
      added: 1,
      firstSeen: second,
      lastSeen: second,
    }))
    sink.addEvents(events)
    // What is told twice is there once.
    sink.addEvents(events)
    await drained(sink)
    await sink.stop()
    expect(sink.stats()).toMatchObject({ accepted: 2000, delivered: 2000, lost: {} })
    const [counted] = await server.query(`SELECT count(*) FROM "${measurement}"`, database)
    expect(counted!.values[0]!.slice(1).every((count) => count === 1000)).toBe(true)
    const [series] = await server.query(`SHOW SERIES EXACT CARDINALITY ON "${database}"`, database)
    expect(series!.values).toEqual([[seriesCount]])
    const field = schema === 'default' ? 'value' : 'message'
    const [stored] = await server.query(`SELECT "${field}" FROM "${measurement}" LIMIT 1`, database)
    expect(String(stored!.values[0]![1])).toContain(schema === 'default' ? '"uid":"uid-' : 'Container image "x" \\ already present')
  })
})
