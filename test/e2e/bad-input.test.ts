import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { parse } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCluster, type TestCluster } from '../support/cluster.ts'

/** What a hostile or mistaken client gets: upstream's Status, and nothing stored. */
interface Answer {
  readonly code: number
  readonly headers: Record<string, unknown>
  readonly body: {
    readonly reason?: string
    readonly message?: string
    readonly kind?: string
    readonly details?: { readonly causes?: readonly { readonly field?: string }[] }
  }
}

interface Call {
  readonly method?: string
  readonly path?: string
  readonly type?: string
  readonly accept?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly anonymous?: boolean
}

interface Case extends Call {
  readonly what: string
  readonly code: number
  readonly reason?: string
  readonly message?: RegExp
  readonly field?: string
}

const maps = '/api/v1/namespaces/default/configmaps'
const pods = '/api/v1/namespaces/default/pods'
const kept = `${maps}/kept`
const deployment = '/apis/apps/v1/namespaces/default/deployments/kept'
const map = (extra: object = {}, metadata: object = {}) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'bad', ...metadata }, data: { a: 'b' }, ...extra })
const pod = (container: object = {}, spec: object = {}) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'bad' },
    spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec },
  })
const jsonPatch = { method: 'PATCH', path: kept, type: 'application/json-patch+json' }
const mergePatch = { method: 'PATCH', path: kept, type: 'application/merge-patch+json' }

let cluster: TestCluster
let credentials: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer }

beforeAll(async () => {
  cluster = await startCluster(['--runtime=simulated', '--influxdb=none'], 120)
  const file = parse(readFileSync(join(cluster.dataDir, 'kubeconfig'), 'utf8')) as {
    clusters: { cluster: Record<string, string> }[]
    users: { user: Record<string, string> }[]
  }
  const bytes = (from: Record<string, string>, name: string) =>
    from[`${name}-data`] === undefined ? readFileSync(from[name]!) : Buffer.from(from[`${name}-data`]!, 'base64')
  const user = file.users[0]!.user
  credentials = {
    ca: bytes(file.clusters[0]!.cluster, 'certificate-authority'),
    cert: bytes(user, 'client-certificate'),
    key: bytes(user, 'client-key'),
  }
  await call({ body: map({}, { name: 'kept' }) })
  await call({
    path: '/apis/apps/v1/namespaces/default/deployments',
    body: JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'kept' },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'kept' } },
        template: { metadata: { labels: { app: 'kept' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    }),
  })
})

afterAll(() => cluster?.remove())

function call({ method = 'POST', path = maps, type, accept, headers = {}, body, anonymous }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { ca, ...identity } = credentials
    const request = httpsRequest({
      host: '127.0.0.1',
      port: cluster.ports.api,
      method,
      path,
      ca,
      ...(anonymous === true ? {} : identity),
      agent: false,
      timeout: 20_000,
      headers: {
        ...(body === undefined ? {} : { 'content-type': type ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...(accept === undefined ? {} : { accept }),
        ...headers,
      },
    })
    let isAnswered = false
    // A body that is refused half way may end the connection while it is being sent: the answer counts.
    request.on('error', (error) => isAnswered || reject(error))
    request.on('timeout', () => request.destroy(new Error(`${method} ${path}: no answer`)))
    request.on('response', (response) => {
      isAnswered = true
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('error', reject)
      response.on('end', () => resolve({ code: response.statusCode!, headers: response.headers, body: readJson(text) }))
    })
    request.end(body)
  })
}

function readJson(text: string): Answer['body'] {
  try {
    return JSON.parse(text) as Answer['body']
  } catch {
    return { message: text }
  }
}

const cases: readonly Case[] = [
  { what: 'JSON that ends too early', body: '{"kind":"ConfigMap"', code: 400, reason: 'BadRequest' },
  { what: 'an empty body', body: '', code: 400, reason: 'BadRequest' },
  { what: 'a body that is no object', body: '[1,2]', code: 400, reason: 'BadRequest' },
  { what: 'broken YAML', type: 'application/yaml', body: 'a: [1\nb: }', code: 400, reason: 'BadRequest' },
  { what: 'broken protobuf', type: 'application/vnd.kubernetes.protobuf', body: 'k8s\0\xff\xff\xff', code: 400, reason: 'BadRequest' },
  { what: 'another kind', body: pod(), code: 400, reason: 'BadRequest' },
  {
    what: 'another namespace in the object',
    body: map({}, { namespace: 'kube-system' }),
    code: 400,
    reason: 'BadRequest',
    message: /does not match/,
  },
  {
    what: 'an unknown field, strict',
    path: `${maps}?fieldValidation=Strict`,
    body: map({ dat: {} }),
    code: 400,
    reason: 'BadRequest',
    message: /strict decoding error: unknown field "dat"/,
  },
  {
    what: 'a key twice, strict',
    path: `${maps}?fieldValidation=Strict`,
    body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"},"data":{"a":"1"},"data":{}}',
    code: 400,
    reason: 'BadRequest',
    message: /duplicate field "data"/,
  },
  { what: 'an unknown fieldValidation', path: `${maps}?fieldValidation=Maybe`, body: map(), code: 422, reason: 'Invalid' },
  { what: 'an unknown dryRun', path: `${maps}?dryRun=Some`, body: map(), code: 422, reason: 'Invalid' },
  {
    what: 'a number where text belongs',
    body: map({ data: { a: 1 } }),
    code: 400,
    reason: 'BadRequest',
    message: /cannot unmarshal number/,
  },
  { what: 'text where a list belongs', path: pods, body: pod({}, { containers: 'x' }), code: 400, reason: 'BadRequest' },
  { what: 'a name with capitals', body: map({}, { name: 'Bad_Name' }), code: 422, reason: 'Invalid', field: 'metadata.name' },
  { what: 'a name with a path in it', body: map({}, { name: '../../etc' }), code: 422, reason: 'Invalid', field: 'metadata.name' },
  {
    what: 'no name',
    body: map({}, { name: '' }),
    code: 422,
    reason: 'Invalid',
    field: 'metadata.name',
    message: /name or generateName is required/,
  },
  {
    what: 'a label value of 10,000 characters',
    body: map({}, { labels: { a: 'x'.repeat(10_000) } }),
    code: 422,
    reason: 'Invalid',
    field: 'metadata.labels',
  },
  { what: 'a label key with a blank', body: map({}, { labels: { 'a b': 'x' } }), code: 422, reason: 'Invalid', field: 'metadata.labels' },
  {
    what: 'annotations over 256 KiB',
    body: map({}, { annotations: { a: 'x'.repeat(300_000) } }),
    code: 422,
    reason: 'Invalid',
    field: 'metadata.annotations',
  },
  { what: 'a key of data with a slash', body: map({ data: { 'a/b': '' } }), code: 422, reason: 'Invalid', field: 'data[a/b]' },
  {
    what: 'a bad quantity',
    path: pods,
    body: pod({ resources: { requests: { cpu: '1 apple' } } }),
    code: 400,
    reason: 'BadRequest',
    message: /quantit/,
  },
  { what: 'no containers', path: pods, body: pod({}, { containers: [] }), code: 422, reason: 'Invalid', field: 'spec.containers' },
  {
    what: 'a container name with a newline',
    path: pods,
    body: pod({ name: 'c"\n{x="1"} 9' }),
    code: 422,
    reason: 'Invalid',
    field: 'spec.containers[0].name',
  },
  { what: 'a body over 3 MiB', body: map({ data: { a: 'x'.repeat(3 * 1024 * 1024) } }), code: 413, reason: 'RequestEntityTooLarge' },
  { what: 'an unknown content type', type: 'text/csv', body: map(), code: 415, reason: 'UnsupportedMediaType' },
  { what: 'an unacceptable Accept', accept: 'text/csv', body: map(), code: 406, reason: 'NotAcceptable' },
  { what: 'POST on an object', path: kept, body: map(), code: 405, reason: 'MethodNotAllowed' },
  {
    what: 'a stale resourceVersion',
    method: 'PUT',
    path: kept,
    body: map({}, { name: 'kept', resourceVersion: '1' }),
    code: 409,
    reason: 'Conflict',
    message: /the object has been modified; please apply your changes to the latest version and try again/,
  },
  {
    what: 'a wrong uid',
    method: 'DELETE',
    path: kept,
    body: '{"preconditions":{"uid":"nope"}}',
    code: 409,
    reason: 'Conflict',
    message: /Precondition failed: UID in precondition: nope/,
  },
  { what: 'a name that is there', body: map({}, { name: 'kept' }), code: 409, reason: 'AlreadyExists' },
  {
    what: 'an immutable selector',
    method: 'PATCH',
    path: deployment,
    type: 'application/merge-patch+json',
    body: '{"spec":{"selector":{"matchLabels":{"app":"x"}}}}',
    code: 422,
    reason: 'Invalid',
  },
  { ...jsonPatch, what: 'a JSON patch that is an object', body: '{}', code: 400, reason: 'BadRequest' },
  {
    ...jsonPatch,
    what: 'a JSON patch to a path that is not there',
    body: '[{"op":"remove","path":"/data/none"}]',
    code: 422,
    reason: 'Invalid',
  },
  {
    ...jsonPatch,
    what: 'a failed test of a JSON patch',
    body: '[{"op":"test","path":"/data/a","value":"z"}]',
    code: 422,
    reason: 'Invalid',
  },
  {
    ...jsonPatch,
    what: '10,001 operations',
    body: JSON.stringify(Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/kind', value: 'ConfigMap' }))),
    code: 413,
    reason: 'RequestEntityTooLarge',
  },
  { ...mergePatch, what: 'a merge patch of broken JSON', body: '{"data":', code: 400, reason: 'BadRequest' },
  { ...mergePatch, what: 'a merge patch that changes the name', body: '{"metadata":{"name":"other"}}', code: 400, reason: 'BadRequest' },
  { ...mergePatch, what: 'an unknown patch type', type: 'application/foo-patch', body: '{}', code: 415, reason: 'UnsupportedMediaType' },
  {
    ...mergePatch,
    what: 'apply without a field manager',
    type: 'application/apply-patch+yaml',
    body: map({}, { name: 'kept' }),
    code: 422,
    reason: 'Invalid',
    message: /fieldManager/,
  },
  {
    what: 'a strategic merge patch with an unknown directive',
    method: 'PATCH',
    path: deployment,
    type: 'application/strategic-merge-patch+json',
    body: '{"spec":{"$patch":"nonsense"}}',
    code: 400,
  },
  {
    what: 'JSON 100,000 levels deep',
    body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_001)}`,
    code: 400,
    reason: 'BadRequest',
  },
  { what: 'a limit that is no number', method: 'GET', path: `${maps}?limit=abc`, code: 400, reason: 'BadRequest' },
  {
    what: 'a bad continue token',
    method: 'GET',
    path: `${maps}?continue=%22%00zz`,
    code: 400,
    reason: 'BadRequest',
    message: /continue key is not valid/,
  },
  {
    what: 'a field selector on an unknown field',
    method: 'GET',
    path: `${pods}?fieldSelector=spec.color%3Dred`,
    code: 400,
    reason: 'BadRequest',
    message: /field label not supported: spec\.color/,
  },
  { what: 'a broken label selector', method: 'GET', path: `${pods}?labelSelector=a%20in%20(`, code: 400, reason: 'BadRequest' },
  { what: 'a resourceVersion that is no number', method: 'GET', path: `${maps}?resourceVersion=abc`, code: 422, field: 'resourceVersion' },
  {
    what: 'a list from the future',
    method: 'GET',
    path: `${maps}?resourceVersion=99999999`,
    code: 504,
    reason: 'Timeout',
    message: /Too large resource version/,
  },
  {
    what: 'an unknown namespace',
    path: '/api/v1/namespaces/nowhere/configmaps',
    body: map(),
    code: 404,
    reason: 'NotFound',
    message: /namespaces "nowhere" not found/,
  },
  {
    what: 'an unknown object',
    method: 'GET',
    path: `${maps}/nothing`,
    code: 404,
    reason: 'NotFound',
    message: /^configmaps "nothing" not found$/,
  },
  {
    what: 'an unknown resource',
    method: 'GET',
    path: '/api/v1/unicorns',
    code: 404,
    reason: 'NotFound',
    message: /could not find the requested resource/,
  },
  {
    what: 'exec into a pod that is not there',
    path: `${pods}/none/exec?command=ls`,
    code: 404,
    reason: 'NotFound',
    message: /^pods "none" not found$/,
  },
  {
    what: 'logs of a pod that is not there',
    method: 'GET',
    path: `${pods}/none/log`,
    code: 404,
    reason: 'NotFound',
    message: /^pods "none" not found$/,
  },
  {
    what: 'a token that is none',
    method: 'GET',
    anonymous: true,
    headers: { authorization: 'Bearer not-a-token' },
    code: 401,
    reason: 'Unauthorized',
    message: /^Unauthorized$/,
  },
  {
    what: 'a token signed with nothing',
    method: 'GET',
    anonymous: true,
    headers: {
      authorization: `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"system:serviceaccount:kube-system:default","exp":9999999999}').toString('base64url')}.`,
    },
    code: 401,
    reason: 'Unauthorized',
  },
  {
    what: 'nobody',
    method: 'GET',
    anonymous: true,
    code: 403,
    reason: 'Forbidden',
    message:
      /^configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "default"$/,
  },
  {
    what: 'a user without a role',
    method: 'GET',
    path: '/api/v1/nodes/x',
    headers: { 'impersonate-user': 'joe' },
    code: 403,
    reason: 'Forbidden',
    message: /^nodes "x" is forbidden: User "joe" cannot get resource "nodes" in API group "" at the cluster scope$/,
  },
  {
    what: 'headers of a front proxy from somebody else',
    method: 'GET',
    anonymous: true,
    headers: { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters' },
    code: 403,
    reason: 'Forbidden',
    message: /system:anonymous/,
  },
]

describe('bad input', () => {
  it.each(cases)('$what: $code', async (bad) => {
    const before = await stored()
    const { code, body } = await call(bad)
    const text = JSON.stringify(body).slice(0, 600)
    expect(code, text).toBe(bad.code)
    expect(body.kind, text).toBe('Status')
    if (bad.reason !== undefined) expect(body.reason, text).toBe(bad.reason)
    if (bad.message !== undefined) expect(body.message).toMatch(bad.message)
    if (bad.field !== undefined) expect(body.details?.causes?.map(({ field }) => field)).toContain(bad.field)
    expect(await stored()).toBe(before)
  })

  it('warns of an unknown field and drops it, or says nothing where it is told to ignore it', async () => {
    const warned = await call({ path: `${maps}?fieldValidation=Warn&dryRun=All`, body: map({ dat: {} }) })
    expect(warned.code).toBe(201)
    expect(warned.headers['warning']).toMatch(/299 - "unknown field \\"dat\\""/)
    const ignored = await call({ path: `${maps}?fieldValidation=Ignore&dryRun=All`, body: map({ dat: {} }) })
    expect([ignored.code, ignored.headers['warning'], 'dat' in ignored.body]).toEqual([201, undefined, false])
  })

  it.each(['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json'])(
    'lets no %s reach the prototype of all objects',
    async (type) => {
      const hostile = type.includes('json-patch')
        ? '[{"op":"add","path":"/__proto__/polluted","value":"yes"}]'
        : '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}'
      await call({ method: 'PATCH', path: `${kept}?dryRun=All`, type, body: hostile })
      const { body } = await call({ method: 'GET', path: kept })
      expect(JSON.stringify(body)).not.toContain('polluted')
      expect(JSON.stringify((await call({ method: 'GET', path: '/version' })).body)).not.toContain('polluted')
    },
  )

  it.each([
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
    ['a length beside chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n'],
    ['a chunk size that is no number', 'Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n'],
  ])('takes no second request out of one with %s', async (_what, rest) => {
    const before = await stored()
    const answer = await raw(`POST ${maps} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${rest}`)
    expect(answer).not.toMatch(/HTTP\/1\.1 2/)
    expect(await stored()).toBe(before)
  })
})

/** All ConfigMaps of `default` and all pods: what must not change. */
async function stored(): Promise<string> {
  const lists = await Promise.all([maps, pods, deployment].map((path) => call({ method: 'GET', path })))
  return JSON.stringify(
    lists.map(({ body }) => {
      const { items, metadata } = body as { items?: unknown; metadata?: { generation?: number } }
      return items ?? metadata?.generation
    }),
  )
}

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: cluster.ports.api, ...credentials }, () => socket.write(text))
    let answer = ''
    socket.setTimeout(10_000, () => socket.destroy(new Error('the connection stays open')))
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}
