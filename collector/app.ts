import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Random } from '../lib/random.ts'
import { connectDocker } from './docker/docker-engine.ts'
import type { DockerAddress } from './docker/docker-engine.ts'
import type { Drain } from './drivers/drain.ts'
import type { DriverOptions } from './drivers/driver.ts'
import { ConditionWatch } from './events/conditions.ts'
import { KernelLog } from './events/kernel-log.ts'
import { History } from './history/history.ts'
import { whyTooOpen } from './http/access.ts'
import type { AccessOptions } from './http/access.ts'
import { createServer } from './http/server.ts'
import type { CostBudget } from './interval-governor.ts'
import { LocalSource } from './local-source.ts'
import { DescriptorBudget, openFilesLimit } from './readers/descriptor-budget.ts'
import { podListFromFile, podListFromKubelet } from './naming/pod-lists.ts'
import type { PodList } from './naming/pod-lists.ts'
import type { LabelOptions } from './prometheus/labels.ts'
import { ProcessTable } from './processes/process-table.ts'
import { PrometheusPages } from './prometheus/pages.ts'
import { renderResourceMetrics } from './prometheus/resource-metrics.ts'
import type { LogPipeline } from './logs/app.ts'
import { renderLogPage } from './prometheus/pages.ts'
import type { NodeCgroup, Source } from './source.ts'
import { StatsStore } from './stats-store.ts'
import type { Subject } from './subjects.ts'
import type { Summary } from './summary.ts'

export { podListFromFile, podListFromKubelet, whyTooOpen }
export type { DriverOptions }

export interface CollectorOptions extends AccessOptions {
  readonly clock: Clock
  readonly log: Log
  readonly nodeName: string
  /** The Docker engine; without one, containers are cgroups without names. */
  readonly docker?: DockerAddress
  /** Addresses to listen on; loopback by default. */
  readonly hosts?: readonly string[]
  /** 4194 by default; 0 takes a free one. */
  readonly port?: number
  readonly procRoot?: string
  readonly cgroupRoot?: string
  readonly sysRoot?: string
  readonly etcRoot?: string
  /** Time between samples, 1 s by default, 100 ms at least. */
  readonly intervalMs?: number
  /** How long samples are kept, 2 minutes by default. */
  readonly historyMs?: number
  /** Bytes that all samples together may take, 64 MiB by default; containers beyond are refused and counted. */
  readonly maxStoreBytes?: number
  /**
   * Bytes that a day of all containers' figures may take, 32 MiB by default; beyond, the largest histories are cut and it is counted.
   * With samples from elsewhere there is no history unless this is set: simulated nodes come by the hundred.
   */
  readonly maxHistoryBytes?: number
  /** Keep only pods whose label `binnacle.node` is this name, where several nodes share a Docker engine. Containers of no node stay. */
  readonly nodeFilter?: string
  /** The same for the label `binnacle.cluster`, where several clusters share an engine. */
  readonly clusterFilter?: string
  /** Where several nodes share this machine: this node's part of it, instead of the whole, is what `/stats/summary` says of the node. */
  readonly nodeCgroup?: NodeCgroup
  /** Process that is reported as the system container `kubelet`; this one by default. */
  readonly agentPid?: number
  /** Samples from elsewhere, such as `createSimulatedSource`, instead of this machine's. */
  readonly source?: Source
  /** Names of pods and containers that Docker does not know: `podListFromKubelet` or `podListFromFile`. */
  readonly podList?: PodList
  /** What reading may cost before samples come less often. */
  readonly budget?: CostBudget
  /** What is read; upstream's default kinds. */
  readonly subjects?: ReadonlySet<Subject>
  /** Which cgroups that are no containers are kept, by their path; all unless said otherwise. */
  readonly keepsPlain?: (path: string) => boolean
  /** Containers' environment variables that may be shown, by the start of their name; none unless said otherwise. */
  readonly exposedEnv?: readonly string[]
  /** Shown as `cadvisorVersion`. */
  readonly version?: string
  /** Listen beyond loopback although neither TLS nor a token is configured. */
  readonly isInsecure?: boolean
  /** Sinks that samples are written to, each `intervalMs`; none by default. */
  readonly drivers?: { readonly sinks: readonly DriverOptions[]; readonly intervalMs: number; readonly random: Random }
  /** What `/metrics` shows; upstream's default kinds, but for the series per core. */
  readonly shownSubjects?: ReadonlySet<Subject>
  /** Labels of containers on `/metrics`: none by default. */
  readonly labels?: LabelOptions
  /** Show ready-made rates on `/metrics`, too. */
  readonly hasRates?: boolean
  /** Path of Prometheus' page, `/metrics` by default. */
  readonly metricsPath?: string
  /** The collection of logs (`createLogPipeline`), which is started and stopped with the collector; none by default. */
  readonly logs?: LogPipeline
  /** A path such as `/collector` in front of everything that is served; empty by default. */
  readonly pathPrefix?: string
}

/** A running collector. */
export interface Collector {
  /** Resolves once it listens; rejects when it can't, with nothing left running. */
  start(): Promise<void>
  stop(): Promise<void>
  /** The kubelet's `/stats/summary`. */
  summary(): Promise<Summary>
  /** The text of the kubelet's `/metrics/resource`. */
  metricsResource(): Promise<string>
  /** The text of the kubelet's `/metrics/cadvisor`. */
  metricsCadvisor(): Promise<string>
  /** A question about the logs that are kept here; absent where none are. */
  readonly askLogs?: LogPipeline['ask']
  /** The text of `/metrics/logs`: what is known of the collection of logs, and the figures that users make of lines. */
  metricsLogs(): Promise<string>
  /** The first address, `http://127.0.0.1:4194`; empty before `start`. */
  readonly address: string
}

const minIntervalMs = 100

/** The collector of one node: reads containers and machine, keeps two minutes of samples and serves them. */
export function createCollector(options: CollectorOptions): Collector {
  const { clock, log, nodeName, hosts = ['127.0.0.1'], port = 4194, version = '0.1.0' } = options
  const tooOpen = options.isInsecure === true ? undefined : whyTooOpen(hosts, options)
  if (tooOpen !== undefined) throw new RangeError(`hosts: ${tooOpen}; give it one of them, or say that it is to be insecure`)
  const source = options.source ?? createLocalSource(options)
  const history = createHistory(options, source)
  const pages = new PrometheusPages({
    source,
    version,
    processFigures,
    moreFigures: () => [...(history?.selfFigures() ?? []), ...(drain?.figures() ?? [])],
    ...(options.shownSubjects === undefined ? {} : { subjects: options.shownSubjects }),
    ...(options.labels === undefined ? {} : { labels: options.labels }),
    hasRates: options.hasRates ?? false,
  })
  const processes =
    options.source === undefined
      ? { processes: new ProcessTable({ clock, procRoot: options.procRoot ?? '/proc', etcRoot: options.etcRoot ?? '/etc' }) }
      : {}
  const server = createServer({
    ...(history === undefined ? {} : { history }),
    ...processes,
    ...(options.logs === undefined ? {} : { logs: options.logs }),
    clock,
    log,
    source,
    pages,
    nodeName,
    version,
    hosts,
    port,
    metricsPath: options.metricsPath ?? '/metrics',
    pathPrefix: options.pathPrefix ?? '',
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.bearerToken === undefined ? {} : { bearerToken: options.bearerToken }),
  })
  const abort = new AbortController()
  let running: Promise<unknown> | undefined
  let drain: Drain | undefined
  let address = ''
  return {
    start: async () => {
      const addresses = await server.start()
      address = addresses[0] ?? ''
      // Figures are worth having where logs can't be collected.
      await options.logs?.start().catch((err: unknown) => log.error({ err }, 'logs are not collected'))
      drain = await createDrain(options, source)
      const reading = source.run(abort.signal).catch((err: unknown) => log.error({ err }, 'the collector has stopped reading'))
      const writing = drain?.run(abort.signal).catch((err: unknown) => log.error({ err }, 'the collector has stopped writing'))
      const remembering = history?.run(abort.signal).catch((err: unknown) => log.error({ err }, 'the collector has stopped remembering'))
      running = Promise.all([reading, writing, remembering])
      log.info({ addresses, docker: options.docker }, 'collector is serving')
    },
    stop: async () => {
      abort.abort()
      await Promise.all([server.stop(), running, options.logs?.stop()])
    },
    summary: async () => source.summary(),
    metricsResource: async () => renderResourceMetrics(source.summary()).toString(),
    metricsCadvisor: async () => pages.cadvisor().toString(),
    ...(options.logs === undefined ? {} : { askLogs: (request, signal) => options.logs!.ask(request, signal) }),
    metricsLogs: async () => renderLogPage('text', (await options.logs?.families()) ?? []).toString(),
    get address() {
      return address
    },
  }
}

/** Sinks are rare, so what they need is loaded when there is one. */
async function createDrain({ drivers, clock, log, nodeName }: CollectorOptions, source: Source): Promise<Drain | undefined> {
  if (drivers === undefined || drivers.sinks.length === 0) return undefined
  const { Drain: DrainOf } = await import('./drivers/drain.ts')
  return new DrainOf({ ...drivers, source, clock, log, machine: nodeName })
}

/** The kernel's log is this machine's, so a simulated source has none. */
function createHistory(options: CollectorOptions, { store }: Source): History | undefined {
  if (options.source !== undefined && options.maxHistoryBytes === undefined) return undefined
  const { clock, intervalMs = 1000, historyMs = 120_000, maxHistoryBytes = 32 * 1024 * 1024 } = options
  const kernelLog = options.source === undefined && (options.procRoot ?? '/proc') === '/proc' ? new KernelLog() : undefined
  const conditions = new ConditionWatch({ clock, store, kernelLog })
  return new History({
    clock,
    store,
    conditions,
    maxBytes: maxHistoryBytes,
    intervalMs: Math.min(Math.max(1000, intervalMs), historyMs / 2),
  })
}

/** Of the files that the process may have open; the rest is for logs, connections and whoever else lives in it. */
const keptShare = 0.5

function createLocalSource(options: CollectorOptions): LocalSource {
  const { clock, log, nodeName, docker, nodeFilter, clusterFilter, intervalMs = 1000, historyMs = 120_000 } = options
  if (!(intervalMs >= minIntervalMs)) throw new RangeError(`intervalMs: ${intervalMs} is not allowed, at least ${minIntervalMs} ms`)
  if (!(historyMs >= 2 * intervalMs))
    throw new RangeError(`historyMs: ${historyMs} is not allowed, at least two intervals (${2 * intervalMs} ms)`)
  const capacity = Math.ceil(historyMs / intervalMs)
  return new LocalSource({
    clock,
    log,
    store: new StatsStore({ capacity, maxBytes: options.maxStoreBytes ?? 64 * 1024 * 1024 }),
    nodeName,
    procRoot: options.procRoot ?? '/proc',
    cgroupRoot: options.cgroupRoot ?? '/sys/fs/cgroup',
    sysRoot: options.sysRoot ?? '/sys',
    etcRoot: options.etcRoot ?? '/etc',
    intervalMs,
    owner: { node: nodeFilter, cluster: clusterFilter },
    engine: docker === undefined ? undefined : connectDocker(docker, options.exposedEnv),
    ...(options.podList === undefined ? {} : { podList: options.podList }),
    ...(options.budget === undefined ? {} : { budget: options.budget }),
    ...(options.subjects === undefined ? {} : { subjects: options.subjects }),
    ...(options.keepsPlain === undefined ? {} : { keepsPlain: options.keepsPlain }),
    nodeCgroup: options.nodeCgroup,
    descriptors: new DescriptorBudget(openFilesLimit() * keptShare),
    agentPid: options.agentPid ?? process.pid,
  })
}

function processFigures(): { cpuSeconds: number; residentBytes: number } {
  const { user, system } = process.cpuUsage()
  return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() }
}
