import { createInhibitor } from '../routing/inhibition.ts'
import { integrationName } from '../routing/receiver.ts'
import { isInside } from '../routing/time-interval.ts'
import type { Alert } from '../state/alert.ts'
import { isResolved } from '../state/alert.ts'
import { formatLabels } from '../state/labels.ts'
import type { AlertGroup } from '../delivery/dispatcher.ts'
import { formatTime } from './body.ts'
import type { ApiContext } from './server.ts'

const maxAlerts = 50

/** Where each alert of this name or fingerprint stands now, step by step: why somebody was told, will be, or will not. */
export function explain(context: ApiContext, alert: string): string[] {
  const found = context.alerts.list().filter(({ fingerprint, labels }) => fingerprint === alert || labels['alertname'] === alert)
  if (found.length === 0) return ['no such alert fires, and none that is over is still to be told']
  const groups = context.notifier.dispatcher.groups()
  return found.slice(0, maxAlerts).flatMap((one) => explainOne(context, one, groups))
}

function explainOne(context: ApiContext, alert: Alert, groups: readonly AlertGroup[]): string[] {
  const now = context.clock.now()
  const state = isResolved(alert, now) ? `is over since ${formatTime(alert.endsAt!)}` : `fires since ${formatTime(alert.startsAt)}`
  const acknowledgement = context.notifier.acknowledgements.find(alert)
  const taken =
    acknowledgement === undefined ? [] : [`acknowledged by ${acknowledgement.by || 'somebody'} at ${formatTime(acknowledgement.at)}`]
  const own = groups.filter((group) => group.fingerprints.has(alert.fingerprint))
  return [
    `${formatLabels(alert.labels)} ${state}`,
    ...taken,
    ...suppressions(context, alert),
    ...own.flatMap((group) => explainGroup(context, alert, group)),
  ]
}

function suppressions(context: ApiContext, alert: Alert): string[] {
  const now = context.clock.now()
  const inhibitedBy = createInhibitor(context.notifier.configuration.inhibitRules, context.alerts.list(), now).inhibiting(alert)
  const silencedBy = context.silences.silencing(alert.labels, now)
  return [
    ...(inhibitedBy.length > 0 ? [`inhibited by ${inhibitedBy.join(', ')}`] : []),
    ...silencedBy.map((id) => `silenced by ${id} until ${formatTime(context.silences.find(id)!.endsAt)}`),
  ]
}

function explainGroup(context: ApiContext, alert: Alert, group: AlertGroup): string[] {
  const { notifier, clock } = context
  const now = clock.now()
  const { route, key } = group
  const { timeIntervals, receivers } = notifier.configuration
  const isIn = (name: string) => isInside(timeIntervals.get(name) ?? { name, members: [] }, now)
  const muting = route.muteIntervals.filter(isIn)
  const isIdle = route.activeIntervals.length > 0 && !route.activeIntervals.some(isIn)
  const receiver = receivers.get(route.receiver)!
  const integrations = receiver.integrations.map((_, index) => integrationName(receiver, index))
  return [
    `route ${route.key} → receiver ${route.receiver}, group ${key}, looked at again at ${formatTime(group.nextFlushAt)}`,
    ...(muting.length > 0 ? [`  muted by time interval ${muting.join(', ')}`] : []),
    ...(isIdle ? [`  muted: not in ${route.activeIntervals.join(', ')}`] : []),
    ...(integrations.length === 0 ? ['  the receiver has no integration: nobody is told'] : []),
    ...integrations.flatMap((integration) => explainLane(context, alert, group, integration)),
  ]
}

function explainLane({ notifier, clock }: ApiContext, alert: Alert, group: AlertGroup, integration: string): string[] {
  const lane = [group.key, group.route.receiver, integration].join('\0')
  const sent = notifier.sentTo(lane)
  const place = `  ${group.route.receiver}/${integration}:`
  const waiting = notifier.outbox.waiting(lane).map(({ id, attempts, notBefore, alerts }) => {
    const isIn = alerts.some(({ fingerprint }) => fingerprint === alert.fingerprint)
    const next = notBefore > clock.now() ? `next attempt at ${formatTime(notBefore)}` : 'being delivered'
    return `${place} notification ${id}${isIn ? '' : ' (of others)'} waits after ${attempts} attempts, ${next}`
  })
  if (sent === undefined) return [`${place} not told anything yet`, ...waiting]
  const isTold = sent.firing.includes(alert.fingerprint)
  const wasOver = sent.resolved.includes(alert.fingerprint)
  const told = isTold ? 'told that it fires' : wasOver ? 'told that it is over' : 'not told of it yet'
  return [`${place} ${told}; the group was last told at ${formatTime(sent.at)}`, ...waiting]
}
