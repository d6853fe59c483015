import { describe, expect, it } from 'vitest'
import { CoreV1Node, CoreV1Pod } from '../orchestrator/api/generated/kinds.ts'
import { createFakeNode, createFakePod, FakeInformers } from './fake-cluster.ts'
import { createInventory } from './inventory.ts'

describe('the inventory', () => {
  it('has every node, and the pods that run', () => {
    const informers = new FakeInformers()
    const [nodes, pods] = [informers.informer(CoreV1Node), informers.informer(CoreV1Pod)]
    nodes.put(createFakeNode('n1'))
    nodes.put(createFakeNode('n2'))
    const running = { ...createFakePod('web'), status: { phase: 'Running' } }
    pods.put(running)
    pods.put({ ...createFakePod('new'), status: { phase: 'Pending' } })
    const leaving = createFakePod('leaving')
    pods.put({ ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' }, status: { phase: 'Running' } })
    const inventory = createInventory({ nodes, pods })
    const unsynced = createInventory({ nodes: { list: () => [], hasSynced: false }, pods: { list: () => [], hasSynced: false } })
    expect(() => [...unsynced.nodes()]).toThrow('not complete yet')
    expect(() => [...unsynced.pods()]).toThrow('not complete yet')
    expect([...inventory.nodes()].sort()).toEqual(['n1', 'n2'])
    expect([...inventory.pods()].map(({ pod, node }) => [pod, node])).toEqual([['web', running.spec.nodeName]])
  })
})
