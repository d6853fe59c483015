import { beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { AppsV1ReplicaSet, BatchV1Job, CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Kind, KubeObject } from '../../orchestrator/api/object.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { CustomSample } from '../custom-metrics.ts'
import { createEntity, entityKeys } from '../entity.ts'
import { createFakeClient, createFakeNode, createFakePod, FakeInformers } from '../fake-cluster.ts'
import { FakeWindow, nodeEntity, podEntity } from '../fake-window.ts'
import type { ApiGroup } from './api-group.ts'
import { createCustomApi } from './custom-api.ts'
import { ObjectMetrics } from './object-metrics.ts'
import { createLocalReadings } from './readings.ts'

const clock = new FakeClock()
const now = clock.now()
let window: FakeWindow
let samples: CustomSample[]
let api: ApiGroup

const pods = [
  createFakePod('web-1', { owner: { kind: 'ReplicaSet', name: 'web-abc' } }),
  createFakePod('web-2', { owner: { kind: 'ReplicaSet', name: 'web-abc' } }),
  createFakePod('lone'),
  createFakePod('other', { namespace: 'elsewhere' }),
]
const replicaSet = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: {
    name: 'web-abc',
    namespace: 'default',
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u', controller: true }],
  },
} as AppsV1ReplicaSet
const web = { metadata: { name: 'web', namespace: 'default', labels: { tier: 'front' } } }

beforeEach(() => {
  window = new FakeWindow()
  samples = []
  const informers = new FakeInformers()
  for (const pod of pods) informers.informer(CoreV1Pod).put(pod)
  informers.informer(CoreV1Node).put(createFakeNode('n1'))
  informers.informer(AppsV1ReplicaSet).put(replicaSet)
  const client = {
    ...createFakeClient(),
    get: () => Promise.resolve({ ...web, spec: { selector: { app: 'web-1' } } }),
    list: (kind: Kind) => Promise.resolve({ items: kind.kind === 'Deployment' ? [web as unknown as KubeObject] : [] }),
  } as unknown as Client
  const exported = {
    names: () => [...new Set(samples.map(({ name }) => name))].sort(),
    samples: (name: string, namespace: string) => samples.filter((sample) => sample.name === name && sample.namespace === namespace),
  }
  const view = {
    nodes: informers.informer(CoreV1Node),
    pods: informers.informer(CoreV1Pod),
    replicaSets: informers.informer(AppsV1ReplicaSet),
    jobs: informers.informer(BatchV1Job),
  }
  const readings = createLocalReadings({ window, exported, holdMs: 15_000, resolutionMs: 5000, clock })
  api = createCustomApi(
    new ObjectMetrics({
      readings: (request) => Promise.resolve(readings(request)),
      exportedNames: () => exported.names(),
      view,
      client,
    }),
  )
})

async function ask(path: string, query: Record<string, string> = {}, version = 'v1beta2'): Promise<any[]> {
  const operation = api.find(version, path.split('/'))
  if (operation === undefined) throw new Error('nothing is served there')
  const answer = await operation.answer(new URLSearchParams(query))
  return (answer as unknown as { value: { items: any[] } }).value.items
}
const values = async (path: string, query?: Record<string, string>) =>
  Object.fromEntries((await ask(path, query)).map(({ describedObject, value }) => [describedObject.name, value]))

function sample(pod: string, value: number, labels: Record<string, string> = {}, namespace = 'default'): CustomSample {
  return { name: 'rps', type: 'counter', namespace, pod, labels, value, timestamp: now - 1000, windowMs: 15_000 }
}

describe('custom metrics of the catalogue', () => {
  it('are given for pods by name, by labels and all, CPU in cores', async () => {
    window.add('cpu/usage_rate', podEntity('web-1'), { timestamp: now - 1000, value: 250 })
    window.add('cpu/usage_rate', podEntity('lone'), { timestamp: now - 1000, value: 2000 })
    window.add('cpu/usage_rate', podEntity('web-2'), { timestamp: now - 16_000, value: 1 })
    expect(await values('namespaces/default/pods/*/cpu_usage_rate')).toEqual({ lone: '2', 'web-1': '250m' })
    expect(await values('namespaces/default/pods/*/cpu_usage_rate', { labelSelector: 'app=lone' })).toEqual({ lone: '2' })
    expect(await ask('namespaces/default/pods/web-1/cpu/usage_rate')).toEqual([
      {
        describedObject: { kind: 'Pod', namespace: 'default', name: 'web-1', apiVersion: 'v1' },
        metric: { name: 'cpu/usage_rate', selector: null },
        timestamp: '2029-12-31T23:59:59Z',
        windowSeconds: 5,
        value: '250m',
      },
    ])
    expect(await ask('namespaces/default/pods/web-1/cpu_usage_rate', {}, 'v1beta1')).toEqual([
      {
        describedObject: { kind: 'Pod', namespace: 'default', name: 'web-1', apiVersion: 'v1' },
        metricName: 'cpu_usage_rate',
        timestamp: '2029-12-31T23:59:59Z',
        window: 5,
        value: '250m',
        selector: null,
      },
    ])
  })

  it('are given for nodes, namespaces, workloads and services', async () => {
    const at = { timestamp: now, value: 1024 }
    window.add('memory/working_set', nodeEntity('n1'), at)
    window.add('memory/working_set', createEntity('ns', entityKeys.namespace('default'), { namespace_name: 'default' }), at)
    window.add(
      'memory/working_set',
      createEntity('workload', entityKeys.workload('default', 'Deployment', 'web'), { namespace_name: 'default' }),
      at,
    )
    window.add('memory/working_set', podEntity('web-1'), at)
    expect(await values('nodes/n1/memory_working_set')).toEqual({ n1: '1024' })
    expect(await values('nodes/*/memory_working_set', { labelSelector: 'kubernetes.io/hostname=n1' })).toEqual({ n1: '1024' })
    expect(await values('namespaces/default/metrics/memory_working_set')).toEqual({ default: '1024' })
    expect(await values('namespaces/default/memory_working_set')).toEqual({ default: '1024' })
    expect(await values('namespaces/default/deployments.apps/web/memory_working_set')).toEqual({ web: '1024' })
    expect(await values('namespaces/default/deployments.apps/*/memory_working_set', { labelSelector: 'tier=front' })).toEqual({
      web: '1024',
    })
    expect(await values('namespaces/default/deployments.apps/*/memory_working_set', { labelSelector: 'tier=back' })).toEqual({})
    expect(await values('namespaces/default/services/web/memory_working_set')).toEqual({ web: '1024' })
  })

  it('with several series are summed up over those that the metric selector wants', async () => {
    window.add('filesystem/usage', nodeEntity('n1'), { timestamp: now, value: 100, resource: '/' })
    window.add('filesystem/usage', nodeEntity('n1'), { timestamp: now, value: 7, resource: 'data' })
    expect(await values('nodes/n1/filesystem_usage')).toEqual({ n1: '107' })
    const [item] = await ask('nodes/n1/filesystem_usage', { metricLabelSelector: 'resource_id=data' })
    expect(item).toMatchObject({
      value: '7',
      metric: { selector: { matchExpressions: [{ key: 'resource_id', operator: 'In', values: ['data'] }] } },
    })
  })
})

describe('custom metrics that pods export', () => {
  beforeEach(() => {
    samples = [
      sample('web-1', 1.5, { path: 'a' }),
      sample('web-1', 2, { path: 'b' }),
      sample('web-2', 4, { path: 'a' }),
      sample('lone', 8),
      sample('ghost', 16),
      sample('other', 32, {}, 'elsewhere'),
    ]
  })

  it('are given for pods that exist, series summed up', async () => {
    expect(await values('namespaces/default/pods/*/rps')).toEqual({ lone: '8', 'web-1': '3500m', 'web-2': '4' })
    expect(await values('namespaces/default/pods/*/rps', { metricLabelSelector: 'path=a' })).toEqual({ 'web-1': '1500m', 'web-2': '4' })
    expect((await ask('namespaces/default/pods/lone/rps'))[0]).toMatchObject({ windowSeconds: 15, timestamp: '2029-12-31T23:59:59Z' })
    await expect(ask('namespaces/default/pods/ghost/rps')).rejects.toThrow('the server could not find the metric rps for pods ghost')
  })

  it('are summed up over the pods of workloads, services and namespaces', async () => {
    expect(await values('namespaces/default/deployments.apps/web/rps')).toEqual({ web: '7500m' })
    expect(await values('namespaces/default/services/web/rps')).toEqual({ web: '3500m' })
    expect(await values('namespaces/default/metrics/rps')).toEqual({ default: '15500m' })
    expect(await values('namespaces/elsewhere/metrics/rps')).toEqual({ elsewhere: '32' })
  })

  it('never hide a metric of the catalogue, and can be asked for by their prefix', async () => {
    samples = [{ ...sample('lone', 5), name: 'cpu_usage_rate' }]
    window.add('cpu/usage_rate', podEntity('lone'), { timestamp: now, value: 1000 })
    expect(await values('namespaces/default/pods/lone/cpu_usage_rate')).toEqual({ lone: '1' })
    expect(await values('namespaces/default/pods/lone/custom/cpu_usage_rate')).toEqual({ lone: '5' })
  })

  it('that are no numbers are left out', async () => {
    samples = [sample('lone', Number.NaN), sample('web-1', Infinity), sample('web-2', -2)]
    expect(await values('namespaces/default/pods/*/rps')).toEqual({ 'web-2': '-2' })
  })
})

describe('what cannot be had', () => {
  it.each([
    ['namespaces/default/pods/*/nothing', 'the server could not find the metric nothing for pods'],
    ['nodes/n1/nothing', 'the server could not find the metric nothing for nodes n1'],
    ['namespaces/default/pods/lone/cpu_node_capacity', 'could not find the metric cpu_node_capacity for pods lone'],
    ['namespaces/default/services/web/cpu_usage', 'could not find the metric cpu_usage for services web'],
  ])('%s is a 404 with the reason', async (path, message) => {
    await expect(ask(path)).rejects.toMatchObject({ status: { code: 404, reason: 'NotFound' }, message: expect.stringContaining(message) })
  })

  it.each([
    'pods',
    'pods/a/b',
    'namespaces/default/houses/a/b',
    'namespaces/default/nodes/a/b',
    'nodes/a',
    'namespaces/default',
    'nodes//b',
    '',
  ])('nothing is served at %j', (path) => {
    expect(api.find('v1beta2', path.split('/'))).toBeUndefined()
  })

  it('selectors that are none are refused', async () => {
    await expect(ask('namespaces/default/pods/*/cpu_usage_rate', { labelSelector: '==' })).rejects.toMatchObject({ status: { code: 400 } })
    await expect(ask('namespaces/default/pods/*/cpu_usage_rate', { metricLabelSelector: '==' })).rejects.toMatchObject({
      status: { code: 400 },
    })
    await expect(ask('namespaces/default/pods/lone/cpu_usage_rate', { labelSelector: 'a=b' })).rejects.toThrow(
      'labelSelector: may be given with "*"',
    )
  })
})

it('discovery lists every pair of resource and metric that there is', () => {
  samples = [sample('lone', 1)]
  const names = api.resources('v1beta2').map(({ name }) => name)
  expect(names).toEqual(
    expect.arrayContaining([
      'pods/cpu_usage_rate',
      'nodes/cpu_node_capacity',
      'deployments.apps/memory_working_set',
      'pods/rps',
      'services/rps',
    ]),
  )
  expect(names).not.toContain('nodes/rps')
  expect(new Set(names).size).toBe(names.length)
  expect(api.resources('v1beta2').find(({ name }) => name === 'nodes/cpu_node_capacity')).toMatchObject({
    namespaced: false,
    kind: 'MetricValueList',
    verbs: ['get'],
  })
})
