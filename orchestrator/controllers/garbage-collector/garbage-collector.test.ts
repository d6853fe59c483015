import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silentLog } from '../../../lib/log.ts'
import { CoreV1ConfigMap, CoreV1ReplicationController, CoreV1Secret } from '../../api/generated/kinds.ts'
import type { MetaV1OwnerReference } from '../../api/generated/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import { createController } from '../controller.ts'
import { createTestCluster } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { collectableKinds } from './collectable-kinds.ts'
import { createGarbageCollector } from './garbage-collector.controller.ts'
import { planCollection } from './garbage-collector.plan.ts'
import type { OwnerState } from './garbage-collector.plan.ts'

let cluster: TestCluster

beforeEach(async () => {
  cluster = createTestCluster()
  const kinds = [CoreV1ReplicationController, CoreV1ConfigMap, CoreV1Secret]
  // As in the app, where others asked for the informers first, by constants of their own.
  for (const kind of kinds) cluster.informers.informer({ ...kind })
  const { declarations, connect } = createGarbageCollector({ informers: cluster.informers, kinds })
  const controllers = declarations.map((declaration) => createController(declaration, { ...cluster, log: silentLog }))
  connect((kind, key) => controllers[kinds.indexOf(kind)]!.enqueueAfter(key, 0))
  for (const controller of controllers) cluster.keep((signal) => controller.run(signal))
  await cluster.start()
})
afterEach(() => cluster.stop())

const owners = (...objects: KubeObject[]): MetaV1OwnerReference[] =>
  objects.map(({ apiVersion, kind, metadata }) => ({
    apiVersion,
    kind,
    name: metadata.name!,
    uid: metadata.uid!,
    controller: false,
    blockOwnerDeletion: true,
  }))
const addConfigMap = (name: string, ownerReferences: MetaV1OwnerReference[] = []) =>
  cluster.client.create(CoreV1ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', ownerReferences } })
const addSecret = (name: string, ownerReferences: MetaV1OwnerReference[] = []) =>
  cluster.client.create(CoreV1Secret, { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'default', ownerReferences } })
const at = (name: string) => ({ namespace: 'default', name })
const names = async () =>
  [...(await cluster.client.list(CoreV1ConfigMap)).items, ...(await cluster.client.list(CoreV1Secret)).items]
    .map(({ metadata }) => metadata.name!)
    .toSorted()
const settle = () => cluster.clock.advance(200)

test('what an object owns goes after it, down to the last descendant', async () => {
  const root = await addConfigMap('root')
  const child = await addSecret('child', owners(root))
  await addConfigMap('grandchild', owners(child))
  await addConfigMap('stranger')
  await settle()
  await cluster.client.delete(CoreV1ConfigMap, at('root'))
  await settle()
  expect(await names()).toEqual(['stranger'])
})

test('an object with another owner left stays, without the reference to the one that is gone', async () => {
  const [first, second] = [await addConfigMap('first'), await addConfigMap('second')]
  await addSecret('shared', owners(first, second))
  await settle()
  await cluster.client.delete(CoreV1ConfigMap, at('first'))
  await settle()
  expect((await cluster.client.get(CoreV1Secret, at('shared'))).metadata.ownerReferences?.map(({ name }) => name)).toEqual(['second'])
})

test('an object whose owner was replaced by another of the same name goes', async () => {
  const owner = await addConfigMap('owner')
  await cluster.client.delete(CoreV1ConfigMap, at('owner'))
  await addConfigMap('owner')
  await addSecret('child', owners(owner))
  await settle()
  expect(await names()).toEqual(['owner'])
})

test('foreground: the owner stays until its dependents are gone', async () => {
  const owner = await addConfigMap('owner')
  const child = owners(owner)
  await cluster.client.create(CoreV1Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'child', namespace: 'default', ownerReferences: child, finalizers: ['example.com/hold'] },
  })
  await settle()
  await cluster.client.delete(CoreV1ConfigMap, at('owner'), { propagationPolicy: 'Foreground' })
  await settle()
  expect(await names()).toEqual(['child', 'owner'])
  expect((await cluster.client.get(CoreV1Secret, at('child'))).metadata.deletionTimestamp).toBeDefined()
  await cluster.client.patch(CoreV1Secret, at('child'), { type: 'application/merge-patch+json', body: { metadata: { finalizers: null } } })
  await settle()
  expect(await names()).toEqual([])
})

const foreground = (name: string) => cluster.client.delete(CoreV1ConfigMap, at(name), { propagationPolicy: 'Foreground' })
const hold = (name: string) =>
  cluster.client.patch(CoreV1Secret, at(name), {
    type: 'application/merge-patch+json',
    body: { metadata: { finalizers: ['example.com/hold'] } },
  })

test('foreground: a dependent that does not block its owner is deleted, and not waited for', async () => {
  const owner = await addConfigMap('owner')
  await addSecret('child', [{ ...owners(owner)[0]!, blockOwnerDeletion: false }])
  await hold('child')
  await settle()
  await foreground('owner')
  await settle()
  expect(await names()).toEqual(['child'])
  expect((await cluster.client.get(CoreV1Secret, at('child'))).metadata.deletionTimestamp).toBeDefined()
})

test('foreground: a dependent with another owner is let go of, and its owner goes', async () => {
  const [first, second] = [await addConfigMap('first'), await addConfigMap('second')]
  await addSecret('shared', owners(first, second))
  await settle()
  await foreground('first')
  await settle()
  expect(await names()).toEqual(['second', 'shared'])
  expect((await cluster.client.get(CoreV1Secret, at('shared'))).metadata.ownerReferences?.map(({ name }) => name)).toEqual(['second'])
})

test('foreground: a dependent whose owners all go, goes with them', async () => {
  const [first, second] = [await addConfigMap('first'), await addConfigMap('second')]
  await addSecret('shared', owners(first, second))
  await hold('shared')
  await settle()
  await Promise.all([foreground('first'), foreground('second')])
  await settle()
  expect(await names()).toEqual(['first', 'second', 'shared'])
  const body = { metadata: { finalizers: null } }
  await cluster.client.patch(CoreV1Secret, at('shared'), { type: 'application/merge-patch+json', body })
  await settle()
  expect(await names()).toEqual([])
})

test('foreground: an owner goes as soon as nothing that is left says that it blocks it', async () => {
  const owner = await addConfigMap('owner')
  await addSecret('child', owners(owner))
  await hold('child')
  await settle()
  await foreground('owner')
  await settle()
  expect(await names()).toEqual(['child', 'owner'])
  const body = { metadata: { ownerReferences: [{ ...owners(owner)[0], blockOwnerDeletion: false }] } }
  await cluster.client.patch(CoreV1Secret, at('child'), { type: 'application/merge-patch+json', body })
  await settle()
  expect(await names()).toEqual(['child'])
})

test('orphan: the dependents stay, free of their owner', async () => {
  await addSecret('child', owners(await addConfigMap('owner')))
  await settle()
  await cluster.client.delete(CoreV1ConfigMap, at('owner'), { propagationPolicy: 'Orphan' })
  await settle()
  expect(await names()).toEqual(['child'])
  expect((await cluster.client.get(CoreV1Secret, at('child'))).metadata.ownerReferences).toEqual([])
})

test('owners of unknown kinds are trusted to be there', async () => {
  await addSecret('child', [{ apiVersion: 'example.com/v1', kind: 'Thing', name: 't', uid: 'u' }])
  await settle()
  expect(await names()).toEqual(['child'])
})

describe('plan', () => {
  const object = (finalizers: string[] = []): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { finalizers, ownerReferences: ['a', 'b'].map((uid) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid })) },
  })
  test.each<{ states: [OwnerState, OwnerState]; hasDependents?: boolean; finalizers?: string[]; expected: object }>([
    { states: ['solid', 'solid'], expected: { action: 'keep' } },
    { states: ['solid', 'absent'], expected: { action: 'release', ownerReferences: [expect.objectContaining({ uid: 'a' })] } },
    { states: ['solid', 'waiting'], expected: { action: 'release', ownerReferences: [expect.objectContaining({ uid: 'a' })] } },
    { states: ['absent', 'absent'], expected: { action: 'delete', propagationPolicy: 'Background' } },
    { states: ['absent', 'waiting'], hasDependents: true, expected: { action: 'delete', propagationPolicy: 'Foreground' } },
    { states: ['absent', 'waiting'], expected: { action: 'delete', propagationPolicy: 'Background' } },
    { states: ['absent', 'absent'], finalizers: ['orphan'], expected: { action: 'delete', propagationPolicy: 'Orphan' } },
    { states: ['absent', 'absent'], finalizers: ['foregroundDeletion'], expected: { action: 'delete', propagationPolicy: 'Foreground' } },
  ])('owners $states, finalizers $finalizers: $expected.action', ({ states: [a, b], hasDependents = false, finalizers, expected }) => {
    expect(
      planCollection(
        object(finalizers),
        new Map([
          ['a', a],
          ['b', b],
        ]),
        hasDependents,
      ),
    ).toEqual(expected)
  })
})

test('every built-in kind is collected once, in its best version, but for events', () => {
  const kinds = collectableKinds()
  const ids = kinds.map(({ group, plural }) => `${group}/${plural}`)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).not.toContain('/events')
  expect(kinds.find(({ plural }) => plural === 'horizontalpodautoscalers')?.version).toBe('v2')
})
