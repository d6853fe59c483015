import { globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { MetricWindow } from '../aggregator/window.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Random } from '../lib/random.ts'
import { createServer } from './api/server.ts'
import type { ClusterView, RequestHandler } from './api/server.ts'
import { createHttpIntegration } from './delivery/http-integration.ts'
import { createMailIntegration } from './delivery/mail.ts'
import { Notifier } from './delivery/notifier.ts'
import { Evaluator } from './evaluation/evaluator.ts'
import { readHeartbeat } from './evaluation/stored-states.ts'
import { Observer } from './evaluation/observer.ts'
import type { ObserverOptions } from './evaluation/observer.ts'
import { parseConfiguration } from './routing/configuration.ts'
import type { Configuration } from './routing/configuration.ts'
import { defaultConfiguration } from './routing/default-configuration.ts'
import type { NotificationDefaults } from './routing/default-configuration.ts'
import { isMail } from './routing/receiver.ts'
import type { IntegrationSettings } from './routing/receiver.ts'
import type { Rule, RuleGroup } from './rules/rule.ts'
import { loadRuleFiles, readFile } from './rules/rule-set.ts'
import { AlertStore } from './state/alert-store.ts'
import type { Journal } from './state/journal.ts'
import { SilenceStore } from './state/silence.ts'
import { openThreadJournal } from './state/thread-journal.ts'
import { backtest } from './trial/backtest.ts'
import type { SimulationRange } from './trial/simulation.ts'

/** History, expired silences and records of quiet groups are kept for this long. */
const retentionMs = 432_000_000
const maintenanceIntervalMs = 900_000

const defaultEvaluationIntervalMs = 5000
const defaultWindowMs = 3_600_000

export interface AlertsOptions {
  readonly window: MetricWindow
  /** What rules read besides: how far the window reaches (default one hour), metrics of pods, events, InfluxDB, the API's nodes and pods. */
  readonly sources?: Partial<Omit<ObserverOptions, 'window' | 'bucketMs'>>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** `alerts.db` is made in it. */
  readonly dataDir: string
  /** Rule files; `defaultRulesFile` is the shipped one. */
  readonly rulesFiles: readonly string[]
  /** A file in Alertmanager's format; without one, `defaults` say who is told. */
  readonly configFile?: string
  readonly defaults?: NotificationDefaults
  /** Where the API listens; `none` where another server's requests are answered. */
  readonly http: { readonly host: string; readonly port: number } | 'none'
  /** The servers that share the work, where there are several. */
  readonly cluster?: () => ClusterView
  /** Whether a delivery may begin: false where another server has taken over. */
  readonly mayAttempt?: () => boolean
  /** Under which people reach the API: links in notifications begin with it. */
  readonly externalUrl: string
  readonly evaluationIntervalMs?: number
  /** The disk; tests on a standing clock give one that answers at once. */
  readonly journal?: Journal
}

/** The running alerts. */
export interface Alerts {
  /** Reads rules and configuration, takes up what the disk holds, listens. Throws `FileError` for a bad file. */
  start(): Promise<void>
  /** Ends attempts under way, closes everything. What is not delivered stays on disk. */
  stop(): Promise<void>
  /** Reads rules and configuration again. Throws `FileError` and changes nothing if one of them is bad. */
  reload(): Promise<void>
  /** Answers requests of the API that another server has accepted. */
  handler(): Promise<RequestHandler>
  /** Where the API listens, once started: `127.0.0.1:9093`. */
  readonly address: string
}

/** The rules that are used where nothing else is said. */
export const defaultRulesFile = join(import.meta.dirname, 'rules', 'default.yaml')

/** Puts the parts together: rules → evaluation → alerts on disk → groups → stages → outbox → mail and webhooks. */
export function createAlerts(options: AlertsOptions): Alerts {
  const { clock, log } = options
  const parts = createParts(options)
  const { journal, alerts, silences, evaluator, notifier } = parts
  const reloadOnce = async () => {
    const { groups, configuration } = readFiles(options)
    await journal.commit({ entries: [{ time: clock.now(), kind: 'configuration', text: 'rules and configuration loaded' }] })
    evaluator.load(groups)
    await notifier.configure(configuration)
    log.info({ groups: groups.length, receivers: configuration.receivers.size }, 'rules and configuration loaded')
  }
  let reloading = Promise.resolve()
  const reload = () => (reloading = reloading.then(reloadOnce, reloadOnce))
  const { cluster, http } = options
  const server = createServer({ ...parts, clock, reload, ...(cluster !== undefined && { cluster }) })
  const abort = new AbortController()
  const loops: Promise<void>[] = []

  const start = async () => {
    const { groups, configuration } = readFiles(options)
    const snapshot = await journal.load()
    alerts.restore(snapshot.alert.values())
    silences.restore(snapshot.silence.values())
    evaluator.restore(snapshot.series.values(), readHeartbeat(snapshot.fact))
    evaluator.load(groups)
    await notifier.restore(snapshot)
    await notifier.configure(configuration)
    if (http !== 'none') await server.listen(http)
    notifier.start()
    loops.push(evaluator.run(abort.signal), maintain({ journal, silences, notifier, clock, log }, abort.signal))
    log.info({ address: server.address(), rules: groups.flatMap((group) => group.rules).length }, 'alerts are evaluated')
  }
  const stop = async () => {
    if (abort.signal.aborted) return
    abort.abort()
    await server.close()
    await reloading.catch(() => {})
    await Promise.all(loops)
    await notifier.stop()
    await journal.close()
  }
  return {
    start: () =>
      start().catch(async (err: unknown) => {
        // Half a start leaves nothing running.
        await stop()
        throw err
      }),
    stop,
    reload,
    handler: () => server.handler(),
    get address() {
      return server.address()
    },
  }
}

/** Everything but the door, not started. */
function createParts(options: AlertsOptions) {
  const { window, clock, random, log, dataDir, externalUrl } = options
  const evaluationIntervalMs = options.evaluationIntervalMs ?? defaultEvaluationIntervalMs
  const journal = options.journal ?? openThreadJournal(join(dataDir, 'alerts.db'))
  const alerts = new AlertStore({ journal })
  const silences = new SilenceStore({ clock, random, journal })
  const sources = { window, windowMs: defaultWindowMs, bucketMs: evaluationIntervalMs, collectedSince: clock.now(), ...options.sources }
  const evaluator = new Evaluator({ observer: new Observer(sources), clock, log, alerts, intervalMs: evaluationIntervalMs, externalUrl })
  const readFile = readBeside(options.configFile)
  const createIntegration = (settings: IntegrationSettings) =>
    isMail(settings) ? createMailIntegration(settings, { clock, readFile }) : createHttpIntegration(settings, { clock, readFile })
  const { mayAttempt } = options
  const base = { clock, random, log, journal, alerts, silences, externalUrl, createIntegration }
  const notifier = new Notifier({ ...base, ...(mayAttempt !== undefined && { mayAttempt }) })
  const tryRule = (rule: Rule, range: SimulationRange) => backtest(rule, range, { ...sources, clock })
  return { journal, alerts, silences, evaluator, notifier, evaluationIntervalMs, backtest: tryRule }
}

/** Rules and configuration as the files say; throws `FileError` before anything is changed. */
export function readFiles(options: Pick<AlertsOptions, 'rulesFiles' | 'configFile' | 'defaults'>): {
  groups: readonly RuleGroup[]
  configuration: Configuration
} {
  const { configFile, defaults = {} } = options
  const groups = loadRuleFiles(options.rulesFiles, readText)
  if (configFile === undefined) return { groups, configuration: parseConfiguration('defaults', defaultConfiguration(defaults), readText) }
  const read = readBeside(configFile)
  const find = (pattern: string) => globSync(resolve(dirname(configFile), pattern)).sort()
  return { groups, configuration: parseConfiguration(configFile, readFile(configFile, readText), read, find) }
}

/** Reads files that a configuration names: they are looked for beside it. */
function readBeside(configFile = ''): (path: string) => string {
  return (path) => readText(resolve(dirname(configFile), path))
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}

interface Maintained {
  readonly journal: Journal
  readonly silences: SilenceStore
  readonly notifier: Notifier
  readonly clock: Clock
  readonly log: Log
}

/** Removes what is older than the retention, now and then. */
async function maintain({ journal, silences, notifier, clock, log }: Maintained, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(maintenanceIntervalMs, signal)
    if (signal.aborted) return
    const before = clock.now() - retentionMs
    try {
      await notifier.prune(before)
      await silences.prune(before)
      await journal.prune(before)
    } catch (err) {
      log.error({ err }, 'old records could not be removed')
    }
  }
}
