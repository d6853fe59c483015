import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { EventRecorder } from '../../client/events.ts'
import { PeriodicLook } from '../periodic-look.ts'
import type { PodWorker } from '../pod/pod-worker.ts'
import { evictionMessage, exceededStorage, isEvictable, limitsLocalStorage, metThresholds, rankVictims } from './eviction.plan.ts'
import type { MetThreshold, PressureName } from './eviction.plan.ts'
import { signalsIn, usageIn } from './node-figures.ts'
import type { NodeFigures } from './node-figures.ts'
import type { Threshold } from './thresholds.ts'

/** How often the node's figures are looked at, as in the kubelet. */
const lookMs = 10_000
/** A node that runs out has no time for more. */
const immediateGraceSeconds = 1

export interface EvictionManagerOptions {
  readonly clock: Clock
  readonly log: Log
  readonly recorder: Pick<EventRecorder, 'event'>
  readonly thresholds: readonly Threshold[]
  /** The longest that a pod may take to end when a soft threshold is met. */
  readonly maxPodGraceSeconds: number
  /** How long a condition stays after its threshold was met last, so that it does not flap. */
  readonly transitionMs: number
  readonly figures: () => Promise<unknown>
  readonly workers: () => readonly Pick<PodWorker, 'pod' | 'isEvicted' | 'evict'>[]
  /** Bytes in the emptyDirs of a pod that are on disk, by volume. */
  readonly emptyDirUse: (pod: PodWorker['pod']) => Promise<ReadonlyMap<string, number>>
  /** Gives disk space back that no pod needs; whether it was worth it shows at the next look. */
  readonly reclaimDisk: () => Promise<void>
  readonly onPressure: (pressures: ReadonlySet<PressureName>) => void
}

/**
 * Gives up pods that have written more than they may, and pods, one per look, before the node itself runs out of memory, disk or processes; tells the node's
 * conditions.
 */
export class EvictionManager {
  readonly #options: EvictionManagerOptions
  readonly #lastMetMs = new Map<PressureName, number>()
  /** Thresholds that are met, and since when. */
  readonly #metSinceMs = new Map<Threshold, number>()
  readonly #looks: PeriodicLook

  constructor(options: EvictionManagerOptions) {
    this.#options = options
    this.#looks = new PeriodicLook({
      clock: options.clock,
      everyMs: lookMs,
      look: () => this.#look(),
      onFailure: (error) => options.log.debug({ err: error }, 'the figures of the node cannot be had'),
    })
  }

  start(): void {
    this.#looks.start()
  }

  stop(): Promise<void> {
    return this.#looks.stop()
  }

  async #look(): Promise<void> {
    const { thresholds, figures, reclaimDisk, log, clock } = this.#options
    const limited = this.#alive().filter(({ pod }) => limitsLocalStorage(pod) && isEvictable(pod))
    if (thresholds.length === 0 && limited.length === 0) return
    const seen = (await figures()) as NodeFigures
    const met = metThresholds(thresholds, signalsIn(seen), new Set(this.#metSinceMs.keys()))
    this.#noteMet(met)
    this.#tellPressure(met)
    if (await this.#evictOverLimits(limited, seen)) return
    const first = met.find(({ threshold }) => clock.monotonic() - this.#metSinceMs.get(threshold)! >= (threshold.gracePeriodMs ?? 0))
    if (first === undefined || this.#looks.isStopped) return
    const { threshold: _, ...about } = first
    log.warn(about, 'the node is short of something')
    if (first.pressure === 'DiskPressure') {
      await reclaimDisk()
      const stillMet = metThresholds(thresholds, signalsIn((await figures()) as NodeFigures), new Set(this.#metSinceMs.keys()))
      if (!stillMet.some(({ pressure }) => pressure === 'DiskPressure')) return
    }
    this.#evictOne(first, seen)
  }

  #alive(): readonly Pick<PodWorker, 'pod' | 'isEvicted' | 'evict'>[] {
    return this.#options.workers().filter(({ isEvicted }) => !isEvicted)
  }

  #noteMet(met: readonly MetThreshold[]): void {
    const nowMs = this.#options.clock.monotonic()
    const now = new Set(met.map(({ threshold }) => threshold))
    for (const threshold of this.#metSinceMs.keys()) if (!now.has(threshold)) this.#metSinceMs.delete(threshold)
    for (const threshold of now) if (!this.#metSinceMs.has(threshold)) this.#metSinceMs.set(threshold, nowMs)
  }

  #tellPressure(met: readonly MetThreshold[]): void {
    const { clock, transitionMs, onPressure } = this.#options
    const nowMs = clock.monotonic()
    for (const { pressure } of met) this.#lastMetMs.set(pressure, nowMs)
    const lasting = [...this.#lastMetMs].filter(([, atMs]) => atMs === nowMs || nowMs - atMs < transitionMs)
    onPressure(new Set(lasting.map(([name]) => name)))
  }

  /** Pods that are over limits of their own are given up all at once: that is nobody else's doing. */
  async #evictOverLimits(limited: readonly Pick<PodWorker, 'pod' | 'evict'>[], figures: NodeFigures): Promise<boolean> {
    if (limited.length === 0) return false
    const usage = usageIn(figures, 'ephemeral-storage')
    let hasEvicted = false
    for (const { pod, evict } of limited.map((worker) => ({ pod: worker.pod, evict: worker.evict.bind(worker) }))) {
      const byEmptyDir = await this.#options.emptyDirUse(pod)
      const message = exceededStorage(pod, { byContainer: usage.get(pod.metadata.uid!)?.byContainer ?? new Map(), byEmptyDir })
      if (message === undefined || this.#looks.isStopped) continue
      this.#options.recorder.event(pod, 'Warning', 'Evicted', message)
      evict({ message, graceSeconds: immediateGraceSeconds, isNodesDoing: false })
      hasEvicted = true
    }
    return hasEvicted
  }

  /** One at a time: what it frees may be enough. */
  #evictOne(met: MetThreshold, figures: NodeFigures): void {
    const { recorder, log, maxPodGraceSeconds } = this.#options
    const alive = this.#alive()
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
    const isSoft = met.threshold.gracePeriodMs !== undefined
    const own = victim.spec.terminationGracePeriodSeconds ?? maxPodGraceSeconds
    const graceSeconds = isSoft ? Math.max(immediateGraceSeconds, Math.min(own, maxPodGraceSeconds)) : immediateGraceSeconds
    worker.evict({ message, graceSeconds, isNodesDoing: true })
  }
}
