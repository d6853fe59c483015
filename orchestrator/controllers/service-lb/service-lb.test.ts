import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CoreV1Node, CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { createTestCluster, type TestCluster } from '../test-cluster.ts'
import { createServiceLoadBalancerController } from './service-lb.controller.ts'
import type { LoadBalancerSource } from './service-lb.plan.ts'

let cluster: TestCluster

beforeEach(async () => {
  cluster = createTestCluster()
  await createNode('node-1', '10.0.0.1')
  await createNode('node-2', '10.0.0.2')
})

afterEach(() => cluster.stop())

const start = (source: LoadBalancerSource) => cluster.start(createServiceLoadBalancerController({ informers: cluster.informers, source }))

const createNode = (name: string, address: string, more: { readonly isReady?: boolean; readonly labels?: Record<string, string> } = {}) =>
  cluster.client.create(CoreV1Node, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, ...(more.labels === undefined ? {} : { labels: more.labels }) },
    spec: {},
    status: {
      addresses: [
        { type: 'Hostname', address: name },
        { type: 'InternalIP', address },
      ],
      conditions: [{ type: 'Ready', status: more.isReady === false ? 'False' : 'True' }],
    },
  })

async function createService(name: string, spec: object, port = 80): Promise<void> {
  const ports = [{ port, protocol: 'TCP' }]
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'LoadBalancer', ports, ...spec },
  }
  await cluster.client.create(CoreV1Service, object)
  await cluster.clock.advance(1100)
}

async function addressesOf(name: string): Promise<(string | undefined)[]> {
  const { status } = await cluster.client.get(CoreV1Service, { namespace: 'default', name })
  return (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip)
}

describe('a Service of type LoadBalancer where only the host reaches the cluster', () => {
  it('has its own address', async () => {
    await start({ kind: 'cluster-addresses' })
    await createService('web', { clusterIPs: ['10.96.0.7'], clusterIP: '10.96.0.7' })
    expect(await addressesOf('web')).toEqual(['10.96.0.7'])
  })
})

describe('a Service of type LoadBalancer on nodes', () => {
  beforeEach(() => start({ kind: 'nodes', reservedPorts: [6443] }))

  it('has the addresses of Ready nodes that are not left out', async () => {
    await createNode('broken', '10.0.0.3', { isReady: false })
    await createNode('outside', '10.0.0.4', { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } })
    await createService('web', {})
    expect(await addressesOf('web')).toEqual(['10.0.0.1', '10.0.0.2'])
    expect(await cluster.eventTexts()).toContain('EnsuredLoadBalancer Ensured load balancer')
  })

  it('follows its nodes', async () => {
    await createService('web', {})
    await cluster.client.delete(CoreV1Node, { name: 'node-1' })
    await cluster.clock.advance(1000)
    expect(await addressesOf('web')).toEqual(['10.0.0.2'])
  })

  it('gets no port that the cluster uses or another Service has, until that is free', async () => {
    await createService('api', {}, 6443)
    await createService('first', {})
    await createService('second', {})
    expect([await addressesOf('api'), await addressesOf('second')]).toEqual([[], []])
    const events = (await cluster.eventTexts()).join('\n')
    expect(events).toContain('Error syncing load balancer: port 6443/TCP is in use by the cluster itself')
    expect(events).toContain('Error syncing load balancer: port 80/TCP is taken by Service default/first')
    await cluster.client.delete(CoreV1Service, { namespace: 'default', name: 'first' })
    await cluster.clock.advance(1000)
    expect(await addressesOf('second')).toEqual(['10.0.0.1', '10.0.0.2'])
  })

  it('with local traffic only has the nodes of its endpoints', async () => {
    const endpoints = [
      { addresses: ['10.1.0.1'], nodeName: 'node-2', conditions: { ready: true } },
      { addresses: ['10.1.0.2'], nodeName: 'node-1', conditions: { ready: false } },
    ]
    const metadata = { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } }
    const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, addressType: 'IPv4', endpoints, ports: [] }
    await cluster.client.create(DiscoveryV1EndpointSlice, slice)
    await createService('web', { externalTrafficPolicy: 'Local' })
    expect(await addressesOf('web')).toEqual(['10.0.0.2'])
  })

  it('is left to others where it names their class, and loses its addresses with its type', async () => {
    await createService('theirs', { loadBalancerClass: 'example.com/other' })
    expect(await addressesOf('theirs')).toEqual([])
    await createService('web', {})
    const service = await cluster.client.get(CoreV1Service, { namespace: 'default', name: 'web' })
    await cluster.client.update(CoreV1Service, { ...service, spec: { ...service.spec, type: 'ClusterIP' } })
    await cluster.clock.advance(1000)
    expect(await addressesOf('web')).toEqual([])
  })
})
