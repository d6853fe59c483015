import { describe, expect, it } from 'vitest'
import { FakeWindow, nodeEntity, podEntity } from '../../aggregator/fake-window.ts'
import type { Entity } from '../../aggregator/window.ts'
import { listContainers, listMonitorFigures, takeSnapshot } from './snapshot.ts'

const now = 1_000_000
const moment = { now, resolutionMs: 5000 }
const container = (pod: string, name: string): Entity => ({
  key: `namespace:default/pod:${pod}/container:${name}`,
  type: 'pod_container',
  labels: { type: 'pod_container', namespace_name: 'default', pod_name: pod, container_name: name },
})
const workload: Entity = {
  key: 'namespace:default/workload:Deployment/web',
  type: 'workload',
  labels: { type: 'workload', namespace_name: 'default', workload_kind: 'Deployment', workload_name: 'web' },
}
const ofWorkload = { workload_kind: 'Deployment', workload_name: 'web' }
const noAlerts = { rows: [], problem: null }

describe('takeSnapshot', () => {
  it('counts pods where they belong and leaves out what is no longer measured', () => {
    const window = new FakeWindow()
    const add = (entity: Entity, timestamp = now) => window.add('cpu/usage_rate', entity, { timestamp, value: 1 })
    add(nodeEntity('node-1'))
    add(workload)
    add(podEntity('web-1', ofWorkload))
    add(podEntity('web-2', ofWorkload))
    add(podEntity('gone', ofWorkload), now - 61_000)
    const snapshot = takeSnapshot(window, noAlerts, moment)
    expect(snapshot.pods.map(({ name }) => name)).toEqual(['web-1', 'web-2'])
    expect(snapshot.nodes).toMatchObject([{ name: 'node-1', pods: 2 }])
    expect(snapshot.workloads).toMatchObject([{ namespace: 'default', kind: 'Deployment', name: 'web', pods: 2 }])
  })

  it('tells of pods that wait, also in a namespace where none runs', () => {
    const window = new FakeWindow()
    const namespace = (name: string): Entity => ({ key: `namespace:${name}`, type: 'ns', labels: { type: 'ns', namespace_name: name } })
    window.add('pods/pending', { key: 'cluster', type: 'cluster', labels: { type: 'cluster' } }, { timestamp: now, value: 3 })
    window.add('pods/pending', namespace('waiting'), { timestamp: now, value: 3 })
    window.add('pods/pending', namespace('empty'), { timestamp: now, value: 0 })
    const { pendingPods, namespaces } = takeSnapshot(window, noAlerts, moment)
    expect(pendingPods).toBe(3)
    expect(namespaces).toMatchObject([{ name: 'waiting', pods: 0, pending: 3 }])
  })

  it('keeps what slow scrapes have measured until three of them are missing', () => {
    const window = new FakeWindow()
    window.add('cpu/usage_rate', nodeEntity('node-1'), { timestamp: now - 100_000, value: 1 })
    const every = (resolutionMs: number) => takeSnapshot(window, noAlerts, { now, resolutionMs })
    expect(every(5000)).toMatchObject({ nodes: [], lateMs: 20_000 })
    expect(every(60_000)).toMatchObject({ nodes: [{ name: 'node-1' }], lateMs: 180_000 })
    expect(every(33_000).nodes).toEqual([])
  })

  it('tells a request of zero from none and a node’s root file system from others', () => {
    const window = new FakeWindow()
    const node = nodeEntity('node-1')
    window.add('memory/working_set', node, { timestamp: now, value: 5 })
    window.add('cpu/limit', node, { timestamp: now, value: 0 })
    window.add('filesystem/usage', node, { timestamp: now, value: 1, resource: '/data' })
    window.add('filesystem/usage', node, { timestamp: now, value: 2, resource: '/' })
    expect(takeSnapshot(window, noAlerts, moment).nodes).toMatchObject([{ cpuLimit: null, diskUsed: 2, diskSize: null }])
  })
})

describe('listContainers', () => {
  it('gives those of a pod, not those of a pod whose name begins alike, busiest first', () => {
    const window = new FakeWindow()
    for (const [entity, value] of [
      [container('web', 'a'), 1],
      [container('web', 'b'), 2],
      [container('web-2', 'c'), 3],
    ] as const)
      window.add('cpu/usage_rate', entity, { timestamp: now, value })
    expect(listContainers(window, 'namespace:default/pod:web', moment).map(({ name }) => name)).toEqual(['b', 'a'])
    expect(listContainers(window, undefined, moment).map(({ name }) => name)).toEqual(['c', 'b', 'a'])
  })
})

describe('listMonitorFigures', () => {
  it('gives each resource of each figure with what it means', () => {
    const window = new FakeWindow()
    const monitor: Entity = { key: 'monitor:a', type: 'monitor', labels: { type: 'monitor', monitor_name: 'a' } }
    for (const resource of ['known', 'healthy']) window.add('monitor/nodes', monitor, { timestamp: now, value: 4, resource })
    expect(listMonitorFigures(window, moment)).toMatchObject([
      { key: 'monitor:a', metric: 'monitor/nodes', resource: 'known', value: 4, unit: 'count' },
      { resource: 'healthy' },
    ])
  })
})
