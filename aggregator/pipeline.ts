import type { Clock, Timer } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { EntityInterner } from './entity.ts'
import type { Batch } from './metric-set.ts'
import type { NodeProcessor, TotalsProcessor } from './processors.ts'

/** Takes in finished batches. Called in the order of their timestamps; must not keep the caller waiting. */
export interface Sink {
  add(batch: Batch): void
}

export interface PipelineOptions {
  readonly nodeProcessors: readonly NodeProcessor[]
  readonly totalsProcessors: readonly TotalsProcessor[]
  readonly sinks: readonly Sink[]
  readonly resolutionMs: number
  /** How long a node's last batch counts in the totals while it is not scraped. */
  readonly holdMs: number
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
  #timer: Timer | undefined
  #isStopped = false

  constructor(options: PipelineOptions) {
    this.#options = options
  }

  /** Processes a node's reading and hands it on. */
  addNodeBatch(batch: Batch): void {
    for (const processor of this.#options.nodeProcessors) processor.process(batch)
    this.#deliver(batch)
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

  #makeTotals(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#fresh.clear()
    if (this.#isStopped) return
    const latest = this.latest()
    for (const name of this.#latest.keys()) if (!latest.some(({ nodeName }) => nodeName === name)) this.#latest.delete(name)
    const totals: Batch = { nodeName: undefined, timestamp: this.#options.clock.now(), sets: new Map() }
    for (const processor of this.#options.totalsProcessors) processor.process(totals, latest)
    this.#deliver(totals)
    this.#forgetEntities(latest, totals)
  }

  #deliver(batch: Batch): void {
    for (const set of batch.sets.values()) set.entity = this.#interner.intern(set.entity)
    for (const sink of this.#options.sinks) {
      try {
        sink.add(batch)
      } catch (error) {
        // A listener that throws must not cost the other sinks the batch.
        this.#options.log.error({ err: error, node: batch.nodeName }, 'a sink failed')
      }
    }
  }

  /** Lets go of entities that are in no batch any more, once they are more than those that are. */
  #forgetEntities(latest: readonly Batch[], totals: Batch): void {
    const living = latest.reduce((sum, { sets }) => sum + sets.size, totals.sets.size)
    if (this.#interner.size <= living * 2) return
    this.#interner.forget((key) => totals.sets.has(key) || latest.some(({ sets }) => sets.has(key)))
  }
}
