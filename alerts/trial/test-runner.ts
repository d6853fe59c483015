import type { InfluxSeries } from '../../aggregator/influx/database.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import type { Delivery, Integration, Notification } from '../delivery/notification.ts'
import { statusOf } from '../delivery/notification.ts'
import { Notifier } from '../delivery/notifier.ts'
import { Evaluator } from '../evaluation/evaluator.ts'
import { EventWindow } from '../evaluation/event-window.ts'
import type { SelectRequest } from '../evaluation/history.ts'
import { Observer } from '../evaluation/observer.ts'
import { isFiring } from '../evaluation/series-state.ts'
import type { Configuration } from '../routing/configuration.ts'
import { alertAnnotations, alertLabels } from '../rules/rule.ts'
import type { RuleGroup } from '../rules/rule.ts'
import { AlertStore } from '../state/alert-store.ts'
import { createInlineJournal } from '../state/inline-journal.ts'
import { formatLabels, labelsKey } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import { SilenceStore } from '../state/silence.ts'
import { RecordedData } from './recorded-data.ts'
import { testStart } from './test-file.ts'
import type { AlertCheck, ExpectedNotification, NotificationCheck, RuleTest } from './test-file.ts'

/** What a test is run against. */
export interface TestSubject {
  readonly groups: readonly RuleGroup[]
  /** Who is told; tests that check notifications need it. */
  readonly configuration: Configuration | undefined
  readonly intervalMs: number
}

/** How long InfluxDB may be thought to be shorter than memory: everything that is recorded lies in both. */
const memoryWindowMs = 3_600_000

/** An integration that tells nobody, and remembers. */
class Recorder implements Integration {
  readonly kind = 'recorder'
  readonly sendResolved = true
  readonly #told: Notification[]

  constructor(told: Notification[]) {
    this.#told = told
  }

  send(notification: Notification): Promise<Delivery> {
    this.#told.push(notification)
    return Promise.resolve({ outcome: 'delivered', detail: 'noted' })
  }

  close(): void {}
}

/**
 * Runs one scenario on a clock of its own, with the machinery that rules have in service: evaluation, state, routing, grouping, holding back. Answers
 * what was not as it ought to be, one text per check; none means that the test has passed.
 */
export async function runTest(test: RuleTest, subject: TestSubject): Promise<string[]> {
  const clock = new FakeClock(testStart)
  const told: Notification[] = []
  const journal = createInlineJournal()
  const alerts = new AlertStore({ journal })
  const evaluator = createEvaluator(test, subject, { clock, alerts })
  const notifier = await startNotifier(subject.configuration, { clock, journal, alerts, told })
  const abort = new AbortController()
  const running = evaluator.run(abort.signal)
  const checks = [...test.alerts, ...test.notifications].sort((left, right) => left.at - right.at)
  const problems: string[] = []
  try {
    await evaluator.evaluate()
    for (const check of checks) {
      await clock.advance(Math.max(0, testStart + check.at - clock.now()))
      const problem = 'alertname' in check ? checkAlerts(check, evaluator) : checkNotifications(check, told, subject)
      if (problem !== undefined) problems.push(problem)
    }
  } finally {
    abort.abort()
    await clock.settle()
    await running
    await notifier?.stop()
    await journal.close()
  }
  return problems
}

interface Parts {
  readonly clock: FakeClock
  readonly alerts: AlertStore
}

function createEvaluator(test: RuleTest, { groups, intervalMs }: TestSubject, { clock, alerts }: Parts): Evaluator {
  const data = new RecordedData(test.series, (request) => answerQuery(test, groups, request))
  const events = new EventWindow({ windowMs: Infinity, maxHappenings: Infinity })
  events.addEvents([...test.events].sort((left, right) => left.lastSeen - right.lastSeen))
  const inventory = { nodes: () => test.nodes, pods: () => test.pods }
  const observer = new Observer({
    window: data,
    windowMs: memoryWindowMs,
    bucketMs: intervalMs,
    customWindow: data,
    history: data,
    events,
    inventory,
  })
  const evaluator = new Evaluator({ observer, clock, log: silentLog, alerts, intervalMs, externalUrl: 'http://test' })
  evaluator.load(groups)
  return evaluator
}

/** The newest recorded answer of each series, as the query of the alert would give it. */
function answerQuery(test: RuleTest, groups: readonly RuleGroup[], { select, at }: SelectRequest): InfluxSeries[] {
  const asking = groups.flatMap(({ rules }) => rules).filter(({ source }) => source.kind === 'query' && source.select === select)
  const names = new Set(asking.map(({ alert }) => alert))
  return test.queries.flatMap(({ alert, labels, timestamps, values }): InfluxSeries[] => {
    const index = timestamps.findLastIndex((time) => time <= at)
    if (!names.has(alert) || index < 0) return []
    return [{ tags: labels, columns: ['time', 'value'], values: [[timestamps[index], values[index]]] }]
  })
}

interface NotifierParts extends Parts {
  readonly journal: ReturnType<typeof createInlineJournal>
  readonly told: Notification[]
}

async function startNotifier(configuration: Configuration | undefined, parts: NotifierParts): Promise<Notifier | undefined> {
  if (configuration === undefined) return undefined
  const { told, ...rest } = parts
  const random = seededRandom(1)
  const notifier = new Notifier({
    ...rest,
    random,
    log: silentLog,
    silences: new SilenceStore({ ...rest, random }),
    externalUrl: 'http://test',
    createIntegration: () => new Recorder(told),
  })
  await notifier.restore(await parts.journal.load())
  await notifier.configure(configuration)
  notifier.start()
  return notifier
}

/** One alert in a line, so that lines can be compared. */
interface ShownAlert {
  readonly key: string
  readonly state: string
  readonly labels: Labels
  readonly annotations: Labels
}

function checkAlerts({ at, alertname, expected }: AlertCheck, evaluator: Evaluator): string | undefined {
  const actual = activeAlerts(evaluator, alertname).filter(
    ({ state, key }) => state === 'firing' || expected.some((alert) => alert.state === 'pending' || labelsKey(alert.labels) === key),
  )
  const wanted = new Map(expected.map((alert) => [labelsKey(alert.labels), alert]))
  const lines: string[] = []
  for (const alert of actual) {
    const match = wanted.get(alert.key)
    wanted.delete(alert.key)
    if (match === undefined) lines.push(`+ ${showAlert(alert)}`)
    else if (match.state !== alert.state || !hasAll(alert.annotations, match.annotations ?? {}))
      lines.push(`- ${showAlert({ annotations: {}, ...match })}`, `+ ${showAlert(alert, match.annotations)}`)
  }
  for (const alert of wanted.values()) lines.push(`- ${showAlert({ annotations: {}, ...alert })}`)
  if (lines.length === 0) return undefined
  const health = evaluator.status().flatMap(({ rules }) => rules.filter(({ rule }) => rule.alert === alertname))
  const notes =
    health.length === 0 ? ['no rule has this name'] : health.filter(({ lastError }) => lastError !== '').map(({ lastError }) => lastError)
  return [`at ${at / 1000}s, ${alertname} (- expected, + got):`, ...lines.sort(), ...notes].join('\n    ')
}

function activeAlerts(evaluator: Evaluator, alertname: string): ShownAlert[] {
  const statuses = evaluator.status().flatMap(({ rules }) => rules)
  return statuses.flatMap(({ rule, states }) =>
    states.flatMap((state): ShownAlert[] => {
      if (rule.alert !== alertname || state.phase === 'inactive') return []
      const labels = alertLabels(rule, state.labels)
      const annotations = alertAnnotations(rule, { labels, value: state.value, details: state.details ?? {} })
      return [{ key: labelsKey(labels), state: isFiring(state.phase) ? 'firing' : 'pending', labels, annotations }]
    }),
  )
}

function hasAll(actual: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => actual[name] === value)
}

/** Of annotations only those that somebody asked for. */
function showAlert({ state, labels, annotations }: Omit<ShownAlert, 'key'>, wanted: Labels = annotations): string {
  const shown = Object.fromEntries(Object.entries(annotations).filter(([name]) => name in wanted))
  return `${state} ${formatLabels(labels)}${Object.keys(shown).length === 0 ? '' : ` annotations ${formatLabels(shown)}`}`
}

function checkNotifications({ at, expected }: NotificationCheck, told: Notification[], subject: TestSubject): string | undefined {
  if (subject.configuration === undefined) return `at ${at / 1000}s: alertmanager_config is missing, so nobody is told anything`
  const actual = told.splice(0).map((notification): ExpectedNotification => {
    const status = statusOf(notification)
    const alerts = notification.alerts.filter((alert) => alert.status === status).map(({ labels }) => labels)
    return { receiver: notification.receiver, status, alerts }
  })
  const [wanted, got] = [expected.map(showNotification), actual.map(showNotification)]
  if (wanted.length === got.length && wanted.every((line, index) => line === got[index])) return undefined
  return [
    `by ${at / 1000}s, notifications (- expected, + got):`,
    ...wanted.map((line) => `- ${line}`),
    ...got.map((line) => `+ ${line}`),
  ].join('\n    ')
}

function showNotification({ receiver, status, alerts }: ExpectedNotification): string {
  return `${receiver} ${status} ${alerts.map(formatLabels).sort().join(' ')}`
}
