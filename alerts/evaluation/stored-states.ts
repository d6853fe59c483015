import { alertLabels } from '../rules/rule.ts'
import type { Rule } from '../rules/rule.ts'
import type { Change, EntryDraft, Put, StoredState } from '../state/journal.ts'
import { fingerprintOf, formatLabels, labelsKey } from '../state/labels.ts'
import type { Transition } from './evaluation.plan.ts'
import type { SeriesState } from './series-state.ts'

const heartbeatKey = 'evaluatedAt'

/** Whether the disk would not know something that a restart needs. */
export function mustBeWritten(state: SeriesState, old: SeriesState | undefined): boolean {
  if (old === undefined || state.fingerprint !== old.fingerprint || state.changes !== old.changes) return true
  return old.lastSeenAt === 0 && state.lastSeenAt !== 0
}

/** Whether there is anything to write. */
export function hasContent(change: Required<Change>): boolean {
  return change.put.length + change.remove.length + change.entries.length > 0
}

/** The time of the last evaluation that the disk knows of. */
export function readHeartbeat(facts: ReadonlyMap<string, { readonly value: string | number }>): number | undefined {
  const value = facts.get(heartbeatKey)?.value
  return typeof value === 'number' ? value : undefined
}

/** Notes when rules were last evaluated. */
export function heartbeat(now: number): Change {
  return { put: [{ table: 'fact', key: heartbeatKey, value: { value: now } }] }
}

/** Keeps where a series of a rule stands. */
export function putState(rule: string, state: SeriesState): Put {
  return { table: 'series', key: storedKey({ rule, state }), value: { rule, state } }
}

/** The key of a state on disk. */
export function storedKey({ rule, state }: StoredState): string {
  return `${rule}\0${labelsKey(state.labels)}`
}

/** A line of the journal. */
export function describeTransition(rule: Rule, { state, from, to, reason }: Transition, now: number): EntryDraft {
  const labels = alertLabels(rule, state.labels)
  const value = state.value === undefined ? '' : `, value ${state.value}`
  const text = `${from} → ${to}: ${reason}${value} ${formatLabels(labels)}`
  return { time: now, kind: 'transition', fingerprint: fingerprintOf(labels), alertname: rule.alert, text }
}
