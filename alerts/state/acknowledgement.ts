import type { Clock } from '../../lib/clock.ts'
import type { Alert } from './alert.ts'
import type { Journal } from './journal.ts'

/** Somebody has taken an alert on. It holds for this time that the alert fires, not for the next one. */
export interface Acknowledgement {
  readonly fingerprint: string
  /** The beginning of the alert that it is for. */
  readonly startsAt: number
  readonly by: string
  readonly comment: string
  readonly at: number
}

/** Who has acknowledged what, on disk before it counts. */
export class AcknowledgementStore {
  readonly #clock: Clock
  readonly #journal: Journal
  readonly #known = new Map<string, Acknowledgement>()

  constructor(options: { readonly clock: Clock; readonly journal: Journal }) {
    this.#clock = options.clock
    this.#journal = options.journal
  }

  /** Takes over what the disk holds. */
  restore(acknowledgements: Iterable<Acknowledgement>): void {
    for (const acknowledgement of acknowledgements) this.#known.set(acknowledgement.fingerprint, acknowledgement)
  }

  list(): Acknowledgement[] {
    return [...this.#known.values()]
  }

  /** The acknowledgement of an alert as it fires now. */
  find(alert: Pick<Alert, 'fingerprint' | 'startsAt'>): Acknowledgement | undefined {
    const known = this.#known.get(alert.fingerprint)
    return known?.startsAt === alert.startsAt ? known : undefined
  }

  async acknowledge(alert: Alert, by: string, comment: string): Promise<Acknowledgement> {
    const { fingerprint, startsAt } = alert
    const value = { fingerprint, startsAt, by, comment, at: this.#clock.now() }
    const text = `acknowledged by ${by === '' ? 'somebody' : by}${comment === '' ? '' : `: ${comment}`}`
    await this.#journal.commit({ put: [{ table: 'acknowledgement', key: fingerprint, value }], entries: [this.#entry(alert, text)] })
    this.#known.set(fingerprint, value)
    return value
  }

  /** Whether there was one to withdraw. */
  async withdraw(alert: Alert): Promise<boolean> {
    if (this.find(alert) === undefined) return false
    const change = {
      remove: [{ table: 'acknowledgement' as const, key: alert.fingerprint }],
      entries: [this.#entry(alert, 'acknowledgement withdrawn')],
    }
    await this.#journal.commit(change)
    this.#known.delete(alert.fingerprint)
    return true
  }

  /** Forgets those whose alert is gone, or fires anew. */
  async prune(find: (fingerprint: string) => Alert | undefined): Promise<void> {
    const old = this.list().filter(({ fingerprint, startsAt }) => find(fingerprint)?.startsAt !== startsAt)
    if (old.length === 0) return
    await this.#journal.commit({ remove: old.map(({ fingerprint }) => ({ table: 'acknowledgement', key: fingerprint })) })
    for (const { fingerprint } of old) this.#known.delete(fingerprint)
  }

  #entry({ fingerprint, labels }: Alert, text: string) {
    return { time: this.#clock.now(), kind: 'acknowledged' as const, fingerprint, alertname: labels['alertname'] ?? '', text }
  }
}
