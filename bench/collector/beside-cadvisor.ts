import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Docker from 'dockerode'
import { systemClock } from '../../lib/clock.ts'
import { median, type Measurement } from '../measurement.ts'
import { removeSleepers, startSleepers } from './containers.ts'

/** What `npx binnacle` runs. */
const entry = fileURLToPath(new URL('../../cli/binnacle.js', import.meta.url))
const containerCount = 100
const warmUpMs = 60_000
const measuredSeconds = 60
const scrapes = 15

interface Cost {
  readonly cpuPercent: number
  readonly residentMb: number
  readonly scrapeMs: number
  readonly scrapeKb: number
}

/** A collector alone and a real cAdvisor, both at 1 s, over the same containers in the same minute. */
export async function measureCollector(): Promise<readonly Measurement[]> {
  const docker = new Docker({ socketPath: '/var/run/docker.sock' })
  const containers = await startSleepers(docker, containerCount)
  const running: ChildProcess[] = []
  try {
    const ours = await startOurs(running)
    const theirs = await startCadvisor(running)
    await systemClock.sleep(warmUpMs)
    const costs = await measure(theirs === undefined ? [ours] : [ours, theirs])
    return rowsOf(costs[0]!, costs[1])
  } finally {
    for (const child of running) child.kill('SIGINT')
    await removeSleepers(docker, containers)
  }
}

interface Subject {
  readonly pid: number
  readonly page: string
}

async function startOurs(running: ChildProcess[]): Promise<Subject> {
  const port = await freePort()
  const child = spawn(process.execPath, [entry, 'collector', `--port=${port}`, '--log-level=error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  running.push(child)
  return { pid: child.pid!, page: `http://127.0.0.1:${port}/metrics` }
}

async function startCadvisor(running: ChildProcess[]): Promise<Subject | undefined> {
  const program = findCadvisor()
  if (program === undefined) {
    console.log('no cadvisor in PATH, and it cannot be built here: its columns stay empty')
    return undefined
  }
  const port = await freePort()
  const args = [`-port=${port}`, '-listen_ip=127.0.0.1', '-housekeeping_interval=1s']
  const child = spawn(program, args, { stdio: 'ignore' })
  running.push(child)
  return { pid: child.pid!, page: `http://127.0.0.1:${port}/metrics` }
}

/** The one in PATH, the one built before, or one built now: its command is a module that replaces another, which `go install` does not take. */
function findCadvisor(): string | undefined {
  const inPath = (process.env['PATH'] ?? '').split(':').map((folder) => join(folder, 'cadvisor'))
  const built = fileURLToPath(new URL('../../.cache/tools/cadvisor', import.meta.url))
  const known = [...inPath, built].find((file) => existsSync(file))
  if (known !== undefined) return known
  const folder = mkdtempSync(join(tmpdir(), 'binnacle-cadvisor-'))
  try {
    execFileSync('git', ['clone', '--quiet', '--depth=1', 'https://github.com/google/cadvisor', folder], { stdio: 'inherit' })
    execFileSync('go', ['build', '-o', join(folder, 'built'), '.'], {
      cwd: join(folder, 'cmd'),
      env: { ...process.env, CGO_ENABLED: '0' },
      stdio: 'inherit',
    })
    renameSync(join(folder, 'built'), built)
    return built
  } catch {
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(subjects: readonly Subject[]): Promise<Cost[]> {
  const before = subjects.map(({ pid }) => cpuSecondsOf(pid))
  await systemClock.sleep(measuredSeconds * 1000)
  const cpu = subjects.map(({ pid }, index) => ((cpuSecondsOf(pid) - before[index]!) / measuredSeconds) * 100)
  const costs: Cost[] = []
  for (const [index, { pid, page }] of subjects.entries()) {
    const { ms, bytes } = await scrape(page)
    costs.push({ cpuPercent: cpu[index]!, residentMb: residentMbOf(pid), scrapeMs: ms, scrapeKb: bytes / 1000 })
  }
  return costs
}

async function scrape(page: string): Promise<{ readonly ms: number; readonly bytes: number }> {
  const times: number[] = []
  let bytes = 0
  for (let index = 0; index < scrapes; index++) {
    const startedAt = performance.now()
    const body = await (await fetch(page, { headers: { 'accept-encoding': 'identity' } })).arrayBuffer()
    times.push(performance.now() - startedAt)
    bytes = body.byteLength
    await systemClock.sleep(200)
  }
  return { ms: median(times), bytes }
}

function rowsOf(ours: Cost, theirs: Cost | undefined): Measurement[] {
  const row = (what: string, unit: string, aim: string, of: (cost: Cost) => number): Measurement => ({
    what: `collector alone, ${containerCount} containers at 1 s: ${what}`,
    value: `${of(ours).toFixed(1)} ${unit}`,
    aim,
    ...(theirs === undefined ? {} : { peer: `cAdvisor ${of(theirs).toFixed(1)} ${unit}, ratio ${(of(ours) / of(theirs)).toFixed(2)}` }),
  })
  return [
    row('CPU', '% of a core', '≤ 1 %, a third of cAdvisor', ({ cpuPercent }) => cpuPercent),
    row('memory', 'MB resident', '≤ 80 MB, half of cAdvisor', ({ residentMb }) => residentMb),
    row('/metrics', 'ms', '≤ 10 ms', ({ scrapeMs }) => scrapeMs),
    row('/metrics size', 'kB', '≤ 1,000 kB', ({ scrapeKb }) => scrapeKb),
  ]
}

function cpuSecondsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function residentMbOf(pid: number): number {
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
