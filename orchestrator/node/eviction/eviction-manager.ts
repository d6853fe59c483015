import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { EventRecorder } from '../../client/events.ts'
import type { PodWorker } from '../pod/pod-worker.ts'
import { evictionMessage, metThresholds, rankVictims } from './eviction.plan.ts'
import type { MetThreshold, PressureName } from './eviction.plan.ts'
import { signalsIn, usageIn } from './node-figures.ts'
import type { NodeFigures } from './node-figures.ts'
import type { Threshold } from './thresholds.ts'

/** How often the node's figures are looked at, as in the kubelet. */
const lookMs = 10_000

export interface EvictionManagerOptions {
  readonly clock: Clock
  readonly log: Log
  readonly recorder: Pick<EventRecorder, 'event'>
  readonly thresholds: readonly Threshold[]
  /** How long a condition stays after its threshold was met last, so that it does not flap. */
  readonly transitionMs: number
  readonly figures: () => Promise<unknown>
  readonly workers: () => readonly Pick<PodWorker, 'pod' | 'isEvicted' | 'evict'>[]
  /** Gives disk space back that no pod needs; whether it was worth it shows at the next look. */
  readonly reclaimDisk: () => Promise<void>
  readonly onPressure: (pressures: ReadonlySet<PressureName>) => void
}

/** Gives up pods, one per look, before the node itself runs out of memory, disk or processes; tells the node's conditions. */
export class EvictionManager {
  readonly #options: EvictionManagerOptions
  readonly #lastMetMs = new Map<PressureName, number>()
  readonly #abort = new AbortController()
  #loop: Promise<void> | undefined

  constructor(options: EvictionManagerOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop = this.#run()
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#abort
    while (!signal.aborted) {
      await this.#look().catch((error: unknown) => log.debug({ err: error }, 'the figures of the node cannot be had'))
      await clock.sleep(lookMs, signal)
    }
  }

  async #look(): Promise<void> {
    const { thresholds, figures, reclaimDisk, log } = this.#options
    const seen = (await figures()) as NodeFigures
    const met = metThresholds(thresholds, signalsIn(seen))
    this.#tellPressure(met)
    const first = met[0]
    if (first === undefined || this.#abort.signal.aborted) return
    log.warn({ ...first }, 'the node is short of something')
    if (first.pressure === 'DiskPressure') {
      await reclaimDisk()
      const stillMet = metThresholds(thresholds, signalsIn((await figures()) as NodeFigures))
      if (!stillMet.some(({ pressure }) => pressure === 'DiskPressure')) return
    }
    this.#evictOne(first, seen)
  }

  #tellPressure(met: readonly MetThreshold[]): void {
    const { clock, transitionMs, onPressure } = this.#options
    const nowMs = clock.monotonic()
    for (const { pressure } of met) this.#lastMetMs.set(pressure, nowMs)
    const lasting = [...this.#lastMetMs].filter(([, atMs]) => atMs === nowMs || nowMs - atMs < transitionMs)
    onPressure(new Set(lasting.map(([name]) => name)))
  }

  /** One at a time: what it frees may be enough. */
  #evictOne(met: MetThreshold, figures: NodeFigures): void {
    const { workers, recorder, log } = this.#options
    const alive = workers().filter(({ isEvicted }) => !isEvicted)
    const usage = usageIn(figures, met.resource)
    const ranked = rankVictims(
      alive.map(({ pod }) => pod),
      met.resource,
      usage,
    )
    const victim = ranked[0]
    const worker = alive.find(({ pod }) => pod === victim)
    if (victim === undefined || worker === undefined) return
    const message = evictionMessage(victim, met, usage.get(victim.metadata.uid!))
    log.warn({ namespace: victim.metadata.namespace, name: victim.metadata.name, signal: met.signal }, 'a pod is evicted')
    recorder.event(victim, 'Warning', 'Evicted', message)
    worker.evict(message)
  }
}
