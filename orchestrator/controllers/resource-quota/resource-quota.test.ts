import { afterEach, beforeEach, expect, test } from 'vitest'
import { CoreV1ConfigMap, CoreV1Pod, CoreV1ResourceQuota, CoreV1Service } from '../../api/generated/kinds.ts'
import { collectableKinds } from '../garbage-collector/collectable-kinds.ts'
import { createTestCluster } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createResourceQuotaController } from './resource-quota.controller.ts'

let cluster: TestCluster
beforeEach(async () => {
  cluster = createTestCluster()
  await cluster.start(createResourceQuotaController({ informers: cluster.informers, kinds: collectableKinds() }))
})
afterEach(() => cluster.stop())

const key = { namespace: 'default', name: 'q' }
const quota = (hard: Record<string, string>, more: Partial<CoreV1ResourceQuota['spec']> = {}): CoreV1ResourceQuota => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: key,
  spec: { hard, ...more },
})
const pod = (name: string, cpu: string, more: Partial<CoreV1Pod['spec']> = {}): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'a', resources: { requests: { cpu } } }], ...more },
})
const used = async () => {
  await cluster.clock.advance(1_000)
  return (await cluster.client.get(CoreV1ResourceQuota, key)).status?.used
}

test('what is used follows the objects of the namespace; pods that have ended count no more', async () => {
  await cluster.client.create(
    CoreV1ResourceQuota,
    quota({ pods: '10', 'requests.cpu': '2', cpu: '2', configmaps: '5', 'count/services': '3' }),
  )
  expect(await used()).toEqual({ pods: '0', 'requests.cpu': '0', cpu: '0', configmaps: '0', 'count/services': '0' })
  await cluster.client.create(CoreV1Pod, pod('a', '250m'))
  const second = await cluster.client.create(CoreV1Pod, pod('b', '1'))
  await cluster.client.create(CoreV1ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' } })
  await cluster.client.create(CoreV1Service, { apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'default' }, spec: {} })
  expect(await used()).toEqual({ pods: '2', 'requests.cpu': '1250m', cpu: '1250m', configmaps: '1', 'count/services': '1' })
  await cluster.client.updateStatus(CoreV1Pod, { ...second, status: { phase: 'Succeeded' } })
  expect(await used()).toMatchObject({ pods: '1', cpu: '250m' })
  await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: 'a' }, { gracePeriodSeconds: 0 })
  expect(await used()).toMatchObject({ pods: '0', cpu: '0' })
})

test('scopes choose which pods count', async () => {
  await cluster.client.create(CoreV1ResourceQuota, quota({ pods: '10' }, { scopes: ['Terminating', 'NotBestEffort'] }))
  await cluster.client.create(CoreV1Pod, pod('lasting', '1'))
  await cluster.client.create(CoreV1Pod, pod('short', '1', { activeDeadlineSeconds: 60 }))
  await cluster.client.create(CoreV1Pod, pod('idle', '1', { activeDeadlineSeconds: 60, containers: [{ name: 'a' }] }))
  expect(await used()).toEqual({ pods: '1' })
})

test('a priority class can be chosen', async () => {
  const scopeSelector = { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] }
  await cluster.client.create(CoreV1ResourceQuota, quota({ pods: '10' }, { scopeSelector }))
  await cluster.client.create(CoreV1Pod, pod('a', '1', { priorityClassName: 'high' }))
  await cluster.client.create(CoreV1Pod, pod('b', '1', { priorityClassName: 'low' }))
  expect(await used()).toEqual({ pods: '1' })
})
