import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import type { KeyPair } from '../../../lib/pki.ts'
import { createAuthority, issueCertificate } from '../../../lib/pki.ts'
import { createHttpsTransport, type HttpsTransport, type HttpsTransportOptions } from '../../client/https-transport.ts'
import type { TransportRequest } from '../../client/client.ts'
import { createTestCredentials, startTestServer, type TestCredentials, type TestServer } from '../testing/test-server.ts'

type Fields = Record<string, any>
type Call = (method: TransportRequest['method'], path: string, body?: unknown, query?: Record<string, string>) => Promise<Fields>

let running: TestServer
let credentials: TestCredentials
const open: HttpsTransport[] = []

beforeAll(async () => {
  credentials = await createTestCredentials()
  running = await startTestServer(credentials, { staticTokens: { 'let-me-in': { name: 'static', groups: ['ops'] } } })
})
afterAll(async () => {
  for (const transport of open) transport.close()
  await running.stop()
})

const connect = (options: Partial<HttpsTransportOptions>): Call => {
  const transport = createHttpsTransport({
    server: `https://127.0.0.1:${running.server.address.port}`,
    ca: credentials.ca.cert,
    clock: systemClock,
    ...options,
  })
  open.push(transport)
  return (method, path, body, query) =>
    transport.request({
      method,
      path,
      ...(body === undefined ? {} : { body }),
      ...(query === undefined ? {} : { query }),
    }) as Promise<Fields>
}
const admin: Call = (method, path, body) =>
  running.server.transport.request({ method, path, ...(body === undefined ? {} : { body }) }) as Promise<Fields>
const as = async (user: string, group?: string) => connect({ ...(await credentials.issue(user, group)) })
const refusal = (request: Promise<unknown>) =>
  request.then(
    () => expect.fail('was accepted'),
    (error: { status: Fields }) => error.status,
  )
const whoAmI = async (call: Call) =>
  (await call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}))['status'].userInfo as Fields

const rbac = '/apis/rbac.authorization.k8s.io/v1'
const bind = (name: string, role: string, subject: Fields, namespace?: string) =>
  admin('POST', namespace === undefined ? `${rbac}/clusterrolebindings` : `${rbac}/namespaces/${namespace}/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [subject],
  })
const user = (name: string) => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name })

describe('authentication', () => {
  test('takes the name and groups of a client certificate', async () => {
    expect(await whoAmI(await as('alice', 'staff'))).toEqual({ username: 'alice', groups: ['staff', 'system:authenticated'] })
  })

  test('takes a static bearer token', async () => {
    expect(await whoAmI(connect({ token: 'let-me-in' }))).toEqual({ username: 'static', groups: ['ops', 'system:authenticated'] })
  })

  test('takes the token of a service account', async () => {
    const { status } = await admin('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', { spec: {} })
    expect(await whoAmI(connect({ token: status.token as string }))).toMatchObject({
      username: 'system:serviceaccount:default:default',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    })
  })

  test('takes a bootstrap token while its Secret says so', async () => {
    const secrets = '/api/v1/namespaces/kube-system/secrets'
    const token = (id: string, fields: Fields) => ({
      metadata: { name: `bootstrap-token-${id}` },
      type: 'bootstrap.kubernetes.io/token',
      stringData: { 'token-id': id, 'token-secret': '0123456789abcdef', 'usage-bootstrap-authentication': 'true', ...fields },
    })
    const create = (id: string, fields: Fields = {}) => admin('POST', secrets, token(id, fields))
    await create('abcdef', { 'auth-extra-groups': 'system:bootstrappers:workers', expiration: '2999-01-01T00:00:00Z' })
    await create('past00', { expiration: '2020-01-01T00:00:00Z' })
    await create('signer', { 'usage-bootstrap-authentication': 'false' })
    await create('groups', { 'auth-extra-groups': 'system:masters' })
    expect(await whoAmI(connect({ token: 'abcdef.0123456789abcdef' }))).toEqual({
      username: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', 'system:bootstrappers:workers', 'system:authenticated'],
    })
    for (const bad of ['abcdef.0123456789abcdee', 'past00.0123456789abcdef', 'signer.0123456789abcdef', 'groups.0123456789abcdef'])
      expect(await refusal(whoAmI(connect({ token: bad })))).toMatchObject({ code: 401 })
    await admin('DELETE', `${secrets}/bootstrap-token-abcdef`)
    expect(await refusal(whoAmI(connect({ token: 'abcdef.0123456789abcdef' })))).toMatchObject({ code: 401 })
  })

  test('whoever shows nothing is anonymous and sees only what is public', async () => {
    const anonymous = connect({})
    expect(await anonymous('GET', '/version')).toMatchObject({ major: '1', minor: '35' })
    expect(await refusal(anonymous('GET', '/api/v1/namespaces'))).toMatchObject({
      code: 403,
      message: 'namespaces is forbidden: User "system:anonymous" cannot list resource "namespaces" in API group "" at the cluster scope',
    })
    expect(await refusal(anonymous('GET', '/metrics'))).toMatchObject({
      code: 403,
      message: 'forbidden: User "system:anonymous" cannot get path "/metrics"',
    })
  })

  test.each([
    ['a bearer token that nobody issued', () => ({ token: 'guess' })],
    ['a token with a forged signature', () => ({ token: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXN0ZW06YWRtaW4ifQ.' })],
    [
      'a certificate of another authority',
      async () =>
        issueCertificate(await createAuthority('other', systemClock.now()), {
          commonName: 'admin',
          organization: 'system:masters',
          isClient: true,
          now: systemClock.now(),
        }),
    ],
    ["the front proxy's certificate without headers", () => credentials.frontProxy],
  ])('refuses %s', async (_, make) => {
    expect(await refusal(connect(await make())('GET', '/version'))).toMatchObject({ code: 401, reason: 'Unauthorized' })
  })

  test('believes headers only from the front proxy', async () => {
    const { status } = await rawRequest(credentials.frontProxy, { 'X-Remote-User': 'carol', 'X-Remote-Group': 'system:masters' })
    expect(status).toBe(200)
    const forged = await rawRequest(await credentials.issue('mallory'), { 'X-Remote-User': 'carol', 'X-Remote-Group': 'system:masters' })
    expect(forged.status).toBe(403)
    expect(forged.body).toContain('mallory')
  })

  test('acts as somebody else only for those who may impersonate', async () => {
    expect((await rawRequest(credentials.admin, { 'Impersonate-User': 'dave' })).body).toContain('dave')
    expect(
      (await rawRequest(await credentials.issue('eve'), { 'Impersonate-User': 'admin', 'Impersonate-Group': 'system:masters' })).body,
    ).toContain('cannot impersonate resource')
  })
})

async function rawRequest(pair: KeyPair, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const { request } = await import('node:https')
  return new Promise((resolve, reject) => {
    const { port } = running.server.address
    const outgoing = request(
      { host: '127.0.0.1', port, path: '/api/v1/namespaces', ca: credentials.ca.cert, ...pair, headers, agent: false },
      (answer) => {
        let body = ''
        answer
          .setEncoding('utf8')
          .on('data', (piece: string) => (body += piece))
          .on('end', () => resolve({ status: answer.statusCode!, body }))
      },
    )
    outgoing.on('error', reject).end()
  })
}

describe('authorization', () => {
  test('a role counts in its namespace only, and from the moment it is bound', async () => {
    const viewer = await as('viewer')
    expect(await refusal(viewer('GET', '/api/v1/namespaces/default/pods'))).toMatchObject({ code: 403 })
    await bind('viewer', 'view', user('viewer'), 'default')
    expect(await viewer('GET', '/api/v1/namespaces/default/pods')).toMatchObject({ kind: 'PodList' })
    expect(await refusal(viewer('GET', '/api/v1/namespaces/kube-system/pods'))).toMatchObject({ code: 403 })
    expect(await refusal(viewer('GET', '/api/v1/namespaces/default/secrets'))).toMatchObject({ code: 403 })
    expect(await refusal(viewer('DELETE', '/api/v1/namespaces/default/pods/x'))).toMatchObject({
      message: 'pods "x" is forbidden: User "viewer" cannot delete resource "pods" in API group "" in the namespace "default"',
    })
    await admin('DELETE', `${rbac}/namespaces/default/rolebindings/viewer`)
    expect(await refusal(viewer('GET', '/api/v1/namespaces/default/pods'))).toMatchObject({ code: 403 })
  })

  test('names narrow a rule, also for a list that is selected by name', async () => {
    await admin('POST', `${rbac}/clusterroles`, {
      metadata: { name: 'one-map' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['mine'], verbs: ['get', 'list'] }],
    })
    await bind('one-map', 'one-map', user('narrow'))
    const narrow = await as('narrow')
    expect(await refusal(narrow('GET', '/api/v1/namespaces/default/configmaps/mine'))).toMatchObject({ code: 404 })
    expect(await refusal(narrow('GET', '/api/v1/namespaces/default/configmaps/other'))).toMatchObject({ code: 403 })
    expect(await refusal(narrow('GET', '/api/v1/namespaces/default/configmaps'))).toMatchObject({ code: 403 })
    expect(await narrow('GET', '/api/v1/namespaces/default/configmaps', undefined, { fieldSelector: 'metadata.name=mine' })).toMatchObject({
      items: [],
    })
  })

  test('aggregated roles hold what their parts hold', async () => {
    await bind('editor', 'edit', user('editor'), 'default')
    const editor = await as('editor')
    await editor('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'edited' } })
    expect(await editor('GET', '/api/v1/namespaces/default/pods')).toMatchObject({ kind: 'PodList' })
  })

  test('an aggregated role holds a part as soon as that part is there, whatever its own rules say, and no longer', async () => {
    const part = { matchLabels: { 'for-gatherers': 'true' } }
    const nodes = { apiGroups: [''], resources: ['nodes'], verbs: ['get'] }
    await admin('POST', `${rbac}/clusterroles`, {
      metadata: { name: 'gather' },
      aggregationRule: { clusterRoleSelectors: [part] },
      rules: [nodes],
    })
    await bind('gather', 'gather', user('gatherer'))
    const gatherer = await as('gatherer')
    expect(await refusal(gatherer('GET', '/api/v1/nodes/none'))).toMatchObject({ code: 403 })
    await admin('POST', `${rbac}/clusterroles`, { metadata: { name: 'gather-nodes', labels: part.matchLabels }, rules: [nodes] })
    expect(await refusal(gatherer('GET', '/api/v1/nodes/none'))).toMatchObject({ code: 404 })
    await admin('DELETE', `${rbac}/clusterroles/gather-nodes`)
    expect(await refusal(gatherer('GET', '/api/v1/nodes/none'))).toMatchObject({ code: 403 })
  })

  test('only who may do everything writes a role that aggregates others', async () => {
    await admin('POST', `${rbac}/clusterroles`, {
      metadata: { name: 'role-writer' },
      rules: [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['get', 'create', 'update'] }],
    })
    await bind('role-writer', 'role-writer', user('role-writer'))
    const writer = await as('role-writer')
    const role = { metadata: { name: 'mine' }, rules: [] }
    await writer('POST', `${rbac}/clusterroles`, role)
    const aggregate = { ...role, aggregationRule: { clusterRoleSelectors: [{}] } }
    expect(await refusal(writer('PUT', `${rbac}/clusterroles/mine`, aggregate))).toMatchObject({
      code: 403,
      message: expect.stringContaining('attempting to grant RBAC permissions not currently held'),
    })
  })

  test('tells others and oneself what is allowed', async () => {
    const review = { spec: { user: 'nobody', resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } } }
    expect((await admin('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', review))['status']).toMatchObject({ allowed: false })
    const monitor = {
      spec: { user: 'system:binnacle:monitor', resourceAttributes: { verb: 'get', resource: 'nodes', subresource: 'stats' } },
    }
    expect((await admin('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', monitor))['status']).toMatchObject({ allowed: true })
    const self = { spec: { nonResourceAttributes: { verb: 'get', path: '/version' } } }
    expect((await (await as('anyone'))('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', self))['status']).toMatchObject({
      allowed: true,
    })
    const rules = await (
      await as('anyone')
    )('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: { namespace: 'default' } })
    expect(rules['status'].nonResourceRules.length).toBeGreaterThan(0)
  })

  test('nobody grants more than he has', async () => {
    await bind('boss', 'admin', user('boss'), 'default')
    const boss = await as('boss')
    const role = (verbs: string[]) => ({
      metadata: { name: `r-${verbs.join('-').replace('*', 'all')}` },
      rules: [{ apiGroups: ['example.com'], resources: ['things'], verbs }],
    })
    expect(await refusal(boss('POST', `${rbac}/namespaces/default/roles`, role(['*'])))).toMatchObject({
      code: 403,
      message: expect.stringContaining('attempting to grant RBAC permissions not currently held'),
    })
    await boss('POST', `${rbac}/namespaces/default/roles`, {
      metadata: { name: 'ok' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    })
    const binding = {
      metadata: { name: 'up' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [user('boss')],
    }
    expect(await refusal(boss('POST', `${rbac}/namespaces/default/rolebindings`, binding))).toMatchObject({ code: 403 })
  })

  test('a node reaches what its own pods need and nothing else', async () => {
    const node = await as('system:node:n1', 'system:nodes')
    const pod = {
      metadata: { name: 'p' },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 's', secret: { secretName: 'used' } }] },
    }
    await admin('POST', '/api/v1/namespaces/default/pods', pod)
    for (const name of ['used', 'unused']) await admin('POST', '/api/v1/namespaces/default/secrets', { metadata: { name } })
    expect(await node('GET', '/api/v1/pods')).toMatchObject({ kind: 'PodList' })
    expect(await node('GET', '/apis/networking.k8s.io/v1/networkpolicies')).toMatchObject({ kind: 'NetworkPolicyList' })
    expect(await node('GET', '/api/v1/namespaces/default/secrets/used')).toMatchObject({ kind: 'Secret' })
    expect(await refusal(node('GET', '/api/v1/namespaces/default/secrets/unused'))).toMatchObject({
      code: 403,
      message: expect.stringContaining("no relationship found between node 'n1' and this object"),
    })
    expect(await refusal(node('GET', '/api/v1/secrets'))).toMatchObject({ code: 403 })
    await node('POST', '/api/v1/nodes', { metadata: { name: 'n1' } })
    expect(await refusal(node('POST', '/api/v1/nodes', { metadata: { name: 'n2' } }))).toMatchObject({ code: 403 })
    expect(await refusal(node('DELETE', '/api/v1/nodes/n2'))).toMatchObject({ code: 403 })
    const current = await node('GET', '/api/v1/namespaces/default/pods/p')
    expect(await node('PUT', '/api/v1/namespaces/default/pods/p/status', { ...current, status: { phase: 'Running' } })).toMatchObject({
      status: { phase: 'Running' },
    })
    const slice = (name: string) => ({ metadata: { name }, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [] })
    const slices = '/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices'
    await node('POST', slices, slice('kube-dns-10-0-0-1'))
    expect(await refusal(node('POST', slices, slice('other-10-0-0-1')))).toMatchObject({ code: 403 })
    expect(await refusal(node('PUT', `${slices}/other`, slice('other')))).toMatchObject({ code: 403 })
    const other = await as('system:node:n2', 'system:nodes')
    expect(await refusal(other('PUT', '/api/v1/namespaces/default/pods/p/status', current))).toMatchObject({ code: 403 })
  })
})
