import type { Clock, Timer } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { EntryDraft } from '../state/journal.ts'
import { groupKey, groupLabels } from '../routing/route.ts'
import type { Route } from '../routing/route.ts'
import type { Receiver } from '../routing/receiver.ts'
import { integrationName } from '../routing/receiver.ts'
import type { Alert } from '../state/alert.ts'
import { isResolved } from '../state/alert.ts'
import type { AlertStore } from '../state/alert-store.ts'
import type { Labels } from '../state/labels.ts'
import { runStages } from './stages.ts'
import type { SentRecords, Stage } from './stages.ts'

export interface DispatcherOptions {
  readonly receivers: ReadonlyMap<string, Receiver>
  readonly stages: readonly Stage[]
  /** The routes that an alert takes: those of the tree, and what follows from them. */
  readonly routesOf: (labels: Labels) => readonly Route[]
  /** Takes what there is to say about the ways of alerts. */
  readonly note: (entries: readonly EntryDraft[]) => void
  readonly alerts: AlertStore
  readonly sent: SentRecords
  readonly clock: Clock
  readonly log: Log
}

/** Alerts that are told together. */
export interface AlertGroup {
  readonly key: string
  readonly route: Route
  readonly labels: Labels
  readonly fingerprints: ReadonlySet<string>
  /** When it is looked at next. */
  readonly nextFlushAt: number
}

interface Group extends AlertGroup {
  readonly fingerprints: Set<string>
  hasFlushed: boolean
  timer: Timer | undefined
  nextFlushAt: number
}

/**
 * Sorts alerts into groups by the routing tree and sends each group through the stages: first after `group_wait`, then every
 * `group_interval` as long as it has alerts. An alert that is over stays in its groups until they have told it.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #groups = new Map<string, Group>()
  /** In how many groups an alert is. */
  readonly #memberships = new Map<string, number>()
  readonly #flushing = new Set<Promise<void>>()
  #unsubscribe: () => void = () => {}
  #isStopped = false

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /** Sorts in what there is, and from then on whatever changes. */
  start(): void {
    this.#unsubscribe = this.#options.alerts.onChange((alerts) => {
      const entries = alerts.flatMap((alert) => this.#sort(alert))
      if (entries.length > 0) this.#options.note(entries)
    })
    for (const alert of this.#options.alerts.list()) this.#sort(alert)
  }

  /** Ends all timers and waits for flushes under way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#unsubscribe()
    for (const group of this.#groups.values()) group.timer?.cancel()
    await Promise.all(this.#flushing)
  }

  groups(): readonly AlertGroup[] {
    return [...this.#groups.values()]
  }

  /** Names of the receivers that an alert goes to. */
  receiversOf(labels: Labels): string[] {
    const routes = this.#options.routesOf(labels).filter((route) => route.escalatesAfterMs === undefined)
    return [...new Set(routes.map((route) => route.receiver))]
  }

  /** Puts an alert into its groups, and says so where it is new to one. */
  #sort(alert: Alert): EntryDraft[] {
    return this.#options.routesOf(alert.labels).flatMap((route) => {
      const labels = groupLabels(route, alert.labels)
      const key = groupKey(route, labels)
      const id = `${key}\0${route.receiver}`
      const known = this.#groups.get(id)
      const isNew = known?.fingerprints.has(alert.fingerprint) !== true
      const group = known ?? { key, route, labels, fingerprints: new Set(), hasFlushed: false, timer: undefined, nextFlushAt: 0 }
      if (known === undefined) this.#open(id, group, alert)
      else this.#join(id, group, alert)
      return isNew ? [describeEntry(group, alert, this.#options.clock.now())] : []
    })
  }

  #open(id: string, group: Group, alert: Alert): void {
    const { clock, sent } = this.#options
    this.#groups.set(id, group)
    this.#enter(group, alert)
    const told = this.#lanes(group).map((lane) => sent.get(lane.key)?.at ?? 0)
    const isToldEverywhere = told.length > 0 && told.every((at) => at > 0)
    const lastTold = Math.max(0, ...told)
    const now = clock.now()
    // A group that was told before a restart goes on in its rhythm, unless the restart came before all of its integrations had their turn; one
    // whose alert has waited long enough elsewhere need not wait again.
    const waitMs =
      isToldEverywhere && now - lastTold < group.route.groupIntervalMs
        ? lastTold + group.route.groupIntervalMs - now
        : alert.startsAt + group.route.groupWaitMs - now
    this.#schedule(id, group, Math.min(Math.max(waitMs, 0), Math.max(group.route.groupWaitMs, group.route.groupIntervalMs)))
  }

  #join(id: string, group: Group, alert: Alert): void {
    const { clock } = this.#options
    this.#enter(group, alert)
    if (group.hasFlushed || alert.startsAt + group.route.groupWaitMs > clock.now()) return
    group.hasFlushed = true
    this.#schedule(id, group, 0)
  }

  #enter(group: Group, { fingerprint }: Alert): void {
    if (group.fingerprints.has(fingerprint)) return
    group.fingerprints.add(fingerprint)
    this.#memberships.set(fingerprint, (this.#memberships.get(fingerprint) ?? 0) + 1)
  }

  #schedule(id: string, group: Group, ms: number): void {
    group.timer?.cancel()
    group.nextFlushAt = this.#options.clock.now() + ms
    group.timer = this.#options.clock.setTimer(ms, () => {
      const flush = this.#flush(id, group).finally(() => this.#flushing.delete(flush))
      this.#flushing.add(flush)
    })
  }

  async #flush(id: string, group: Group): Promise<void> {
    const { alerts, clock, log } = this.#options
    group.hasFlushed = true
    const startedAt = clock.now()
    const members = [...group.fingerprints].flatMap((fingerprint) => alerts.find(fingerprint) ?? [])
    try {
      if (await this.#tell(group, members, startedAt)) await this.#leave(group, members, startedAt)
    } catch (err) {
      log.error({ err, group: group.key }, 'group could not be told; trying again at its next interval')
    }
    if (this.#isStopped) return
    if (group.fingerprints.size === 0) this.#groups.delete(id)
    else this.#schedule(id, group, Math.max(group.route.groupIntervalMs - (clock.now() - startedAt), 0))
  }

  /** Whether every integration of the receiver has decided. */
  async #tell(group: Group, members: readonly Alert[], now: number): Promise<boolean> {
    const { stages } = this.#options
    const { route, key, labels } = group
    const base = { route, groupKey: key, groupLabels: labels, receiver: route.receiver, alerts: members, now, notes: [] }
    const from = route.escalatesFrom
    const originLanes = from === undefined ? [] : this.#lanes({ key: groupKey(from, labels), route: from })
    const runs = this.#lanes(group).map(({ key: lane, kind, integration, sendResolved }) => {
      const origins = kind === 'email' ? originLanes.filter((origin) => origin.kind === kind).map((origin) => origin.key) : []
      return runStages(stages, { ...base, lane, origins, integration, sendResolved })
    })
    const results = await Promise.allSettled(runs)
    const failure = results.find((result) => result.status === 'rejected')
    if (failure !== undefined) throw failure.reason
    return results.every((result) => result.status === 'fulfilled' && result.value)
  }

  /** Takes out alerts that were over when the group was told, and drops those that no group needs any more. */
  async #leave(group: Group, members: readonly Alert[], now: number): Promise<void> {
    const { alerts } = this.#options
    const over = members.filter((alert) => isResolved(alert, now) && alerts.find(alert.fingerprint)?.updatedAt === alert.updatedAt)
    for (const { fingerprint } of over) {
      group.fingerprints.delete(fingerprint)
      const rest = this.#memberships.get(fingerprint)! - 1
      if (rest > 0) this.#memberships.set(fingerprint, rest)
      else this.#memberships.delete(fingerprint)
    }
    await alerts.remove(over.filter((alert) => !this.#memberships.has(alert.fingerprint)))
  }

  #lanes(group: Pick<AlertGroup, 'key' | 'route'>): { key: string; kind: string; integration: string; sendResolved: boolean }[] {
    const receiver = this.#options.receivers.get(group.route.receiver)!
    return receiver.integrations.map((settings, index) => {
      const integration = integrationName(receiver, index)
      const { kind, sendResolved } = settings
      return { key: [group.key, receiver.name, integration].join('\0'), kind, integration, sendResolved }
    })
  }
}

/** Which way an alert took, and until when it waits. */
function describeEntry(group: AlertGroup, alert: Alert, now: number): EntryDraft {
  const { route, key, nextFlushAt } = group
  const way =
    route.escalatesAfterMs === undefined
      ? `matched route ${route.key}`
      : `told further after ${formatDuration(route.escalatesAfterMs)} without acknowledgement`
  const text = `${way}, receiver ${route.receiver}, group ${key}, waiting until ${new Date(nextFlushAt).toISOString()}`
  const { fingerprint, labels } = alert
  return { time: now, kind: 'grouped', fingerprint, alertname: labels['alertname'] ?? '', receiver: route.receiver, text }
}
