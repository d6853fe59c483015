import { formatDuration } from '../../lib/duration.ts'
import { commonLabels, compareText } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import { textMap } from '../template/interpreter.ts'
import { timeThing, zeroTimeMs } from '../template/time.ts'
import { Thing, asText, listOf } from '../template/value.ts'
import type { Value } from '../template/value.ts'
import { statusOf } from './notification.ts'
import type { Notification, NotifiedAlert } from './notification.ts'

/** Changes the values of labels and annotations where a receiver would take parts of them for commands. */
export type Neutralize = (text: string) => string

/** What templates see of a notification: Alertmanager's template data, and `.ID`, `.GroupKey` and `.Span` of alerts. */
export function messageData(notification: Notification, neutralize: Neutralize = (text) => text): Thing {
  const { alerts } = notification
  const pairs = (labels: Labels) => pairsThing(labels, neutralize)
  const things = alerts.map((alert) => alertThing(alert, pairs))
  const ofStatus = (status: NotifiedAlert['status']) => things.filter((_, index) => alerts[index]!.status === status)
  return new Thing({
    fields: {
      Receiver: notification.receiver,
      Status: statusOf(notification),
      Alerts: new Thing({ list: things, fields: { Firing: ofStatus('firing'), Resolved: ofStatus('resolved') } }),
      GroupLabels: pairs(notification.groupLabels),
      CommonLabels: pairs(commonLabels(alerts.map((alert) => alert.labels))),
      CommonAnnotations: pairs(commonLabels(alerts.map((alert) => alert.annotations))),
      ExternalURL: notification.externalUrl,
      GroupKey: notification.groupKey,
      ID: notification.id,
    },
  })
}

function alertThing(alert: NotifiedAlert, pairs: (labels: Labels) => Thing): Thing {
  return new Thing({
    fields: {
      Status: alert.status,
      Labels: pairs(alert.labels),
      Annotations: pairs(alert.annotations),
      StartsAt: timeThing(alert.startsAt),
      EndsAt: timeThing(alert.endsAt ?? zeroTimeMs),
      GeneratorURL: alert.generatorUrl,
      Fingerprint: alert.fingerprint,
      Span: { call: () => describeSpan(alert) },
    },
  })
}

/** Alertmanager's `KV`: a map of texts with methods, which go before entries of the same name. */
function pairsThing(labels: Labels, neutralize: Neutralize): Thing {
  const entries = Object.entries(labels)
    .map(([name, value]) => [name, neutralize(value)] as const)
    .sort(([left], [right]) => compareText(left, right))
  const methods: Record<string, Value> = {
    SortedPairs: { call: () => pairList(entries) },
    Names: { call: () => entries.map(([name]) => name) },
    Values: { call: () => entries.map(([, value]) => value) },
    Remove: {
      call: ([names]) => {
        const removed = new Set((listOf(names) ?? []).map((name) => asText(name, 'Remove')))
        return pairsThing(Object.fromEntries(entries.filter(([name]) => !removed.has(name))), (text) => text)
      },
    },
  }
  return textMap(entries, methods)
}

function pairList(entries: readonly (readonly [string, string])[]): Thing {
  return new Thing({
    list: entries.map(([Name, Value]) => new Thing({ fields: { Name, Value } })),
    fields: {
      Names: { call: () => entries.map(([name]) => name) },
      Values: { call: () => entries.map(([, value]) => value) },
    },
  })
}

function describeSpan(alert: NotifiedAlert): string {
  const since = new Date(alert.startsAt).toISOString()
  if (alert.endsAt === undefined) return `Firing since ${since}`
  return `From ${since} to ${new Date(alert.endsAt).toISOString()} (${formatDuration(Math.max(alert.endsAt - alert.startsAt, 0))})`
}
