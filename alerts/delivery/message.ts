import { formatDuration } from '../../lib/duration.ts'
import { commonLabels } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import type { TemplateScope } from '../rules/template.ts'
import type { Notification, NotifiedAlert } from './notification.ts'
import { statusOf } from './notification.ts'

/** Go's zero time, which stands for "not set" in Alertmanager's JSON. */
export const zeroTime = '0001-01-01T00:00:00Z'

/** A mail tells so many alerts one by one, the rest as a number. */
const maxListed = 100

/** Alertmanager's webhook payload, version 4. */
export interface WebhookPayload {
  readonly version: '4'
  readonly groupKey: string
  readonly truncatedAlerts: number
  readonly status: 'firing' | 'resolved'
  readonly receiver: string
  readonly groupLabels: Labels
  readonly commonLabels: Labels
  readonly commonAnnotations: Labels
  readonly externalURL: string
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved'
    readonly labels: Labels
    readonly annotations: Labels
    readonly startsAt: string
    readonly endsAt: string
    readonly generatorURL: string
    readonly fingerprint: string
  }[]
}

/** The payload of a notification; with `maxAlerts` above 0 the rest is only counted. */
export function webhookPayload(notification: Notification, maxAlerts: number): WebhookPayload {
  const { alerts } = notification
  const listed = maxAlerts > 0 ? alerts.slice(0, maxAlerts) : alerts
  return {
    receiver: notification.receiver,
    status: statusOf(notification),
    alerts: listed.map((alert) => ({
      status: alert.status,
      labels: alert.labels,
      annotations: alert.annotations,
      startsAt: new Date(alert.startsAt).toISOString(),
      endsAt: alert.endsAt === undefined ? zeroTime : new Date(alert.endsAt).toISOString(),
      generatorURL: alert.generatorUrl,
      fingerprint: alert.fingerprint,
    })),
    groupLabels: notification.groupLabels,
    ...common(notification),
    externalURL: notification.externalUrl,
    version: '4',
    groupKey: notification.groupKey,
    truncatedAlerts: alerts.length - listed.length,
  }
}

/** `[FIRING:2] PodRestarting default (web-1)`: the state, the group's labels, other labels that all alerts share. */
export function defaultSubject(notification: Notification): string {
  const { groupLabels } = notification
  const { commonLabels: shared } = common(notification)
  const firing = notification.alerts.filter((alert) => alert.status === 'firing').length
  const status = firing > 0 ? `[FIRING:${firing}]` : '[RESOLVED]'
  const others = Object.keys(shared)
    .filter((name) => !Object.hasOwn(groupLabels, name))
    .sort()
    .map((name) => shared[name]!)
  const group = Object.keys(groupLabels)
    .sort()
    .map((name) => groupLabels[name]!)
  return [status, ...group, ...(others.length === 0 ? [] : [`(${others.join(' ')})`])].join(' ')
}

/** What a header's template can name. */
export function messageScope(notification: Notification): TemplateScope {
  const { commonLabels: shared, commonAnnotations } = common(notification)
  const texts: Readonly<Record<string, string>> = {
    Status: statusOf(notification),
    Receiver: notification.receiver,
    ExternalURL: notification.externalUrl,
    GroupKey: notification.groupKey,
  }
  const sets: Readonly<Record<string, Labels>> = {
    GroupLabels: notification.groupLabels,
    CommonLabels: shared,
    CommonAnnotations: commonAnnotations,
  }
  return {
    lookup: ([root, first, second]) => {
      if (root !== '' || first === undefined) return undefined
      if (second === undefined) return Object.hasOwn(texts, first) ? texts[first] : undefined
      const set = Object.hasOwn(sets, first) ? sets[first]! : {}
      return Object.hasOwn(set, second) ? set[second] : undefined
    },
  }
}

/** The mail as plain text. */
export function textBody(notification: Notification): string {
  const sections = listByStatus(notification).map(({ title, alerts }) => [title, ...alerts.map(describeAsText)].join('\n\n'))
  return [...sections, ...omission(notification), footer(notification), ''].join('\n\n')
}

/** The mail as HTML without anything to fetch. */
export function htmlBody(notification: Notification): string {
  const sections = listByStatus(notification).map(({ title, colour, alerts }) => {
    const heading = `<h2 style="color:${colour};font-size:16px;margin:16px 0 8px">${escapeHtml(title)}</h2>`
    return heading + alerts.map(describeAsHtml).join('')
  })
  const rest = [...omission(notification), footer(notification)].map(
    (line) => `<p style="color:#666;font-size:12px">${escapeHtml(line)}</p>`,
  )
  const body = [...sections, ...rest].join('\n')
  return `<!doctype html><html><head><meta charset="utf-8"></head><body style="font-family:sans-serif;font-size:14px">${body}</body></html>`
}

/** Text that shows as itself inside HTML. */
function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!)
}

function common(notification: Notification): { commonLabels: Labels; commonAnnotations: Labels } {
  return {
    commonLabels: commonLabels(notification.alerts.map((alert) => alert.labels)),
    commonAnnotations: commonLabels(notification.alerts.map((alert) => alert.annotations)),
  }
}

function listByStatus(notification: Notification): { title: string; colour: string; alerts: readonly NotifiedAlert[] }[] {
  const listed = notification.alerts.slice(0, maxListed)
  const parts = [
    { status: 'firing', word: 'Firing', colour: '#b3261e' },
    { status: 'resolved', word: 'Resolved', colour: '#1b7f3b' },
  ] as const
  return parts.flatMap(({ status, word, colour }) => {
    const alerts = listed.filter((alert) => alert.status === status)
    const count = notification.alerts.filter((alert) => alert.status === status).length
    return alerts.length === 0 ? [] : [{ title: `${word} (${count})`, colour, alerts }]
  })
}

function omission(notification: Notification): string[] {
  const rest = notification.alerts.length - maxListed
  return rest > 0 ? [`and ${rest} more`] : []
}

function footer(notification: Notification): string {
  return `Sent to ${notification.receiver} by Binnacle ${notification.externalUrl} (${notification.id})`
}

function describeAsText(alert: NotifiedAlert): string {
  const pairs = (title: string, set: Labels) =>
    isEmpty(set) ? [] : [title, ...entriesOf(set).map(([name, value]) => `  ${name}: ${value}`)]
  return [...pairs('Labels', alert.labels), ...pairs('Annotations', alert.annotations), describeSpan(alert)].join('\n')
}

function describeAsHtml(alert: NotifiedAlert): string {
  const rows = [...entriesOf(alert.labels), ...entriesOf(alert.annotations)]
    .map(([name, value]) => `<tr><td style="color:#666;padding-right:12px">${escapeHtml(name)}</td><td>${escapeHtml(value)}</td></tr>`)
    .join('')
  return `<table style="margin-bottom:12px">${rows}<tr><td colspan="2" style="color:#666">${escapeHtml(describeSpan(alert))}</td></tr></table>`
}

function describeSpan(alert: NotifiedAlert): string {
  const since = new Date(alert.startsAt).toISOString()
  if (alert.endsAt === undefined) return `Firing since ${since}`
  return `From ${since} to ${new Date(alert.endsAt).toISOString()} (${formatDuration(Math.max(alert.endsAt - alert.startsAt, 0))})`
}

function entriesOf(set: Labels): [string, string][] {
  return Object.entries(set).sort(([left], [right]) => (left < right ? -1 : 1))
}

function isEmpty(set: Labels): boolean {
  return Object.keys(set).length === 0
}
