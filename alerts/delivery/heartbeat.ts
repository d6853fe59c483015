import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { OwnAlerts } from './own-alerts.ts'
import type { TestRequest, TestResult } from './test-notification.ts'

export interface HeartbeatOptions {
  readonly clock: Clock
  readonly log: Log
  readonly ownAlerts: OwnAlerts
  readonly test: (request: TestRequest) => Promise<readonly TestResult[]>
}

/** Tells receivers again and again that all is well, and raises an alert where that does not arrive. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #abort = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  start(settings: { readonly intervalMs: number; readonly receivers: readonly string[] }): void {
    this.#running = this.#run(settings)
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#running
  }

  async #run({ intervalMs, receivers }: { readonly intervalMs: number; readonly receivers: readonly string[] }): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#abort
    while (!signal.aborted) {
      await clock.sleep(intervalMs, signal)
      for (const receiver of signal.aborted ? [] : receivers) {
        await this.#beat(receiver).catch((err: unknown) => log.error({ err, receiver }, 'the heartbeat could not be sent'))
      }
    }
  }

  async #beat(receiver: string): Promise<void> {
    const { test, ownAlerts } = this.#options
    for (const result of await test({ receiver, alertname: 'NotificationHeartbeat', summary: 'Notifications arrive.' })) {
      const about = { receiver: result.receiver, integration: result.integration }
      if (result.outcome === 'delivered') await ownAlerts.clear('NotificationHeartbeatFailed', about)
      else await ownAlerts.raise('NotificationHeartbeatFailed', about, `The heartbeat did not arrive: ${result.detail}`)
    }
  }
}
