import type { CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Informer } from '../../orchestrator/client/informer.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { PrometheusSettings } from '../configuration.ts'
import type { CustomMetricsStore, PodIdentity } from './custom-metrics-store.ts'
import { ExpositionError, readExposition, type ExpositionSample } from './exposition-reader.ts'
import { ScrapeError } from './scrape-error.ts'
import { ScrapeSchedule } from './scrape-schedule.ts'

/** Gets a node's page of figures that are made of log lines; rejects with a `ScrapeError`. */
export type LogPageReader = (node: CoreV1Node, signal: AbortSignal) => Promise<string>

export interface LogFiguresOptions {
  readonly nodes: Informer<CoreV1Node>
  readonly pods: Informer<CoreV1Pod>
  readonly settings: PrometheusSettings
  readonly store: CustomMetricsStore
  readonly readPage: LogPageReader
  readonly isNodeWanted?: (nodeName: string) => boolean
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** What the collector says of itself is no figure of a pod. */
const ownPrefix = 'binnacle_log_'
const maxLabelLength = 512
/** A node that does not serve the page, such as one of another make, is not asked again for so long. */
const absentMs = 300_000

/**
 * Figures that collectors make of pods' log lines, as custom metrics of those pods. A node's page has those of all its pods; each series says in its
 * labels which one it is of.
 */
export class LogFigures {
  readonly #options: LogFiguresOptions
  readonly #schedule: ScrapeSchedule
  /** By node: the pods of its last page. */
  readonly #pods = new Map<string, Map<string, PodIdentity>>()
  readonly #absentSince = new Map<string, number>()
  #unsubscribe: (() => void) | undefined

  constructor(options: LogFiguresOptions) {
    this.#options = options
    const { resolutionMs } = options.settings
    this.#schedule = new ScrapeSchedule({ ...options, resolutionMs, scrape: (name, signal) => this.#scrape(name, signal) })
  }

  start(): void {
    if (!this.#options.settings.isEnabled) return
    this.#unsubscribe = this.#options.nodes.onChange({
      added: (node) => this.#consider(node),
      updated: (node) => this.#consider(node),
      deleted: (node) => this.#end(node.metadata.name!),
    })
  }

  stop(): void {
    this.#unsubscribe?.()
    for (const name of this.#schedule.keys()) this.#end(name)
  }

  /** Asks for every node anew whether it is wanted here. */
  review(): void {
    if (this.#unsubscribe === undefined) return
    for (const node of this.#options.nodes.list()) this.#consider(node)
  }

  #consider({ metadata }: CoreV1Node): void {
    if (this.#options.isNodeWanted?.(metadata.name!) === false) this.#end(metadata.name!)
    else this.#schedule.begin(metadata.name!)
  }

  #end(name: string): void {
    if (!this.#schedule.end(name)) return
    this.#replacePods(name, new Map())
    this.#pods.delete(name)
    this.#absentSince.delete(name)
  }

  async #scrape(name: string, signal: AbortSignal): Promise<void> {
    const { clock, nodes, readPage, log } = this.#options
    const node = nodes.get(name)
    const absentSince = this.#absentSince.get(name)
    if (node === undefined || (absentSince !== undefined && clock.monotonic() - absentSince < absentMs)) return
    try {
      const page = await readPage(node, signal)
      if (!signal.aborted) this.#take(name, page)
      this.#absentSince.delete(name)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof ScrapeError && [403, 404, 405].includes(error.status ?? 0)) this.#absentSince.set(name, clock.monotonic())
      // The node's own source tells of a node that does not answer.
      else log.debug({ node: name, err: error }, 'figures of log lines can not be read')
    }
  }

  #take(nodeName: string, page: string): void {
    const { settings, store, clock } = this.#options
    const { maxTotalSeries, maxNames, maxLabels } = settings
    const { samples } = readPageOf(page, { maxSeries: maxTotalSeries, maxNames, maxLabels: maxLabels + 3, maxLength: maxLabelLength })
    const byPod = new Map<string, ExpositionSample[]>()
    for (const sample of samples) {
      const { namespace, pod, ...labels } = sample.labels
      if (sample.name.startsWith(ownPrefix) || namespace === undefined || pod === undefined) continue
      const key = `${namespace}/${pod}`
      const known = byPod.get(key) ?? []
      known.push({ ...sample, labels })
      byPod.set(key, known)
    }
    const identities = new Map<string, PodIdentity>()
    for (const [key, series] of byPod) {
      const identity = this.#identityOf(key, nodeName)
      if (identity === undefined) continue
      identities.set(key, identity)
      store.put(identity, series.slice(0, settings.maxSeries), clock.now())
    }
    this.#replacePods(nodeName, identities)
  }

  /** A node speaks for its own pods alone. */
  #identityOf(key: string, nodeName: string): PodIdentity | undefined {
    const pod = this.#options.pods.get(key)
    if (pod?.spec.nodeName !== nodeName) return undefined
    const { name = '', namespace = '', uid = '' } = pod.metadata
    return { namespace, pod: name, uid, page: 'logs' }
  }

  #replacePods(nodeName: string, identities: Map<string, PodIdentity>): void {
    for (const [key, identity] of this.#pods.get(nodeName) ?? []) if (!identities.has(key)) this.#options.store.forget(identity)
    this.#pods.set(nodeName, identities)
  }
}

function readPageOf(page: string, limits: Parameters<typeof readExposition>[2]): ReturnType<typeof readExposition> {
  try {
    return readExposition(page, false, limits)
  } catch (error) {
    if (error instanceof ExpositionError) throw new ScrapeError('parse', error.message, { cause: error })
    throw error
  }
}
