import type { Labels } from './labels.ts'

/**
 * An alert as the notification side knows it, made by a rule or posted to the API. Times are milliseconds since the epoch.
 * It is firing until `endsAt`; without one it fires until its rule says otherwise.
 */
export interface Alert {
  readonly fingerprint: string
  readonly labels: Labels
  readonly annotations: Labels
  readonly startsAt: number
  readonly endsAt?: number
  readonly updatedAt: number
  readonly generatorUrl?: string
  /** `rule` alerts end only when their rule resolves them; `api` alerts also by the passing of `endsAt`. */
  readonly source: 'rule' | 'api'
}

/** Whether the alert is over at `now`. */
export function isResolved(alert: Alert, now: number): boolean {
  return alert.endsAt !== undefined && alert.endsAt <= now
}
