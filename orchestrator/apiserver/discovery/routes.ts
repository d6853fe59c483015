import { createHash } from 'node:crypto'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions, type ExtraGroupVersion } from '../../api/discovery.ts'
import { encodeOpenApiV2, openApiProtobufType } from '../../api/openapi-protobuf.ts'
import { openApiV2, openApiV3, openApiV3Index } from '../../api/openapi.ts'
import { pathNotFound } from '../../api/status-error.ts'
import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts'
import type { Route } from '../handler.ts'
import type { Answer, ApiRequest } from '../request.ts'
import type { RequestMetrics } from './metrics.ts'
import { versionInfo } from './version.ts'

/** What is known of APIs that others serve. */
export interface AggregatedApis {
  /** Group versions to announce beside our own. */
  extras(): readonly ExtraGroupVersion[]
  /** The OpenAPI v3 document of one of them, as `apis/<group>/<version>`. */
  openApiV3(groupVersionPath: string): Promise<object | undefined>
}

export interface DiscoveryOptions {
  readonly aggregated: AggregatedApis
  /** `host:port` at which clients reach this server. */
  readonly serverAddress: () => string
  readonly tokens: ServiceAccountTokens
  readonly metrics: RequestMetrics
  readonly gauges: () => Readonly<Record<string, number>>
  /** Why the server is not ready; `undefined` when it is. */
  readonly notReady: () => string | undefined
}

const value = (object: object): Answer => ({ type: 'object', code: 200, object })
const text = (code: number, body: string, contentType = 'text/plain; charset=utf-8'): Answer => ({
  type: 'bytes',
  code,
  contentType,
  bytes: body,
})

/** Everything that is no resource: discovery, OpenAPI, version, health, metrics, the token issuer's documents. */
export function createDiscoveryRoute(options: DiscoveryOptions): Route {
  const documents = new Map<string, Buffer>()
  const { aggregated } = options
  return {
    answer(request) {
      const { info } = request
      if (info.isResource) return undefined
      if (info.verb !== 'get' && info.verb !== 'head') return undefined
      const path = info.path.length > 1 ? info.path.replace(/\/+$/, '') : info.path
      return (
        healthAnswer(path, request, options) ??
        discoveryAnswer(path, request, options) ??
        openApiAnswer(path, documents, { aggregated, wantsProtobuf: request.accepted.wantsOpenApiProtobuf === true }) ??
        issuerAnswer(path, options)
      )
    },
  }
}

function healthAnswer(path: string, { query }: ApiRequest, { notReady, metrics, gauges }: DiscoveryOptions): Answer | undefined {
  switch (path.split('/')[1]) {
    case 'livez':
      return text(200, query.has('verbose') ? '[+]ping ok\nlivez check passed\n' : 'ok')
    case 'healthz':
    case 'readyz': {
      const why = notReady()
      if (why !== undefined) return text(500, `[-]${why} failed\n${path.slice(1)} check failed\n`)
      return text(200, query.has('verbose') ? `[+]ping ok\n[+]store ok\n${path.slice(1)} check passed\n` : 'ok')
    }
    case 'metrics':
      return path === '/metrics' ? text(200, metrics.render(gauges()), 'text/plain; version=0.0.4; charset=utf-8') : undefined
    default:
      return undefined
  }
}

function discoveryAnswer(path: string, request: ApiRequest, { aggregated, serverAddress }: DiscoveryOptions): Answer | undefined {
  const segments = path.split('/').slice(1)
  if (path === '/version') return value(versionInfo)
  if (path === '/') return value({ paths: rootPaths })
  if (path === '/api' || path === '/apis') {
    const { as, v, g } = request.accepted.parameters
    if (as === 'APIGroupDiscoveryList' && g === 'apidiscovery.k8s.io' && v === 'v2')
      return etagged(
        aggregatedDiscovery(path === '/api' ? 'core' : 'groups', aggregated.extras()),
        'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
      )
    return value(path === '/api' ? apiVersions(serverAddress()) : apiGroupList(aggregated.extras()))
  }
  if (segments[0] === 'api' && segments.length === 2) return known(apiResourceList('', segments[1]!))
  if (segments[0] === 'apis' && segments.length === 2) return known(apiGroup(segments[1]!, aggregated.extras()))
  if (segments[0] === 'apis' && segments.length === 3) return known(apiResourceList(segments[1]!, segments[2]!))
  return undefined
}

function known(object: object | undefined): Answer {
  if (object === undefined) throw pathNotFound()
  return value(object)
}

function etagged(object: object, contentType: string): Answer {
  const bytes = Buffer.from(JSON.stringify(object))
  return { type: 'bytes', code: 200, contentType, bytes, etag: `"${createHash('sha256').update(bytes).digest('hex').toUpperCase()}"` }
}

const v3Prefix = '/openapi/v3/'

/** OpenAPI documents are large and never change: their bytes are made once, on first use. */
function openApiAnswer(
  path: string,
  documents: Map<string, Buffer>,
  { aggregated, wantsProtobuf }: { readonly aggregated: AggregatedApis; readonly wantsProtobuf: boolean },
): Answer | Promise<Answer> | undefined {
  if (path === '/openapi/v3') {
    const extras = aggregated
      .extras()
      .map(({ group, version }) => [`apis/${group}/${version}`, { serverRelativeURL: `${v3Prefix}apis/${group}/${version}` }])
    return value({ paths: { ...openApiV3Index().paths, ...Object.fromEntries(extras) } })
  }
  if (path !== '/openapi/v2' && !path.startsWith(v3Prefix)) return undefined
  if (path === '/openapi/v2' && wantsProtobuf) return protobufDocument(documents)
  const cached = documents.get(path)
  if (cached !== undefined) return json(cached)
  const document = path === '/openapi/v2' ? openApiV2() : openApiV3(path.slice(v3Prefix.length))
  if (document === undefined) return aggregatedDocument(path, aggregated)
  const bytes = Buffer.from(JSON.stringify(document))
  documents.set(path, bytes)
  return json(bytes)
}

function protobufDocument(documents: Map<string, Buffer>): Answer {
  const bytes = documents.get(openApiProtobufType) ?? encodeOpenApiV2(openApiV2())
  documents.set(openApiProtobufType, bytes)
  return { type: 'bytes', code: 200, contentType: openApiProtobufType, bytes }
}

async function aggregatedDocument(path: string, aggregated: AggregatedApis): Promise<Answer> {
  const document = await aggregated.openApiV3(path.slice(v3Prefix.length))
  if (document === undefined) throw pathNotFound()
  return value(document)
}

const json = (bytes: Buffer): Answer => ({ type: 'bytes', code: 200, contentType: 'application/json', bytes })

function issuerAnswer(path: string, { tokens }: DiscoveryOptions): Answer | Promise<Answer> | undefined {
  if (path === '/.well-known/openid-configuration') return value(tokens.configuration())
  if (path === '/openid/v1/jwks') return value(tokens.jwks())
  return undefined
}

const rootPaths = [
  '/.well-known/openid-configuration',
  '/api',
  '/api/v1',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
]
