import type { Clock } from '../../lib/clock.ts'
import type { Container, ContainerSpec } from '../container.ts'
import { column } from '../metrics.ts'
import { ratesOf } from '../rates.ts'
import type { FigureName } from '../rates.ts'
import { oomKills } from '../stats-store.ts'
import type { StatsStore } from '../stats-store.ts'
import type { EventType } from './event-log.ts'
import type { KernelLog } from './kernel-log.ts'

/** A share that is told about when it is passed, and again when it has fallen below half of that. */
interface Threshold {
  readonly figure: FigureName
  readonly type: EventType
  readonly percent: number
}

/** Figures that are watched, over the last 10 s. */
export const thresholds: readonly Threshold[] = [
  { figure: 'cpu_throttled_percent', type: 'throttling', percent: 25 },
  { figure: 'cpu_pressure_some_percent', type: 'pressure', percent: 50 },
  { figure: 'memory_pressure_some_percent', type: 'pressure', percent: 20 },
  { figure: 'io_pressure_some_percent', type: 'pressure', percent: 40 },
]

const windowMs = 10_000

/** Thresholds are looked at this often. */
const lookEveryMs = 5000

/** Limits whose change is told, in the words of the JSON answers. */
const limits: readonly (readonly [string, keyof ContainerSpec])[] = [
  ['cpu.limit', 'cpuShares'],
  ['cpu.quota', 'cpuQuotaUs'],
  ['cpu.period', 'cpuPeriodUs'],
  ['cpu.mask', 'cpuMask'],
  ['memory.limit', 'memoryLimitBytes'],
  ['memory.reservation', 'memoryReservationBytes'],
  ['memory.swap_limit', 'swapLimitBytes'],
  ['memory.high', 'memoryHighBytes'],
  ['processes.limit', 'processesLimit'],
]

interface Watched {
  readonly container: Container
  /** Undefined until the first look: while a container is being made its limits are set one after the other. */
  limits: ContainerSpec | undefined
  kills: number
  lookedAtMs: number
  /** Thresholds that are passed. */
  readonly passed: Set<Threshold>
}

export interface ConditionWatchOptions {
  readonly clock: Clock
  readonly store: StatsStore
  /** Tells who was killed; without it a kill is told when the counter grows. */
  readonly kernelLog: KernelLog | undefined
}

/** Turns what the samples show into events: changed limits, OOM kills, throttling and pressure that begin and end. */
export class ConditionWatch {
  readonly #options: ConditionWatchOptions
  readonly #watched = new Map<string, Watched>()

  constructor(options: ConditionWatchOptions) {
    this.#options = options
  }

  start(): void {
    this.#options.kernelLog?.open()
  }

  stop(): void {
    this.#options.kernelLog?.close()
  }

  /** Looks at a container's newest sample. */
  look(container: Container): void {
    if (container.ring.count === 0) return
    const { name } = container.description
    const known = this.#watched.get(name)
    const now = this.#options.clock.monotonic()
    if (known === undefined || known.container !== container) {
      this.#watched.set(name, { container, limits: undefined, kills: oomKills(container), lookedAtMs: now, passed: new Set() })
      return
    }
    if (now - known.lookedAtMs < lookEveryMs) return
    known.lookedAtMs = now
    this.#lookAtLimits(known)
    this.#lookAtKills(known)
    this.#lookAtThresholds(known)
  }

  /** Reads the kernel's log and forgets containers that are gone; call after a round of `look`. */
  finishPass(): void {
    const { store, kernelLog, clock } = this.#options
    for (const victim of kernelLog?.victims() ?? []) {
      const name = victim.taskCgroup === '' ? '/' : victim.taskCgroup
      store.events.add('oomKill', name, clock.now(), {
        oom: { pid: victim.pid, process_name: victim.processName, constraint: victim.constraint },
      })
    }
    if (this.#watched.size <= store.size) return
    for (const name of this.#watched.keys()) if (store.get(name) === undefined) this.#watched.delete(name)
  }

  #lookAtLimits(watched: Watched): void {
    const { container, limits: before } = watched
    watched.limits ??= { ...container.spec }
    if (before === undefined) return
    for (const [field, key] of limits) {
      const from = before[key] ?? null
      const to = container.spec[key] ?? null
      if (from === to) continue
      const { name } = container.description
      this.#options.store.events.add('limitChange', name, this.#options.clock.now(), { limit_change: { field, from, to } })
      watched.limits = { ...container.spec }
    }
  }

  #lookAtKills(watched: Watched): void {
    const { store, kernelLog, clock } = this.#options
    const kills = oomKills(watched.container)
    const hasLog = kernelLog !== undefined && kernelLog.problem === undefined
    const { ring, description } = watched.container
    if (kills > watched.kills && !hasLog && !Number.isNaN(ring.get(column.memoryOomKills))) {
      store.events.add('oomKill', description.name, clock.now())
    }
    watched.kills = kills
  }

  #lookAtThresholds({ container, passed }: Watched): void {
    const rates = ratesOf(container, windowMs)
    if (rates === undefined) return
    for (const threshold of thresholds) {
      const value = rates.values[threshold.figure]
      if (value === undefined) continue
      const isPassed = passed.has(threshold)
      if (isPassed ? value >= threshold.percent / 2 : value < threshold.percent) continue
      if (isPassed) passed.delete(threshold)
      else passed.add(threshold)
      this.#options.store.events.add(threshold.type, container.description.name, rates.timestampMs, {
        threshold: {
          figure: threshold.figure,
          state: isPassed ? 'end' : 'begin',
          percent: Math.round(value * 10) / 10,
          threshold_percent: threshold.percent,
          window_seconds: Math.round(rates.windowSeconds),
        },
      })
    }
  }
}
