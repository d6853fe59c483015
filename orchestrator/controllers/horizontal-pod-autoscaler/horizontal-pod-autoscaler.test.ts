import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toTimestamp } from '../../../lib/clock.ts'
import { AutoscalingV2HorizontalPodAutoscaler, CoreV1ReplicationController } from '../../api/generated/kinds.ts'
import { matchesLabels, parseLabelSelector } from '../../api/labels.ts'
import { unavailable } from '../../api/status-error.ts'
import { createReplicationControllerController } from '../replicationcontroller/replicationcontroller.controller.ts'
import { createTestCluster, finishDeletions, runPod } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createAutoscalerController } from './horizontal-pod-autoscaler.controller.ts'
import type { AutoscalerTuning } from './horizontal-pod-autoscaler.controller.ts'
import { runSampleTrigger } from './sample-trigger.ts'

const key = { namespace: 'default', name: 'web' }
const rc: CoreV1ReplicationController = {
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 1,
    selector: { app: 'web' },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'web:1', resources: { requests: { cpu: '100m' } } }] },
    },
  },
}
const hpa = (spec: Partial<AutoscalingV2HorizontalPodAutoscaler['spec']> = {}): AutoscalingV2HorizontalPodAutoscaler => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    minReplicas: 1,
    maxReplicas: 5,
    scaleTargetRef: { apiVersion: 'v1', kind: 'ReplicationController', name: 'web' },
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }],
    ...spec,
  },
})

let cluster: TestCluster
/** Total CPU millicores that clients cause, shared by the ready pods. */
let loadMillicores: number
let areMetricsUp: boolean

beforeEach(() => {
  cluster = createTestCluster()
  loadMillicores = 20
  areMetricsUp = true
  cluster.transport.intercept(async ({ path, query, method }) => {
    if (method !== 'GET' || !path.startsWith('/apis/metrics.k8s.io')) return undefined
    if (!areMetricsUp || query?.watch === 'true') throw unavailable('the server is currently unable to handle the request')
    const selector = parseLabelSelector(query?.labelSelector ?? '')
    const pods = (await cluster.pods()).filter((pod) => pod.status?.phase === 'Running' && matchesLabels(selector, pod.metadata.labels))
    const usage = { cpu: `${Math.round(loadMillicores / Math.max(1, pods.length))}m`, memory: '10Mi' }
    return {
      items: pods.map(({ metadata }) => ({
        metadata: { name: metadata.name, namespace: 'default' },
        timestamp: toTimestamp(cluster.clock.now()),
        window: '5s',
        containers: [{ name: 'web', usage }],
      })),
    }
  })
})
afterEach(() => cluster.stop())

async function start(tuning: AutoscalerTuning = {}): Promise<void> {
  const { declaration } = createAutoscalerController({ ...cluster, ...tuning })
  await cluster.client.create(CoreV1ReplicationController, rc)
  await cluster.start(createReplicationControllerController(cluster), declaration)
  await live(1_000)
}

/** Lets time pass with node agents that start pods within a second. */
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
const conditions = async () =>
  Object.fromEntries(((await status()).conditions ?? []).map(({ type, status: value, reason }) => [type, `${value} ${reason}`]))

test('a load spike leads to as many replicas as it takes, and its end back to one after the stabilization window', async () => {
  await start()
  await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, hpa())
  await live(20_000)
  expect(await replicas()).toBe(1)
  expect(await status()).toMatchObject({
    currentReplicas: 1,
    desiredReplicas: 1,
    currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 20, averageValue: '20m' } } }],
  })
  expect(await conditions()).toEqual({
    AbleToScale: 'True ReadyForNewScale',
    ScalingActive: 'True ValidMetricFound',
    ScalingLimited: 'False DesiredWithinRange',
  })
  loadMillicores = 150
  await live(32_000)
  expect(await replicas()).toBe(3)
  const texts = await cluster.eventTexts()
  expect(texts).toContain('SuccessfulRescale New size: 3; reason: cpu resource utilization (percentage of request) above target')
  loadMillicores = 20
  await live(250_000)
  expect(await replicas()).toBe(3)
  expect((await conditions()).AbleToScale).toBe('True ScaleDownStabilized')
  await live(90_000)
  expect(await replicas()).toBe(1)
  expect(await cluster.eventTexts()).toContain('SuccessfulRescale New size: 1; reason: All metrics below target')
})

test('the stabilization window is an option', async () => {
  await start({ downscaleStabilizationMs: 20_000 })
  await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, hpa())
  loadMillicores = 200
  await live(60_000)
  expect(await replicas()).toBe(4)
  loadMillicores = 10
  await live(45_000)
  expect(await replicas()).toBe(1)
})

test('start-up CPU of a fresh pod does not count while it is not ready or its window reaches back before it was', async () => {
  await start()
  const [pod] = await cluster.pods()
  await runPod(cluster.client, pod!, { now: cluster.clock.now(), isReady: false })
  loadMillicores = 900
  await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, hpa())
  await cluster.clock.advance(20_000)
  expect(await replicas()).toBe(1)
  expect(await conditions()).toMatchObject({ ScalingActive: 'False FailedGetResourceMetric' })
  expect(await cluster.eventTexts()).toContainEqual(
    expect.stringMatching(
      /^FailedGetResourceMetric failed to get cpu utilization: did not receive metrics for targeted pods \(pods might be unready\)/,
    ),
  )
})

test('samples wake the autoscaler without waiting for the sync period, at most once a second', async () => {
  const { declaration, autoscalersOf, autoscalersOfTotals } = createAutoscalerController(cluster)
  await cluster.client.create(CoreV1ReplicationController, rc)
  const [, controller] = await cluster.start(createReplicationControllerController(cluster), declaration)
  await live(1_000)
  await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, hpa())
  await live(12_000)
  const [pod] = await cluster.pods()
  let push: (() => void) | undefined
  const client = {
    ...cluster.client,
    async *rawWatch() {
      for (;;) {
        await new Promise<void>((resolve) => (push = resolve))
        yield { type: 'MODIFIED', object: { metadata: { namespace: 'default', name: pod!.metadata.name } } }
      }
    },
  } as unknown as typeof cluster.client
  void runSampleTrigger(
    { ...cluster, client, autoscalersOf, autoscalersOfTotals, enqueueAfter: (name, ms) => controller!.enqueueAfter(name, ms) },
    new AbortController().signal,
  )
  await cluster.clock.settle()
  const before = controller!.counts.requeue
  loadMillicores = 200
  for (let sample = 0; sample < 10; sample++) {
    push!()
    await cluster.clock.advance(10)
  }
  expect(await replicas()).toBe(4)
  expect(controller!.counts.requeue - before).toBeLessThanOrEqual(2)
})

test('a tolerance of its own decides what is too little to act on, in each direction', async () => {
  await start({ downscaleStabilizationMs: 1_000 })
  await cluster.client.create(
    AutoscalingV2HorizontalPodAutoscaler,
    hpa({ behavior: { scaleUp: { tolerance: '500m' }, scaleDown: { tolerance: '0' } } }),
  )
  loadMillicores = 70
  await live(32_000)
  expect(await replicas()).toBe(1)
  loadMillicores = 80
  await live(16_000)
  expect(await replicas()).toBe(2)
  loadMillicores = 48
  await live(32_000)
  expect(await replicas()).toBe(1)
})

describe('what cannot be computed', () => {
  test('no metrics API: ScalingActive is False with the reason, and nothing is scaled', async () => {
    await start()
    areMetricsUp = false
    await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, hpa())
    await live(2_000)
    expect(await conditions()).toEqual({ AbleToScale: 'True SucceededGetScale', ScalingActive: 'False FailedGetResourceMetric' })
    expect(
      (await cluster.eventTexts()).some((text) =>
        text.startsWith(
          'FailedComputeMetricsReplicas invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API',
        ),
      ),
    ).toBe(true)
    expect(await replicas()).toBe(1)
  })

  test('no target: AbleToScale is False', async () => {
    await start()
    await cluster.client.create(
      AutoscalingV2HorizontalPodAutoscaler,
      hpa({ scaleTargetRef: { apiVersion: 'v1', kind: 'ReplicationController', name: 'none' } }),
    )
    await live(2_000)
    expect(await conditions()).toEqual({ AbleToScale: 'False FailedGetScale' })
    expect(await cluster.eventTexts()).toContain('FailedGetScale replicationcontrollers "none" not found')
  })

  test('two autoscalers for the same pods: both stand still and say why', async () => {
    await start()
    await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, hpa())
    await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, { ...hpa(), metadata: { name: 'rival', namespace: 'default' } })
    await live(17_000)
    expect((await conditions()).ScalingActive).toBe('False AmbiguousSelector')
  })

  test('a container without a request: the message names it', async () => {
    const { spec } = rc
    const template = { ...spec.template!, spec: { containers: [{ name: 'web', image: 'web:1' }] } }
    const { declaration } = createAutoscalerController(cluster)
    await cluster.client.create(CoreV1ReplicationController, { ...rc, spec: { ...spec, template } })
    await cluster.start(createReplicationControllerController(cluster), declaration)
    await live(10_000)
    await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, hpa())
    await live(1_000)
    const failing = (await status()).conditions?.find(({ type }) => type === 'ScalingActive')
    expect(failing?.message).toMatch(
      /^the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container web of Pod web-/,
    )
  })
})

describe('without asking metrics', () => {
  test.each([
    { name: 'more than the maximum goes to it', replicas: 9, expected: 5, reason: 'Current number of replicas above Spec.MaxReplicas' },
    { name: 'less than the minimum goes to it', replicas: 1, expected: 2, reason: 'Current number of replicas below Spec.MinReplicas' },
  ])('$name', async ({ replicas: current, expected, reason }) => {
    await start()
    areMetricsUp = false
    await cluster.client.patch(CoreV1ReplicationController, key, {
      type: 'application/merge-patch+json',
      body: { spec: { replicas: current } },
    })
    await live(1_000)
    await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, hpa({ minReplicas: 2 }))
    await live(1_000)
    expect(await replicas()).toBe(expected)
    expect(await cluster.eventTexts()).toContain(`SuccessfulRescale New size: ${expected}; reason: ${reason}`)
  })

  test('a target scaled to 0 by hand stays there', async () => {
    await start()
    await cluster.client.patch(CoreV1ReplicationController, key, { type: 'application/merge-patch+json', body: { spec: { replicas: 0 } } })
    await cluster.client.create(AutoscalingV2HorizontalPodAutoscaler, hpa())
    await live(20_000)
    expect(await replicas()).toBe(0)
    expect((await conditions()).ScalingActive).toBe('False ScalingDisabled')
  })
})

test('a container that no pod has is named, and the other metrics keep their places in the status', async () => {
  await start()
  await live(10_000)
  const target = { type: 'AverageValue', averageValue: '30m' }
  await cluster.client.create(
    AutoscalingV2HorizontalPodAutoscaler,
    hpa({
      metrics: [
        { type: 'ContainerResource', containerResource: { name: 'cpu', container: 'nobody', target } },
        { type: 'Resource', resource: { name: 'cpu', target } },
      ],
    }),
  )
  await live(2_000)
  expect(await cluster.eventTexts()).toContainEqual(
    expect.stringMatching(
      /^FailedGetContainerResourceMetric failed to get cpu usage: unable to get metrics for resource cpu: failed to get container metrics: container nobody not present in metrics for pod default\/web-/,
    ),
  )
  expect((await status()).currentMetrics).toMatchObject([
    { type: '' },
    { type: 'Resource', resource: { current: { averageValue: '20m' } } },
  ])
})

test('a metric per container counts that container alone', async () => {
  await start()
  loadMillicores = 120
  await live(10_000)
  const target = { type: 'AverageValue', averageValue: '30m' }
  await cluster.client.create(
    AutoscalingV2HorizontalPodAutoscaler,
    hpa({ metrics: [{ type: 'ContainerResource', containerResource: { name: 'cpu', container: 'web', target } }] }),
  )
  await live(2_000)
  expect(await replicas()).toBe(4)
  expect((await status()).currentMetrics).toMatchObject([
    { type: 'ContainerResource', containerResource: { name: 'cpu', container: 'web', current: { averageValue: '120m' } } },
  ])
})
