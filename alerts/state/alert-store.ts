import type { Alert } from './alert.ts'
import { mergeChanges } from './journal.ts'
import type { Change, Journal } from './journal.ts'

/** More alerts than this at once are refused: whoever posts them is told. */
const maxAlerts = 100_000

/** Thrown when there is no room for further alerts. */
export class AlertLimitError extends Error {
  readonly code = 'EALERTLIMIT'
}

/** The alerts that are firing, or over but not yet told to every group. On disk before anybody sees a change. */
export class AlertStore {
  readonly #journal: Journal
  readonly #alerts = new Map<string, Alert>()
  readonly #listeners = new Set<(alerts: readonly Alert[]) => void>()
  /** How many writes of an alert are under way. */
  readonly #writing = new Map<string, number>()
  #version = 0

  constructor(options: { readonly journal: Journal }) {
    this.#journal = options.journal
  }

  /** Takes over what the disk holds. */
  restore(alerts: Iterable<Alert>): void {
    for (const alert of alerts) this.#alerts.set(alert.fingerprint, alert)
    this.#version++
  }

  /** Grows with every change: caches of what follows from the alerts compare it. */
  get version(): number {
    return this.#version
  }

  find(fingerprint: string): Alert | undefined {
    return this.#alerts.get(fingerprint)
  }

  list(): Alert[] {
    return [...this.#alerts.values()]
  }

  /** Writes alerts together with `more`; then they are visible, and listeners are told. */
  async put(alerts: readonly Alert[], more: Change = {}): Promise<void> {
    const added = alerts.filter((alert) => !this.#alerts.has(alert.fingerprint)).length
    if (added > 0 && this.#alerts.size + added > maxAlerts) throw new AlertLimitError(`there are ${this.#alerts.size} alerts already`)
    for (const { fingerprint } of alerts) this.#writing.set(fingerprint, (this.#writing.get(fingerprint) ?? 0) + 1)
    try {
      await this.#journal.commit(mergeChanges({ put: alerts.map((value) => ({ table: 'alert', key: value.fingerprint, value })) }, more))
    } finally {
      for (const { fingerprint } of alerts) this.#writing.set(fingerprint, this.#writing.get(fingerprint)! - 1)
      for (const { fingerprint } of alerts) if (this.#isSettled(fingerprint)) this.#writing.delete(fingerprint)
    }
    if (alerts.length === 0) return
    for (const alert of alerts) this.#alerts.set(alert.fingerprint, alert)
    this.#version++
    for (const listener of this.#listeners) listener(alerts)
  }

  /** Shows newer annotations without a write: they are kept with the next transition and with each notification. */
  refreshAnnotations(fingerprint: string, annotations: Alert['annotations']): void {
    const alert = this.#alerts.get(fingerprint)
    if (alert !== undefined) this.#alerts.set(fingerprint, { ...alert, annotations })
  }

  /** Drops alerts that have not changed since they were read and are not being changed. */
  async remove(alerts: readonly Alert[]): Promise<void> {
    const current = alerts.filter(
      ({ fingerprint, updatedAt }) => this.#isSettled(fingerprint) && this.find(fingerprint)?.updatedAt === updatedAt,
    )
    if (current.length === 0) return
    await this.#journal.commit({ remove: current.map((alert) => ({ table: 'alert', key: alert.fingerprint })) })
    for (const { fingerprint, updatedAt } of current) {
      if (this.find(fingerprint)?.updatedAt === updatedAt) this.#alerts.delete(fingerprint)
    }
    this.#version++
  }

  /** Called after each write. Returns the unsubscriber. */
  onChange(listener: (alerts: readonly Alert[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #isSettled(fingerprint: string): boolean {
    return (this.#writing.get(fingerprint) ?? 0) === 0
  }
}
