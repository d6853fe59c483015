import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { Configuration } from '../routing/configuration.ts'
import { integrationName } from '../routing/receiver.ts'
import { groupKey, groupLabels, routesFor } from '../routing/route.ts'
import { fingerprintOf } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import type { Delivery, Notification } from './notification.ts'
import type { Outbox } from './outbox.ts'

/** What is to be tried. Without a receiver, those that the routing tree leads `labels` to. */
export interface TestRequest {
  readonly receiver?: string
  readonly labels?: Labels
  readonly alertname?: string
  readonly summary?: string
}

/** What happened at one end. */
export interface TestResult {
  readonly receiver: string
  readonly integration: string
  readonly outcome: Delivery['outcome']
  /** What the other side answered, or why there was no answer. */
  readonly detail: string
  readonly latencyMs: number
}

export interface TestOptions {
  readonly clock: Clock
  readonly random: Random
  readonly externalUrl: string
  readonly configuration: Configuration
  readonly outbox: Outbox
}

/** Sends one synthetic alert, that begins and is over, so that incident trackers keep nothing, to every integration of every receiver found. */
export async function testIntegrations(request: TestRequest, options: TestOptions): Promise<TestResult[]> {
  const { configuration, clock } = options
  const { alertname = 'BinnacleTest', summary = 'A test of the way that notifications take.' } = request
  const labels = { severity: 'none', ...request.labels, alertname }
  const routes =
    request.receiver === undefined ? routesFor(configuration.route, labels) : [{ ...configuration.route, receiver: request.receiver }]
  const now = clock.now()
  const alert = { labels, annotations: { summary }, startsAt: now, generatorUrl: '', fingerprint: fingerprintOf(labels) }
  const ends = routes.flatMap((route) => {
    const receiver = configuration.receivers.get(route.receiver)!
    return receiver.integrations.map((settings, index) => ({ route, receiver, settings, integration: integrationName(receiver, index) }))
  })
  const base = options.random.uuid()
  return Promise.all(
    ends.map(async ({ route, receiver, integration, settings }, index) => {
      const group = groupLabels(route, labels)
      const notification: Notification = {
        id: `${base}-${index}`,
        lane: `test\0${base}-${index}`,
        sequence: 0,
        groupKey: `test ${groupKey(route, group)}`,
        groupLabels: group,
        receiver: receiver.name,
        integration,
        alerts: [{ ...alert, status: 'firing' }],
        externalUrl: options.externalUrl,
        createdAt: now,
        attempts: 0,
        notBefore: now,
        thread: `${base}-${index}`,
      }
      const { delivery, latencyMs } = await options.outbox.probe(notification)
      // An incident tracker would keep the test open.
      if (delivery.outcome === 'delivered' && 'isStateful' in settings && settings.isStateful) {
        const over = { ...notification, id: `${notification.id}-over`, alerts: [{ ...alert, status: 'resolved' as const, endsAt: now }] }
        await options.outbox.probe(over)
      }
      const detail = delivery.outcome === 'delivered' ? delivery.detail : delivery.reason
      return { receiver: receiver.name, integration, outcome: delivery.outcome, detail, latencyMs: Math.round(latencyMs) }
    }),
  )
}
