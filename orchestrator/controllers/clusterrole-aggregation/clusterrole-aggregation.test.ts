import { afterEach, beforeEach, expect, test } from 'vitest'
import { RbacV1ClusterRole } from '../../api/generated/kinds.ts'
import { createTestCluster } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createClusterRoleAggregationController } from './clusterrole-aggregation.controller.ts'

let cluster: TestCluster
beforeEach(async () => {
  cluster = createTestCluster()
  await cluster.start(createClusterRoleAggregationController(cluster))
})
afterEach(() => cluster.stop())

const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] })
const role = (name: string, labels: Record<string, string>, more: Partial<RbacV1ClusterRole>): RbacV1ClusterRole => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name, labels },
  ...more,
})
const gathers = (label: string) => ({ aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }] }, rules: [] })
const create = (object: RbacV1ClusterRole) => cluster.client.create(RbacV1ClusterRole, object)
const resourcesOf = async (name: string) =>
  ((await cluster.client.get(RbacV1ClusterRole, { name })).rules ?? []).flatMap(({ resources }) => resources)

test('an aggregate shows the rules of its parts in the order of their names, through other aggregates, each once', async () => {
  await create(role('admin', {}, gathers('to-admin')))
  await create(role('edit', { 'to-admin': 'true' }, gathers('to-edit')))
  await create(role('b', { 'to-edit': 'true' }, { rules: [rule('pods'), rule('secrets')] }))
  await create(role('a', { 'to-admin': 'true' }, { rules: [rule('nodes'), rule('pods')] }))
  await cluster.clock.advance(1_000)
  expect(await resourcesOf('admin')).toEqual(['nodes', 'pods', 'secrets'])
  expect(await resourcesOf('edit')).toEqual(['pods', 'secrets'])
})

test('it follows its parts when they change, go or lose their label, and takes back what somebody wrote into it', async () => {
  await create(role('admin', {}, gathers('to-admin')))
  await create(role('a', { 'to-admin': 'true' }, { rules: [rule('nodes')] }))
  await create(role('b', { 'to-admin': 'true' }, { rules: [rule('pods')] }))
  await cluster.clock.advance(1_000)
  const change = (name: string, body: object) =>
    cluster.client.patch(RbacV1ClusterRole, { name }, { type: 'application/merge-patch+json', body })
  await change('a', { rules: [rule('services')] })
  await cluster.clock.advance(1_000)
  expect(await resourcesOf('admin')).toEqual(['services', 'pods'])
  await change('a', { metadata: { labels: { 'to-admin': null } } })
  await change('admin', { rules: [rule('secrets')] })
  await cluster.clock.advance(1_000)
  expect(await resourcesOf('admin')).toEqual(['pods'])
  await cluster.client.delete(RbacV1ClusterRole, { name: 'b' })
  await cluster.clock.advance(1_000)
  expect(await resourcesOf('admin')).toEqual([])
})

test('aggregates that gather each other come to rest', async () => {
  await create(role('x', { loop: 'true' }, gathers('loop')))
  await create(role('y', { loop: 'true' }, gathers('loop')))
  await create(role('part', { loop: 'true' }, { rules: [rule('pods')] }))
  await cluster.clock.advance(1_000)
  const { revision } = cluster.transport
  await cluster.clock.advance(60_000)
  expect(await resourcesOf('x')).toEqual(['pods'])
  expect(await resourcesOf('y')).toEqual(['pods'])
  expect(cluster.transport.revision).toBe(revision)
})
