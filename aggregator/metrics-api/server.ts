import type { Server } from 'node:https'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { fastify } from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { badRequest, internalError, methodNotAllowed, pathNotFound, statusOf } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { ApiGroup, Operation } from './api-group.ts'
import { Authenticator, readPeer } from './authentication.ts'
import { followAuthorities, noAuthorities } from './authorities.ts'
import type { Authorities } from './authorities.ts'
import { createAuthorizer } from './authorization.ts'
import type { AccessRequest } from './authorization.ts'
import { aggregatedDiscovery, discoveryDocument } from './discovery.ts'
import { encodeBody, presentAnswer, presenterFor } from './encoding.ts'
import { negotiate, protobuf } from './negotiation.ts'
import type { Accepted } from './negotiation.ts'
import { logsPath, logStatusPath } from '../logs/log-routes.ts'
import type { LogDoor } from '../logs/log-routes.ts'
import { answerLogs } from './log-access.ts'
import { readFlag } from './query.ts'
import { streamMetrics } from './watch.ts'
import type { MetricsFeed } from './watch.ts'

export interface MetricsApiOptions {
  /** Where it listens: the port on every one of these. */
  readonly hosts: readonly string[]
  readonly port: number
  readonly tls: { readonly cert: string; readonly key: string }
  /** Whom to believe. Absent: what the API server says in its ConfigMap, as servers behind a Kubernetes API server do. */
  readonly authorities: Authorities | undefined
  readonly groups: readonly ApiGroup[]
  /** What watches stream from. */
  readonly feed: MetricsFeed
  /** What answers searches for logs, for those who may read them; absent: nothing does. */
  readonly logs?: LogDoor
  readonly client: Client
  readonly clock: Clock
  readonly log: Log
  readonly unready: () => readonly string[]
}

/** The metrics APIs over HTTPS. */
export interface MetricsApi {
  /** Listens; resolves with the addresses. */
  start(): Promise<readonly string[]>
  /** Ends the watches and closes. */
  stop(): Promise<void>
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** What a path asks for, before anybody looked at who asks. */
type Target =
  | { readonly type: 'document'; readonly document: object }
  | { readonly type: 'operation'; readonly operation: Operation; readonly group: string; readonly version: string }

/** Serves groups of the API as a server behind an API server does. Nothing listens yet. */
export function createMetricsApi(options: MetricsApiOptions): MetricsApi {
  const ended = new AbortController()
  const { authorities = noAuthorities } = options
  const authenticator = new Authenticator(options, authorities)
  const context: Context = { ...options, authenticator, authorize: createAuthorizer(options), signal: ended.signal }
  const servers = options.hosts.map(() => createServer(context, secureContext(options, authorities)))
  const onChange = (next: Authorities) => {
    authenticator.trust(next)
    for (const { server } of servers) (server as unknown as Server).setSecureContext(secureContext(options, next))
  }
  let following: Promise<void> | undefined
  return {
    start() {
      if (options.authorities === undefined) following = followAuthorities({ ...options, onChange }, ended.signal)
      return Promise.all(servers.map((server, index) => server.listen({ host: options.hosts[index]!, port: options.port })))
    },
    async stop() {
      ended.abort()
      await Promise.all([following, ...servers.map((server) => server.close())])
    },
  }
}

interface Context extends MetricsApiOptions {
  readonly authenticator: Authenticator
  readonly authorize: ReturnType<typeof createAuthorizer>
  readonly signal: AbortSignal
}

function secureContext({ tls }: MetricsApiOptions, { clientCa, requestHeaderCa }: Authorities): SecureContextOptions {
  return { ...tls, ca: [clientCa, requestHeaderCa].filter((pem) => pem !== ''), minVersion: 'TLSv1.2' }
}

function createServer(context: Context, secure: SecureContextOptions): FastifyInstance {
  const server = fastify({
    https: { ...secure, requestCert: true, rejectUnauthorized: false },
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  }) as unknown as FastifyInstance
  // Nothing here takes a body: whatever comes is left unread, and its type never matters.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', (_, payload, done) => {
    payload.resume()
    done(null)
  })
  const onError = (error: unknown, _: FastifyRequest, reply: FastifyReply) => sendError(error, reply, context.log)
  server.setErrorHandler(onError)
  server.route({ method: [...methods], url: '/*', handler: (request, reply) => handle(context, request, reply) })
  return server
}

/** Every request goes this way: health, path, who asks, whether they may, method, form, answer. */
async function handle(context: Context, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const url = new URL(request.raw.url ?? '/', 'https://metrics')
  const query = url.searchParams
  const path = url.pathname.length > 1 ? url.pathname.replace(/\/+$/, '') : url.pathname
  if (answerHealth(path, context, reply)) return reply
  const identity = await context.authenticator.identify(readPeer(request.raw.socket as TLSSocket), request.raw.headersDistinct)
  if ((path === logsPath || path === logStatusPath) && context.logs !== undefined)
    return answerLogs({ ...context, logs: context.logs }, identity, { request, reply, path, query })
  const target = findTarget(path, context.groups)
  if (target === undefined) throw pathNotFound()
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (target.type === 'document') {
    await context.authorize(identity, { path })
    if (!isRead) throw methodNotAllowed({ group: '', plural: path }, request.method)
    return sendDocument(target.document, path === '/apis' ? context.groups : undefined, { request, reply })
  }
  const { operation, group } = target
  const isWatch = operation.watch !== undefined && isRead && readFlag(query, 'watch')
  await context.authorize(identity, accessOf(target, isWatch))
  if (!isRead) throw methodNotAllowed({ group, plural: operation.access.resource }, request.method)
  if (isWatch) return stream(context, operation, { request, reply, query })
  const answer = await operation.answer(query)
  const { mediaType, as } = negotiate(
    request.headers.accept,
    (accepted) => accepted.as === 'object' || (answer.type !== 'value' && isTextForm(accepted)),
  )
  return reply.type(mediaType).send(encodeBody(presentAnswer(answer, as, query, context.clock.now()), mediaType))
}

/** Tables and bare metadata are made in text only. */
const isTextForm = ({ mediaType, as }: Accepted) => mediaType !== protobuf && as !== 'APIGroupDiscoveryList'

function accessOf({ operation, group, version }: Extract<Target, { type: 'operation' }>, isWatch: boolean): AccessRequest {
  return { verb: isWatch ? 'watch' : operation.verb, group, version, ...operation.access }
}

function answerHealth(path: string, { unready }: Context, reply: FastifyReply): boolean {
  if (path === '/healthz' || path === '/livez') void reply.type('text/plain').send('ok')
  else if (path === '/readyz') {
    const reasons = unready()
    void reply
      .code(reasons.length === 0 ? 200 : 503)
      .type('text/plain')
      .send(reasons.length === 0 ? 'ok' : reasons.join('\n'))
  } else return false
  return true
}

function findTarget(path: string, groups: readonly ApiGroup[]): Target | undefined {
  const document = discoveryDocument(path, groups)
  if (document !== undefined) return { type: 'document', document }
  const [root, name, version = '', ...rest] = path.split('/').slice(1)
  const group = groups.find((candidate) => candidate.name === name)
  if (root !== 'apis' || group === undefined || !group.versions.includes(version)) return undefined
  const operation = group.find(version, rest.map(decodeSegment))
  return operation === undefined ? undefined : { type: 'operation', operation, group: group.name, version }
}

function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw badRequest(`the path has a malformed escape in ${JSON.stringify(text.slice(0, 100))}`)
  }
}

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** `groups`: those that the document can also be had for in its aggregated form. */
function sendDocument(document: object, groups: readonly ApiGroup[] | undefined, { request, reply }: Exchange): FastifyReply {
  const { mediaType, as } = negotiate(
    request.headers.accept,
    (accepted) =>
      accepted.mediaType !== protobuf && (accepted.as === 'object' || (accepted.as === 'APIGroupDiscoveryList' && groups !== undefined)),
  )
  if (as === 'object') return reply.type(mediaType).send(encodeBody(document, mediaType))
  return reply
    .type('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')
    .send(encodeBody(aggregatedDiscovery(groups!), 'application/json'))
}

async function stream(
  context: Context,
  operation: Operation,
  { request, reply, query }: Exchange & { readonly query: URLSearchParams },
): Promise<FastifyReply> {
  const { declaration, ...wanted } = operation.watch!(query)
  const { as } = negotiate(
    request.headers.accept,
    (accepted) => accepted.mediaType === 'application/json' && accepted.as !== 'APIGroupDiscoveryList',
  )
  const present = presenterFor(declaration, as, query, context.clock.now()).one
  reply.hijack()
  await streamMetrics(reply.raw, context, { ...wanted, present })
  return reply
}

function sendError(error: unknown, reply: FastifyReply, log: Log): FastifyReply {
  const httpStatus = (error as { statusCode?: number }).statusCode ?? 500
  const status = statusOf(error) ?? statusOf(httpStatus < 500 ? badRequest((error as Error).message) : internalError(error))!
  if (status.code === 500) log.error({ err: error }, 'a request for metrics failed')
  return reply.code(status.code).type('application/json').send(JSON.stringify(status))
}
