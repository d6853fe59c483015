import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toTimestamp } from '../../../lib/clock.ts'
import { AutoscalingV2HorizontalPodAutoscaler, CoreV1ReplicationController } from '../../api/generated/kinds.ts'
import type { AutoscalingV2MetricSpec } from '../../api/generated/kinds.ts'
import { pathNotFound, unavailable } from '../../api/status-error.ts'
import { createReplicationControllerController } from '../replicationcontroller/replicationcontroller.controller.ts'
import { createTestCluster, finishDeletions, runPod } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createAutoscalerController } from './horizontal-pod-autoscaler.controller.ts'
import { runSampleTrigger } from './sample-trigger.ts'

const key = { namespace: 'default', name: 'web' }
const rc: CoreV1ReplicationController = {
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 1,
    selector: { app: 'web' },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
  },
}

let cluster: TestCluster
/** What the metrics APIs say, by path behind `/apis/`; `undefined` answers are 404s. */
let answers: Map<string, () => unknown>
let asked: string[]

beforeEach(() => {
  cluster = createTestCluster()
  answers = new Map()
  asked = []
  cluster.transport.intercept(async ({ path, query }) => {
    if (path === '/api/v1') return { resources: [{ name: 'namespaces', kind: 'Namespace', namespaced: false }] }
    if (!path.includes('metrics.k8s.io')) return undefined
    if (query?.watch === 'true') throw unavailable('no watch here')
    const asks = `${path.slice('/apis/'.length)}${query?.metricLabelSelector ? `?${query.metricLabelSelector}` : ''}`
    asked.push(asks)
    const answer = answers.get(asks)
    if (answer === undefined) throw pathNotFound()
    return answer()
  })
})
afterEach(() => cluster.stop())

const timestamp = () => toTimestamp(cluster.clock.now())
const externalOf = (value: () => string) => () => ({ items: [{ metricName: 'queue', timestamp: timestamp(), value: value() }] })

function serveCustom(version: 'v1beta1' | 'v1beta2', path: string, values: () => Promise<Readonly<Record<string, string>>>): void {
  answers.set('custom.metrics.k8s.io', () => ({ versions: [{ version }], preferredVersion: { version } }))
  answers.set(`custom.metrics.k8s.io/${version}/namespaces/default/${path}`, async () => ({
    items: Object.entries(await values()).map(([name, value]) => ({ describedObject: { name }, timestamp: timestamp(), value })),
  }))
}

async function start(metrics: AutoscalingV2MetricSpec[], spec: { minReplicas?: number; replicas?: number } = {}): Promise<void> {
  const autoscalers = createAutoscalerController({ ...cluster, downscaleStabilizationMs: 20_000 })
  await cluster.client.create(CoreV1ReplicationController, { ...rc, spec: { ...rc.spec, replicas: spec.replicas ?? 1 } })
  await cluster.start(createReplicationControllerController(cluster), autoscalers.declaration)
  await live(1_000)
  await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      minReplicas: spec.minReplicas ?? 1,
      maxReplicas: 10,
      scaleTargetRef: { apiVersion: 'v1', kind: 'ReplicationController', name: 'web' },
      metrics,
    },
  })
}

async function live(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    for (const pod of await cluster.pods())
      if (pod.status?.phase !== 'Running') await runPod(cluster.client, pod, { now: cluster.clock.now() })
    await finishDeletions(cluster.client)
    await cluster.clock.advance(1_000)
  }
}

const replicas = async () => (await cluster.client.get(CoreV1ReplicationController, key)).spec.replicas
const status = async () => (await cluster.client.get(AutoscalingV2HorizontalPodAutoscaler, key)).status!
const message = async (type: string) => (await status()).conditions?.find((condition) => condition.type === type)?.message
const pods = (name: string, averageValue: string): AutoscalingV2MetricSpec => ({
  type: 'Pods',
  pods: { metric: { name }, target: { type: 'AverageValue', averageValue } },
})
const external = (target: { type: string; value?: string; averageValue?: string }): AutoscalingV2MetricSpec => ({
  type: 'External',
  external: { metric: { name: 'queue' }, target },
})
const everyPod = (value: string) => async () =>
  Object.fromEntries(
    (await cluster.pods()).filter(({ status: now }) => now?.phase === 'Running').map(({ metadata }) => [metadata.name!, value]),
  )

describe('metrics of pods', () => {
  test.each(['v1beta1', 'v1beta2'] as const)('follow their average, asked for in %s when the server prefers it', async (version) => {
    serveCustom(version, 'pods/*/rps', everyPod('30'))
    await start([pods('rps', '10')])
    await live(2_000)
    expect(await replicas()).toBe(3)
    expect(asked).toContain(`custom.metrics.k8s.io/${version}/namespaces/default/pods/*/rps`)
    expect((await status()).currentMetrics).toMatchObject([
      { type: 'Pods', pods: { metric: { name: 'rps' }, current: { averageValue: '30' } } },
    ])
    expect(await cluster.eventTexts()).toContain('SuccessfulRescale New size: 3; reason: pods metric rps above target')
  })

  test('of several metrics the highest proposal counts, and one that fails never leads down', async () => {
    serveCustom('v1beta2', 'pods/*/rps', everyPod('5'))
    await start([pods('rps', '10'), pods('unknown', '1')], { replicas: 4 })
    await live(40_000)
    expect(await replicas()).toBe(4)
    expect(await message('ScalingActive')).toMatch(
      /^the HPA was unable to compute the replica count: unable to get metric unknown: unable to fetch metrics from custom metrics API: /,
    )
    answers.set('custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/unknown', async () => ({
      items: Object.entries(await everyPod('2')()).map(([name, value]) => ({ describedObject: { name }, timestamp: timestamp(), value })),
    }))
    await live(15_000)
    expect(await replicas()).toBe(8)
  })

  test('no API for them is said in words of upstream', async () => {
    await start([pods('rps', '10')])
    await live(2_000)
    expect(await message('ScalingActive')).toBe(
      'the HPA was unable to compute the replica count: unable to get metric rps: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered',
    )
    expect(await cluster.eventTexts()).toContain(
      'FailedComputeMetricsReplicas invalid metrics (1 invalid out of 1), first error is: failed to get pods metric value: unable to get metric rps: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered',
    )
  })
})

describe('metrics of objects', () => {
  test.each([
    { kind: 'ReplicationController', apiVersion: 'v1', path: 'replicationcontrollers/web/depth' },
    { kind: 'Deployment', apiVersion: 'apps/v1', path: 'deployments.apps/web/depth' },
    { kind: 'Namespace', apiVersion: 'v1', path: 'metrics/depth' },
  ])('of a $kind are asked for at $path', async ({ kind, apiVersion, path }) => {
    serveCustom('v1beta2', `${path}?shard=1`, async () => ({ web: '2500m' }))
    const describedObject = { apiVersion, kind, name: 'web' }
    const metric = { name: 'depth', selector: { matchLabels: { shard: '1' } } }
    await start([{ type: 'Object', object: { describedObject, metric, target: { type: 'Value', value: '1' } } }])
    await live(2_000)
    expect(await replicas()).toBe(3)
    expect((await status()).currentMetrics).toMatchObject([{ type: 'Object', object: { describedObject, current: { value: '2500m' } } }])
  })
})

describe('external metrics', () => {
  test('take a target from zero to its share and back, and to zero only where the autoscaler allows it', async () => {
    let queue = '0'
    answers.set(
      'external.metrics.k8s.io/v1beta1/namespaces/default/queue',
      externalOf(() => queue),
    )
    await start([external({ type: 'AverageValue', averageValue: '10' })], { minReplicas: 0 })
    await live(40_000)
    expect(await replicas()).toBe(0)
    queue = '20'
    await live(16_000)
    expect(await replicas()).toBe(2)
    expect(await message('ScalingActive')).toBe(
      'the HPA was able to successfully calculate a replica count from external metric queue(nil)',
    )
    queue = '0'
    await live(40_000)
    expect(await replicas()).toBe(0)
    expect((await status()).currentMetrics).toMatchObject([{ external: { current: { averageValue: '0' } } }])
  })

  test('a total is kept at its value by all ready pods together', async () => {
    answers.set(
      'external.metrics.k8s.io/v1beta1/namespaces/default/queue',
      externalOf(() => '30'),
    )
    await start([external({ type: 'Value', value: '20' })], { replicas: 2 })
    await live(2_000)
    expect(await replicas()).toBe(3)
  })

  test('one that gives nothing holds the size, also at zero', async () => {
    answers.set('external.metrics.k8s.io/v1beta1/namespaces/default/queue', () => ({ items: [] }))
    const selector = { matchLabels: { b: '2', a: '1' }, matchExpressions: [{ key: 'c', operator: 'In', values: ['3', '4'] }] }
    const target = { type: 'AverageValue', averageValue: '10' }
    await start([{ type: 'External', external: { metric: { name: 'queue', selector }, target } }], { minReplicas: 0, replicas: 0 })
    await live(20_000)
    expect(await replicas()).toBe(0)
    expect(await message('ScalingActive')).toBe(
      'the HPA was unable to compute the replica count: unable to get external metric default/queue/&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:c,Operator:In,Values:[3 4],},},}: no metrics returned from external metrics API',
    )
  })
})

test('samples of nodes wake autoscalers that look at totals, at most each five seconds', async () => {
  await start([external({ type: 'AverageValue', averageValue: '10' })], { minReplicas: 0, replicas: 0 })
  await live(2_000)
  let push: (() => void) | undefined
  const client = {
    ...cluster.client,
    async *rawWatch(path: string) {
      for (;;) {
        await new Promise<void>((resolve) => {
          if (path.includes('/nodes')) push = resolve
        })
        yield { type: 'MODIFIED', object: { metadata: { name: 'node-1' } } }
      }
    },
  } as unknown as typeof cluster.client
  const woken: string[] = []
  void runSampleTrigger(
    {
      ...cluster,
      client,
      autoscalersOf: () => [],
      autoscalersOfTotals: createAutoscalerController(cluster).autoscalersOfTotals,
      enqueueAfter: (name) => woken.push(name),
    },
    new AbortController().signal,
  )
  await cluster.clock.settle()
  for (let sample = 0; sample < 11; sample++) {
    push!()
    await cluster.clock.advance(1_000)
  }
  expect(woken).toEqual(['default/web', 'default/web', 'default/web'])
})
