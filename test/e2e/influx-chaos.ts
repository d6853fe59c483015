import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { columnOf } from '../../aggregator/catalog.ts'
import { createEntity } from '../../aggregator/entity.ts'
import { InfluxSink } from '../../aggregator/influx/influx-sink.ts'
import { createMetricSet } from '../../aggregator/metric-set.ts'
import type { Batch } from '../../aggregator/metric-set.ts'
import type { SinkStats } from '../../aggregator/sinks/sink.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { createInfluxServer } from './influx-server.ts'
import type { InfluxServer } from './influx-server.ts'

const pods = 100
const intervalMs = 100
const database = 'chaos'

/** What a run has found. */
export interface ChaosResult {
  /** Points given to the sink; those that InfluxDB has, counted and summed up; what the sum has to be. */
  readonly given: number
  readonly stored: number
  readonly sum: number
  readonly expectedSum: number
  readonly kills: number
  readonly freezes: number
  readonly stats: SinkStats
}

/**
 * Lets 2,000 points a second flow into an InfluxDB that is killed (without a warning) and started again at random, or stands still for longer than a
 * write may take; then waits for what is left over. Every point has a time and a value of its own.
 */
export async function runInfluxChaos(seconds: number): Promise<ChaosResult> {
  const server = await createInfluxServer()
  const dir = await mkdtemp(join(tmpdir(), 'binnacle-chaos-'))
  const sink = new InfluxSink(
    { name: 'influxdb', influx: { url: server.url, database } },
    { clusterName: 'chaos', clock: systemClock, random: systemRandom, log: silentLog, spoolDir: dir },
  )
  try {
    await server.start()
    await sink.start()
    const end = systemClock.monotonic() + seconds * 1000
    const trouble = makeTrouble(server, end)
    const given = await load(sink, end)
    const { kills, freezes } = await trouble
    for (let tries = 0; tries < 600 && sink.stats().waiting > 0; tries++) await sleep(100)
    await sink.stop()
    const read = async (field: string) => {
      const series = await server.query(`SELECT ${field} FROM "cpu/usage_rate", "network/rx_rate"`, database)
      return series.reduce((total, { values }) => total + Number(values[0]![1]), 0)
    }
    const [stored, sum] = [await read('count(value)'), await read('sum(value)')]
    return { given: given.points, stored, sum, expectedSum: given.sum, kills, freezes, stats: sink.stats() }
  } finally {
    await server.remove()
    await rm(dir, { recursive: true, force: true })
  }
}

async function load(sink: InfluxSink, end: number): Promise<{ readonly points: number; readonly sum: number }> {
  let points = 0
  let sum = 0
  let timestamp = systemClock.now()
  for (let value = 1; systemClock.monotonic() < end; value++) {
    timestamp = Math.max(systemClock.now(), timestamp + 1)
    sink.add(createBatch(timestamp, value))
    points += pods * 2
    sum += pods * value * 2
    await sleep(intervalMs)
  }
  return { points, sum }
}

function createBatch(timestamp: number, value: number): Batch {
  const sets = Array.from({ length: pods }, (_, index) => {
    const set = createMetricSet(createEntity('pod', `pod-${index}`, { namespace_name: 'default', pod_name: `pod-${index}` }))
    set.values[columnOf('cpu/usage_rate')] = value
    set.values[columnOf('network/rx_rate')] = value
    return set
  })
  return { nodeName: 'n1', timestamp, sets: new Map(sets.map((set) => [set.entity.key, set])) }
}

/** Ends with InfluxDB running. */
async function makeTrouble(server: InfluxServer, end: number): Promise<{ readonly kills: number; readonly freezes: number }> {
  let kills = 0
  let freezes = 0
  while (systemClock.monotonic() < end - 3000) {
    await sleep(1000 + systemRandom.fraction() * 4000)
    if (systemRandom.fraction() < 0.2) {
      freezes++
      const thaw = server.freeze()
      await sleep(1000 + systemRandom.fraction() * 12_000)
      thaw()
    } else {
      kills++
      await server.kill()
      await sleep(systemRandom.fraction() * 4000)
      await server.start()
    }
  }
  return { kills, freezes }
}

if (import.meta.main) {
  const seconds = Number(process.argv[2] ?? 600)
  process.stdout.write(`${JSON.stringify(await runInfluxChaos(seconds), undefined, 2)}\n`)
}
