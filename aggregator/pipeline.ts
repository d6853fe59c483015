import type { Clock, Timer } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { EntityInterner } from './entity.ts'
import type { Batch } from './metric-set.ts'
import type { NodeProcessor, TotalsProcessor } from './processors.ts'
import { StageTimes } from './stage-times.ts'

/** Takes in finished batches. Called in the order of their timestamps; must not keep the caller waiting. */
export interface Sink {
  /** Under which its time is counted. */
  readonly name?: string
  add(batch: Batch): void
}

export interface PipelineOptions {
  readonly nodeProcessors: readonly NodeProcessor[]
  readonly totalsProcessors: readonly TotalsProcessor[]
  readonly sinks: readonly Sink[]
  readonly resolutionMs: number
  /** How long a node's last batch counts in the totals while it is not scraped. */
  readonly holdMs: number
  /** Where the time of each step is counted. */
  readonly stages?: StageTimes
  /** Makes the totals where several aggregators share the nodes; `undefined`: they are made elsewhere. Default: from the nodes here alone. */
  readonly combineTotals?: () => Promise<Batch | undefined>
  /** Adds to totals what no node tells, when they are complete. */
  readonly completeTotals?: (totals: Batch) => void
  readonly clock: Clock
  readonly log: Log
}

/**
 * The way of a batch from a source through the processors into the sinks, and the rounds of totals over nodes. A round is due when every
 * node has delivered once since the last one, at the latest one resolution after it: with one node its totals come with its batch.
 */
export class Pipeline {
  readonly #options: PipelineOptions
  readonly #interner = new EntityInterner()
  readonly #latest = new Map<string, Batch>()
  readonly #fresh = new Set<string>()
  readonly #stages: StageTimes
  readonly #delivered = { node: 0, totals: 0 }
  #timer: Timer | undefined
  #isStopped = false
  #isCombining = false

  constructor(options: PipelineOptions) {
    this.#options = options
    this.#stages = options.stages ?? new StageTimes(options.clock)
  }

  /** Processes a node's reading and hands it on. */
  addNodeBatch(batch: Batch): void {
    this.#stages.measure('process', () => {
      for (const processor of this.#options.nodeProcessors) processor.process(batch)
    })
    this.deliver(batch)
    this.#latest.set(batch.nodeName!, batch)
    this.#fresh.add(batch.nodeName!)
    if (this.#fresh.size >= this.#latest.size) this.#makeTotals()
    else this.#timer ??= this.#options.clock.setTimer(this.#options.resolutionMs, () => this.#makeTotals())
  }

  /** Drops what is kept of a node that has left. */
  forgetNode(nodeName: string): void {
    for (const processor of this.#options.nodeProcessors) processor.forget?.(nodeName)
    this.#latest.delete(nodeName)
    this.#fresh.delete(nodeName)
  }

  /** The last batch of each node that is not older than the hold time. */
  latest(): readonly Batch[] {
    const oldest = this.#options.clock.now() - this.#options.holdMs
    return [...this.#latest.values()].filter(({ timestamp }) => timestamp >= oldest)
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  /** Hands a finished batch to the sinks. */
  deliver(batch: Batch): void {
    for (const set of batch.sets.values()) set.entity = this.#interner.intern(set.entity)
    this.#delivered[batch.nodeName === undefined ? 'totals' : 'node']++
    for (const sink of this.#options.sinks) {
      try {
        this.#stages.measure(sink.name ?? 'other', () => sink.add(batch))
      } catch (error) {
        // A listener that throws must not cost the other sinks the batch.
        this.#options.log.error({ err: error, node: batch.nodeName }, 'a sink failed')
      }
    }
  }

  /** Batches delivered since the start. */
  delivered(): { readonly node: number; readonly totals: number } {
    return { ...this.#delivered }
  }

  /** Totals over the nodes that are here and that `isCounted` wants. */
  partialTotals(isCounted: (nodeName: string) => boolean = () => true): Batch {
    return this.#stages.measure('totals', () => {
      const latest = this.latest().filter(({ nodeName }) => isCounted(nodeName!))
      const totals: Batch = { nodeName: undefined, timestamp: this.#options.clock.now(), sets: new Map() }
      for (const processor of this.#options.totalsProcessors) processor.process(totals, latest)
      return totals
    })
  }

  #makeTotals(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#fresh.clear()
    if (this.#isStopped) return
    const { combineTotals } = this.#options
    if (combineTotals === undefined) this.#finishTotals(this.partialTotals())
    else void this.#combineTotals(combineTotals)
  }

  /** One round at a time: a peer that answers late must not let rounds pile up. */
  async #combineTotals(combine: () => Promise<Batch | undefined>): Promise<void> {
    if (this.#isCombining) return
    this.#isCombining = true
    try {
      const totals = await combine()
      if (!this.#isStopped) this.#finishTotals(totals)
    } catch (error) {
      this.#options.log.error({ err: error }, 'totals could not be made')
    } finally {
      this.#isCombining = false
    }
  }

  #finishTotals(totals: Batch | undefined): void {
    if (totals !== undefined) {
      this.#options.completeTotals?.(totals)
      this.deliver(totals)
    }
    const latest = this.latest()
    const living = new Set(latest.map(({ nodeName }) => nodeName!))
    for (const name of this.#latest.keys()) if (!living.has(name)) this.#latest.delete(name)
    this.#forgetEntities(latest, totals)
  }

  /** Lets go of entities that are in no batch any more, once they are more than those that are. */
  #forgetEntities(latest: readonly Batch[], totals: Batch | undefined): void {
    const living = latest.reduce((sum, { sets }) => sum + sets.size, totals?.sets.size ?? 0)
    if (this.#interner.size <= living * 2) return
    this.#interner.forget((key) => totals?.sets.has(key) === true || latest.some(({ sets }) => sets.has(key)))
  }
}
