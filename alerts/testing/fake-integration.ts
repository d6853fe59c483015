import { compareText } from '../state/labels.ts'
import type { Delivery, Integration, Notification } from '../delivery/notification.ts'

/** A receiver that notes what it is told, and answers what a test wants. */
export class FakeIntegration implements Integration {
  readonly kind = 'webhook'
  readonly sendResolved: boolean
  readonly told: Notification[] = []
  readonly #answers: (Delivery | 'hang')[] = []

  constructor(sendResolved = true) {
    this.sendResolved = sendResolved
  }

  /** The next attempts end like this; those after them are delivered. */
  answerWith(...answers: readonly (Delivery | 'hang')[]): void {
    this.#answers.push(...answers)
  }

  /** What was told, one line per attempt: `firing a,b; resolved c`. */
  get lines(): string[] {
    return this.told.map(({ alerts }) =>
      ['firing', 'resolved']
        .map(
          (status) =>
            [
              status,
              alerts.filter((alert) => alert.status === status).map(({ labels }) => labels['pod'] ?? labels['alertname'] ?? ''),
            ] as const,
        )
        .filter(([, names]) => names.length > 0)
        .map(([status, names]) => `${status} ${names.sort(compareText).join(',')}`)
        .join('; '),
    )
  }

  send(notification: Notification, signal: AbortSignal): Promise<Delivery> {
    this.told.push(notification)
    const answer = this.#answers.shift() ?? { outcome: 'delivered', detail: 'ok' }
    if (answer !== 'hang') return Promise.resolve(answer)
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
    })
  }

  close(): void {}
}
