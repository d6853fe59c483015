import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../lib/clock.ts'
import { tickNanoseconds } from '../readers/cpu.ts'
import type { ContainerStats } from '../summary.ts'

/** Upstream's names of system containers, and the programs that they are made of. */
const programs: Readonly<Record<string, readonly string[]>> = {
  kubelet: ['kubelet'],
  runtime: ['dockerd', 'containerd'],
}

const searchEveryMs = 60_000
const pageBytes = 4096
const tickMs = 10

interface Sample {
  readonly elapsedMs: number
  readonly timestampMs: number
  readonly cpuNanoseconds: number
  readonly rssBytes: number
  /** When the oldest of its processes started. */
  readonly startedAtMs: number
  readonly pids: string
}

export interface SystemProcessesOptions {
  readonly clock: Clock
  readonly procRoot: string
  /** The node agent's process, counted as `kubelet`. */
  readonly agentPid?: number
}

/** CPU and memory of the node agent and the container runtime, summed over their processes, from `/proc/PID/stat`. */
export class SystemProcesses {
  readonly #options: SystemProcessesOptions
  readonly #samples = new Map<string, { readonly latest: Sample; readonly before: Sample | undefined }>()
  #pids = new Map<string, number[]>()
  #bootedAtMs = 0
  #searchedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: SystemProcessesOptions) {
    this.#options = options
  }

  /** Takes a sample of each; looks for the processes anew once a minute. */
  sample(): void {
    const { clock } = this.#options
    if (clock.monotonic() - this.#searchedAtMs >= searchEveryMs) {
      this.#searchedAtMs = clock.monotonic()
      this.#pids = this.#find()
      this.#bootedAtMs = Number(/^btime (\d+)$/m.exec(textOf(join(this.#options.procRoot, 'stat')))?.[1] ?? 0) * 1000
    }
    for (const [name, pids] of this.#pids) {
      const figures = pids.map((pid) => this.#read(pid)).filter((figure) => figure !== undefined)
      if (figures.length === 0) {
        this.#samples.delete(name)
        continue
      }
      const latest: Sample = {
        elapsedMs: clock.monotonic(),
        timestampMs: clock.now(),
        cpuNanoseconds: figures.reduce((total, { ticks }) => total + ticks * tickNanoseconds, 0),
        rssBytes: figures.reduce((total, { pages }) => total + pages * pageBytes, 0),
        startedAtMs: this.#bootedAtMs + Math.min(...figures.map(({ startTicks }) => startTicks)) * tickMs,
        pids: pids.join(' '),
      }
      const previous = this.#samples.get(name)?.latest
      // Another set of processes has another sum, which no rate goes across.
      this.#samples.set(name, { latest, before: previous?.pids === latest.pids ? previous : undefined })
    }
  }

  /** The system containers of the summary. */
  stats(): ContainerStats[] {
    return [...this.#samples].map(([name, { latest, before }]) => {
      const time = new Date(latest.timestampMs).toISOString()
      const seconds = before === undefined ? 0 : (latest.elapsedMs - before.elapsedMs) / 1000
      const growth = before === undefined ? 0 : latest.cpuNanoseconds - before.cpuNanoseconds
      return {
        name,
        startTime: new Date(latest.startedAtMs).toISOString(),
        cpu: {
          time,
          usageNanoCores: seconds > 0 && growth >= 0 ? Math.round(growth / seconds) : undefined,
          usageCoreNanoSeconds: latest.cpuNanoseconds,
        },
        memory: { time, usageBytes: latest.rssBytes, workingSetBytes: latest.rssBytes, rssBytes: latest.rssBytes },
      }
    })
  }

  #find(): Map<string, number[]> {
    const { procRoot, agentPid } = this.#options
    const found = new Map<string, number[]>()
    const add = (name: string, pid: number) => found.set(name, [...(found.get(name) ?? []), pid])
    if (agentPid !== undefined) add('kubelet', agentPid)
    let entries: string[]
    try {
      entries = readdirSync(procRoot).filter((entry) => /^\d+$/.test(entry))
    } catch {
      return found
    }
    for (const entry of entries) {
      const program = textOf(join(procRoot, entry, 'comm')).trim()
      for (const [name, wanted] of Object.entries(programs)) {
        if (wanted.includes(program) && Number(entry) !== agentPid) add(name, Number(entry))
      }
    }
    return found
  }

  #read(pid: number): { ticks: number; pages: number; startTicks: number } | undefined {
    const text = textOf(join(this.#options.procRoot, String(pid), 'stat'))
    // The program's name is in brackets and may hold anything, so fields count from the last bracket.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [user, system, startTicks, pages] = [fields[11], fields[12], fields[19], fields[21]].map(Number)
    if (user === undefined || system === undefined || startTicks === undefined || pages === undefined) return undefined
    return Number.isNaN(user + system + startTicks + pages) ? undefined : { ticks: user + system, pages, startTicks }
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
