import type { FastifyInstance } from 'fastify'
import { createInhibitor } from '../routing/inhibition.ts'
import type { Inhibitor } from '../routing/inhibition.ts'
import { matchesAll } from '../routing/matcher.ts'
import type { Matcher } from '../routing/matcher.ts'
import type { Alert } from '../state/alert.ts'
import { isResolved } from '../state/alert.ts'
import { AlertLimitError } from '../state/alert-store.ts'
import type { EntryDraft } from '../state/journal.ts'
import { compareText, fingerprintOf, formatLabels, labelNamePattern } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import { ApiError } from './api-error.ts'
import { formatTime, readList, readObject, readText, readTexts, readTime } from './body.ts'
import { readFilters, readFlag, readReceiverFilter } from './query.ts'
import type { Query } from './query.ts'
import type { ApiContext } from './server.ts'

/** Longer values are not taken: every matcher and every key has to read them. */
const maxLabelLength = 16_384
const maxNameLength = 1024
const maxLabels = 500
/** What is wrong with further ones of a batch is only counted. */
const maxProblems = 20

/** An alert as API v2 shows it. */
interface ShownAlert {
  readonly labels: Labels
  readonly annotations: Labels
  readonly startsAt: string
  readonly endsAt: string
  readonly updatedAt: string
  readonly fingerprint: string
  readonly receivers: readonly { readonly name: string }[]
  readonly status: {
    readonly state: 'active' | 'suppressed'
    readonly silencedBy: readonly string[]
    readonly inhibitedBy: readonly string[]
  }
  readonly generatorURL?: string
}

interface AlertFilter {
  readonly matchers: readonly Matcher[]
  readonly active: boolean
  readonly silenced: boolean
  readonly inhibited: boolean
  hasReceiver(names: readonly string[]): boolean
}

/** `/api/v2/alerts` and `/api/v2/alerts/groups`. */
export function serveAlerts(server: FastifyInstance, context: ApiContext): void {
  server.get('/api/v2/alerts', (request) => {
    const filter = readFilter(request.query as Query)
    const view = createView(context)
    return context.alerts
      .list()
      .flatMap((alert) => view(alert, filter) ?? [])
      .sort(byFingerprint)
  })
  server.get('/api/v2/alerts/groups', (request) => {
    const filter = readFilter(request.query as Query)
    const view = createView(context)
    const groups = context.notifier.dispatcher.groups().flatMap((group) => {
      if (!filter.hasReceiver([group.route.receiver])) return []
      const alerts = [...group.fingerprints].flatMap((fingerprint) => context.alerts.find(fingerprint) ?? [])
      const shown = alerts.flatMap((alert) => view(alert, filter) ?? []).sort(byFingerprint)
      return shown.length === 0 ? [] : [{ labels: group.labels, receiver: { name: group.route.receiver }, alerts: shown }]
    })
    return groups.sort((left, right) => compareText(formatLabels(left.labels), formatLabels(right.labels)))
  })
  server.post('/api/v2/alerts', async (request, reply) => {
    const now = context.clock.now()
    const problems: string[] = []
    const received = readList(request.body, 'alerts').flatMap((item, index) => {
      try {
        return [readAlert(item, context.notifier.configuration.resolveTimeoutMs, now)]
      } catch (err) {
        if (!(err instanceof ApiError)) throw err
        problems.push(`alerts[${index}]: ${err.message}`)
        return []
      }
    })
    await receive(context, received, now)
    const others = problems.length > maxProblems ? [`and ${problems.length - maxProblems} others`] : []
    if (problems.length > 0) throw new ApiError(400, [...problems.slice(0, maxProblems), ...others].join('; '))
    return reply.code(200).send()
  })
}

/** Merges posted alerts with known ones and writes them; answers only once they are on disk. */
async function receive(context: ApiContext, received: readonly Alert[], now: number): Promise<void> {
  const merged = new Map<string, Alert>()
  const entries: EntryDraft[] = []
  for (const alert of received) {
    const known = merged.get(alert.fingerprint) ?? context.alerts.find(alert.fingerprint)
    const next = known === undefined ? alert : mergeAlert(known, alert)
    const isKnownFiring = known !== undefined && !isResolved(known, now)
    if (isResolved(next, now) === isKnownFiring) entries.push(describeReceived(next, now))
    // The end of an alert that nobody knew of is no news.
    if (known !== undefined || !isResolved(next, now)) merged.set(alert.fingerprint, next)
  }
  if (merged.size === 0) return
  try {
    await context.alerts.put([...merged.values()], { entries })
  } catch (err) {
    if (err instanceof AlertLimitError) throw new ApiError(429, err.message)
    throw err
  }
}

/** An alert that goes on keeps its beginning. */
function mergeAlert(known: Alert, alert: Alert): Alert {
  const overlaps = alert.startsAt <= (known.endsAt ?? Infinity) && (alert.endsAt ?? Infinity) >= known.startsAt
  return overlaps ? { ...alert, startsAt: Math.min(known.startsAt, alert.startsAt) } : alert
}

function describeReceived(alert: Alert, now: number): EntryDraft {
  const { fingerprint, labels } = alert
  const text = `posted as ${isResolved(alert, now) ? 'resolved' : 'firing'} ${formatLabels(labels)}`
  return { time: now, kind: 'received', fingerprint, alertname: labels['alertname'] ?? '', text }
}

function readAlert(item: unknown, resolveTimeoutMs: number, now: number): Alert {
  const fields = readObject(item, 'alert')
  const labels = Object.fromEntries(Object.entries(readTexts(fields['labels'], 'labels')).filter(([, value]) => value !== ''))
  if (Object.keys(labels).length === 0) throw new ApiError(400, 'at least one label pair required')
  if (Object.keys(labels).length > maxLabels) throw new ApiError(400, `an alert has at most ${maxLabels} labels`)
  const annotations = readTexts(fields['annotations'], 'annotations')
  for (const name of [...Object.keys(labels), ...Object.keys(annotations)]) {
    if (name.length > maxNameLength) throw new ApiError(400, `a name is longer than ${maxNameLength} characters`)
    if (!labelNamePattern.test(name)) throw new ApiError(400, `invalid name ${JSON.stringify(name)}: letters, digits and _ are allowed`)
  }
  for (const [name, value] of Object.entries(labels)) {
    if (value.length > maxLabelLength) throw new ApiError(400, `label ${name} is longer than ${maxLabelLength} characters`)
  }
  const endsAt = readTime(fields['endsAt'], 'endsAt')
  const startsAt = readTime(fields['startsAt'], 'startsAt') ?? Math.min(now, endsAt ?? now)
  if (endsAt !== undefined && startsAt > endsAt) throw new ApiError(400, 'start time must be before end time')
  const generatorUrl = readText(fields['generatorURL'], 'generatorURL', '')
  if (generatorUrl !== '' && !generatorUrl.startsWith('/') && !URL.canParse(generatorUrl))
    throw new ApiError(400, `generatorURL in body must be of type uri: ${JSON.stringify(generatorUrl.slice(0, 200))}`)
  return {
    fingerprint: fingerprintOf(labels),
    labels,
    annotations,
    startsAt,
    endsAt: endsAt ?? now + resolveTimeoutMs,
    updatedAt: now,
    source: 'api',
    ...(generatorUrl !== '' && { generatorUrl }),
  }
}

function readFilter(query: Query): AlertFilter {
  // Every alert is processed as soon as it is taken, so there is nothing that `unprocessed` could leave out.
  readFlag(query, 'unprocessed', true)
  return {
    matchers: readFilters(query),
    active: readFlag(query, 'active', true),
    silenced: readFlag(query, 'silenced', true),
    inhibited: readFlag(query, 'inhibited', true),
    hasReceiver: readReceiverFilter(query),
  }
}

/** Shows alerts as they stand at this moment; `undefined` for those that are over or that the filter leaves out. */
function createView(context: ApiContext): (alert: Alert, filter: AlertFilter) => ShownAlert | undefined {
  const now = context.clock.now()
  const inhibitor: Inhibitor = createInhibitor(context.notifier.configuration.inhibitRules, context.alerts.list(), now)
  return (alert, filter) => {
    if (isResolved(alert, now) || !matchesAll(filter.matchers, alert.labels)) return undefined
    const receivers = context.notifier.dispatcher.receiversOf(alert.labels)
    if (!filter.hasReceiver(receivers)) return undefined
    const silencedBy = context.silences.silencing(alert.labels, now)
    const inhibitedBy = inhibitor.inhibiting(alert)
    const isSuppressed = silencedBy.length + inhibitedBy.length > 0
    if (!isSuppressed && !filter.active) return undefined
    if ((silencedBy.length > 0 && !filter.silenced) || (inhibitedBy.length > 0 && !filter.inhibited)) return undefined
    return {
      annotations: alert.annotations,
      endsAt: formatTime(alert.endsAt ?? now + context.notifier.configuration.resolveTimeoutMs),
      fingerprint: alert.fingerprint,
      receivers: receivers.map((name) => ({ name })),
      startsAt: formatTime(alert.startsAt),
      status: { inhibitedBy, silencedBy, state: isSuppressed ? 'suppressed' : 'active' },
      updatedAt: formatTime(alert.updatedAt),
      ...(alert.generatorUrl !== undefined && { generatorURL: alert.generatorUrl }),
      labels: alert.labels,
    }
  }
}

function byFingerprint(left: ShownAlert, right: ShownAlert): number {
  return compareText(left.fingerprint, right.fingerprint)
}
