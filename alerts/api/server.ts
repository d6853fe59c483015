import type { IncomingMessage, ServerResponse } from 'node:http'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../lib/clock.ts'
import type { Notifier } from '../delivery/notifier.ts'
import type { Evaluator } from '../evaluation/evaluator.ts'
import type { AlertStore } from '../state/alert-store.ts'
import type { Journal } from '../state/journal.ts'
import type { Rule } from '../rules/rule.ts'
import type { SilenceStore } from '../state/silence.ts'
import type { BacktestResult } from '../trial/backtest.ts'
import type { SimulationRange } from '../trial/simulation.ts'
import { serveActions } from './actions.ts'
import { serveAlerts } from './alerts.ts'
import { ApiError } from './api-error.ts'
import { serveJournal } from './journal.ts'
import { serveManagement } from './management.ts'
import { serveRuleTrial } from './rule-trial.ts'
import { serveRules } from './rules.ts'
import { serveSilences } from './silences.ts'

/** What the API shows and changes. */
export interface ApiContext {
  readonly clock: Clock
  readonly alerts: AlertStore
  readonly silences: SilenceStore
  readonly journal: Journal
  readonly evaluator: Evaluator
  readonly notifier: Notifier
  readonly evaluationIntervalMs: number
  /** When a rule would have fired. Rejects with a `BacktestError` where that would cost too much. */
  backtest(rule: Rule, range: SimulationRange): Promise<BacktestResult>
  /** The servers that share the work, where there are several. */
  readonly cluster?: () => ClusterView
  /** Throws `FileError` for a bad file. */
  reload(): Promise<void>
}

/** Who takes part, as API v2 shows it. */
export interface ClusterView {
  readonly name: string
  readonly peers: readonly { readonly name: string; readonly address: string }[]
}

/** Answers one request. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void

/** The HTTP door of the alerts. */
export interface AlertsServer {
  listen(at: { readonly host: string; readonly port: number }): Promise<void>
  /** Answers requests that another server has accepted, in place of listening. */
  handler(): Promise<RequestHandler>
  close(): Promise<void>
  /** `host:port`, once listening. */
  address(): string
}

const maxBodyBytes = 3 << 20

/** Alertmanager's API v2, its management endpoints, and ours for rules and journal. */
export function createServer(context: ApiContext): AlertsServer {
  const server = Fastify({ logger: false, bodyLimit: maxBodyBytes, forceCloseConnections: true })
  acceptEmptyJson(server)
  server.setErrorHandler((err, _request, reply) => {
    const { statusCode = 500, message } = err as Error & { statusCode?: number }
    if (err instanceof ApiError && err.swaggerCode !== undefined) return reply.code(statusCode).send({ code: err.swaggerCode, message })
    return reply.code(statusCode).type('application/json').send(JSON.stringify(message))
  })
  server.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ code: 404, message: `path ${request.url.split('?')[0]} was not found` }),
  )
  for (const serve of [serveAlerts, serveSilences, serveRules, serveRuleTrial, serveJournal, serveActions, serveManagement])
    serve(server, context)
  return {
    listen: async ({ host, port }) => {
      await server.listen({ host, port })
    },
    handler: async () => {
      await server.ready()
      return (request, response) => server.routing(request, response)
    },
    close: () => server.close(),
    address: () => {
      const address = server.server.address()
      if (address === null || typeof address === 'string') return ''
      return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
    },
  }
}

/** Clients of the Go API library name a content type even where they send nothing. */
function acceptEmptyJson(server: FastifyInstance): void {
  server.removeContentTypeParser('application/json')
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined)
    try {
      done(null, JSON.parse(body as string))
    } catch (err) {
      done(new ApiError(400, `parsing body failed: ${(err as Error).message}`))
    }
  })
}
