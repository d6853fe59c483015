import { afterEach, expect, test } from 'vitest'
import {
  CoreV1Endpoints,
  CoreV1Node,
  CoreV1Pod,
  CoreV1ReplicationController,
  CoreV1Service,
} from '../../orchestrator/api/generated/kinds.ts'
import { unavailable } from '../../orchestrator/api/status-error.ts'
import { createScheduler } from '../../orchestrator/scheduler/app.ts'
import { createControllers } from '../../orchestrator/controllers/app.ts'
import { createTestCluster, finishDeletions, runPod, testNode } from '../../orchestrator/controllers/test-cluster.ts'
import type { TestCluster } from '../../orchestrator/controllers/test-cluster.ts'

let cluster: TestCluster

afterEach(() => cluster.stop())

test('controllers and scheduler together: a controller of 3 has 3 running pods on nodes behind its Service, and deleting it removes them', async () => {
  cluster = createTestCluster()
  cluster.transport.intercept(async ({ path }) => {
    if (path.startsWith('/apis/metrics.k8s.io')) throw unavailable('not there')
  })
  const controllers = createControllers(cluster)
  const scheduler = createScheduler(cluster)
  cluster.keep((signal) => controllers.run(signal))
  cluster.keep((signal) => scheduler.run(signal))
  await cluster.start()
  expect(controllers.counts()).toContainEqual({ controller: 'replicationcontroller', result: 'terminal', value: 0 })

  for (const name of ['n1', 'n2', 'n3']) await cluster.client.create(CoreV1Node, testNode(name))
  const rc: CoreV1ReplicationController = {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 3,
      selector: { app: 'web' },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  }
  await cluster.client.create(CoreV1ReplicationController, rc)
  await cluster.client.create(CoreV1Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  })
  await cluster.clock.advance(500)
  const pods = await cluster.pods()
  expect(new Set(pods.map(({ spec }) => spec.nodeName))).toEqual(new Set(['n1', 'n2', 'n3']))

  for (const pod of pods) await runPod(cluster.client, pod, { now: cluster.clock.now() })
  await cluster.clock.advance(500)
  expect((await cluster.client.get(CoreV1Endpoints, { namespace: 'default', name: 'web' })).subsets?.[0]?.addresses).toHaveLength(3)

  await cluster.client.delete(CoreV1ReplicationController, { namespace: 'default', name: 'web' }, { propagationPolicy: 'Background' })
  await cluster.clock.advance(500)
  await finishDeletions(cluster.client)
  await cluster.clock.advance(500)
  expect((await cluster.client.list(CoreV1Pod)).items).toEqual([])
  expect(controllers.counts().filter(({ result, value }) => result === 'terminal' && value > 0)).toEqual([])
})
