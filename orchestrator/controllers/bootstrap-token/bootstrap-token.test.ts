import { compactVerify } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CoreV1ConfigMap, CoreV1Secret } from '../../api/generated/kinds.ts'
import { createTestCluster } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createBootstrapSignerController } from './bootstrap-signer.controller.ts'
import { createTokenCleanerController } from './token-cleaner.controller.ts'

const hourMs = 3_600_000
const clusterInfo = { namespace: 'kube-public', name: 'cluster-info' }
const encode = (fields: Record<string, string>) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Buffer.from(value).toString('base64')]))

let cluster: TestCluster
beforeEach(async () => {
  cluster = createTestCluster()
  await cluster.start(createBootstrapSignerController(cluster), createTokenCleanerController())
  await cluster.client.create(CoreV1ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: clusterInfo,
    data: { kubeconfig: 'server: here', other: 'kept' },
  })
})
afterEach(() => cluster.stop())

async function createToken(id: string, fields: Record<string, string> = {}): Promise<void> {
  await cluster.client.create(CoreV1Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'kube-system', name: `bootstrap-token-${id}` },
    type: 'bootstrap.kubernetes.io/token',
    data: encode({ 'token-id': id, 'token-secret': 's'.repeat(16), 'usage-bootstrap-signing': 'true', ...fields }),
  })
  await cluster.clock.advance(1_000)
}

const data = async () => (await cluster.client.get(CoreV1ConfigMap, clusterInfo)).data ?? {}
const tokens = async () => (await cluster.client.list(CoreV1Secret)).items.map(({ metadata }) => metadata.name)

test('the cluster is vouched for by each token that is for signing, in a form that any JWS library verifies', async () => {
  await createToken('abcdef')
  await createToken('unused', { 'usage-bootstrap-signing': 'false' })
  const { kubeconfig = '', other, ...signatures } = await data()
  expect(other).toBe('kept')
  expect(Object.keys(signatures)).toEqual(['jws-kubeconfig-abcdef'])
  const [header, , signature] = signatures['jws-kubeconfig-abcdef']!.split('.')
  const whole = `${header}.${Buffer.from(kubeconfig).toString('base64url')}.${signature}`
  expect((await compactVerify(whole, Buffer.from('s'.repeat(16)))).protectedHeader).toEqual({ alg: 'HS256', kid: 'abcdef' })
})

test('what is vouched for anew changes with the content, and a signature goes with its token', async () => {
  await createToken('abcdef')
  const before = (await data())['jws-kubeconfig-abcdef']
  const body = { data: { kubeconfig: 'server: there' } }
  await cluster.client.patch(CoreV1ConfigMap, clusterInfo, { type: 'application/merge-patch+json', body })
  await cluster.clock.advance(1_000)
  const after = (await data())['jws-kubeconfig-abcdef']
  expect(after).toBeDefined()
  expect(after).not.toBe(before)
  await cluster.client.delete(CoreV1Secret, { namespace: 'kube-system', name: 'bootstrap-token-abcdef' })
  await cluster.clock.advance(1_000)
  expect(Object.keys(await data())).toEqual(['kubeconfig', 'other'])
})

test('a token goes when its time is over, one whose time cannot be read at once, one without a time never', async () => {
  await createToken('eternal'.slice(0, 6))
  await createToken('broken', { expiration: 'soon' })
  await createToken('mortal', { expiration: new Date(cluster.clock.now() + hourMs).toISOString() })
  expect(await tokens()).toEqual(['bootstrap-token-eterna', 'bootstrap-token-mortal'])
  expect(Object.keys(await data())).toContain('jws-kubeconfig-mortal')
  await cluster.clock.advance(hourMs + 1_000)
  expect(await tokens()).toEqual(['bootstrap-token-eterna'])
  expect(Object.keys(await data())).not.toContain('jws-kubeconfig-mortal')
})

test('Secrets that only look like tokens are left alone', async () => {
  const expiration = new Date(0).toISOString()
  await createToken('abcdef', { 'token-id': 'fedcba', expiration })
  await cluster.clock.advance(hourMs)
  expect(await tokens()).toEqual(['bootstrap-token-abcdef'])
})
