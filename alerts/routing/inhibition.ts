import type { Alert } from '../state/alert.ts'
import { isResolved } from '../state/alert.ts'
import { matchesAll } from './matcher.ts'
import type { Matcher } from './matcher.ts'

/** Firing alerts that match `source` mute those that match `target` and have the same values of the labels in `equal`. */
export interface InhibitRule {
  readonly source: readonly Matcher[]
  readonly target: readonly Matcher[]
  readonly equal: readonly string[]
}

interface RuleIndex {
  readonly rule: InhibitRule
  readonly sources: ReadonlyMap<string, readonly Alert[]>
}

/** Who mutes whom among a set of alerts at one moment. */
export interface Inhibitor {
  /** Fingerprints of the alerts that mute this one, sorted. */
  inhibiting(alert: Pick<Alert, 'labels' | 'fingerprint'>): string[]
}

/**
 * Indexes the firing sources by the values of the `equal` labels. A label that is missing on both sides is equal. An alert that matches both
 * sides of a rule is not muted by others that do so too, so that two of a kind cannot silence each other.
 */
export function createInhibitor(rules: readonly InhibitRule[], alerts: readonly Alert[], now: number): Inhibitor {
  const firing = rules.length === 0 ? [] : alerts.filter((alert) => !isResolved(alert, now))
  const indexes = rules.map((rule): RuleIndex => {
    const sources = firing.filter((alert) => matchesAll(rule.source, alert.labels))
    return { rule, sources: Map.groupBy(sources, (alert) => equalKey(rule, alert)) }
  })
  return {
    inhibiting: (alert) => {
      const found = indexes.flatMap(({ rule, sources }) => {
        if (!matchesAll(rule.target, alert.labels)) return []
        const isOnBothSides = matchesAll(rule.source, alert.labels)
        return (sources.get(equalKey(rule, alert)) ?? [])
          .filter((source) => source.fingerprint !== alert.fingerprint && !(isOnBothSides && matchesAll(rule.target, source.labels)))
          .map((source) => source.fingerprint)
      })
      return [...new Set(found)].sort()
    },
  }
}

function equalKey(rule: InhibitRule, alert: Pick<Alert, 'labels'>): string {
  return JSON.stringify(rule.equal.map((name) => alert.labels[name] ?? ''))
}
