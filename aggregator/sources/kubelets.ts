import type { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import type { Clock } from '../../lib/clock.ts'
import type { KubeletSettings } from '../configuration.ts'
import { ExpositionError } from './exposition-reader.ts'
import type { KubeletAccess } from './kubelet-access.ts'
import { StageTimes } from '../stage-times.ts'
import { readResourceMetrics } from './resource-reader.ts'
import { ScrapeError } from './scrape-error.ts'
import { formatPlace, scrapePage, type ScrapeAnswer } from './scraper.ts'
import { readSummary, SummaryError } from './summary-reader.ts'
import type { NodeFigures } from './summary-reader.ts'

/** Where a node's kubelet (or our collector behind the node agent) listens. */
export interface NodeAddress {
  readonly host: string
  readonly port: number
}

/** What a node was asked for. */
export type KubeletEndpoint = 'summary' | 'resource'

/** One answer of a node, not processed yet. */
export interface NodeReading extends NodeFigures {
  readonly endpoint: KubeletEndpoint
  /** When it was in, ms. */
  readonly timestamp: number
}

export interface KubeletsOptions {
  readonly access: KubeletAccess
  readonly settings: KubeletSettings
  readonly timeoutMs: number
  /** Where the time that reading answers takes is counted. */
  readonly stages?: StageTimes | undefined
  readonly clock: Clock
}

/** The largest answer that is read. A node of 110 pods answers with about 300 KiB. */
const maxBodyBytes = 32 << 20
const paths: Readonly<Record<KubeletEndpoint, string>> = { summary: '/stats/summary', resource: '/metrics/resource' }
const logPages = {
  figures: { path: '/metrics/logs', accept: 'text/plain;version=0.0.4' },
  status: { path: '/api/v1/logs/status', accept: 'application/json' },
} as const
/** How long a node that has no summary is not asked for one again. */
const fallbackMs = 300_000

/**
 * Reads nodes: the summary and, where that is refused or not served, the resource metrics, which say less. A node that fell back is asked
 * for its summary again every five minutes.
 */
export class Kubelets {
  readonly #options: KubeletsOptions
  readonly #stages: StageTimes
  readonly #fallenBackAt = new Map<string, number>()

  constructor(options: KubeletsOptions) {
    this.#options = options
    this.#stages = options.stages ?? new StageTimes(options.clock)
  }

  /** Where the node listens, by its status and the settings. */
  addressOf(node: CoreV1Node): NodeAddress | undefined {
    const { addressTypes, port: setPort, useNodeStatusPort } = this.#options.settings
    const known = node.status?.addresses ?? []
    const host = addressTypes.flatMap((type) => known.find((address) => address.type === type)?.address ?? []).find((text) => text !== '')
    const statusPort = node.status?.daemonEndpoints?.kubeletEndpoint?.Port
    const port = useNodeStatusPort && statusPort !== undefined && statusPort > 0 ? statusPort : setPort
    return host === undefined ? undefined : { host, port }
  }

  /** Rejects with a `ScrapeError`. */
  async read(node: CoreV1Node, signal: AbortSignal): Promise<NodeReading> {
    const name = node.metadata.name!
    const { settings, clock } = this.#options
    const address = this.addressOf(node)
    if (address === undefined) throw new ScrapeError('address', `node "${name}" has no address of type ${settings.addressTypes.join(', ')}`)
    const fallenBackAt = this.#fallenBackAt.get(name)
    if (settings.endpoint === 'resource') return this.#readFrom('resource', name, address, signal)
    if (settings.endpoint === 'auto' && fallenBackAt !== undefined && clock.monotonic() - fallenBackAt < fallbackMs) {
      return this.#readFrom('resource', name, address, signal)
    }
    try {
      const reading = await this.#readFrom('summary', name, address, signal)
      this.#fallenBackAt.delete(name)
      return reading
    } catch (error) {
      if (settings.endpoint === 'summary' || !isWithoutSummary(error)) throw error
      const reading = await this.#readFrom('resource', name, address, signal).catch(() => Promise.reject(error as ScrapeError))
      this.#fallenBackAt.set(name, clock.monotonic())
      return reading
    }
  }

  /** What a node's collector has to say of its logs: the figures that it makes of lines, its accounts. Rejects with a `ScrapeError`. */
  async readLogs(node: CoreV1Node, what: keyof typeof logPages, signal: AbortSignal): Promise<string> {
    const address = this.addressOf(node)
    if (address === undefined) throw new ScrapeError('address', `node "${node.metadata.name}" has no address`)
    return (await this.#ask(address, logPages[what], signal)).body
  }

  /** Drops what is kept of a node that has left. */
  forget(nodeName: string): void {
    this.#fallenBackAt.delete(nodeName)
  }

  close(): void {
    this.#options.access.close()
  }

  async #readFrom(endpoint: KubeletEndpoint, nodeName: string, address: NodeAddress, signal: AbortSignal): Promise<NodeReading> {
    const accept = endpoint === 'summary' ? 'application/json' : 'text/plain;version=0.0.4'
    const { body } = await this.#ask(address, { path: paths[endpoint], accept }, signal)
    const timestamp = this.#options.clock.now()
    try {
      const readAnswer = endpoint === 'summary' ? readSummary : readResourceMetrics
      const figures = this.#stages.measure('read', () => readAnswer(body, nodeName, timestamp))
      return { ...figures, endpoint, timestamp }
    } catch (error) {
      if (!(error instanceof SummaryError || error instanceof ExpositionError)) throw error
      throw new ScrapeError('parse', `${formatPlace(address.host, address.port)}${paths[endpoint]}: ${error.message}`, { cause: error })
    }
  }

  #ask(
    address: NodeAddress,
    { path, accept }: { readonly path: string; readonly accept: string },
    signal: AbortSignal,
  ): Promise<ScrapeAnswer> {
    const { access, settings, timeoutMs, clock } = this.#options
    const { agent, headers } = access.connect()
    const request = { ...address, scheme: settings.scheme, path, headers: { accept, ...headers }, agent, timeoutMs }
    return scrapePage({ ...request, maxBytes: maxBodyBytes, quotesAnswer: true }, clock, signal)
  }
}

/** Whether the node answered that it has no summary, or none for us. */
function isWithoutSummary(error: unknown): boolean {
  return error instanceof ScrapeError && [403, 404, 405, 501].includes(error.status ?? 0)
}
