import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { Configuration } from '../routing/configuration.ts'
import { integrationName } from '../routing/receiver.ts'
import type { IntegrationSettings } from '../routing/receiver.ts'
import type { AlertStore } from '../state/alert-store.ts'
import type { Journal, Snapshot } from '../state/journal.ts'
import type { SilenceStore } from '../state/silence.ts'
import { Dispatcher } from './dispatcher.ts'
import type { Integration } from './notification.ts'
import { Outbox } from './outbox.ts'
import { dedupStage, inhibitStage, muteStage, recordStage, sequenceKey, silenceStage, waitStage } from './stages.ts'
import type { SentRecords } from './stages.ts'

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
}

/** Everything between the alerts and those who are told of them, under one configuration at a time. */
export class Notifier {
  readonly outbox: Outbox
  readonly #options: NotifierOptions
  readonly #sent: SentRecords = new Map()
  #sequence = 0
  #installation = ''
  #current: { readonly configuration: Configuration; readonly dispatcher: Dispatcher } | undefined

  constructor(options: NotifierOptions) {
    this.#options = options
    this.outbox = new Outbox(options)
  }

  /** Takes over what the disk holds. */
  async restore(snapshot: Snapshot): Promise<void> {
    const installation = snapshot.fact.get(installationKey)?.value
    this.#installation = typeof installation === 'string' ? installation : this.#options.random.uuid()
    if (installation === undefined) {
      await this.#options.journal.commit({ put: [{ table: 'fact', key: installationKey, value: { value: this.#installation } }] })
    }
    this.#sequence = Number(snapshot.fact.get(sequenceKey)?.value ?? 0)
    for (const [lane, record] of snapshot.sent) this.#sent.set(lane, record)
    this.outbox.restore(snapshot.notification.values())
  }

  /** Swaps the configuration. What was told stays told, what waits stays waiting. */
  async configure(configuration: Configuration): Promise<void> {
    await this.#current?.dispatcher.stop()
    this.outbox.use(this.#createIntegrations(configuration))
    const { alerts, clock, log } = this.#options
    const { route, receivers } = configuration
    const dispatcher = new Dispatcher({ route, receivers, stages: this.#createStages(configuration), alerts, sent: this.#sent, clock, log })
    this.#current = { configuration, dispatcher }
    dispatcher.start()
  }

  get configuration(): Configuration {
    return this.#current!.configuration
  }

  get dispatcher(): Dispatcher {
    return this.#current!.dispatcher
  }

  /** Forgets what groups were told that have been quiet since before `time`. */
  async prune(time: number): Promise<void> {
    const sent = this.#sent
    const old = [...sent].filter(([lane, record]) => record.firing.length === 0 && record.at < time && this.outbox.isIdle(lane))
    if (old.length > 0) await this.#options.journal.commit({ remove: old.map(([lane]) => ({ table: 'sent', key: lane })) })
    for (const [lane, record] of old) if (sent.get(lane) === record) sent.delete(lane)
  }

  /** Begins to deliver; the configuration must be there. */
  start(): void {
    this.outbox.start()
  }

  async stop(): Promise<void> {
    await this.#current?.dispatcher.stop()
    await this.outbox.stop()
  }

  #createStages(configuration: Configuration) {
    const { alerts, silences, journal, externalUrl } = this.#options
    const [outbox, sent, installation] = [this.outbox, this.#sent, this.#installation]
    return [
      waitStage({ outbox }),
      inhibitStage({ alerts, rules: configuration.inhibitRules }),
      muteStage({ timeIntervals: configuration.timeIntervals }),
      silenceStage({ silences }),
      dedupStage({ sent, outbox, externalUrl, installation, nextSequence: () => ++this.#sequence }),
      recordStage({ journal, sent, outbox, lastSequence: () => this.#sequence }),
    ]
  }

  /** Every integration of every receiver, by the name that notifications carry. */
  #createIntegrations(configuration: Configuration): Map<string, Integration> {
    const named = [...configuration.receivers.values()].flatMap((receiver) =>
      receiver.integrations.map((settings, index) => {
        const name = `${receiver.name}/${integrationName(receiver, index)}`
        return [name, this.#options.createIntegration(settings)] as const
      }),
    )
    return new Map(named)
  }
}
