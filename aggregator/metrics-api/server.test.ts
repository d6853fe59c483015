import { Agent, request as httpsRequest } from 'node:https'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/clock.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import type { KeyPair } from '../../lib/pki.ts'
import { decodeProtobuf } from '../../orchestrator/api/protobuf.ts'
import { unavailable } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createFakeClient } from '../fake-cluster.ts'
import type { Authorities } from './authorities.ts'
import { noAuthorities } from './authorities.ts'
import { createExternalApi } from './external-api.ts'
import { ExternalValues } from './external-values.ts'
import type { PodMetrics } from './kinds.ts'
import { createResourceApi } from './resource-api.ts'
import type { MetricsChange, ResourceMetrics } from './resource-metrics.ts'
import { createMetricsApi } from './server.ts'
import type { MetricsApi } from './server.ts'

const pod: PodMetrics = {
  apiVersion: 'metrics.k8s.io/v1beta1',
  kind: 'PodMetrics',
  metadata: { name: 'web', namespace: 'default', resourceVersion: '7' },
  timestamp: '2030-01-01T00:00:00Z',
  window: '5s',
  containers: [{ name: 'main', usage: { cpu: '100n', memory: '2Ki', swap: '0Ki' } }],
}
const handlers = new Set<(changes: readonly MetricsChange[]) => void>()
const metrics = {
  revision: '7',
  nodes: () => [],
  pods: (namespace?: string) => (namespace === undefined || namespace === 'default' ? [pod] : []),
  onChange: (handler: (changes: readonly MetricsChange[]) => void) => {
    handlers.add(handler)
    return () => handlers.delete(handler)
  },
} as unknown as ResourceMetrics

let authority: KeyPair
let proxyAuthority: KeyPair
let admin: KeyPair
let clock: FakeClock
let client: Client
let tokenReviews: string[]
let configMap: Readonly<Record<string, string>>
let api: MetricsApi
let address: string

beforeEach(async () => {
  const now = systemClock.now()
  authority = await createAuthority('cluster', now)
  proxyAuthority = await createAuthority('front-proxy', now)
  admin = await issueCertificate(authority, { commonName: 'admin', organization: 'system:masters', isClient: true, now })
  clock = new FakeClock()
  tokenReviews = []
  configMap = { 'client-ca-file': authority.cert, 'requestheader-client-ca-file': proxyAuthority.cert }
  const fake = createFakeClient((user) => user !== 'mallory')
  client = {
    ...fake,
    create: (kind: { readonly kind: string }, object: { readonly spec: { readonly token: string } }) => {
      if (kind.kind !== 'TokenReview') return (fake.create as (a: unknown, b: unknown) => unknown)(kind, object)
      tokenReviews.push(object.spec.token)
      const isKnown = object.spec.token.startsWith('known')
      return Promise.resolve({ status: isKnown ? { authenticated: true, user: { username: 'bob', groups: ['dev'] } } : { user: {} } })
    },
    get: () => (configMap === undefined ? Promise.reject(unavailable('away')) : Promise.resolve({ data: configMap })),
  } as unknown as Client
  await start({ ...noAuthorities, clientCa: authority.cert, requestHeaderCa: proxyAuthority.cert })
})
afterEach(() => api.stop())

async function start(authorities: Authorities | undefined): Promise<void> {
  const tls = await issueCertificate(authority, { commonName: 'monitor', hosts: ['127.0.0.1'], isServer: true, now: systemClock.now() })
  const external = new ExternalValues({ metrics: [], readings: () => Promise.resolve([]), query: undefined, clock })
  api = createMetricsApi({
    hosts: ['127.0.0.1'],
    port: 0,
    tls,
    authorities,
    groups: [createResourceApi(metrics), createExternalApi(external)],
    feed: metrics,
    client,
    clock,
    log: silentLog,
    unready: () => ['no node has been scraped yet'],
  })
  ;[address] = (await api.start()) as [string]
}

interface Given {
  readonly as?: KeyPair
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string
}

async function ask(path: string, { as, method = 'GET', headers = {}, body }: Given = { as: admin }) {
  const agent = new Agent({ ca: authority.cert, ...as })
  try {
    return await new Promise<{ status: number; type: string; bytes: Buffer; json: () => any }>((resolve, reject) => {
      const request = httpsRequest(new URL(path, address), { agent, method, headers: { ...headers } }, async (response) => {
        const chunks: Buffer[] = []
        for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
        const bytes = Buffer.concat(chunks)
        resolve({
          status: response.statusCode!,
          type: response.headers['content-type'] ?? '',
          bytes,
          json: () => JSON.parse(bytes.toString()),
        })
      })
      request.on('error', reject)
      request.end(body)
    })
  } finally {
    agent.destroy()
  }
}

const root = '/apis/metrics.k8s.io/v1beta1'

describe('answers', () => {
  it('come as JSON, YAML, protobuf, Tables and bare metadata', async () => {
    const accept = (type: string) => ask(`${root}/pods?limit=500`, { as: admin, headers: { accept: type } })
    expect((await accept('application/json')).json()).toEqual({
      kind: 'PodMetricsList',
      apiVersion: 'metrics.k8s.io/v1beta1',
      metadata: { resourceVersion: '7' },
      items: [pod],
    })
    const yaml = await accept('application/yaml')
    expect(yaml.type).toContain('application/yaml')
    expect(yaml.bytes.toString()).toContain('kind: PodMetricsList\n')
    const protobuf = await accept('application/vnd.kubernetes.protobuf, */*')
    expect(protobuf.type).toContain('application/vnd.kubernetes.protobuf')
    expect(decodeProtobuf(protobuf.bytes)).toMatchObject({ kind: 'PodMetricsList', items: [{ metadata: { name: 'web' }, window: '5s' }] })
    const table = (await accept('application/json;as=Table;v=v1;g=meta.k8s.io,application/json')).json()
    expect(table).toMatchObject({ kind: 'Table', rows: [{ cells: ['web', '100n', '2Ki', '5s'] }] })
    const partial = (await accept('application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io')).json()
    expect(partial).toMatchObject({
      kind: 'PartialObjectMetadataList',
      items: [{ kind: 'PartialObjectMetadata', metadata: { name: 'web' } }],
    })
    expect((await accept('text/html')).json()).toMatchObject({ kind: 'Status', code: 406, reason: 'NotAcceptable' })
  })

  it('that are errors are a Status', async () => {
    const codes: Record<string, number> = {
      [`${root}/pods?fieldSelector=metadata.name%3Dother`]: 200,
      [`${root}/pods?fieldSelector=spec.nodeName%3Da`]: 400,
      [`${root}/pods?limit=many`]: 400,
      [`${root}/pods?watch=maybe`]: 400,
      [`${root}/namespaces/default/pods/none`]: 404,
      [`${root}/houses`]: 404,
      [`${root}/pods/web`]: 404,
      '/apis/metrics.k8s.io/v1': 404,
      '/nothing': 404,
      [`${root}/namespaces/%zz/pods`]: 400,
      '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/none': 404,
    }
    for (const [path, code] of Object.entries(codes)) expect(`${path} ${(await ask(path)).status}`).toBe(`${path} ${code}`)
    expect((await ask(`${root}/pods`, { as: admin, method: 'DELETE' })).json()).toMatchObject({ kind: 'Status', code: 405 })
    const body = JSON.stringify({ kind: 'PodMetrics' })
    const headers = { 'content-type': 'application/x-nonsense' }
    expect((await ask(`${root}/pods`, { as: admin, method: 'POST', body, headers })).json()).toMatchObject({
      code: 405,
      reason: 'MethodNotAllowed',
    })
    expect((await ask('/apis', { as: admin, method: 'PUT' })).status).toBe(405)
    const head = await ask(`${root}/pods`, { as: admin, method: 'HEAD' })
    expect([head.status, head.bytes.length]).toEqual([200, 0])
  })

  it('tell what is served', async () => {
    expect((await ask('/apis')).json().groups.map(({ name }: { name: string }) => name)).toEqual([
      'metrics.k8s.io',
      'external.metrics.k8s.io',
    ])
    const headers = { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json' }
    const aggregated = await ask('/apis', { as: admin, headers })
    expect(aggregated.type).toMatch(/^application\/json; ?g="?apidiscovery\.k8s\.io"?; ?v="?v2"?; ?as="?APIGroupDiscoveryList"?/)
    expect(aggregated.json().items[0].versions[0].resources).toMatchObject([
      { resource: 'nodes', scope: 'Cluster', verbs: ['get', 'list', 'watch'], responseKind: { kind: 'NodeMetrics' } },
      { resource: 'pods', scope: 'Namespaced' },
    ])
    const v3 = (await ask('/openapi/v3/apis/metrics.k8s.io/v1beta1')).json()
    expect(Object.keys(v3.paths)).toContain('/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods/{name}')
    expect(v3.components.schemas).toHaveProperty(['io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetricsList'])
    expect((await ask('/openapi/v3')).json().paths).toHaveProperty(['apis/external.metrics.k8s.io/v1beta1', 'serverRelativeURL'])
    expect((await ask('/openapi/v2')).json().definitions).toHaveProperty([
      'io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValueList',
    ])
  })
})

describe('who asks', () => {
  const names = async (given: Given) => (await ask(`${root}/pods`, given)).status

  it('needs no name for health', async () => {
    expect((await ask('/healthz', {})).bytes.toString()).toBe('ok')
    expect((await ask('/livez', {})).status).toBe(200)
    expect((await ask('/readyz', {})).bytes.toString()).toBe('no node has been scraped yet')
    expect(await names({})).toBe(401)
  })

  it('may show a bearer token, which is reviewed once in ten seconds', async () => {
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
    expect(await names(bearer('known-1'))).toBe(200)
    expect(await names(bearer('known-1'))).toBe(200)
    expect(await names(bearer('stranger'))).toBe(401)
    expect(await names({ headers: { authorization: 'Basic YTpi' } })).toBe(401)
    expect(tokenReviews).toEqual(['known-1', 'stranger'])
    await clock.advance(10_000)
    expect(await names(bearer('known-1'))).toBe(200)
    expect(tokenReviews).toEqual(['known-1', 'stranger', 'known-1'])
  })

  it('is asked about by path where it is no resource', async () => {
    const mallory = await issueCertificate(authority, { commonName: 'mallory', isClient: true, now: systemClock.now() })
    const refused = (await ask('/apis', { as: mallory })).json()
    expect(refused).toMatchObject({ code: 403, message: 'forbidden: User "mallory" cannot get path "/apis"' })
  })

  it('is believed as the ConfigMap of the API server says, also when that changes', async () => {
    await api.stop()
    await start(undefined)
    await clock.settle()
    expect(await names({ as: admin })).toBe(200)
    const proxy = await issueCertificate(proxyAuthority, { commonName: 'front', isClient: true, now: systemClock.now() })
    expect(await names({ as: proxy, headers: { 'x-remote-user': 'alice' } })).toBe(200)
    const next = await createAuthority('next', systemClock.now())
    configMap = {
      'client-ca-file': next.cert,
      'requestheader-client-ca-file': proxyAuthority.cert,
      'requestheader-allowed-names': '["front"]',
      'requestheader-username-headers': '["X-Who"]',
    }
    await clock.advance(60_000)
    expect(await names({ as: admin })).toBe(401)
    expect(await names({ as: await issueCertificate(next, { commonName: 'admin', isClient: true, now: systemClock.now() }) })).toBe(200)
    expect(await names({ as: proxy, headers: { 'x-who': 'mallory' } })).toBe(403)
    configMap = { 'requestheader-allowed-names': 'front' }
    await clock.advance(60_000)
    expect(await names({ as: proxy, headers: { 'x-who': 'alice' } })).toBe(200)
  })
})
