import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCertificateRequest, type RequestedIdentity } from '../../../lib/certificate-request.ts'
import { systemClock } from '../../../lib/clock.ts'
import type { TransportRequest } from '../../client/client.ts'
import { createHttpsTransport, type HttpsTransport } from '../../client/https-transport.ts'
import { createTestCredentials, startTestServer, type TestServer } from '../testing/test-server.ts'

type Fields = Record<string, any>
type Call = (method: TransportRequest['method'], path: string, body?: unknown) => Promise<Fields>

const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const apiClient = 'kubernetes.io/kube-apiserver-client'
const open: HttpsTransport[] = []
let running: TestServer
let admin: Call
let asker: Call
let approver: Call
let node: Call

beforeAll(async () => {
  const credentials = await createTestCredentials()
  running = await startTestServer(credentials, {
    staticTokens: {
      asker: { name: 'asker', uid: 'u-1', groups: ['askers'], extra: { team: ['one'] } },
      approver: { name: 'approver', groups: [] },
      node: { name: 'system:node:n1', groups: ['system:nodes'] },
    },
  })
  admin = (method, path, body) =>
    running.server.transport.request({ method, path, ...(body === undefined ? {} : { body }) }) as Promise<Fields>
  const as = (token: string): Call => {
    const server = `https://127.0.0.1:${running.server.address.port}`
    const transport = createHttpsTransport({ server, ca: credentials.ca.cert, clock: systemClock, token })
    open.push(transport)
    return (method, path, body) => transport.request({ method, path, ...(body === undefined ? {} : { body }) }) as Promise<Fields>
  }
  asker = as('asker')
  approver = as('approver')
  node = as('node')
  const certificates = (resources: string[], verbs: string[], resourceNames: string[] = []) => ({
    apiGroups: ['certificates.k8s.io'],
    resources,
    verbs,
    ...(resourceNames.length === 0 ? {} : { resourceNames }),
  })
  await grant('asker', [certificates(['certificatesigningrequests'], ['create', 'get'])])
  await grant('approver', [
    certificates(
      ['certificatesigningrequests', 'certificatesigningrequests/approval', 'certificatesigningrequests/status'],
      ['get', 'update'],
    ),
    certificates(['signers'], ['approve'], [apiClient]),
    certificates(['signers'], ['sign'], ['example.com/*']),
  ])
})
afterAll(async () => {
  for (const transport of open) transport.close()
  await running.stop()
})

async function grant(name: string, rules: Fields[]): Promise<void> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1'
  await admin('POST', `${rbac}/clusterroles`, { metadata: { name }, rules })
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }
  await admin('POST', `${rbac}/clusterrolebindings`, { metadata: { name }, roleRef, subjects: [{ kind: 'User', name }] })
}

const refusal = (request: Promise<unknown>) =>
  request.then(
    () => expect.fail('was accepted'),
    (error: { status: Fields }) => error.status,
  )

async function bodyFor(name: string, identity: Partial<RequestedIdentity>, spec: Fields = {}): Promise<Fields> {
  const { request } = await createCertificateRequest(identity)
  return {
    metadata: { name },
    spec: { request: Buffer.from(request).toString('base64'), signerName: apiClient, usages: ['client auth'], ...spec },
  }
}

const withCondition = (request: Fields, ...types: string[]): Fields => ({
  ...request,
  status: { ...request['status'], conditions: types.map((type) => ({ type, status: 'True', reason: 'Test', message: 'm' })) },
})

test('the server writes down who asks, whatever the request says of that', async () => {
  const body = await bodyFor('who', { commonName: 'jane' }, { username: 'root', groups: ['system:masters'], uid: '0' })
  const { spec, status } = await asker('POST', requests, { ...body, status: { certificate: 'AAAA' } })
  expect(spec).toMatchObject({ username: 'asker', uid: 'u-1', groups: ['askers', 'system:authenticated'], extra: { team: ['one'] } })
  expect(status).toEqual({})
})

test('what is no certificate request, or names unknown uses, is refused', async () => {
  const body = await bodyFor('bad', { commonName: 'jane' })
  const garbage = { ...body, spec: { ...body['spec'], request: Buffer.from('hello').toString('base64') } }
  expect(await refusal(asker('POST', requests, garbage))).toMatchObject({
    code: 422,
    message: expect.stringContaining('PEM block type must be CERTIFICATE REQUEST'),
  })
  const spec = { ...body['spec'], usages: ['client auth', 'client auth', 'flying'], expirationSeconds: 10, signerName: 'unqualified' }
  expect(await refusal(asker('POST', requests, { ...body, spec }))).toMatchObject({
    code: 422,
    details: {
      causes: [
        { field: 'spec.signerName' },
        { field: 'spec.usages[1]', reason: 'FieldValueDuplicate' },
        { field: 'spec.usages[2]', reason: 'FieldValueNotSupported' },
        { field: 'spec.expirationSeconds' },
      ],
    },
  })
})

test('nobody asks for membership of system:masters, and a node only for itself', async () => {
  const masters = await bodyFor('masters', { commonName: 'jane', organizations: ['system:masters'] })
  expect(await refusal(admin('POST', requests, masters))).toMatchObject({ code: 403, message: expect.stringContaining('system:masters') })
  const forNode = (name: string) =>
    bodyFor(`for-${name}`, { commonName: `system:node:${name}`, organizations: ['system:nodes'] }, { signerName: `${apiClient}-kubelet` })
  await node('POST', requests, await forNode('n1'))
  expect(await refusal(node('POST', requests, await forNode('n2')))).toMatchObject({ code: 403 })
})

test('approval is for those who may approve for the signer; what is decided stays', async () => {
  const request = await asker('POST', requests, await bodyFor('jane', { commonName: 'jane' }))
  const path = `${requests}/jane/approval`
  expect(await refusal(asker('PUT', path, withCondition(request, 'Approved')))).toMatchObject({ code: 403 })
  expect(await refusal(approver('PUT', `${requests}/jane/status`, withCondition(request, 'Failed')))).toMatchObject({
    code: 403,
    message: expect.stringContaining('user not permitted to sign requests with signerName "kubernetes.io/kube-apiserver-client"'),
  })
  expect(await refusal(approver('PUT', path, withCondition(request, 'Approved', 'Denied')))).toMatchObject({ code: 422 })
  const approved = await approver('PUT', path, withCondition(request, 'Approved'))
  expect(approved['status'].conditions).toMatchObject([{ type: 'Approved', lastUpdateTime: expect.any(String) }])
  expect(await refusal(approver('PUT', path, withCondition(approved)))).toMatchObject({
    code: 422,
    message: expect.stringContaining('updates may not remove a condition of type "Approved"'),
  })
  const other = await asker('POST', requests, await bodyFor('other', { commonName: 'jane' }, { signerName: 'example.org/s' }))
  expect(await refusal(approver('PUT', `${requests}/other/approval`, withCondition(other, 'Approved')))).toMatchObject({ code: 403 })
})

test('a certificate is written once, by those who may sign for the domain, and they approve nothing', async () => {
  const request = await asker('POST', requests, await bodyFor('foreign', { commonName: 'jane' }, { signerName: 'example.com/s' }))
  const path = `${requests}/foreign/status`
  expect(await refusal(approver('PUT', path, withCondition(request, 'Approved')))).toMatchObject({
    code: 422,
    message: expect.stringContaining('updates may not add a condition of type "Approved"'),
  })
  const certificate = Buffer.from('one').toString('base64')
  const signed = await approver('PUT', path, { ...request, status: { certificate } })
  expect(signed['status']).toMatchObject({ certificate })
  const replaced = { ...signed, status: { certificate: Buffer.from('two').toString('base64') } }
  expect(await refusal(approver('PUT', path, replaced))).toMatchObject({ code: 422 })
})
