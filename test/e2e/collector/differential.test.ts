import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Collector } from '../../../collector/app.ts'
import { parseExposition, type ParsedSample } from '../../../collector/prometheus/strict-parser.ts'
import { DockerHost, eventually } from './docker-host.ts'

const host = new DockerHost()
beforeAll(() => host.prepare())
afterEach(() => host.dispose())
afterAll(() => host.removeImage())

/** Counters may have gone on between two readings, for a shell that waits wakes up now and then. */
const tolerance = 0.01

/** The same figures from three sides, by the name of our series. */
type Figures = Readonly<Record<string, number | undefined>>

interface DockerStats {
  readonly cpu_stats: {
    readonly cpu_usage: { readonly total_usage: number; readonly usage_in_usermode: number; readonly usage_in_kernelmode: number }
    readonly throttling_data: { readonly periods: number; readonly throttled_periods: number; readonly throttled_time: number }
  }
  readonly memory_stats: { readonly usage: number; readonly limit: number; readonly stats: Readonly<Record<string, number>> }
  readonly pids_stats: { readonly current: number }
  readonly networks?: Readonly<Record<string, Readonly<Record<'rx_bytes' | 'rx_packets' | 'tx_bytes' | 'tx_packets', number>>>>
}

/** What Docker's own statistics say. */
async function dockerFigures(container: Docker.Container): Promise<Figures> {
  const {
    cpu_stats: cpu,
    memory_stats: memory,
    pids_stats: pids,
    networks,
  } = (await container.stats({
    stream: false,
    'one-shot': true,
  })) as unknown as DockerStats
  const stat = (v1: string, v2: string) => memory.stats[v1] ?? memory.stats[v2]
  return {
    container_cpu_usage_seconds_total: cpu.cpu_usage.total_usage / 1e9,
    container_cpu_cfs_periods_total: cpu.throttling_data.periods,
    container_cpu_cfs_throttled_periods_total: cpu.throttling_data.throttled_periods,
    container_cpu_cfs_throttled_seconds_total: cpu.throttling_data.throttled_time / 1e9,
    container_memory_usage_bytes: memory.usage,
    container_spec_memory_limit_bytes: memory.limit,
    container_memory_cache: stat('total_cache', 'file'),
    container_memory_rss: stat('total_rss', 'anon'),
    container_memory_working_set_bytes: memory.usage - (stat('total_inactive_file', 'inactive_file') ?? 0),
    container_threads: pids.current,
    container_network_receive_bytes_total: networks?.['eth0']?.rx_bytes,
    container_network_transmit_bytes_total: networks?.['eth0']?.tx_bytes,
    container_network_receive_packets_total: networks?.['eth0']?.rx_packets,
    container_network_transmit_packets_total: networks?.['eth0']?.tx_packets,
  }
}

/** What the kernel's own files say, on cgroup v1 or v2. */
function rawFigures(id: string, pid: number): Figures {
  return { ...(existsSync(`/sys/fs/cgroup/memory/docker/${id}`) ? rawV1(id) : rawV2(id)), ...rawNetwork(pid) }
}

function rawV1(id: string): Figures {
  const read = (controller: string, file: string) => readFileSync(join('/sys/fs/cgroup', controller, 'docker', id, file), 'utf8')
  const memory = wordsOf(read('memory', 'memory.stat'))
  const cpu = wordsOf(read('cpu', 'cpu.stat'))
  const usage = Number(read('memory', 'memory.usage_in_bytes'))
  return {
    container_cpu_usage_seconds_total: Number(read('cpuacct', 'cpuacct.usage')) / 1e9,
    container_cpu_cfs_periods_total: cpu['nr_periods'],
    container_cpu_cfs_throttled_periods_total: cpu['nr_throttled'],
    container_cpu_cfs_throttled_seconds_total: (cpu['throttled_time'] ?? 0) / 1e9,
    container_memory_usage_bytes: usage,
    container_spec_memory_limit_bytes: Number(read('memory', 'memory.limit_in_bytes')),
    container_memory_max_usage_bytes: Number(read('memory', 'memory.max_usage_in_bytes')),
    container_memory_cache: memory['total_cache'],
    container_memory_rss: memory['total_rss'],
    container_memory_mapped_file: memory['total_mapped_file'],
    container_memory_working_set_bytes: usage - (memory['total_inactive_file'] ?? 0),
    container_memory_failures_total: memory['total_pgfault'],
    container_threads: Number(read('pids', 'pids.current')),
  }
}

function rawV2(id: string): Figures {
  const folder = [`/sys/fs/cgroup/docker/${id}`, `/sys/fs/cgroup/system.slice/docker-${id}.scope`].find((path) => existsSync(path))
  if (folder === undefined) throw new Error('the cgroup of the container was not found')
  const read = (file: string) => readFileSync(join(folder, file), 'utf8')
  const memory = wordsOf(read('memory.stat'))
  const cpu = wordsOf(read('cpu.stat'))
  const usage = Number(read('memory.current'))
  return {
    container_cpu_usage_seconds_total: (cpu['usage_usec'] ?? 0) / 1e6,
    container_cpu_cfs_periods_total: cpu['nr_periods'],
    container_cpu_cfs_throttled_periods_total: cpu['nr_throttled'],
    container_cpu_cfs_throttled_seconds_total: (cpu['throttled_usec'] ?? 0) / 1e6,
    container_memory_usage_bytes: usage,
    container_spec_memory_limit_bytes: Number(read('memory.max')),
    container_memory_cache: memory['file'],
    container_memory_rss: memory['anon'],
    container_memory_mapped_file: memory['file_mapped'],
    container_memory_working_set_bytes: usage - (memory['inactive_file'] ?? 0),
    container_memory_failures_total: memory['pgfault'],
    container_threads: Number(read('pids.current')),
  }
}

function rawNetwork(pid: number): Figures {
  const eth = /^\s*eth0:(.*)$/m
    .exec(readFileSync(`/proc/${pid}/net/dev`, 'utf8'))![1]!
    .trim()
    .split(/\s+/)
    .map(Number)
  return {
    container_network_receive_bytes_total: eth[0],
    container_network_receive_packets_total: eth[1],
    container_network_transmit_bytes_total: eth[8],
    container_network_transmit_packets_total: eth[9],
  }
}

function wordsOf(text: string): Record<string, number> {
  return Object.fromEntries(text.split('\n').map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])]))
}

/** Where a family has several series of a container, the one that the others count. */
function isWanted({ name, labels }: ParsedSample): boolean {
  return name !== 'container_memory_failures_total' || (labels['failure_type'] === 'pgfault' && labels['scope'] === 'hierarchy')
}

async function ourFigures(collector: Collector, id: string): Promise<Figures> {
  const page = parseExposition(await (await fetch(`${collector.address}/metrics?timestamps=true`)).text())
  const own = page.filter((sample) => sample.labels['id']?.includes(id) === true && isWanted(sample))
  return Object.fromEntries(own.map(({ name, value }) => [name, value]))
}

/** The names of figures that differ by more than the tolerance. */
function differing(ours: Figures, theirs: Figures): string[] {
  return Object.entries(theirs).flatMap(([name, value]) => {
    const own = ours[name]
    if (value === undefined) return []
    if (own === undefined) return [`${name} is missing`]
    return Math.abs(own - value) <= Math.abs(value) * tolerance ? [] : [`${name}: ${own} for ${value}`]
  })
}

/** Works for a while under a quota, keeps memory and a file, talks over its network, and then waits. */
const work = `
  dd if=/dev/zero of=/tmp/file bs=1M count=30 2>/dev/null; cat /tmp/file > /dev/null
  ping -c 5 -i 0.2 -s 1000 $(route -n | awk '$1 == "0.0.0.0" { print $2 }') > /dev/null
  i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done
  echo done; sleep 1000`

test('our Prometheus values, Docker’s statistics and the raw cgroup files agree within 1 %', { timeout: 120_000 }, async () => {
  const options = { HostConfig: { NanoCpus: 100_000_000, Memory: 256 * 1024 * 1024 } }
  const containers = await Promise.all(['one', 'two', 'three'].map((name) => host.run(`differential-${name}`, work, options)))
  const collector = await host.collect({ shownSubjects: new Set(['cpu', 'memory', 'network', 'process', 'disk', 'diskIO']) })
  for (const container of containers) {
    let differences: string[] = []
    const { State: state } = await container.inspect()
    await eventually('the end of the work', () => hasPrinted(container, 'done'), 60_000)
    // Agreement from all sides, not merely now and then: a figure that stays wrong never gets there.
    await eventually('agreement', async () => {
      const raw = rawFigures(container.id, state.Pid)
      const docker = await dockerFigures(container)
      const ours = await ourFigures(collector, container.id)
      differences = [...differing(ours, raw), ...differing(ours, docker)]
      return differences.length === 0 ? true : undefined
    }).catch(() => {})
    expect(differences).toEqual([])
    const ours = await ourFigures(collector, container.id)
    expect(ours['container_cpu_cfs_throttled_periods_total']).toBeGreaterThan(0)
    expect(ours['container_network_transmit_bytes_total']).toBeGreaterThan(4000)
    expect(ours['container_memory_cache']).toBeGreaterThan(30e6)
  }
})

async function hasPrinted(container: Docker.Container, text: string): Promise<true | undefined> {
  return (await container.logs({ stdout: true, stderr: true })).includes(text) ? true : undefined
}
