import type { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import type { Informer } from '../../orchestrator/client/informer.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { Batch } from '../metric-set.ts'
import type { KubeletEndpoint, NodeAddress, NodeReading } from './kubelets.ts'
import { nodeAdvice, ScrapeError } from './scrape-error.ts'
import type { ScrapeStage } from './scrape-error.ts'
import { ScrapeSchedule } from './scrape-schedule.ts'
import { formatPlace } from './scraper.ts'
import { afterFailure, afterSuccess, initialHealth } from './source-health.ts'
import type { SourceHealth } from './source-health.ts'

/** What reads one node; `sources/kubelets.ts` does it over the network. */
export interface NodeReader {
  addressOf(node: CoreV1Node): NodeAddress | undefined
  /** Rejects with a `ScrapeError`. */
  read(node: CoreV1Node, signal: AbortSignal): Promise<NodeReading>
  forget(nodeName: string): void
}

export interface NodeSourceOptions {
  readonly nodes: Informer<CoreV1Node>
  readonly reader: NodeReader
  readonly resolutionMs: number
  /** Which nodes are to be scraped here. Default: all. Asked again for a node that changes, and for all at `review`. */
  readonly isWanted?: (node: CoreV1Node) => boolean
  /** Called with each reading, before any processing. What it throws is logged and the node goes on. */
  readonly onBatch: (batch: Batch) => void
  /** Called when a node has left the cluster, or is not to be scraped here any more. */
  readonly onGone: (nodeName: string) => void
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** How the scrapes of one node go. */
export interface SourceStatus extends SourceHealth {
  readonly node: string
  /** What it last answered; `undefined` before it has. */
  readonly endpoint: KubeletEndpoint | undefined
}

/**
 * Scrapes the Nodes of the cluster, each on a schedule of its own: a slow or dead node holds up nobody. Nodes come and go with their API
 * objects; one that is not Ready is scraped all the same.
 */
export class NodeSource {
  readonly #options: NodeSourceOptions
  readonly #schedule: ScrapeSchedule
  readonly #statuses = new Map<string, SourceStatus>()
  readonly #outcomes = new Map<'ok' | ScrapeStage, number>()
  #unsubscribe: (() => void) | undefined

  constructor(options: NodeSourceOptions) {
    this.#options = options
    this.#schedule = new ScrapeSchedule({ ...options, scrape: (...turn) => this.#scrape(...turn) })
  }

  start(): void {
    const { reader } = this.#options
    this.#unsubscribe = this.#options.nodes.onChange({
      added: (node) => this.#consider(node),
      updated: (node, previous) => {
        this.#consider(node)
        // A node is made before its agent has said where it listens: no need to wait for the next round then.
        if (formatAddress(reader.addressOf(previous)) !== formatAddress(reader.addressOf(node))) this.#schedule.wake(node.metadata.name!)
      },
      deleted: (node) => this.#end(node.metadata.name!),
    })
  }

  stop(): void {
    this.#unsubscribe?.()
    for (const name of this.#schedule.keys()) this.#end(name)
  }

  /** Asks for every node anew whether it is wanted here. */
  review(): void {
    for (const node of this.#options.nodes.list()) this.#consider(node)
  }

  /** One entry per node that is scraped here, sorted by name. */
  statuses(): readonly SourceStatus[] {
    return [...this.#statuses.values()].sort((a, b) => (a.node < b.node ? -1 : 1))
  }

  /** How often scrapes ended how, over all nodes since the start. */
  outcomes(): ReadonlyMap<'ok' | ScrapeStage, number> {
    return this.#outcomes
  }

  #count(outcome: 'ok' | ScrapeStage): void {
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1)
  }

  #consider(node: CoreV1Node): void {
    const name = node.metadata.name!
    if (this.#options.isWanted?.(node) === false) {
      this.#end(name)
      return
    }
    if (!this.#statuses.has(name)) this.#statuses.set(name, { ...initialHealth, node: name, endpoint: undefined })
    this.#schedule.begin(name)
  }

  #end(name: string): void {
    if (!this.#schedule.end(name)) return
    this.#statuses.delete(name)
    this.#options.reader.forget(name)
    this.#options.onGone(name)
  }

  async #scrape(name: string, signal: AbortSignal, lastLatenessMs: number): Promise<void> {
    const { clock, nodes, reader, onBatch, log } = this.#options
    const begunAt = clock.monotonic()
    const node = nodes.get(name)
    if (node === undefined) return
    const address = formatAddress(reader.addressOf(node))
    this.#statuses.set(name, { ...this.#statuses.get(name)!, lastLatenessMs })
    try {
      const { sets, rejected, endpoint, timestamp } = await reader.read(node, signal)
      if (signal.aborted) return
      this.#succeed(name, endpoint, { address, rejected, durationMs: clock.monotonic() - begunAt, at: timestamp })
      onBatch({ nodeName: name, timestamp, sets })
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof ScrapeError) this.#fail(name, error, address)
      else log.error({ node: name, err: error }, 'a batch could not be processed')
    }
  }

  #succeed(name: string, endpoint: KubeletEndpoint, scrape: Parameters<typeof afterSuccess>[1]): void {
    this.#count('ok')
    const status = this.#statuses.get(name)!
    if (!status.isHealthy) this.#options.log.info({ node: name, endpoint }, 'the node is scraped')
    this.#statuses.set(name, { ...afterSuccess(status, scrape), node: name, endpoint })
  }

  #fail(name: string, error: ScrapeError, address: string | undefined): void {
    this.#count(error.code)
    const status = this.#statuses.get(name)!
    const isComing = status.scrapes === 0 && error.code === 'address'
    if ((status.isHealthy || status.scrapes === 0) && !isComing) {
      this.#options.log.warn({ node: name, stage: error.code, err: error.message }, `the node cannot be scraped: ${nodeAdvice[error.code]}`)
    }
    const failed = afterFailure(status, error, { address, advice: nodeAdvice, at: this.#options.clock.now() })
    this.#statuses.set(name, { ...failed, node: name, endpoint: status.endpoint })
  }
}

function formatAddress(address: NodeAddress | undefined): string | undefined {
  return address === undefined ? undefined : formatPlace(address.host, address.port)
}
