import { afterEach, beforeEach, expect, test } from 'vitest'
import { CoreV1Endpoints, CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import type { CoreV1EndpointSubset } from '../../api/generated/kinds.ts'
import { createTestCluster } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createEndpointSliceMirroringController } from './mirroring.controller.ts'

const key = { namespace: 'default', name: 'db' }

let cluster: TestCluster
beforeEach(async () => {
  cluster = createTestCluster()
  await cluster.start(createEndpointSliceMirroringController(cluster))
})
afterEach(() => cluster.stop())

const createService = (selector?: Record<string, string>) =>
  cluster.client.create(CoreV1Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: key,
    spec: { ports: [{ port: 5432 }], ...(selector === undefined ? {} : { selector }) },
  })
const endpoints = (subsets: CoreV1EndpointSubset[], more: Partial<CoreV1Endpoints['metadata']> = {}): CoreV1Endpoints => ({
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: { ...key, ...more },
  subsets,
})
const create = (...given: Parameters<typeof endpoints>) => cluster.client.create(CoreV1Endpoints, endpoints(...given))
const change = (body: object) => cluster.client.patch(CoreV1Endpoints, key, { type: 'application/merge-patch+json', body })
const slices = async () => {
  await cluster.clock.advance(1_000)
  const { items } = await cluster.client.list(DiscoveryV1EndpointSlice)
  return [...items].sort((a, b) => (a.addressType < b.addressType ? -1 : 1))
}
const addressesOf = (list: readonly DiscoveryV1EndpointSlice[]) =>
  list.map(({ endpoints: own }) => own.map(({ addresses }) => addresses[0]))
const port = { name: 'pg', port: 5432, protocol: 'TCP' }

test('Endpoints kept by hand have a slice per address family, with who is ready, labels and annotations', async () => {
  await createService()
  await create(
    [{ addresses: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }], notReadyAddresses: [{ ip: '10.0.0.2', hostname: 'two' }], ports: [port] }],
    { labels: { team: 'a' }, annotations: { note: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
  )
  const [four, six] = await slices()
  expect(four).toMatchObject({
    metadata: {
      labels: {
        team: 'a',
        'kubernetes.io/service-name': 'db',
        'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
      },
      annotations: { note: 'x' },
      ownerReferences: [{ kind: 'Endpoints', name: 'db', controller: true }],
    },
    addressType: 'IPv4',
    endpoints: [
      { addresses: ['10.0.0.1'], conditions: { ready: true } },
      { addresses: ['10.0.0.2'], conditions: { ready: false }, hostname: 'two' },
    ],
    ports: [port],
  })
  expect(four!.metadata.annotations).toEqual({ note: 'x' })
  expect(six).toMatchObject({ addressType: 'IPv6', endpoints: [{ addresses: ['fd00::1'] }] })
})

test('a slice follows its Endpoints in place, and is not written again while nothing changes', async () => {
  await createService()
  await create([{ addresses: [{ ip: '10.0.0.1' }], ports: [port] }])
  const [before] = await slices()
  await change({ subsets: [{ addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.9' }], ports: [port] }] })
  const [after, ...others] = await slices()
  expect(others).toEqual([])
  expect(after!.metadata.uid).toBe(before!.metadata.uid)
  expect(addressesOf([after!])).toEqual([['10.0.0.1', '10.0.0.9']])
  const { revision } = cluster.transport
  await change({ metadata: { annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': 'now' } } })
  await slices()
  expect(cluster.transport.revision).toBe(revision + 1)
})

test('there is none without a Service, for one with a selector, or where the Endpoints say so', async () => {
  await create([{ addresses: [{ ip: '10.0.0.1' }], ports: [port] }])
  expect(await slices()).toEqual([])
  await createService()
  expect(await slices()).toHaveLength(1)
  await change({ metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } })
  expect(await slices()).toEqual([])
  await change({ metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': null } } })
  expect(await slices()).toHaveLength(1)
  const withSelector = { spec: { selector: { app: 'db' } } }
  await cluster.client.patch(CoreV1Service, key, { type: 'application/merge-patch+json', body: withSelector })
  expect(await slices()).toEqual([])
})

test('many addresses fill slices of a hundred, a thousand of a subset at most', async () => {
  await createService()
  const addresses = Array.from({ length: 1_100 }, (_, index) => ({ ip: `10.1.${index >> 8}.${index & 255}` }))
  await create([{ addresses, ports: [port] }])
  expect((await slices()).map(({ endpoints: own }) => own.length)).toEqual(Array.from({ length: 10 }, () => 100))
})
