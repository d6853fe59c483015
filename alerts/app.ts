import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { MetricWindow } from '../aggregator/window.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Random } from '../lib/random.ts'
import { createServer } from './api/server.ts'
import { Dispatcher } from './delivery/dispatcher.ts'
import { createMailIntegration } from './delivery/mail.ts'
import type { Integration } from './delivery/notification.ts'
import { Outbox } from './delivery/outbox.ts'
import { dedupStage, inhibitStage, muteStage, recordStage, sequenceKey, silenceStage, waitStage } from './delivery/stages.ts'
import type { SentRecords } from './delivery/stages.ts'
import { createWebhookIntegration } from './delivery/webhook.ts'
import { Evaluator, readHeartbeat } from './evaluation/evaluator.ts'
import { parseConfiguration } from './routing/configuration.ts'
import type { Configuration } from './routing/configuration.ts'
import { defaultConfiguration } from './routing/default-configuration.ts'
import type { NotificationDefaults } from './routing/default-configuration.ts'
import { integrationName } from './routing/receiver.ts'
import type { IntegrationSettings } from './routing/receiver.ts'
import { loadRuleFiles, readFile } from './rules/rule-set.ts'
import { AlertStore } from './state/alert-store.ts'
import type { Journal, Snapshot } from './state/journal.ts'
import { SilenceStore } from './state/silence.ts'
import { openThreadJournal } from './state/thread-journal.ts'

/** History, expired silences and records of quiet groups are kept for this long. */
const retentionMs = 432_000_000
const maintenanceIntervalMs = 900_000

const defaultEvaluationIntervalMs = 5000
const installationKey = 'installation'

export interface AlertsOptions {
  readonly window: MetricWindow
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
  readonly http: { readonly host: string; readonly port: number }
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
  /** Where the API listens, once started: `127.0.0.1:9093`. */
  readonly address: string
}

/** The rules that are used where nothing else is said. */
export const defaultRulesFile = join(import.meta.dirname, 'rules', 'default.yaml')

/** Puts the parts together: rules → evaluation → alerts on disk → groups → stages → outbox → mail and webhooks. */
export function createAlerts(options: AlertsOptions): Alerts {
  const { clock, random, log, externalUrl } = options
  const evaluationIntervalMs = options.evaluationIntervalMs ?? defaultEvaluationIntervalMs
  const journal = options.journal ?? openThreadJournal(join(options.dataDir, 'alerts.db'))
  const alerts = new AlertStore({ journal })
  const silences = new SilenceStore({ clock, random, journal })
  const outbox = new Outbox({ journal, clock, random, log })
  const evaluator = new Evaluator({ window: options.window, clock, log, alerts, intervalMs: evaluationIntervalMs, externalUrl })
  const sent: SentRecords = new Map()
  const abort = new AbortController()
  const loops: Promise<void>[] = []
  const state = { sequence: 0, installation: '', configuration: undefined as Configuration | undefined, dispatcher: undefined as Dispatcher | undefined }

  const createDispatcher = (configuration: Configuration) => {
    const stages = [
      waitStage({ outbox }),
      inhibitStage({ alerts, rules: configuration.inhibitRules }),
      muteStage({ timeIntervals: configuration.timeIntervals }),
      silenceStage({ silences }),
      dedupStage({ sent, outbox, externalUrl, installation: state.installation, nextSequence: () => ++state.sequence }),
      recordStage({ journal, sent, outbox, lastSequence: () => state.sequence }),
    ]
    const { route, receivers } = configuration
    return new Dispatcher({ route, receivers, stages, alerts, sent, clock, log })
  }
  const apply = async (configuration: Configuration) => {
    await state.dispatcher?.stop()
    outbox.use(createIntegrations(configuration, clock))
    state.configuration = configuration
    state.dispatcher = createDispatcher(configuration)
    state.dispatcher.start()
  }
  const read = () => ({ groups: loadRuleFiles(options.rulesFiles, readText), configuration: readConfiguration(options) })
  const restore = async (snapshot: Snapshot) => {
    const installation = snapshot.fact.get(installationKey)?.value
    state.installation = typeof installation === 'string' ? installation : random.uuid()
    state.sequence = Number(snapshot.fact.get(sequenceKey)?.value ?? 0)
    if (installation === undefined) await journal.commit({ put: [{ table: 'fact', key: installationKey, value: { value: state.installation } }] })
    alerts.restore(snapshot.alert.values())
    silences.restore(snapshot.silence.values())
    for (const [lane, record] of snapshot.sent) sent.set(lane, record)
    evaluator.restore(snapshot.series.values(), readHeartbeat(snapshot.fact))
  }
  const maintain = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      await clock.sleep(maintenanceIntervalMs, signal)
      if (signal.aborted) return
      await forgetOld({ journal, silences, sent, outbox, before: clock.now() - retentionMs }).catch((err: unknown) => {
        log.error({ err }, 'old records could not be removed')
      })
    }
  }
  const reload = async () => {
    const { groups, configuration } = read()
    await journal.commit({ entries: [{ time: clock.now(), kind: 'configuration', text: 'rules and configuration loaded' }] })
    evaluator.load(groups)
    await apply(configuration)
    log.info({ groups: groups.length, receivers: configuration.receivers.size }, 'rules and configuration loaded')
  }
  const server = createServer({
    clock, alerts, silences, journal, evaluator, outbox, reload,
    evaluationIntervalMs,
    configuration: () => state.configuration!,
    dispatcher: () => state.dispatcher!,
  })

  return {
    start: async () => {
      const { groups, configuration } = read()
      const snapshot = await journal.load()
      await restore(snapshot)
      evaluator.load(groups)
      await apply(configuration)
      outbox.start(snapshot.notification.values())
      await server.listen(options.http)
      loops.push(evaluator.run(abort.signal), maintain(abort.signal))
      log.info({ address: server.address(), rules: groups.flatMap((group) => group.rules).length }, 'alerts are evaluated')
    },
    stop: async () => {
      abort.abort()
      await server.close()
      await Promise.all(loops)
      await state.dispatcher?.stop()
      await outbox.stop()
      await journal.close()
    },
    reload,
    get address() {
      return server.address()
    },
  }
}

/** Every integration of every receiver, by the name that notifications carry. */
function createIntegrations(configuration: Configuration, clock: Clock): Map<string, Integration> {
  const create = (settings: IntegrationSettings) =>
    settings.kind === 'email' ? createMailIntegration(settings) : createWebhookIntegration(settings, clock)
  return new Map(
    [...configuration.receivers.values()].flatMap((receiver) =>
      receiver.integrations.map((settings, index) => [`${receiver.name}/${integrationName(receiver, index)}`, create(settings)] as const),
    ),
  )
}

function readConfiguration(options: AlertsOptions): Configuration {
  const { configFile, defaults = {} } = options
  if (configFile === undefined) return parseConfiguration('defaults', defaultConfiguration(defaults), readText)
  // Files that a configuration names are looked for beside it.
  return parseConfiguration(configFile, readFile(configFile, readText), (path) => readText(resolve(dirname(configFile), path)))
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}

async function forgetOld(options: {
  readonly journal: Journal
  readonly silences: SilenceStore
  readonly sent: SentRecords
  readonly outbox: Outbox
  readonly before: number
}): Promise<void> {
  const { journal, silences, sent, outbox, before } = options
  const old = [...sent].filter(([lane, record]) => record.firing.length === 0 && record.at < before && outbox.isIdle(lane))
  if (old.length > 0) await journal.commit({ remove: old.map(([lane]) => ({ table: 'sent', key: lane })) })
  for (const [lane, record] of old) if (sent.get(lane) === record) sent.delete(lane)
  await silences.prune(before)
  await journal.prune(before)
}
