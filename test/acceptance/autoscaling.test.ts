import { afterEach, beforeEach, expect, test } from 'vitest'
import { toTimestamp } from '../../lib/clock.ts'
import type { CustomSample } from '../../aggregator/custom-metrics.ts'
import { parseConfiguration } from '../../aggregator/configuration.ts'
import { FakeWindow } from '../../aggregator/fake-window.ts'
import { createMetricsGroups } from '../../aggregator/metrics-api/groups.ts'
import { createLocalReadings } from '../../aggregator/metrics-api/readings.ts'
import type { ResourceMetrics } from '../../aggregator/metrics-api/resource-metrics.ts'
import {
  AppsV1Deployment,
  AppsV1ReplicaSet,
  AutoscalingV2HorizontalPodAutoscaler,
  BatchV1Job,
  CoordinationV1Lease,
  CoreV1Node,
  CoreV1Pod,
} from '../../orchestrator/api/generated/kinds.ts'
import type { AutoscalingV2MetricSpec } from '../../orchestrator/api/generated/kinds.ts'
import { pathNotFound, unavailable } from '../../orchestrator/api/status-error.ts'
import { createControllers } from '../../orchestrator/controllers/app.ts'
import { createTestCluster, finishDeletions, runPod, testNode } from '../../orchestrator/controllers/test-cluster.ts'
import type { TestCluster } from '../../orchestrator/controllers/test-cluster.ts'
import { createScheduler } from '../../orchestrator/scheduler/app.ts'

/** All controllers and the scheduler on the metrics APIs themselves; only HTTP, nodes and InfluxDB are left out. */
let cluster: TestCluster
let sessionsPerPod: number
let waiting: number

beforeEach(async () => {
  cluster = createTestCluster()
  sessionsPerPod = 5
  waiting = 0
  const answer = createApis()
  cluster.transport.intercept(async ({ path, query }) => {
    if (!path.includes('metrics.k8s.io')) return undefined
    if (query?.watch === 'true') throw unavailable('no watch here')
    return answer(path, new URLSearchParams(query))
  })
  const controllers = createControllers({ ...cluster, autoscaler: { downscaleStabilizationMs: 10_000 } })
  const scheduler = createScheduler(cluster)
  cluster.keep((signal) => controllers.run(signal))
  cluster.keep((signal) => scheduler.run(signal))
  await cluster.start()
  await cluster.client.create(CoreV1Node, testNode('n1'))
})
afterEach(() => cluster.stop())

function createApis(): (path: string, query: URLSearchParams) => Promise<unknown> {
  const { informers, client, clock } = cluster
  const view = {
    nodes: informers.informer(CoreV1Node),
    pods: informers.informer(CoreV1Pod),
    replicaSets: informers.informer(AppsV1ReplicaSet),
    jobs: informers.informer(BatchV1Job),
  }
  const samples = (name: string, namespace: string): CustomSample[] =>
    [...view.pods.list()]
      .filter(({ status }) => status?.phase === 'Running')
      .map((pod) => ({
        name,
        type: 'gauge',
        namespace,
        pod: pod.metadata.name!,
        labels: {},
        value: sessionsPerPod,
        timestamp: clock.now(),
      }))
  const exported = { names: () => ['sessions'], samples }
  const local = createLocalReadings({ window: new FakeWindow(), exported, holdMs: 15_000, resolutionMs: 5000, clock })
  const { externalMetrics } = parseConfiguration(
    'monitor.yaml',
    'externalMetrics: [{ name: jobs, cache: 1s, query: SELECT last(value) FROM jobs WHERE time > now() - 1m }]',
  )
  const groups = createMetricsGroups({
    resourceMetrics: { revision: '1', nodes: () => [], pods: () => [] } as unknown as ResourceMetrics,
    readings: (request) => Promise.resolve(local(request)),
    exportedNames: exported.names,
    view,
    client,
    externalMetrics,
    query: () => Promise.resolve([{ columns: ['time', 'last'], values: [[clock.now(), waiting]] }]),
    clock,
  })
  return async (path, query) => {
    const [, , name, version = '', ...segments] = path.split('/').map(decodeURIComponent)
    const group = groups.find((candidate) => candidate.name === name)
    if (group === undefined) throw pathNotFound()
    if (version === '') return { versions: group.versions.map((served) => ({ version: served })) }
    const answer = await group.find(version, segments)?.answer(query)
    if (answer === undefined) throw pathNotFound()
    return answer.type === 'value' ? answer.value : { items: answer.type === 'list' ? answer.items : [] }
  }
}

async function scale(metrics: AutoscalingV2MetricSpec[], minReplicas: number): Promise<void> {
  const labels = { app: 'web' }
  await cluster.client.create(AppsV1Deployment, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  })
  await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', namespace: 'default' },
    spec: { minReplicas, maxReplicas: 6, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, metrics },
  })
}

/** Lets time pass on nodes that start pods within a second. */
async function live(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    for (const pod of await cluster.pods())
      if (pod.spec.nodeName !== undefined && pod.status?.phase !== 'Running')
        await runPod(cluster.client, pod, { now: cluster.clock.now() })
    await finishDeletions(cluster.client)
    await renewLease()
    await cluster.clock.advance(1_000)
  }
}

/** A node that is silent loses its pods. */
async function renewLease(): Promise<void> {
  const metadata = { name: 'n1', namespace: 'kube-node-lease' }
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: { renewTime: toTimestamp(cluster.clock.now()) } }
  await cluster.client.update(CoordinationV1Lease, lease).catch(() => cluster.client.create(CoordinationV1Lease, lease))
}

const running = async () => (await cluster.pods()).filter(({ status }) => status?.phase === 'Running').length

test('a Deployment follows what its pods export', async () => {
  await scale([{ type: 'Pods', pods: { metric: { name: 'sessions' }, target: { type: 'AverageValue', averageValue: '10' } } }], 1)
  await live(20)
  expect(await running()).toBe(1)
  sessionsPerPod = 25
  await live(17)
  expect(await running()).toBe(3)
  sessionsPerPod = 2
  await live(45)
  expect(await running()).toBe(1)
})

test('a Deployment follows a figure of its own as a whole', async () => {
  const describedObject = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
  sessionsPerPod = 24
  await scale(
    [{ type: 'Object', object: { describedObject, metric: { name: 'sessions' }, target: { type: 'AverageValue', averageValue: '12' } } }],
    1,
  )
  await live(17)
  expect(await running()).toBe(2)
})

test('a Deployment leaves zero when something waits and goes back when nothing does', async () => {
  await scale([{ type: 'External', external: { metric: { name: 'jobs' }, target: { type: 'AverageValue', averageValue: '10' } } }], 0)
  await live(45)
  expect(await running()).toBe(0)
  waiting = 35
  await live(20)
  expect(await running()).toBe(4)
  waiting = 0
  await live(45)
  expect(await running()).toBe(0)
})
