import { afterEach, beforeEach, expect, test } from 'vitest'
import { toTimestamp } from '../../../lib/clock.ts'
import { CoreV1Endpoints, CoreV1Pod, CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { createEndpointSliceController } from '../endpointslice/endpointslice.controller.ts'
import { maxEndpointsPerSlice } from '../endpointslice/endpointslice.plan.ts'
import { createTestCluster, runPod } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createEndpointsCleanupController, createEndpointsController } from './endpoints.controller.ts'

let cluster: TestCluster

beforeEach(async () => {
  cluster = createTestCluster()
  await cluster.start(createEndpointsController(cluster), createEndpointsCleanupController(cluster), createEndpointSliceController(cluster))
})
afterEach(() => cluster.stop())

const key = { namespace: 'default', name: 'web' }
const service = (spec: Partial<CoreV1Service['spec']> = {}): CoreV1Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { ...key, labels: { tier: 'front' } },
  spec: { selector: { app: 'web' }, clusterIP: '10.96.0.5', ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }], ...spec },
})

async function addPod(name: string, options: { isReady?: boolean; port?: number } = {}): Promise<void> {
  const pod: CoreV1Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', image: 'i', ports: [{ name: 'http', containerPort: options.port ?? 8080 }] }] },
  }
  await runPod(cluster.client, await cluster.client.create(CoreV1Pod, pod), {
    now: cluster.clock.now(),
    ...(options.isReady === undefined ? {} : { isReady: options.isReady }),
  })
}

const subsets = async () => (await cluster.client.get(CoreV1Endpoints, key)).subsets
const slices = async () => (await cluster.client.list(DiscoveryV1EndpointSlice, { namespace: 'default' })).items
const settle = () => cluster.clock.advance(100)

test('ready and not ready pods are kept apart; a named target port is resolved', async () => {
  await addPod('a')
  await addPod('b', { isReady: false })
  await cluster.client.create(CoreV1Service, service())
  await settle()
  const [subset] = (await subsets())!
  expect(subset).toMatchObject({
    addresses: [{ nodeName: 'node-1', targetRef: { kind: 'Pod', name: 'a', namespace: 'default' } }],
    notReadyAddresses: [{ targetRef: { name: 'b' } }],
    ports: [{ port: 8080, protocol: 'TCP' }],
  })
  const [slice] = await slices()
  expect(slice!.metadata).toMatchObject({
    generateName: 'web-',
    labels: {
      tier: 'front',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    },
    ownerReferences: [{ kind: 'Service', name: 'web', controller: true }],
  })
  expect(slice).toMatchObject({ addressType: 'IPv4', ports: [{ name: '', port: 8080, protocol: 'TCP' }] })
  expect(slice!.endpoints.map(({ targetRef, conditions }) => [targetRef?.name, conditions])).toEqual([
    ['a', { ready: true, serving: true, terminating: false }],
    ['b', { ready: false, serving: false, terminating: false }],
  ])
})

test('a pod that is ending gets nothing any more, but is told as serving and terminating', async () => {
  await addPod('a')
  await cluster.client.create(CoreV1Service, service())
  await settle()
  await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: 'a' })
  await settle()
  expect(await subsets()).toEqual([])
  expect((await slices())[0]!.endpoints[0]!.conditions).toEqual({ ready: false, serving: true, terminating: true })
})

test('publishNotReadyAddresses counts every pod as ready', async () => {
  await addPod('a', { isReady: false })
  await cluster.client.create(CoreV1Service, service({ publishNotReadyAddresses: true }))
  await settle()
  expect((await subsets())![0]!.addresses).toHaveLength(1)
  expect((await slices())[0]!.endpoints[0]!.conditions?.ready).toBe(true)
})

test('pods that serve the port under different numbers are in different subsets and slices', async () => {
  await addPod('a', { port: 8080 })
  await addPod('b', { port: 9090 })
  await cluster.client.create(CoreV1Service, service())
  await settle()
  expect((await subsets())!.map(({ ports }) => ports?.[0]?.port)).toEqual([8080, 9090])
  expect(new Set((await slices()).map(({ ports }) => ports?.[0]?.port))).toEqual(new Set([8080, 9090]))
})

test('a Service without a selector, or that is a name, is left to its user', async () => {
  const { selector: _, ...spec } = service().spec
  await cluster.client.create(CoreV1Service, { ...service(), spec })
  await settle()
  expect((await cluster.client.list(CoreV1Endpoints)).items).toEqual([])
  expect(await slices()).toEqual([])
})

test('Endpoints go with their Service; those of users stay', async () => {
  await cluster.client.create(CoreV1Service, service())
  await cluster.client.create(CoreV1Endpoints, { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'mine', namespace: 'default' } })
  await settle()
  await cluster.client.delete(CoreV1Service, key)
  await settle()
  expect((await cluster.client.list(CoreV1Endpoints)).items.map(({ metadata }) => metadata.name)).toEqual(['mine'])
})

test('a hundred endpoints fill a slice, and a change writes only the slice that it is in', async () => {
  await cluster.client.create(CoreV1Service, service())
  for (let index = 0; index < maxEndpointsPerSlice + 20; index++) await addPod(`p${index}`)
  await settle()
  const before = await slices()
  expect(before.map(({ endpoints }) => endpoints.length).toSorted((a, b) => a - b)).toEqual([20, 100])
  const large = before.find(({ endpoints }) => endpoints.length === 100)!
  const pod = await cluster.client.get(CoreV1Pod, { namespace: 'default', name: large.endpoints[0]!.targetRef!.name! })
  const conditions = [{ type: 'Ready', status: 'False', lastTransitionTime: toTimestamp(cluster.clock.now()) }]
  await cluster.client.updateStatus(CoreV1Pod, { ...pod, status: { ...pod.status, conditions } })
  await settle()
  const after = await slices()
  const changed = after.filter(({ metadata }) => !before.some((slice) => slice.metadata.resourceVersion === metadata.resourceVersion))
  expect(changed.map(({ metadata }) => metadata.name)).toEqual([large.metadata.name])
})
