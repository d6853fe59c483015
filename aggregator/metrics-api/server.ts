import type { TLSSocket } from 'node:tls'
import { fastify } from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { matchesFields, parseFieldSelector } from '../../orchestrator/api/fields.ts'
import type { KindDeclaration } from '../../orchestrator/api/kind-declaration.ts'
import { matchesLabels, parseLabelSelector } from '../../orchestrator/api/labels.ts'
import type { KubeObject } from '../../orchestrator/api/object.ts'
import { badRequest, internalError, notFound, pathNotFound, statusOf } from '../../orchestrator/api/status-error.ts'
import { toTable } from '../../orchestrator/api/table.ts'
import type { IncludeObject } from '../../orchestrator/api/table.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { createAuthenticator, readPeer } from './authentication.ts'
import type { AuthenticationOptions } from './authentication.ts'
import { createAuthorizer } from './authorization.ts'
import type { AccessRequest } from './authorization.ts'
import { discoveryDocuments } from './discovery.ts'
import { metricsApiVersion, nodeMetricsDeclaration, podMetricsDeclaration } from './kinds.ts'
import type { ResourceMetrics } from './resource-metrics.ts'
import { streamMetrics } from './watch.ts'

export interface MetricsApiOptions extends AuthenticationOptions {
  readonly tls: { readonly cert: string; readonly key: string }
  readonly metrics: ResourceMetrics
  readonly client: Client
  readonly clock: Clock
  readonly log: Log
  readonly unready: () => readonly string[]
}

/** What a request is about, after its path. */
interface Target {
  readonly declaration: KindDeclaration
  readonly resource: 'nodes' | 'pods'
  readonly list: (namespace: string | undefined) => readonly KubeObject[]
}

type Query = Readonly<Record<string, string | readonly string[] | undefined>>
type Path = { readonly namespace?: string; readonly name?: string }

const root = `/apis/${metricsApiVersion}`
const defaultWatchMs = 30 * 60_000

/**
 * The `metrics.k8s.io/v1beta1` API over HTTPS: get, list and watch of nodes and pods, as JSON or as Tables. Not listening yet. `stop` ends
 * the watches; close the server afterwards.
 */
export function createMetricsApi(options: MetricsApiOptions): { readonly server: FastifyInstance; readonly stop: () => void } {
  const { metrics, tls, clientCa, requestHeaderCa } = options
  const ended = new AbortController()
  const server = fastify({
    https: { ...tls, ca: [clientCa, requestHeaderCa], requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    bodyLimit: 1024,
    forceCloseConnections: true,
  }) as unknown as FastifyInstance
  server.setErrorHandler((error, _, reply) => sendError(error, reply, options.log))
  server.setNotFoundHandler((_, reply) => sendError(pathNotFound(), reply, options.log))
  const authenticate = createAuthenticator(options)
  const authorize = createAuthorizer(options)
  const identify = (request: FastifyRequest) => authenticate(readPeer(request.raw.socket as TLSSocket), request.raw.headersDistinct)

  for (const [path, document] of Object.entries(discoveryDocuments)) {
    server.get(path, (request) => {
      identify(request)
      return document
    })
  }
  registerHealth(server, options)
  const answer = (target: Target) => (request: FastifyRequest, reply: FastifyReply) =>
    answerRequest({ ...options, signal: ended.signal, check: (access) => authorize(identify(request), access) }, target, { request, reply })
  const nodes: Target = { declaration: nodeMetricsDeclaration, resource: 'nodes', list: () => metrics.nodes() }
  const pods: Target = {
    declaration: podMetricsDeclaration,
    resource: 'pods',
    list: (namespace) => metrics.pods(namespace),
  }
  server.get(`${root}/nodes`, answer(nodes))
  server.get(`${root}/nodes/:name`, answer(nodes))
  server.get(`${root}/pods`, answer(pods))
  server.get(`${root}/namespaces/:namespace/pods`, answer(pods))
  server.get(`${root}/namespaces/:namespace/pods/:name`, answer(pods))
  return { server, stop: () => ended.abort() }
}

function registerHealth(server: FastifyInstance, { unready }: MetricsApiOptions): void {
  for (const path of ['/healthz', '/livez']) server.get(path, (_, reply) => reply.type('text/plain').send('ok'))
  server.get('/readyz', (_, reply) => {
    const reasons = unready()
    return reply
      .code(reasons.length === 0 ? 200 : 503)
      .type('text/plain')
      .send(reasons.length === 0 ? 'ok' : reasons.join('\n'))
  })
}

interface RequestContext {
  readonly metrics: ResourceMetrics
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  readonly check: (access: AccessRequest) => Promise<void>
}

async function answerRequest(
  context: RequestContext,
  target: Target,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): Promise<unknown> {
  const { namespace, name } = request.params as Path
  const query = request.query as Query
  const isWatch = readFlag(query, 'watch')
  await context.check({ verb: isWatch ? 'watch' : name === undefined ? 'list' : 'get', resource: target.resource, namespace, name })
  const present = presenterFor(target.declaration, request, context.clock.now())
  if (name !== undefined && !isWatch) {
    const object = target.list(namespace).find(({ metadata }) => metadata.name === name)
    if (object === undefined)
      throw notFound({ group: 'metrics.k8s.io', plural: target.resource }, namespace === undefined ? name : `${namespace}/${name}`)
    return present.one(object)
  }
  const matches = matcherFor(target.declaration, query, { namespace, name })
  const current = target.list(namespace).filter(matches)
  if (!isWatch) return present.list(current, context.metrics.revision)
  reply.hijack()
  const since = readText(query, 'resourceVersion')
  const marksInitialEnd = readFlag(query, 'sendInitialEvents')
  await streamMetrics(reply.raw, context, {
    resource: target.resource,
    current,
    matches,
    present: present.one,
    sendsInitial: since === undefined || since === '' || since === '0' || marksInitialEnd,
    sendsBookmarks: readFlag(query, 'allowWatchBookmarks'),
    marksInitialEnd,
    timeoutMs: readSeconds(query, 'timeoutSeconds') ?? defaultWatchMs,
  })
  return reply
}

interface Presenter {
  readonly one: (object: KubeObject) => unknown
  readonly list: (objects: readonly KubeObject[], resourceVersion: string) => unknown
}

/** Objects as the Accept header wants them: Tables for kubectl's `get`, plain otherwise. */
function presenterFor(declaration: KindDeclaration, request: FastifyRequest, now: number): Presenter {
  const accepted = (request.headers.accept ?? '').split(',').map((range) => range.replaceAll(/\s/g, '').toLowerCase())
  const wantsTable = accepted.find((range) => range.startsWith('application/json'))?.includes('as=table') === true
  const { kind } = declaration.kind
  if (!wantsTable) {
    return {
      one: (object) => object,
      list: (items, resourceVersion) => ({ kind: `${kind}List`, apiVersion: metricsApiVersion, metadata: { resourceVersion }, items }),
    }
  }
  const includeObject = (readText(request.query as Query, 'includeObject') ?? 'Metadata') as IncludeObject
  if (!['None', 'Metadata', 'Object'].includes(includeObject)) {
    throw badRequest(`includeObject: invalid value "${includeObject}", must be one of None, Metadata, Object`)
  }
  return {
    one: (object) => toTable(declaration, [object], { now, includeObject, ...versionOf(object) }),
    list: (objects, resourceVersion) => toTable(declaration, objects, { now, includeObject, resourceVersion }),
  }
}

function versionOf({ metadata: { resourceVersion } }: KubeObject): { resourceVersion?: string } {
  return resourceVersion === undefined ? {} : { resourceVersion }
}

function matcherFor(declaration: KindDeclaration, query: Query, { namespace, name }: Path): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(readText(query, 'labelSelector') ?? '')
  const fields = parseFieldSelector(declaration, readText(query, 'fieldSelector') ?? '')
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name) &&
    matchesLabels(labels, object.metadata.labels) &&
    matchesFields(declaration, fields, object)
}

function readText(query: Query, name: string): string | undefined {
  const value = query[name]
  return value === undefined || typeof value === 'string' ? value : value[0]
}

function readFlag(query: Query, name: string): boolean {
  const text = readText(query, name)?.toLowerCase()
  if (text === undefined || text === '' || text === '0' || text === 'false' || text === 'f') return false
  if (text === '1' || text === 'true' || text === 't') return true
  throw badRequest(`${name}: invalid value ${JSON.stringify(text.slice(0, 100))}, must be true or false`)
}

function readSeconds(query: Query, name: string): number | undefined {
  const text = readText(query, name)
  if (text === undefined || text === '' || text === '0') return undefined
  if (!/^\d{1,9}$/.test(text)) throw badRequest(`${name}: invalid value ${JSON.stringify(text.slice(0, 100))}, must be a number of seconds`)
  return Number(text) * 1000
}

function sendError(error: unknown, reply: FastifyReply, log: Log): FastifyReply {
  const httpStatus = (error as { statusCode?: number }).statusCode ?? 500
  const status = statusOf(error) ?? statusOf(httpStatus < 500 ? badRequest((error as Error).message) : internalError(error))!
  if (status.code >= 500) log.error({ err: error }, 'a request for metrics failed')
  return reply.code(status.code).send(status)
}
