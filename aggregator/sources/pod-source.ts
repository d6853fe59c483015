import { Agent as HttpsAgent } from 'node:https'
import { HttpAgent } from '../../lib/http.ts'
import type { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { keyOf } from '../../orchestrator/api/object.ts'
import type { Informer } from '../../orchestrator/client/informer.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { PrometheusSettings } from '../configuration.ts'
import type { CustomMetricsStore, PodIdentity } from './custom-metrics-store.ts'
import { ExpositionError, readExposition } from './exposition-reader.ts'
import type { Exposition } from './exposition-reader.ts'
import { endpointOf, isScrapeWanted } from './pod-endpoint.ts'
import type { PodEndpoint } from './pod-endpoint.ts'
import { podAdvice, ScrapeError } from './scrape-error.ts'
import { ScrapeSchedule } from './scrape-schedule.ts'
import { formatPlace, scrapePage } from './scraper.ts'
import type { ScrapeAnswer } from './scraper.ts'
import { afterFailure, afterSuccess, initialHealth } from './source-health.ts'
import type { SourceHealth } from './source-health.ts'

/** Gets a page; rejects with a `ScrapeError`. */
export type PageReader = (endpoint: PodEndpoint, signal: AbortSignal) => Promise<ScrapeAnswer>

export interface PodSourceOptions {
  readonly pods: Informer<CoreV1Pod>
  readonly settings: PrometheusSettings
  readonly store: CustomMetricsStore
  readonly readPage: PageReader
  /** Whether the pods of a node are to be scraped here. Default: all. Asked again for a pod that changes, and for all at `review`. */
  readonly isNodeWanted?: (nodeName: string) => boolean
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** How the scrapes of one pod go. */
export interface PodSourceStatus extends SourceHealth {
  readonly namespace: string
  readonly pod: string
  readonly node: string
  readonly series: number
}

const maxLabelLength = 512

/**
 * Scrapes the pods that ask for it by annotation, each on a schedule of its own, into the store of custom metrics. Only the pod's own address
 * is ever asked, without credentials, under a deadline and bounds.
 */
export class PodSource {
  readonly #options: PodSourceOptions
  readonly #schedule: ScrapeSchedule
  readonly #statuses = new Map<string, PodSourceStatus>()
  readonly #identities = new Map<string, PodIdentity>()
  #unsubscribe: (() => void) | undefined

  constructor(options: PodSourceOptions) {
    this.#options = options
    const { resolutionMs } = options.settings
    this.#schedule = new ScrapeSchedule({ ...options, resolutionMs, scrape: (key, signal) => this.#scrape(key, signal) })
  }

  start(): void {
    if (!this.#options.settings.isEnabled) return
    this.#unsubscribe = this.#options.pods.onChange({
      added: (pod) => this.#consider(pod),
      updated: (pod) => this.#consider(pod),
      deleted: (pod) => this.#end(keyOf(pod)),
    })
  }

  stop(): void {
    this.#unsubscribe?.()
    for (const key of this.#schedule.keys()) this.#end(key)
  }

  /** Asks for every pod anew whether it is wanted here. */
  review(): void {
    if (this.#unsubscribe === undefined) return
    for (const pod of this.#options.pods.list()) this.#consider(pod)
  }

  /** One entry per pod that is scraped here, sorted by namespace and name. */
  statuses(): readonly PodSourceStatus[] {
    return [...this.#statuses.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, status]) => status)
  }

  #consider(pod: CoreV1Pod): void {
    const key = keyOf(pod)
    const { name = '', namespace = '', uid = '' } = pod.metadata
    const { namespaces } = this.#options.settings
    const isHere = namespaces.length === 0 || namespaces.includes(namespace)
    if (!isHere || !isScrapeWanted(pod) || this.#options.isNodeWanted?.(pod.spec.nodeName!) === false) {
      this.#end(key)
      return
    }
    if (this.#identities.get(key)?.uid !== uid) this.#end(key)
    if (this.#schedule.has(key)) return
    this.#identities.set(key, { namespace, pod: name, uid })
    this.#statuses.set(key, { ...initialHealth, namespace, pod: name, node: pod.spec.nodeName!, series: 0 })
    this.#schedule.begin(key)
  }

  #end(key: string): void {
    if (!this.#schedule.end(key)) return
    this.#options.store.forget(this.#identities.get(key)!)
    this.#identities.delete(key)
    this.#statuses.delete(key)
  }

  async #scrape(key: string, signal: AbortSignal): Promise<void> {
    const { clock, pods, store, readPage, log } = this.#options
    const pod = pods.get(key)
    if (pod === undefined) return
    const begunAt = clock.monotonic()
    let address: string | undefined
    try {
      const endpoint = endpointOf(pod)
      address = `${endpoint.scheme}://${formatPlace(endpoint.host, endpoint.port)}${endpoint.path}`
      const { samples, cut } = this.#readSamples(await readPage(endpoint, signal))
      if (signal.aborted) return
      const at = clock.now()
      const rejected = cut + store.put(this.#identities.get(key)!, samples, at)
      const status = this.#statuses.get(key)!
      const health = afterSuccess(status, { address, rejected, durationMs: clock.monotonic() - begunAt, at })
      this.#statuses.set(key, { ...status, ...health, series: samples.length })
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof ScrapeError) this.#fail(key, error, address)
      else log.error({ pod: key, err: error }, "a pod's metrics could not be processed")
    }
  }

  #readSamples({ body, contentType }: ScrapeAnswer): Exposition {
    const { maxSeries, maxNames, maxLabels } = this.#options.settings
    const isOpenMetrics = contentType.startsWith('application/openmetrics-text')
    try {
      return readExposition(body, isOpenMetrics, { maxSeries, maxNames, maxLabels, maxLength: maxLabelLength })
    } catch (error) {
      if (error instanceof ExpositionError) throw new ScrapeError('parse', error.message, { cause: error })
      throw error
    }
  }

  #fail(key: string, error: ScrapeError, address: string | undefined): void {
    const status = this.#statuses.get(key)!
    if (status.isHealthy || status.scrapes === 0) {
      this.#options.log.info({ pod: key, stage: error.code, err: error.message }, `the pod cannot be scraped: ${podAdvice[error.code]}`)
    }
    this.#statuses.set(key, { ...status, ...afterFailure(status, error, { address, advice: podAdvice, at: this.#options.clock.now() }) })
  }
}

const accept = 'application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'

/**
 * Reads pages over the network. What serves HTTPS in a pod rarely has a certificate that names the pod: it is not checked, and nothing secret
 * is sent. What an endpoint answers is never quoted in an error.
 */
export function createPageReader({ timeoutMs, maxBytes }: PrometheusSettings, clock: Clock): PageReader {
  const agents = { http: new HttpAgent({ keepAlive: false }), https: new HttpsAgent({ keepAlive: false, rejectUnauthorized: false }) }
  return (endpoint, signal) => {
    const request = { ...endpoint, headers: { accept }, agent: agents[endpoint.scheme], timeoutMs, maxBytes, quotesAnswer: false }
    return scrapePage(request, clock, signal)
  }
}
