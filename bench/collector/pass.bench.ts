/**
 * What reading a container costs: `node bench/collector/pass.bench.ts [containers]`. Prints CPU per container and second of the passes
 * alone and of a whole collector process at 1 s, and the ratio to what the same figures cost through Docker's stats in the same minute.
 */
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import Docker from 'dockerode'
import { detectHierarchy } from '../../collector/cgroup/hierarchy.ts'
import { connectDocker } from '../../collector/docker/docker-engine.ts'
import { describe } from '../../collector/docker/describe.ts'
import { Housekeeping } from '../../collector/housekeeping.ts'
import { createCgroupReaders } from '../../collector/readers/readers.ts'
import { StatsStore } from '../../collector/stats-store.ts'
import { defaultSubjects } from '../../collector/subjects.ts'
import { systemClock } from '../../lib/clock.ts'
import { removeSleepers, startSleepers } from './containers.ts'

const socketPath = '/var/run/docker.sock'
const passes = 300
const dockerRounds = 5
const wholeSeconds = 20

const count = Number(process.argv[2] ?? 50)
const docker = new Docker({ socketPath })
const containers = await startSleepers(docker, count)
try {
  const pass = await measurePasses()
  const whole = await measureCollector()
  const stats = await measureDockerStats()
  const rows = [
    ['passes alone', `${pass.cpu.toFixed(1)} µs CPU`, `${pass.wall.toFixed(1)} µs wall`],
    [
      'collector process at 1 s',
      `${whole.cpuPerContainer.toFixed(1)} µs CPU`,
      `${(whole.cpuShare * 100).toFixed(2)} % of a core, ${whole.residentMb.toFixed(0)} MB`,
    ],
    ['/metrics', `${whole.scrapeMs.toFixed(1)} ms`, `${(whole.scrapeBytes / 1024).toFixed(0)} KiB`],
    ['docker stats, one shot', `${stats.client.toFixed(0)} µs CPU client`, `${stats.daemon.toFixed(0)} µs CPU dockerd`],
    [
      'ratio to docker stats',
      `${((stats.client + stats.daemon) / pass.cpu).toFixed(0)} x`,
      `${((stats.client + stats.daemon) / whole.cpuPerContainer).toFixed(0)} x the whole process`,
    ],
  ]
  console.log(`${count} containers, per container and second\n`)
  for (const row of rows) console.log(row[0]!.padEnd(28), row[1]!.padEnd(24), row[2])
} finally {
  await removeSleepers(docker, containers)
}

async function measurePasses(): Promise<{ cpu: number; wall: number }> {
  const hierarchy = detectHierarchy('/sys/fs/cgroup')
  const store = new StatsStore({ capacity: 120, maxBytes: 1e9 })
  const housekeeping = new Housekeeping({
    clock: systemClock,
    store,
    hierarchy,
    procRoot: '/proc',
    intervalMs: 1000,
    everyPass: [],
    readers: createCgroupReaders(defaultSubjects, []),
    subjects: defaultSubjects,
    machineReaders: [],
    onGone: () => {},
    onFault: (_, error) => {
      throw error
    },
  })
  const engine = connectDocker({ socket: socketPath })
  for (const { id } of containers) {
    const inspection = await engine.inspect(id)
    const container = store.upsert(describe(inspection!, hierarchy, '/proc'), 0)
    housekeeping.watch(container!)
  }
  for (let warm = 0; warm < passes; warm++) housekeeping.pass()
  const startedAt = performance.now()
  const before = process.cpuUsage()
  for (let index = 0; index < passes; index++) housekeeping.pass()
  const { user, system } = process.cpuUsage(before)
  const wall = ((performance.now() - startedAt) * 1000) / passes / count
  housekeeping.close()
  return { cpu: (user + system) / passes / count, wall }
}

async function measureCollector(): Promise<{
  cpuPerContainer: number
  cpuShare: number
  residentMb: number
  scrapeMs: number
  scrapeBytes: number
}> {
  const child = spawn(process.execPath, [new URL('collector-process.ts', import.meta.url).pathname, socketPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const address = await new Promise<string>((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())))
    await systemClock.sleep(8_000)
    const before = cpuSecondsOf(child.pid!)
    await systemClock.sleep(wholeSeconds * 1000)
    const cpu = cpuSecondsOf(child.pid!) - before
    for (let warm = 0; warm < 5; warm++) await (await fetch(`${address}/metrics`)).text()
    const startedAt = performance.now()
    const body = await (await fetch(`${address}/metrics`, { headers: { 'accept-encoding': 'identity' } })).text()
    const scrapeMs = performance.now() - startedAt
    const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024
    return {
      cpuPerContainer: (cpu / wholeSeconds / count) * 1e6,
      cpuShare: cpu / wholeSeconds,
      residentMb: resident,
      scrapeMs,
      scrapeBytes: body.length,
    }
  } finally {
    child.kill('SIGTERM')
  }
}

async function measureDockerStats(): Promise<{ client: number; daemon: number }> {
  const daemonPids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && ['dockerd', 'containerd'].includes(commOf(pid)))
  const daemonCpu = () => daemonPids.reduce((total, pid) => total + cpuSecondsOf(Number(pid)), 0)
  const beforeDaemon = daemonCpu()
  const before = process.cpuUsage()
  for (let round = 0; round < dockerRounds; round++) {
    await Promise.all(containers.map((container) => container.stats({ stream: false, 'one-shot': true })))
  }
  const { user, system } = process.cpuUsage(before)
  const perRead = dockerRounds * count
  return { client: (user + system) / perRead, daemon: ((daemonCpu() - beforeDaemon) * 1e6) / perRead }
}

function cpuSecondsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function commOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}
