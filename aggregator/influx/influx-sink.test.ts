import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { columnOf } from '../catalog.ts'
import { createEntity } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { Batch } from '../metric-set.ts'
import type { InfluxAnswer } from './connection.ts'
import { InfluxSink } from './influx-sink.ts'
import type { DeadLetters, Refusal } from './dead-letters.ts'
import { Spool } from './spool.ts'

/** An InfluxDB in memory that answers as a test wants. */
class FakeInflux {
  readonly lines: string[] = []
  answer: (points: number) => InfluxAnswer | Error = () => ({ status: 204, body: '', retryAfter: undefined })
  prepared = 0
  hangs = false

  async write(body: Buffer, signal: AbortSignal): Promise<InfluxAnswer> {
    if (this.hangs && !signal.aborted) await once(signal, 'abort')
    signal.throwIfAborted()
    const lines = gunzipSync(body).toString().trim().split('\n')
    const answer = this.answer(lines.length)
    if (answer instanceof Error) throw answer
    if (answer.status === 204) this.lines.push(...lines)
    return answer
  }

  close(): void {}
}

/** A busy disk may take its time for the spool's syncs. */
const diskPatienceMs = 4_000

describe('the InfluxDB sink', () => {
  let dir: string
  let clock: FakeClock
  let influx: FakeInflux
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sink-test-'))
    clock = new FakeClock()
    influx = new FakeInflux()
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  function createSink(hasSpool = true, deadLetters?: DeadLetters): InfluxSink {
    return new InfluxSink({
      clusterName: 'c',
      connection: influx,
      prepare: async () => void influx.prepared++,
      spool: hasSpool ? new Spool({ dir, maxBytes: 1 << 20 }) : undefined,
      ...(deadLetters === undefined ? {} : { deadLetters }),
      clock,
      random: seededRandom(1),
      log: silentLog,
    })
  }
  function batch(value: number, count = 10): Batch {
    const sets = Array.from({ length: count }, (_, index) => {
      const set = createMetricSet(createEntity('pod', `p${index}`, { pod_name: `p${index}` }))
      set.values[columnOf('uptime')] = value
      return set
    })
    return { nodeName: 'n', timestamp: clock.now(), sets: new Map(sets.map((set) => [set.entity.key, set])) }
  }
  /** Lets simulated time pass, and real time for the disk, until a condition holds. */
  async function until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + diskPatienceMs
    while (!condition() && performance.now() < deadline) await clock.advance(50)
    expect(condition()).toBe(true)
  }
  const down = () => new Error('ECONNREFUSED')

  it('sends what has waited for a second, after making sure of the database', async () => {
    const sink = createSink()
    await sink.start()
    sink.add(batch(1))
    expect(influx.lines).toEqual([])
    await until(() => influx.lines.length === 10)
    expect(influx.prepared).toBe(1)
    expect(influx.lines[0]).toBe(`uptime,cluster_name=c,pod_name=p0,type=pod value=1i ${Date.UTC(2030, 0, 1)}`)
    await sink.stop()
  })

  it('sends 5,000 points at once without waiting', async () => {
    const sizes: number[] = []
    influx.answer = (points) => (sizes.push(points), { status: 204, body: '', retryAfter: undefined })
    const sink = createSink()
    await sink.start()
    sink.add(batch(1, 12_000))
    await sink.stop()
    expect(sizes).toEqual([5000, 5000, 2000])
  })

  it('keeps everything through an outage and sends it in order', async () => {
    const sink = createSink()
    await sink.start()
    influx.answer = down
    for (let value = 0; value < 40; value++) {
      sink.add(batch(value))
      await clock.advance(1100)
    }
    await until(() => sink.stats().spooledPoints >= 390)
    expect(sink.stats().isHealthy).toBe(false)
    influx.answer = () => ({ status: 204, body: '', retryAfter: undefined })
    await until(() => influx.lines.length >= 400 && sink.stats().spooledPoints === 0)
    const values = influx.lines.map((line) => Number(/value=(\d+)i/.exec(line)![1]))
    expect(values).toEqual(values.toSorted((a, b) => a - b))
    expect(new Set(values).size).toBe(40)
    expect(sink.stats().pointsDropped).toEqual({ encoding: 0, queue: 0, spool: 0 })
    await sink.stop()
  })

  it('puts what it could not send into the spool when it stops, and the next one sends it', async () => {
    influx.answer = down
    const first = createSink()
    await first.start()
    first.add(batch(1))
    await until(() => !first.stats().isHealthy)
    first.add(batch(2))
    await first.stop()
    influx.answer = () => ({ status: 204, body: '', retryAfter: undefined })
    const second = createSink()
    await second.start()
    await until(() => influx.lines.length === 20)
    expect(second.stats().pointsWritten).toBe(20)
    await second.stop()
  })

  it('does not hang when it stops while InfluxDB never answers', async () => {
    influx.hangs = true
    const sink = createSink()
    await sink.start()
    sink.add(batch(1))
    await clock.advance(1500)
    const stopping = sink.stop()
    await clock.advance(4000)
    await stopping
    expect(sink.stats().spooledPoints).toBe(10)
  })

  it('keeps what is refused for good beside the spool, and goes on where that fails', async () => {
    influx.answer = () => ({ status: 400, body: '{"error":"unable to parse"}', retryAfter: undefined })
    const refusals: Refusal[] = []
    const sink = createSink(true, {
      add: async (refusal) => {
        refusals.push(refusal)
        throw new Error('no space left on device')
      },
    })
    await sink.start()
    sink.add(batch(1))
    await until(() => refusals.length === 1)
    expect(sink.stats().pointsRejected).toEqual({ parse: 10 })
    expect(refusals).toMatchObject([{ reason: 'parse', rejected: 10, message: 'unable to parse' }])
    expect(refusals[0]?.lines).toHaveLength(10)
    await sink.stop()
  })

  it('counts points that are refused for good under their reason and does not send them again', async () => {
    influx.answer = () => ({
      status: 400,
      body: '{"error":"partial write: points beyond retention policy dropped=4"}',
      retryAfter: undefined,
    })
    const sink = createSink()
    await sink.start()
    sink.add(batch(1))
    await until(() => sink.stats().pointsWritten === 6)
    expect(sink.stats()).toMatchObject({ pointsRejected: { retention: 4 }, writes: 1, failedWrites: 0 })
    await sink.stop()
  })

  it('makes the database again when it is gone', async () => {
    influx.answer = () =>
      influx.prepared < 2
        ? { status: 404, body: '{"error":"database not found"}', retryAfter: undefined }
        : { status: 204, body: '', retryAfter: undefined }
    const sink = createSink()
    await sink.start()
    sink.add(batch(1))
    await until(() => influx.lines.length === 10)
    expect(influx.prepared).toBe(2)
    await sink.stop()
  })

  it('halves a body that is too large', async () => {
    influx.answer = (points) =>
      points > 3 ? { status: 413, body: '', retryAfter: undefined } : { status: 204, body: '', retryAfter: undefined }
    const sink = createSink()
    await sink.start()
    sink.add(batch(1))
    await until(() => influx.lines.length === 10)
    expect(sink.stats().pointsWritten).toBe(10)
    await sink.stop()
  })

  it('without a spool keeps a bounded queue and counts what falls off', async () => {
    influx.answer = down
    const sink = createSink(false)
    await sink.start()
    for (let value = 0; value < 30; value++) {
      sink.add(batch(value))
      await clock.advance(1100)
    }
    expect(sink.stats().queuedBatches).toBeLessThanOrEqual(17)
    expect(sink.stats().pointsDropped.queue).toBeGreaterThanOrEqual(130)
    await sink.stop()
  })
})
