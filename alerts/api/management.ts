import type { FastifyInstance } from 'fastify'
import { FileError } from '../../lib/document.ts'
import { isResolved } from '../state/alert.ts'
import { ApiError } from './api-error.ts'
import { formatTime } from './body.ts'
import type { ApiContext } from './server.ts'

/** The Alertmanager version whose API this is; amtool compares it with its own. */
const apiVersion = '0.25.0'

/** `/api/v2/status`, `/api/v2/receivers`, `/-/…` and `/metrics`. */
export function serveManagement(server: FastifyInstance, context: ApiContext): void {
  const startedAt = formatTime(context.clock.now())
  server.get('/api/v2/status', () => ({
    cluster: context.cluster === undefined ? { status: 'disabled', peers: [] } : { status: 'ready', ...context.cluster() },
    versionInfo: { branch: 'HEAD', buildDate: '', buildUser: '', goVersion: '', revision: 'binnacle', version: apiVersion },
    config: { original: context.notifier.configuration.redacted },
    uptime: startedAt,
  }))
  server.get('/api/v2/receivers', () => [...context.notifier.configuration.receivers.keys()].map((name) => ({ name })))
  server.get('/-/healthy', (_request, reply) => reply.type('text/plain').send('OK'))
  server.get('/-/ready', (_request, reply) => reply.type('text/plain').send('OK'))
  server.post('/-/reload', async (_request, reply) => {
    try {
      await context.reload()
    } catch (err) {
      if (err instanceof FileError) throw new ApiError(400, err.message)
      throw err
    }
    return reply.code(200).send()
  })
  server.get('/metrics', (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(renderMetrics(context)))
}

interface Figure {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: readonly { readonly labels?: string; readonly value: number }[]
}

function renderMetrics(context: ApiContext): string {
  const lines = collectFigures(context).flatMap(({ name, type, help, samples }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ labels, value }) => `${name}${labels === undefined ? '' : `{${labels}}`} ${value}`),
  ])
  return `${lines.join('\n')}\n`
}

function collectFigures(context: ApiContext): Figure[] {
  return [...alertFigures(context), ...ruleFigures(context)]
}

const one = (value: number) => [{ value }]

function alertFigures(context: ApiContext): Figure[] {
  const now = context.clock.now()
  const firing = context.alerts.list().filter((alert) => !isResolved(alert, now))
  const suppressed = firing.filter((alert) => context.silences.silencing(alert.labels, now).length > 0).length
  const deliveries = [...context.notifier.outbox.counters]
  const perIntegration = (pick: 'attempts' | 'delivered' | 'failed' | 'retried') =>
    deliveries.map(([kind, figures]) => ({ labels: `integration="${kind}"`, value: figures[pick] }))
  return [
    {
      name: 'alertmanager_alerts',
      type: 'gauge',
      help: 'Alerts that fire, by state.',
      samples: [
        { labels: 'state="active"', value: firing.length - suppressed },
        { labels: 'state="suppressed"', value: suppressed },
      ],
    },
    {
      name: 'alertmanager_notification_requests_total',
      type: 'counter',
      help: 'Attempts to deliver.',
      samples: perIntegration('attempts'),
    },
    { name: 'alertmanager_notifications_total', type: 'counter', help: 'Notifications delivered.', samples: perIntegration('delivered') },
    {
      name: 'alertmanager_notifications_failed_total',
      type: 'counter',
      help: 'Notifications given up.',
      samples: perIntegration('failed'),
    },
    {
      name: 'binnacle_alerts_notifications_retried_total',
      type: 'counter',
      help: 'Attempts to be repeated.',
      samples: perIntegration('retried'),
    },
    {
      name: 'binnacle_alerts_notifications_pending',
      type: 'gauge',
      help: 'Notifications not delivered yet.',
      samples: one(context.notifier.outbox.size),
    },
  ]
}

function ruleFigures({ evaluator: { counters } }: ApiContext): Figure[] {
  return [
    { name: 'binnacle_alerts_rule_evaluations_total', type: 'counter', help: 'Rule evaluations.', samples: one(counters.evaluations) },
    {
      name: 'binnacle_alerts_rule_failures_total',
      type: 'counter',
      help: 'Rule evaluations that failed.',
      samples: one(counters.failures),
    },
    {
      name: 'binnacle_alerts_evaluations_made_up_total',
      type: 'counter',
      help: 'Rule evaluations that came an interval late or more.',
      samples: one(counters.madeUp),
    },
    {
      name: 'binnacle_alerts_evaluations_missed_total',
      type: 'counter',
      help: 'Rule evaluations that never came.',
      samples: one(counters.missed),
    },
    { name: 'binnacle_alerts_transitions_total', type: 'counter', help: 'Changes of state of series.', samples: one(counters.transitions) },
    {
      name: 'binnacle_alerts_evaluation_lateness_seconds',
      type: 'gauge',
      help: 'How late the last evaluation began.',
      samples: one(counters.latenessMs / 1000),
    },
  ]
}
