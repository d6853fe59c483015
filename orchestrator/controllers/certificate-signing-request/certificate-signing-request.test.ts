import { X509Certificate } from 'node:crypto'
import { afterEach, beforeAll, beforeEach, describe, expect, it, test } from 'vitest'
import { createCertificateRequest, signCertificateRequest } from '../../../lib/certificate-request.ts'
import type { RequestedIdentity, SigningTerms } from '../../../lib/certificate-request.ts'
import { createAuthority } from '../../../lib/pki.ts'
import type { KeyPair } from '../../../lib/pki.ts'
import { AuthorizationV1SubjectAccessReview, CertificatesV1CertificateSigningRequest } from '../../api/generated/kinds.ts'
import { createTestCluster } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createCertificateApprovingController } from './approving.controller.ts'
import { createCertificateCleaningController } from './cleaning.controller.ts'
import { refusalOf } from './signers.plan.ts'
import { createCertificateSigningController } from './signing.controller.ts'

const hourMs = 3_600_000
const nodeIdentity: RequestedIdentity = {
  commonName: 'system:node:n1',
  organizations: ['system:nodes'],
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
}
const nodeUsages = ['digital signature', 'client auth']

describe('a signer of the cluster', () => {
  const kubelet = 'kubernetes.io/kube-apiserver-client-kubelet'
  const serving = 'kubernetes.io/kubelet-serving'
  const client = 'kubernetes.io/kube-apiserver-client'
  it.each<[string, Partial<RequestedIdentity>, string[], string | undefined]>([
    [client, { commonName: 'jane', organizations: ['dev'] }, ['client auth'], undefined],
    [client, {}, ['digital signature', 'key encipherment', 'client auth'], undefined],
    [client, {}, ['digital signature'], 'usages did not match'],
    [client, {}, ['client auth', 'server auth'], 'usages did not match'],
    [kubelet, {}, nodeUsages, undefined],
    [kubelet, {}, [...nodeUsages, 'key encipherment'], undefined],
    [kubelet, {}, ['client auth'], 'usages did not match'],
    [kubelet, { organizations: ['system:nodes', 'more'] }, nodeUsages, 'subject organization is not system:nodes'],
    [kubelet, { commonName: 'n1' }, nodeUsages, 'subject common name does not begin with system:node:'],
    [kubelet, { dnsNames: ['n1'] }, nodeUsages, 'DNS subjectAltNames are not allowed'],
    [kubelet, { ipAddresses: ['10.0.0.1'] }, nodeUsages, 'IP subjectAltNames are not allowed'],
    [serving, { dnsNames: ['n1'] }, ['digital signature', 'server auth'], undefined],
    [serving, { ipAddresses: ['10.0.0.1'] }, ['digital signature', 'key encipherment', 'server auth'], undefined],
    [serving, {}, ['digital signature', 'server auth'], 'DNS or IP subjectAltName is required'],
    [serving, { dnsNames: ['n1'], uris: ['a:b'] }, ['digital signature', 'server auth'], 'URI subjectAltNames are not allowed'],
    [serving, { dnsNames: ['n1'] }, nodeUsages, 'usages did not match'],
  ])('%s judges %j for %j', (signerName, identity, usages, refusal) => {
    const answer = refusalOf({ signerName, usages, request: '' }, { ...nodeIdentity, ...identity })
    if (refusal === undefined) expect(answer).toBeUndefined()
    else expect(answer).toContain(refusal)
  })
})

let authority: KeyPair
let cluster: TestCluster
/** `user subresource` of what may be asked for. */
let rights: Set<string>
let signatures: Promise<string>[]

function sign(terms: SigningTerms): Promise<string> {
  const signature = signCertificateRequest(authority, terms)
  signatures.push(signature)
  return signature
}

beforeAll(async () => {
  authority = await createAuthority('ca', Date.UTC(2029, 0, 1))
})
beforeEach(async () => {
  cluster = createTestCluster()
  rights = new Set()
  signatures = []
  cluster.transport.intercept(async ({ path, body }) => {
    if (!path.endsWith('/subjectaccessreviews')) return undefined
    const { spec } = body as AuthorizationV1SubjectAccessReview
    return { spec, status: { allowed: rights.has(`${spec.user} ${spec.resourceAttributes?.subresource}`) } }
  })
  await cluster.start(
    createCertificateApprovingController(),
    createCertificateSigningController({ sign }),
    createCertificateCleaningController(),
  )
})
afterEach(() => cluster.stop())

async function ask(
  name: string,
  identity: Partial<RequestedIdentity>,
  spec: Partial<CertificatesV1CertificateSigningRequest['spec']> = {},
): Promise<void> {
  const { request } = await createCertificateRequest(identity)
  await cluster.client.create(CertificatesV1CertificateSigningRequest, {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: {
      request: Buffer.from(request).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: nodeUsages,
      username: 'system:bootstrap:abcdef',
      ...spec,
    },
  })
  await settle()
}

/** Signatures are made by threads of their own, which the fake clock knows nothing of. */
async function settle(): Promise<void> {
  await cluster.clock.advance(100)
  await Promise.allSettled(signatures)
  await cluster.clock.advance(100)
}

const get = (name: string) => cluster.client.get(CertificatesV1CertificateSigningRequest, { name })
const conditionsOf = async (name: string) => ((await get(name)).status?.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`)
const names = async () => (await cluster.client.list(CertificatesV1CertificateSigningRequest)).items.map(({ metadata }) => metadata.name)

async function decide(name: string, type: 'Approved' | 'Denied'): Promise<void> {
  const request = await get(name)
  const conditions = [{ type, status: 'True', reason: 'KubectlApprove', lastUpdateTime: new Date(cluster.clock.now()).toISOString() }]
  await cluster.client.updateStatus(CertificatesV1CertificateSigningRequest, { ...request, status: { conditions } })
  await settle()
}

async function certificateOf(name: string): Promise<X509Certificate> {
  return new X509Certificate(Buffer.from((await get(name)).status!.certificate!, 'base64'))
}

test('whoever may bring nodes in gets a client certificate for a node at once', async () => {
  rights.add('system:bootstrap:abcdef nodeclient')
  await ask('join', nodeIdentity)
  expect(await conditionsOf('join')).toEqual(['Approved AutoApproved'])
  const certificate = await certificateOf('join')
  expect(certificate.verify(new X509Certificate(authority.cert).publicKey)).toBe(true)
  expect(certificate.subject).toBe('O=system:nodes\nCN=system:node:n1')
})

test('a node renews its own certificate and nobody else is given it', async () => {
  rights.add('system:node:n1 selfnodeclient')
  await ask('renewal', nodeIdentity, { username: 'system:node:n1' })
  await ask('other', { ...nodeIdentity, commonName: 'system:node:n2' }, { username: 'system:node:n1' })
  expect(await conditionsOf('renewal')).toEqual(['Approved AutoApproved'])
  expect(await conditionsOf('other')).toEqual([])
})

test('a request that only a person may approve waits, is signed for the time asked for, and goes an hour later', async () => {
  await ask(
    'jane',
    { commonName: 'jane' },
    { signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'], expirationSeconds: 3600 },
  )
  expect((await get('jane')).status?.certificate).toBeUndefined()
  const now = cluster.clock.now()
  await decide('jane', 'Approved')
  const certificate = await certificateOf('jane')
  expect(Math.abs(new Date(certificate.validTo).getTime() - now - hourMs)).toBeLessThan(2_000)
  expect(new Date(certificate.validFrom).getTime()).toBeLessThan(now - 4 * 60_000)
  await cluster.clock.advance(hourMs - 10_000)
  expect(await names()).toEqual(['jane'])
  await cluster.clock.advance(20_000)
  expect(await names()).toEqual([])
})

test('an approved request that breaks the rules of its signer fails and says why', async () => {
  await ask('server', { commonName: 'jane' }, { signerName: 'kubernetes.io/kube-apiserver-client', usages: ['server auth'] })
  await decide('server', 'Approved')
  expect((await get('server')).status).toMatchObject({
    conditions: [
      { type: 'Approved' },
      { type: 'Failed', reason: 'SignerValidationFailure', message: expect.stringContaining('usages did not match') },
    ],
  })
  expect((await get('server')).status?.certificate).toBeUndefined()
})

test('denied requests are never signed and stay an hour, undecided ones a day, those of other signers are left unsigned', async () => {
  await ask('denied', nodeIdentity)
  await ask('pending', nodeIdentity)
  await ask('foreign', nodeIdentity, { signerName: 'example.com/signer' })
  await decide('denied', 'Denied')
  await decide('foreign', 'Approved')
  for (const name of ['denied', 'foreign']) expect((await get(name)).status?.certificate).toBeUndefined()
  await cluster.clock.advance(hourMs + 10_000)
  expect(await names()).toEqual(['pending'])
  await cluster.clock.advance(24 * hourMs)
  expect(await names()).toEqual([])
})
