import { existsSync, readFileSync } from 'node:fs'
import type Docker from 'dockerode'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Collector } from '../../../collector/app.ts'
import { parseExposition } from '../../../collector/prometheus/strict-parser.ts'
import { systemClock } from '../../../lib/clock.ts'
import { DockerHost, eventually } from './docker-host.ts'

const host = new DockerHost()
beforeAll(() => host.prepare())
afterEach(() => host.dispose())
afterAll(() => host.removeImage())

interface Sample {
  readonly timestamp: string
  readonly cpu: { readonly usage: { readonly total: number } }
  readonly memory: { readonly usage: number; readonly working_set: number; readonly rss: number }
  readonly network: { readonly rx_bytes: number; readonly tx_bytes: number }
}

interface DockerStats {
  readonly read: string
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } }
  readonly memory_stats: { readonly usage: number; readonly stats: Readonly<Record<string, number>> }
}

async function samplesOf(collector: Collector, id: string): Promise<Sample[]> {
  const answer = (await (await fetch(`${collector.address}/api/v1.3/docker/${id}`)).json()) as Record<string, { stats: Sample[] }>
  return Object.values(answer)[0]?.stats ?? []
}

/** How far the rate of use in the API's second version is from what its own counters say, at worst. */
async function rateError(collector: Collector, id: string): Promise<number> {
  const answer = (await (await fetch(`${collector.address}/api/v2.0/stats/${id}?type=docker&count=6`)).json()) as Record<
    string,
    (Sample & { readonly cpu_inst?: { readonly usage: { readonly total: number } } })[]
  >
  const samples = Object.values(answer)[0]!
  const errors = samples.slice(1).map(({ timestamp, cpu, cpu_inst: instant }, index) => {
    const before = samples[index]!
    const seconds = (Date.parse(timestamp) - Date.parse(before.timestamp)) / 1000
    const rate = (cpu.usage.total - before.cpu.usage.total) / seconds
    return Math.abs((instant?.usage.total ?? 0) - rate) / rate
  })
  return Math.max(...errors)
}

async function dockerStats(container: Docker.Container): Promise<DockerStats> {
  return container.stats({ stream: false, 'one-shot': true })
}

/** The counter at a time between two samples. */
function counterAt(samples: readonly Sample[], atMs: number): number {
  const after = samples.findIndex(({ timestamp }) => Date.parse(timestamp) >= atMs)
  const [left, right] = [samples[after - 1], samples[after]]
  if (left === undefined || right === undefined) throw new Error('no samples around that time')
  const [from, to] = [Date.parse(left.timestamp), Date.parse(right.timestamp)]
  return left.cpu.usage.total + ((atMs - from) / (to - from)) * (right.cpu.usage.total - left.cpu.usage.total)
}

function rawCpu(id: string): number {
  const v1 = `/sys/fs/cgroup/cpuacct/docker/${id}/cpuacct.usage`
  if (existsSync(v1)) return Number(readFileSync(v1, 'utf8'))
  for (const path of [`/sys/fs/cgroup/docker/${id}`, `/sys/fs/cgroup/system.slice/docker-${id}.scope`]) {
    if (existsSync(`${path}/cpu.stat`)) return Number(/^usage_usec (\d+)$/m.exec(readFileSync(`${path}/cpu.stat`, 'utf8'))?.[1]) * 1000
  }
  throw new Error('the cgroup of the container was not found')
}

test('CPU and memory of a busy container agree with docker stats and with the raw cgroup files', { timeout: 60_000 }, async () => {
  const container = await host.run('busy', 'dd if=/dev/zero of=/tmp/a bs=1M count=20; cat /tmp/a >/dev/null; while :; do :; done', {
    HostConfig: { NanoCpus: 300_000_000, Memory: 128 * 1024 * 1024 },
  })
  const collector = await host.collect()
  await systemClock.sleep(8_000)
  const first = await dockerStats(container)
  await systemClock.sleep(5_000)
  const second = await dockerStats(container)
  const rawSecond = { atMs: systemClock.now(), total: rawCpu(container.id) }
  await systemClock.sleep(1_500)
  const samples = await samplesOf(collector, container.id)
  const [firstAt, secondAt] = [Date.parse(first.read), Date.parse(second.read)]

  const share = (ours: number, theirs: number) => Math.abs(ours - theirs) / theirs
  expect(share(counterAt(samples, secondAt), second.cpu_stats.cpu_usage.total_usage)).toBeLessThan(0.01)
  expect(share(counterAt(samples, rawSecond.atMs), rawSecond.total)).toBeLessThan(0.01)
  const theirRate = (second.cpu_stats.cpu_usage.total_usage - first.cpu_stats.cpu_usage.total_usage) / (secondAt - firstAt)
  const ourRate = (counterAt(samples, secondAt) - counterAt(samples, firstAt)) / (secondAt - firstAt)
  expect(share(ourRate, theirRate)).toBeLessThan(0.1)
  expect(await rateError(collector, container.id)).toBeLessThan(0.05)

  const { usage, stats } = second.memory_stats
  const newest = samples.at(-1)!
  expect(share(newest.memory.usage, usage)).toBeLessThan(0.01)
  expect(share(newest.memory.working_set, usage - (stats['total_inactive_file'] ?? stats['inactive_file'] ?? 0))).toBeLessThan(0.01)

  const metrics = parseExposition(await collector.metricsCadvisor())
  const metric = metrics.find(({ name, labels }) => name === 'container_cpu_usage_seconds_total' && labels['id']?.endsWith(container.id))
  const summed = metric!.value * 1e9
  expect(share(summed, rawCpu(container.id))).toBeLessThan(0.1)
})

test('the network of a container is what went over its interface', { timeout: 60_000 }, async () => {
  const server = await host.run('server', 'busybox nc -ll -p 9999 -e cat /bin/busybox')
  const collector = await host.collect()
  const { NetworkSettings: network } = await server.inspect()
  const address = Object.values(network.Networks)[0]!.IPAddress
  await host.run('client', `busybox nc ${address} 9999 > /dev/null; sleep 1000`)
  const sample = await eventually('traffic', async () => {
    const newest = (await samplesOf(collector, server.id)).at(-1)
    return newest !== undefined && newest.network.tx_bytes > 500_000 ? newest : undefined
  })
  expect(sample.network.tx_bytes).toBeLessThan(10_000_000)
})

test('the machine’s figures agree with /proc', { timeout: 60_000 }, async () => {
  const collector = await host.collect()
  await systemClock.sleep(3_000)
  const { node } = await collector.summary()
  const memory = Number(/^MemTotal:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))![1]) * 1024
  expect((node.memory?.availableBytes ?? 0) + (node.memory?.workingSetBytes ?? 0)).toBe(memory)
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .split(/\s+/)
    .map(Number)
  const fromProc = (user + nice + system + irq + softirq) * 1e7
  // Interrupt time is not charged to any cgroup, so the two differ a little.
  expect(Math.abs(node.cpu!.usageCoreNanoSeconds! - fromProc) / fromProc).toBeLessThan(0.15)
  expect(node.fs?.capacityBytes).toBeGreaterThan(node.fs!.availableBytes!)
})
