import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hostileNames, podBatch } from '../../aggregator/sinks/network-sink.contract.ts'
import type { Sink } from '../../aggregator/sinks/sink.ts'
import { parseSink } from '../../aggregator/sinks/sinks.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { drained } from './drained.ts'

interface PrometheusSeries {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

/** A real Prometheus that takes remote writes, on a folder and port of its own. */
class Prometheus {
  readonly #dir: string
  readonly url: string
  #child: ChildProcess | undefined

  constructor(dir: string, port: number) {
    this.#dir = dir
    this.url = `http://127.0.0.1:${port}`
  }

  async start(): Promise<void> {
    const config = join(this.#dir, 'prometheus.yml')
    await writeFile(config, 'global: {}\n')
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(this.#dir, 'data')}`,
      `--web.listen-address=${new URL(this.url).host}`,
      '--web.enable-remote-write-receiver',
      '--log.level=error',
    ]
    this.#child = spawn('prometheus', args, { stdio: 'ignore' })
    this.#child.on('error', () => {})
    for (let tries = 0; tries < 200; tries++) {
      const isReady = await fetch(`${this.url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      )
      if (isReady) return
      await sleep(100)
    }
    throw new Error('Prometheus did not become ready within 20 s')
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async query(expression: string): Promise<readonly PrometheusSeries[]> {
    const response = await fetch(`${this.url}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`)
    const { data } = (await response.json()) as { data: { result: readonly PrometheusSeries[] } }
    return data.result
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('remote writes to a real Prometheus', () => {
  let dir: string
  let prometheus: Prometheus
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'binnacle-prometheus-'))
    prometheus = new Prometheus(dir, await freePort())
    await prometheus.start()
  })
  afterAll(async () => {
    await prometheus.kill()
    await rm(dir, { recursive: true, force: true })
  })

  function createSink(name: string): Sink {
    const context = { clusterName: 'test', clock: systemClock, random: systemRandom, log: silentLog, spoolDir: join(dir, 'spool') }
    return parseSink(`remote-write:${prometheus.url}/api/v1/write?name=${name}&prefix=${name}_`).create(context)
  }

  it('arrive with their names and values, however hostile the names', async () => {
    const sink = createSink('names')
    await sink.start()
    sink.add(podBatch(hostileNames, systemClock.now()))
    await drained(sink)
    await sink.stop()
    expect(sink.stats()).toMatchObject({ accepted: hostileNames.length, delivered: hostileNames.length, lost: {} })
    const series = await prometheus.query('names_memory_usage')
    const stored = series.map(({ metric, value }) => [metric['pod_name'] ?? '', Number(value[1])] as const)
    expect(new Map(stored)).toEqual(new Map(hostileNames.map((name, index) => [name, index])))
    expect(series[0]?.metric).toMatchObject({ cluster_name: 'test', type: 'pod', namespace_name: 'd', nodename: 'n1' })
  })

  it('survive that it is killed, each sample once', async () => {
    const sink = createSink('killed')
    await sink.start()
    const names = Array.from({ length: 50 }, (_, index) => `pod-${index}`)
    const begun = systemClock.now()
    for (let step = 0; step < 60; step++) {
      sink.add(podBatch(names, begun - 60_000 + step * 1000))
      if (step === 20) await prometheus.kill()
      if (step === 40) await prometheus.start()
      await sleep(50)
    }
    await drained(sink)
    await sink.stop()
    expect(sink.stats()).toMatchObject({ accepted: 3000, delivered: 3000, lost: {} })
    const [counted] = await prometheus.query('sum(count_over_time(killed_memory_usage[10m]))')
    expect(Number(counted?.value[1])).toBe(3000)
  })

  it('that come too late are counted, and the others stored', async () => {
    const sink = createSink('late')
    await sink.start()
    const now = systemClock.now()
    sink.add(podBatch(['a', 'b'], now))
    await drained(sink)
    // Prometheus has a newer sample of "a" and "b" already, and none of "c".
    sink.add(podBatch(['a', 'b', 'c'], now - 30_000))
    await drained(sink)
    await sink.stop()
    expect(sink.stats()).toMatchObject({ accepted: 5, delivered: 3, lost: { 'out-of-order': 2 } })
    expect(await prometheus.query('late_memory_usage{pod_name="c"}')).toHaveLength(1)
  })
})
