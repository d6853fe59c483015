import { request, type RequestOptions } from 'node:https'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { createHttpsTransport } from '../../client/https-transport.ts'
import { createTestCredentials, startTestServer, type TestCredentials, type TestServer } from '../testing/test-server.ts'

let running: TestServer
let credentials: TestCredentials
beforeAll(async () => {
  credentials = await createTestCredentials()
  running = await startTestServer(credentials)
})
afterAll(() => running.stop())

interface Answer {
  readonly code: number
  readonly headers: Record<string, any>
  readonly bytes: Buffer
}

function send(path: string, options: RequestOptions & { readonly body?: string | Buffer } = {}): Promise<Answer> {
  const { body, ...rest } = options
  return new Promise((resolve, reject) => {
    const { port } = running.server.address
    const outgoing = request(
      { host: '127.0.0.1', port, path, ca: credentials.ca.cert, ...credentials.admin, agent: false, ...rest },
      (answer) => {
        const pieces: Buffer[] = []
        answer
          .on('data', (piece: Buffer) => pieces.push(piece))
          .on('end', () => resolve({ code: answer.statusCode!, headers: answer.headers, bytes: Buffer.concat(pieces) }))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
const json = ({ bytes }: Answer) => JSON.parse(bytes.toString()) as Record<string, any>
const maps = '/api/v1/namespaces/default/configmaps'
const post = (body: string | Buffer, contentType = 'application/json', path = maps) =>
  send(path, { method: 'POST', headers: { 'content-type': contentType }, body })

describe('bodies', () => {
  test('may be YAML', async () => {
    const answer = await post('apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-yaml\ndata:\n  a: "1"\n', 'application/yaml')
    expect(answer.code).toBe(201)
    expect(json(answer)).toMatchObject({ metadata: { name: 'from-yaml' }, data: { a: '1' } })
  })

  test('may be protobuf', async () => {
    // The k8s envelope around ConfigMap{metadata{name: "pb"}, data{"a": "1"}}.
    const field = (number: number, bytes: Buffer) => Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])
    const text = (number: number, value: string) => field(number, Buffer.from(value))
    const raw = Buffer.concat([field(1, text(1, 'pb')), field(2, Buffer.concat([text(1, 'a'), text(2, '1')]))])
    const unknown = Buffer.concat([field(1, Buffer.concat([text(1, 'v1'), text(2, 'ConfigMap')])), field(2, raw)])
    const answer = await post(Buffer.concat([Buffer.from([0x6b, 0x38, 0x73, 0]), unknown]), 'application/vnd.kubernetes.protobuf')
    expect(answer.code).toBe(201)
    expect(json(answer)).toMatchObject({ metadata: { name: 'pb' }, data: { a: '1' } })
  })

  test.each<[string, string | Buffer, string, number, string]>([
    ['malformed JSON', '{"a":', 'application/json', 400, 'BadRequest'],
    ['malformed YAML', 'a: [1', 'application/yaml', 400, 'BadRequest'],
    ['malformed protobuf', 'k8s', 'application/vnd.kubernetes.protobuf', 400, 'BadRequest'],
    ['an array', '[]', 'application/json', 400, 'BadRequest'],
    ['nothing', '', 'application/json', 400, 'BadRequest'],
    ['an unknown content type', 'x', 'text/plain', 415, 'UnsupportedMediaType'],
    ['more than 3 MiB', `{"a":"${'x'.repeat(3 * 1024 * 1024)}"}`, 'application/json', 413, 'RequestEntityTooLarge'],
  ])('refuses %s', async (_, body, contentType, code, reason) => {
    const answer = await post(body, contentType)
    expect(answer.code).toBe(code)
    expect(json(answer)).toMatchObject({ kind: 'Status', reason, code })
  })

  test('unknown and repeated fields are warned of', async () => {
    const answer = await post('{"metadata":{"name":"warned"},"colour":"red","data":{"a":"1","a":"2"}}')
    expect(answer.code).toBe(201)
    expect(answer.headers['warning']).toContain('299 - "unknown field \\"colour\\""')
    expect(answer.headers['warning']).toContain('duplicate field \\"data.a\\"')
    expect(json(answer)).not.toHaveProperty('colour')
  })
})

describe('a namespace that enforces a Pod Security standard', () => {
  const make = (path: string, object: object) => post(JSON.stringify(object), 'application/json', `/api/v1/namespaces${path}`)
  const pod = (name: string, spec: object) => ({ metadata: { name }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } })

  test('refuses pods, and warns of those that another standard is for', async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'baseline', 'pod-security.kubernetes.io/warn': 'restricted' }
    expect((await make('', { metadata: { name: 'guarded', labels } })).code).toBe(201)
    expect((await make('/guarded/serviceaccounts', { metadata: { name: 'default' } })).code).toBe(201)
    const refused = await make('/guarded/pods', pod('p', { hostPID: true, volumes: null }))
    expect(json(refused)).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: 'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true)',
    })
    expect(refused.headers['warning']).toBeUndefined()
    const nameless = await make('/guarded/pods', pod('p', { containers: [null], volumes: [{ hostPath: { path: '/' } }] }))
    expect(json(nameless)['message']).toBe('pods "p" is forbidden: violates PodSecurity "baseline:latest": hostPath volumes (volume "")')
    const warned = await make('/guarded/pods', pod('p', { os: { name: 'windows' } }))
    expect(warned.code).toBe(201)
    expect(warned.headers['warning']).toBe(
      '299 - "would violate PodSecurity \\"restricted:latest\\": runAsNonRoot != true (pod or container \\"c\\" must set securityContext.runAsNonRoot=true)"',
    )
  })
})

describe('answers', () => {
  test('are compressed when they are large and the client can read that', async () => {
    await post(JSON.stringify({ metadata: { name: 'large' }, data: { a: 'x'.repeat(300_000) } }))
    const plain = await send(`${maps}/large`)
    expect(plain.headers['content-encoding']).toBeUndefined()
    const compressed = await send(`${maps}/large`, { headers: { 'accept-encoding': 'gzip' } })
    expect(compressed.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(compressed.bytes)).toEqual(plain.bytes)
    const list = await send(maps, { headers: { 'accept-encoding': 'gzip' } })
    expect(JSON.parse(gunzipSync(list.bytes).toString())).toMatchObject({ kind: 'ConfigMapList' })
  })

  test('take the form that the client accepts', async () => {
    await post('{"metadata":{"name":"shown"}}')
    const as = (accept: string, path = `${maps}/shown`) => send(path, { headers: { accept } })
    expect(json(await as('application/json;as=Table;v=v1;g=meta.k8s.io,application/json'))).toMatchObject({
      kind: 'Table',
      rows: [{ cells: ['shown', 0, expect.any(String)] }],
    })
    expect(json(await as('application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'))).toMatchObject({
      kind: 'PartialObjectMetadata',
      metadata: { name: 'shown' },
    })
    expect(json(await as('application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', maps))).toMatchObject({
      kind: 'PartialObjectMetadataList',
    })
    expect((await as('application/yaml')).bytes.toString()).toContain('kind: ConfigMap\n')
    expect(json(await as('application/vnd.kubernetes.protobuf, application/json'))).toMatchObject({ kind: 'ConfigMap' })
    expect((await as('application/vnd.kubernetes.protobuf')).code).toBe(406)
    expect((await as('image/png')).code).toBe(406)
  })

  test('a HEAD has no body', async () => {
    const answer = await send('/api/v1/namespaces/default', { method: 'HEAD' })
    expect(answer).toMatchObject({ code: 200 })
    expect(answer.bytes).toHaveLength(0)
    expect(Number(answer.headers['content-length'])).toBeGreaterThan(100)
  })

  test.each([
    '/%',
    '/api/v1/namespaces/%E0%A4%A',
    '/apis/../../etc/passwd',
    '//',
    '/api//v1',
    '/api/v1/namespaces/default/pods/..%2f..%2fsecrets',
  ])('the path %s does no harm', async (path) => {
    expect([400, 404]).toContain((await send(path)).code)
  })
})

describe('what is no resource', () => {
  test.each<[string, Record<string, unknown>]>([
    ['/version', { gitVersion: 'v1.35.0+binnacle' }],
    ['/api', { kind: 'APIVersions', versions: expect.arrayContaining(['v1']) }],
    ['/apis', { kind: 'APIGroupList' }],
    ['/apis/apps', { kind: 'APIGroup', name: 'apps' }],
    ['/apis/apps/v1', { kind: 'APIResourceList', groupVersion: 'apps/v1' }],
    ['/api/v1', { kind: 'APIResourceList', groupVersion: 'v1' }],
    ['/openapi/v2', { swagger: '2.0' }],
    ['/openapi/v3/api/v1', { openapi: '3.0.0' }],
    ['/.well-known/openid-configuration', { issuer: 'https://kubernetes.default.svc.cluster.local' }],
    ['/openid/v1/jwks', { keys: [expect.objectContaining({ kty: 'EC', use: 'sig' })] }],
  ])('%s is answered', async (path, expected) => {
    const answer = await send(path)
    expect(answer.code).toBe(200)
    expect(json(answer)).toMatchObject(expected)
  })

  test('aggregated discovery is negotiated and cached by its tag', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
    const answer = await send('/apis', { headers: { accept } })
    expect(answer.headers['content-type']).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')
    expect(json(answer)).toMatchObject({
      kind: 'APIGroupDiscoveryList',
      items: expect.arrayContaining([expect.objectContaining({ metadata: expect.objectContaining({ name: 'apps' }) })]),
    })
    expect((await send('/apis', { headers: { accept, 'if-none-match': answer.headers['etag'] as string } })).code).toBe(304)
  })

  test.each(['/healthz', '/livez', '/readyz'])('%s says ok', async (path) => {
    expect((await send(path)).bytes.toString()).toBe('ok')
  })

  test('requests are counted', async () => {
    await send('/api/v1/namespaces')
    const text = (await send('/metrics')).bytes.toString()
    expect(text).toMatch(/apiserver_request_total\{verb="LIST",group="",version="v1",resource="namespaces",subresource="",code="200"\} \d+/)
    expect(text).toContain('apiserver_request_duration_seconds_bucket')
  })
})

test('a port in use is said plainly', async () => {
  await expect(startTestServer(credentials, { port: running.server.address.port })).rejects.toThrow(
    /cannot listen on 127\.0\.0\.1:\d+: the port is in use by another process/,
  )
})

test('a transport that is given another certificate is known by it at once, and its watches end as they are', async () => {
  const [first, second] = await Promise.all([credentials.issue('first', 'system:masters'), credentials.issue('second', 'system:masters')])
  const { port } = running.server.address
  const transport = createHttpsTransport({ server: `https://127.0.0.1:${port}`, ca: credentials.ca.cert, ...first, clock: systemClock })
  const whoami = async () => {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: {} }
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
    const { status } = (await transport.request({ method: 'POST', path, body })) as { status: { userInfo: { username: string } } }
    return status.userInfo.username
  }
  const abort = new AbortController()
  const watch = transport.stream({ method: 'GET', path: maps, query: { watch: 'true' } }, abort.signal)[Symbol.asyncIterator]()
  const seen = watch.next()
  expect(await whoami()).toBe('first')
  transport.useCertificate(second)
  expect(await whoami()).toBe('second')
  await transport.request({
    method: 'POST',
    path: maps,
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'seen-by-the-old-watch' } },
  })
  expect((await seen).done).toBe(false)
  abort.abort()
  await watch.return?.()
  transport.close()
})
