import { afterEach, beforeEach, expect, test } from 'vitest'
import { CoreV1ConfigMap, CoreV1Namespace, CoreV1Pod, CoreV1ServiceAccount } from '../../api/generated/kinds.ts'
import { unavailable } from '../../api/status-error.ts'
import { createRootCaController } from '../root-ca/root-ca.controller.ts'
import { createServiceAccountController } from '../serviceaccount/serviceaccount.controller.ts'
import { createDiscovery } from '../discovery.ts'
import { createTestCluster, finishDeletions, runPod } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createNamespaceController } from './namespace.controller.ts'

let cluster: TestCluster
let isAppsDown: boolean

const resource = (name: string, kind: string) => ({ name, kind, namespaced: true, verbs: ['list', 'delete', 'watch'] })

beforeEach(async () => {
  cluster = createTestCluster()
  isAppsDown = false
  cluster.transport.intercept(async ({ path }) => {
    if (path === '/apis') return { groups: [{ name: 'apps', preferredVersion: { groupVersion: 'apps/v1' } }] }
    if (path === '/api/v1')
      return {
        resources: [
          resource('pods', 'Pod'),
          resource('configmaps', 'ConfigMap'),
          { ...resource('bindings', 'Binding'), verbs: ['create'] },
        ],
      }
    if (path !== '/apis/apps/v1') return undefined
    if (isAppsDown) throw unavailable('down')
    return { resources: [resource('deployments', 'Deployment')] }
  })
  await cluster.start(
    createNamespaceController({ discover: createDiscovery(cluster) }),
    createServiceAccountController(cluster),
    createRootCaController({ ...cluster, rootCa: 'PEM' }),
  )
  await cluster.client.create(CoreV1Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'team' },
    spec: { finalizers: ['kubernetes'] },
  })
  await cluster.clock.advance(100)
})
afterEach(() => cluster.stop())

const namespaces = async () => (await cluster.client.list(CoreV1Namespace)).items.map(({ metadata }) => metadata.name)
const conditions = async () =>
  Object.fromEntries(
    ((await cluster.client.get(CoreV1Namespace, { name: 'team' })).status?.conditions ?? []).map(({ type, reason, message }) => [
      type,
      `${reason}: ${message}`,
    ]),
  )

test('every namespace has a default ServiceAccount and the root certificate, also after somebody removed them', async () => {
  const account = { namespace: 'team', name: 'default' }
  const configMap = { namespace: 'team', name: 'kube-root-ca.crt' }
  expect((await cluster.client.get(CoreV1ConfigMap, configMap)).data).toEqual({ 'ca.crt': 'PEM' })
  await cluster.client.delete(CoreV1ServiceAccount, account)
  await cluster.client.patch(CoreV1ConfigMap, configMap, { type: 'application/merge-patch+json', body: { data: { 'ca.crt': 'forged' } } })
  await cluster.clock.advance(100)
  expect((await cluster.client.get(CoreV1ServiceAccount, account)).metadata.name).toBe('default')
  expect((await cluster.client.get(CoreV1ConfigMap, configMap)).data).toEqual({ 'ca.crt': 'PEM' })
})

test('a namespace goes when its pods and then all else have gone, and says what it waits for meanwhile', async () => {
  const pod = await cluster.client.create(CoreV1Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'team' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  })
  await runPod(cluster.client, pod, { now: cluster.clock.now() })
  await cluster.client.delete(CoreV1Namespace, { name: 'team' })
  await cluster.clock.advance(5_000)
  expect(await conditions()).toMatchObject({
    NamespaceDeletionDiscoveryFailure: 'ResourcesDiscovered: All resources successfully discovered',
    NamespaceContentRemaining: 'SomeResourcesRemain: Some resources are remaining: pods. has 1 resource instances',
    NamespaceFinalizersRemaining: 'ContentHasNoFinalizers: All content-preserving finalizers finished',
  })
  const root = { namespace: 'team', name: 'kube-root-ca.crt' }
  expect((await cluster.client.get(CoreV1ConfigMap, root)).metadata.deletionTimestamp).toBeUndefined()
  await finishDeletions(cluster.client)
  await cluster.clock.advance(2_000)
  expect(await namespaces()).toEqual([])
  expect((await cluster.client.list(CoreV1ConfigMap, { namespace: 'team' })).items).toEqual([])
})

test('content with a finalizer keeps the namespace, which names it', async () => {
  await cluster.client.create(CoreV1ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'held', namespace: 'team', finalizers: ['example.com/hold'] },
  })
  await cluster.client.delete(CoreV1Namespace, { name: 'team' })
  await cluster.clock.advance(2_000)
  expect((await conditions()).NamespaceFinalizersRemaining).toBe(
    'SomeFinalizersRemain: Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
  )
  expect(await namespaces()).toEqual(['team'])
})

test('while a group cannot be asked the namespace stays, since something might be left', async () => {
  isAppsDown = true
  await cluster.client.delete(CoreV1Namespace, { name: 'team' })
  await cluster.clock.advance(2_000)
  expect((await conditions()).NamespaceDeletionDiscoveryFailure).toMatch(/^DiscoveryFailed: .*apps\/v1: .*down/)
  isAppsDown = false
  await cluster.clock.advance(15_000)
  expect(await namespaces()).toEqual([])
})
