import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { Configuration } from '../routing/configuration.ts'
import { withEscalations } from '../routing/escalation.ts'
import { integrationName, isMail } from '../routing/receiver.ts'
import type { IntegrationSettings } from '../routing/receiver.ts'
import { routesFor } from '../routing/route.ts'
import type { Route } from '../routing/route.ts'
import { AcknowledgementStore } from '../state/acknowledgement.ts'
import type { AlertStore } from '../state/alert-store.ts'
import type { Journal, Snapshot } from '../state/journal.ts'
import type { Labels } from '../state/labels.ts'
import type { SilenceStore } from '../state/silence.ts'
import { Allowances } from './allowances.ts'
import { Digests } from './digests.ts'
import { Dispatcher } from './dispatcher.ts'
import { Heartbeat } from './heartbeat.ts'
import type { Integration } from './notification.ts'
import { Outbox } from './outbox.ts'
import { OwnAlerts, isAbout } from './own-alerts.ts'
import {
  dedupStage,
  escalateStage,
  inhibitStage,
  limitStage,
  muteStage,
  notificationId,
  recordStage,
  selfStage,
  sequenceKey,
  silenceStage,
  waitStage,
} from './stages.ts'
import type { SentRecords, Stage } from './stages.ts'
import { testIntegrations } from './test-notification.ts'
import type { TestRequest, TestResult } from './test-notification.ts'

const installationKey = 'installation'

export interface NotifierOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly journal: Journal
  readonly alerts: AlertStore
  readonly silences: SilenceStore
  readonly externalUrl: string
  /** Makes the way to tell somebody that settings describe. */
  createIntegration(settings: IntegrationSettings): Integration
  /** Whether an attempt may begin: false where another server has taken over. */
  readonly mayAttempt?: () => boolean
}

interface Current {
  readonly configuration: Configuration
  readonly dispatcher: Dispatcher
  readonly heartbeat: Heartbeat
}

/** Everything between the alerts and those who are told of them, under one configuration at a time. */
export class Notifier {
  readonly outbox: Outbox
  readonly acknowledgements: AcknowledgementStore
  readonly #options: NotifierOptions
  readonly #sent: SentRecords = new Map()
  readonly #ownAlerts: OwnAlerts
  /** By receiver and integration; what is used stays so over reloads. */
  readonly #allowances: Allowances
  readonly #digests: Digests
  /** Notes under way: a stop waits for them. */
  readonly #notes = new Set<Promise<void>>()
  #sequence = 0
  #installation = ''
  #current: Current | undefined

  constructor(options: NotifierOptions) {
    this.#options = options
    const { log } = options
    this.acknowledgements = new AcknowledgementStore(options)
    this.#ownAlerts = new OwnAlerts(options)
    this.outbox = new Outbox({
      ...options,
      onAttempt: (notification, delivery, isDone) =>
        this.#inBackground(this.#ownAlerts.note(notification, delivery, isDone), 'an alert about a delivery could not be kept'),
    })
    const number = (lane: string) => this.#number(lane)
    this.#allowances = new Allowances(options.clock)
    this.#digests = new Digests({ ...options, log, number, deliver: (notification) => this.outbox.add(notification) })
  }

  /** Takes over what the disk holds. */
  async restore(snapshot: Snapshot): Promise<void> {
    const installation = snapshot.fact.get(installationKey)?.value
    this.#installation = typeof installation === 'string' ? installation : this.#options.random.uuid()
    if (installation === undefined) {
      await this.#options.journal.commit({ put: [{ table: 'fact', key: installationKey, value: { value: this.#installation } }] })
    }
    const sequences = [...snapshot.notification.values()].map(({ sequence }) => sequence)
    this.#sequence = Math.max(Number(snapshot.fact.get(sequenceKey)?.value ?? 0), ...sequences)
    for (const [lane, record] of snapshot.sent) this.#sent.set(lane, record)
    this.outbox.restore(snapshot.notification.values(), snapshot.thread)
    this.#digests.restore(snapshot.digest)
    this.acknowledgements.restore(snapshot.acknowledgement.values())
  }

  /** Swaps the configuration. What was told stays told, what waits stays waiting. */
  async configure(configuration: Configuration): Promise<void> {
    await this.#stopCurrent()
    this.outbox.use(this.#createIntegrations(configuration))
    const { alerts, clock, log, journal } = this.#options
    const dispatcher = new Dispatcher({
      receivers: configuration.receivers,
      stages: this.#createStages(configuration),
      routesOf: (labels) => routesOf(configuration, labels),
      note: (entries) => this.#inBackground(journal.commit({ entries }), 'the way of an alert could not be noted'),
      alerts,
      sent: this.#sent,
      clock,
      log,
    })
    const heartbeat = new Heartbeat({ clock, log, ownAlerts: this.#ownAlerts, test: (request) => this.test(request) })
    this.#current = { configuration, dispatcher, heartbeat }
    dispatcher.start()
    if (configuration.extensions.heartbeat !== undefined) heartbeat.start(configuration.extensions.heartbeat)
  }

  get configuration(): Configuration {
    return this.#current!.configuration
  }

  get dispatcher(): Dispatcher {
    return this.#current!.dispatcher
  }

  /** Sends a synthetic alert down the ways that alerts take, and tells what happened at each end. */
  test(request: TestRequest): Promise<TestResult[]> {
    const { clock, random, externalUrl } = this.#options
    return testIntegrations(request, { clock, random, externalUrl, configuration: this.configuration, outbox: this.outbox })
  }

  /** What a lane was told last. */
  sentTo(lane: string) {
    return this.#sent.get(lane)
  }

  /** Forgets what groups were told that have been quiet since before `time`, and acknowledgements of alerts that are gone. */
  async prune(time: number): Promise<void> {
    const { journal, alerts } = this.#options
    const sent = this.#sent
    const old = [...sent].filter(([lane, record]) => record.firing.length === 0 && record.at < time && this.outbox.isIdle(lane))
    if (old.length > 0) await journal.commit({ remove: old.map(([lane]) => ({ table: 'sent', key: lane })) })
    for (const [lane, record] of old) if (sent.get(lane) === record) sent.delete(lane)
    const { threads } = this.outbox
    const over = threads.lanes().filter((lane) => !sent.has(lane) && this.outbox.isIdle(lane))
    if (over.length > 0) await journal.commit({ remove: over.map((key) => ({ table: 'thread', key })) })
    threads.forget(over)
    await this.acknowledgements.prune((fingerprint) => alerts.find(fingerprint))
  }

  /** Begins to deliver; the configuration must be there. */
  start(): void {
    this.outbox.start()
  }

  async stop(): Promise<void> {
    await this.#stopCurrent()
    await this.#digests.stop()
    await this.outbox.stop()
    await Promise.all(this.#notes)
  }

  async #stopCurrent(): Promise<void> {
    await this.#current?.heartbeat.stop()
    await this.#current?.dispatcher.stop()
  }

  #number(lane: string): { readonly id: string; readonly sequence: number } {
    const sequence = ++this.#sequence
    return { id: notificationId(this.#installation, lane, sequence), sequence }
  }

  #inBackground(work: Promise<void>, complaint: string): void {
    const noted = work.catch((err: unknown) => this.#options.log.error({ err }, complaint)).finally(() => this.#notes.delete(noted))
    this.#notes.add(noted)
  }

  #createStages(configuration: Configuration): Stage[] {
    const { alerts, silences, journal, externalUrl } = this.#options
    const { outbox, acknowledgements } = this
    const [sent, digests] = [this.#sent, this.#digests]
    const stateful = new Set(named(configuration).flatMap(([name, settings]) => (!isMail(settings) && settings.isStateful ? [name] : [])))
    return [
      waitStage({ outbox }),
      selfStage(),
      inhibitStage({ alerts, rules: configuration.inhibitRules }),
      muteStage({ timeIntervals: configuration.timeIntervals }),
      silenceStage({ silences }),
      escalateStage({ acknowledgements, sent }),
      dedupStage({ sent, acknowledgements, outbox, externalUrl, number: (lane) => this.#number(lane) }),
      limitStage({
        allowances: this.#allowances,
        digests,
        limits: configuration.extensions.rateLimits,
        isStateful: (key) => stateful.has(key),
      }),
      recordStage({ journal, sent, outbox, lastSequence: () => this.#sequence }),
    ]
  }

  /** Every integration of every receiver, by the name that notifications carry. */
  #createIntegrations(configuration: Configuration): Map<string, Integration> {
    return new Map(named(configuration).map(([name, settings]) => [name, this.#options.createIntegration(settings)] as const))
  }
}

/** The settings of every integration, by receiver and name. */
function named(configuration: Configuration): (readonly [string, IntegrationSettings])[] {
  return [...configuration.receivers.values()].flatMap((receiver) =>
    receiver.integrations.map((settings, index) => [`${receiver.name}/${integrationName(receiver, index)}`, settings] as const),
  )
}

/** The ways of an alert: those of the tree, one to the fallback where all of them lead to a receiver that does not work, and escalations. */
function routesOf({ route, extensions }: Configuration, labels: Labels): Route[] {
  const { fallbackReceiver, escalations } = extensions
  const routes = [...routesFor(route, labels)]
  if (fallbackReceiver !== undefined && routes.every(({ receiver }) => isAbout(labels, receiver))) {
    routes.push({ ...route, key: `${route.key}/fallback`, receiver: fallbackReceiver, routes: [] })
  }
  return routes.flatMap((found) => withEscalations(found, escalations))
}
