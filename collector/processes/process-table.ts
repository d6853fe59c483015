import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../lib/clock.ts'
import { parseProcCgroup } from '../cgroup/hierarchy.ts'
import { parseStat, parseStatus, runningTime, startTime } from './process-files.ts'

/** cAdvisor's `ProcessInfo`: a line of `ps`, without running one. Shares in percent, sizes in bytes. */
export interface ProcessInfo {
  readonly user: string
  readonly pid: number
  readonly parent_pid: number
  /** `15:04` today, `Jan02` this year, else the year. */
  readonly start_time: string
  readonly percent_cpu: number
  readonly percent_mem: number
  readonly rss: number
  readonly virtual_size: number
  /** State and flags as `ps` writes them: `Ssl`. */
  readonly status: string
  /** CPU time, `[days-]hours:minutes:seconds`. */
  readonly running_time: string
  /** Told for the root alone. */
  readonly cgroup_path: string
  readonly cmd: string
  readonly fd_count: number
  /** The core that it ran on last. */
  readonly psr: number
}

export interface ProcessTableOptions {
  readonly clock: Clock
  readonly procRoot: string
  readonly etcRoot: string
}

const ticksPerSecond = 100
const pageBytes = 4096

/** Other work gets its turn after so many processes. */
const batch = 100

/** The machine's processes, read from /proc when asked for. */
export class ProcessTable {
  readonly #options: ProcessTableOptions

  constructor(options: ProcessTableOptions) {
    this.#options = options
  }

  /** The processes of a cgroup, those of cgroups below it not included; of `/`, all of the machine. */
  async list(cgroup: string): Promise<ProcessInfo[]> {
    const { procRoot } = this.#options
    const machine = this.#readMachine()
    const found: ProcessInfo[] = []
    let looked = 0
    for (const entry of readdirSync(procRoot)) {
      if (!/^\d+$/.test(entry)) continue
      if (++looked % batch === 0) await new Promise((resolve) => setImmediate(resolve))
      const folder = join(procRoot, entry)
      const path = cgroupOf(textOf(join(folder, 'cgroup')))
      if (cgroup !== '/' && path !== cgroup) continue
      const info = readProcess(folder, machine)
      if (info !== undefined) found.push({ ...info, cgroup_path: cgroup === '/' ? path : '' })
    }
    return found.sort((left, right) => left.pid - right.pid)
  }

  #readMachine(): Machine {
    const { clock, procRoot, etcRoot } = this.#options
    const users = new Map<number, string>()
    for (const line of textOf(join(etcRoot, 'passwd')).split('\n')) {
      const [name, , uid] = line.split(':')
      if (name !== undefined && uid !== undefined) users.set(Number(uid), name)
    }
    return {
      users,
      nowMs: clock.now(),
      uptimeSeconds: Number.parseFloat(textOf(join(procRoot, 'uptime'))),
      memoryBytes: Number(/^MemTotal:\s+(\d+)/m.exec(textOf(join(procRoot, 'meminfo')))?.[1]) * 1024,
    }
  }
}

interface Machine {
  readonly users: ReadonlyMap<number, string>
  readonly nowMs: number
  readonly uptimeSeconds: number
  readonly memoryBytes: number
}

/** `undefined` when the process is gone by now. */
function readProcess(folder: string, machine: Machine): Omit<ProcessInfo, 'cgroup_path'> | undefined {
  const stat = parseStat(textOf(join(folder, 'stat')))
  const { uid, hasLockedMemory } = parseStatus(textOf(join(folder, 'status')))
  if (stat === undefined || uid === undefined) return undefined
  const cpuSeconds = stat.cpuTicks / ticksPerSecond
  const ageSeconds = Math.max(0, machine.uptimeSeconds - stat.startTicks / ticksPerSecond)
  const rss = stat.residentPages * pageBytes
  return {
    user: machine.users.get(uid) ?? String(uid),
    pid: stat.pid,
    parent_pid: stat.parentPid,
    start_time: startTime(machine.nowMs - ageSeconds * 1000, machine.nowMs),
    percent_cpu: oneDecimal(ageSeconds > 0 ? (cpuSeconds / ageSeconds) * 100 : 0),
    percent_mem: oneDecimal(machine.memoryBytes > 0 ? (rss / machine.memoryBytes) * 100 : 0),
    rss,
    virtual_size: stat.virtualBytes,
    status: stat.status(hasLockedMemory),
    running_time: runningTime(cpuSeconds),
    cmd: stat.command,
    fd_count: descriptorsOf(join(folder, 'fd')),
    psr: stat.core,
  }
}

/** The memory controller's path decides on v1, as upstream; the unified tree's on v2. */
function cgroupOf(text: string): string {
  const paths = parseProcCgroup(text)
  return paths['memory'] ?? paths['cpu'] ?? paths[''] ?? '/'
}

/** 0 where the descriptors of another user's process may not be looked at. */
function descriptorsOf(folder: string): number {
  try {
    return readdirSync(folder).length
  } catch {
    return 0
  }
}

function oneDecimal(value: number): number {
  return Math.round(value * 10) / 10
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
