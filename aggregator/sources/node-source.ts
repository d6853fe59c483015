import type { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import type { Informer } from '../../orchestrator/client/informer.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { Batch } from '../metric-set.ts'
import { ScrapeError } from './node-scraper.ts'
import type { NodeAddress, ScrapeStage } from './node-scraper.ts'
import { readSummary, SummaryError } from './summary-reader.ts'

export interface NodeSourceOptions {
  readonly nodes: Informer<CoreV1Node>
  /** The text of a node's summary; rejects with a `ScrapeError`. */
  readonly scrape: (address: NodeAddress, signal: AbortSignal) => Promise<string>
  readonly resolutionMs: number
  /** Called with each reading, before any processing. What it throws is logged and the node goes on. */
  readonly onBatch: (batch: Batch) => void
  /** Called when a node has left the cluster. */
  readonly onGone: (nodeName: string) => void
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** How the scrapes of one node go. */
export interface SourceStatus {
  readonly node: string
  readonly address: string | undefined
  readonly isHealthy: boolean
  readonly scrapes: number
  readonly failures: number
  /** Scrapes that failed since the last one that did not. */
  readonly consecutiveFailures: number
  readonly lastSuccess: number | undefined
  readonly lastDurationMs: number | undefined
  /** Entries and fields of the last summary that were left out as malformed or too many. */
  readonly rejected: number
  readonly lastError: { readonly stage: ScrapeStage; readonly message: string; readonly advice: string; readonly at: number } | undefined
}

interface NodeLoop {
  readonly abort: AbortController
  /** Aborting it ends the wait for the next scrape. */
  wake: AbortController
  status: SourceStatus
}

/**
 * Scrapes every Node of the cluster, each on a schedule of its own at a random place within the resolution: a slow or dead node holds up
 * nobody, and the load is spread. Nodes come and go with their API objects; one that is not Ready is scraped all the same.
 */
export class NodeSource {
  readonly #options: NodeSourceOptions
  readonly #loops = new Map<string, NodeLoop>()
  #unsubscribe: (() => void) | undefined

  constructor(options: NodeSourceOptions) {
    this.#options = options
  }

  start(): void {
    this.#unsubscribe = this.#options.nodes.onChange({
      added: (node) => this.#begin(node.metadata.name!),
      // A node is made before its agent has said where it listens: no need to wait for the next round then.
      updated: (node, previous) => {
        if (addressOf(previous) === undefined && addressOf(node) !== undefined) this.#loops.get(node.metadata.name!)?.wake.abort()
      },
      deleted: (node) => this.#end(node.metadata.name!),
    })
  }

  stop(): void {
    this.#unsubscribe?.()
    for (const name of this.#loops.keys()) this.#end(name)
  }

  /** One entry per node, sorted by name. */
  statuses(): readonly SourceStatus[] {
    return [...this.#loops.values()].map(({ status }) => status).sort((a, b) => (a.node < b.node ? -1 : 1))
  }

  #begin(name: string): void {
    if (this.#loops.has(name)) return
    const loop: NodeLoop = { abort: new AbortController(), wake: new AbortController(), status: initialStatus(name) }
    this.#loops.set(name, loop)
    void this.#run(name, loop)
  }

  #end(name: string): void {
    const loop = this.#loops.get(name)
    if (loop === undefined) return
    loop.abort.abort()
    this.#loops.delete(name)
    this.#options.onGone(name)
  }

  /** The first scrape comes at once (a little apart for many nodes), the others at the node's own phase of the resolution. */
  async #run(name: string, loop: NodeLoop): Promise<void> {
    const { clock, random, resolutionMs } = this.#options
    const { signal } = loop.abort
    const phase = random.fraction() * resolutionMs
    await clock.sleep(random.fraction() * Math.min(resolutionMs, this.#loops.size * 8), signal)
    while (!signal.aborted) {
      const begunAt = clock.monotonic()
      await this.#scrape(name, loop)
      const delay = nextSlot(begunAt, { phase, resolutionMs }, clock.monotonic()) - clock.monotonic()
      await clock.sleep(delay, AbortSignal.any([signal, loop.wake.signal]))
      if (loop.wake.signal.aborted) loop.wake = new AbortController()
    }
  }

  async #scrape(name: string, loop: NodeLoop): Promise<void> {
    const { clock, nodes, scrape, onBatch, log } = this.#options
    const begunAt = clock.monotonic()
    const node = nodes.get(name)
    const address = node === undefined ? undefined : addressOf(node)
    try {
      if (address === undefined) throw new ScrapeError('address', `node "${name}" has no InternalIP and kubelet port`)
      const text = await scrape(address, loop.abort.signal)
      const timestamp = clock.now()
      const { sets, rejected } = readSummary(text, name, timestamp)
      if (loop.abort.signal.aborted) return
      this.#succeed(loop, { address, rejected, durationMs: clock.monotonic() - begunAt, at: timestamp })
      onBatch({ nodeName: name, timestamp, sets })
    } catch (error) {
      if (loop.abort.signal.aborted) return
      const failure = asScrapeError(error)
      if (failure === undefined) log.error({ node: name, err: error }, 'a batch could not be processed')
      else this.#fail(loop, failure, address)
    }
  }

  #succeed(
    loop: NodeLoop,
    scrape: { readonly address: NodeAddress; readonly rejected: number; readonly durationMs: number; readonly at: number },
  ): void {
    const { status } = loop
    if (!status.isHealthy) this.#options.log.info({ node: status.node }, 'the node is scraped')
    loop.status = {
      ...status,
      address: formatAddress(scrape.address),
      isHealthy: true,
      scrapes: status.scrapes + 1,
      consecutiveFailures: 0,
      lastSuccess: scrape.at,
      lastDurationMs: scrape.durationMs,
      rejected: scrape.rejected,
    }
  }

  #fail(loop: NodeLoop, error: ScrapeError, address: NodeAddress | undefined): void {
    const { status } = loop
    const isComing = status.scrapes === 0 && error.code === 'address'
    if ((status.isHealthy || status.scrapes === 0) && !isComing) {
      this.#options.log.warn({ node: status.node, stage: error.code, err: error.message }, `the node cannot be scraped: ${error.advice}`)
    }
    loop.status = {
      ...status,
      address: address === undefined ? undefined : formatAddress(address),
      isHealthy: false,
      scrapes: status.scrapes + 1,
      failures: status.failures + 1,
      consecutiveFailures: status.consecutiveFailures + 1,
      lastError: { stage: error.code, message: error.message, advice: error.advice, at: this.#options.clock.now() },
    }
  }
}

function initialStatus(node: string): SourceStatus {
  return {
    node,
    address: undefined,
    isHealthy: false,
    scrapes: 0,
    failures: 0,
    consecutiveFailures: 0,
    lastSuccess: undefined,
    lastDurationMs: undefined,
    rejected: 0,
    lastError: undefined,
  }
}

function asScrapeError(error: unknown): ScrapeError | undefined {
  if (error instanceof SummaryError) return new ScrapeError('parse', error.message, { cause: error })
  return error instanceof ScrapeError ? error : undefined
}

/** The next moment of the phase that is at least half a resolution after the last scrape began and not over yet. */
function nextSlot(
  begunAt: number,
  { phase, resolutionMs }: { readonly phase: number; readonly resolutionMs: number },
  now: number,
): number {
  const earliest = Math.max(begunAt + resolutionMs / 2, now)
  return Math.ceil((earliest - phase) / resolutionMs) * resolutionMs + phase
}

/** Where the API says that a node's agent listens. */
export function addressOf(node: CoreV1Node): NodeAddress | undefined {
  const host = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port
  return host === undefined || port === undefined || port === 0 ? undefined : { host, port }
}

function formatAddress({ host, port }: NodeAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
