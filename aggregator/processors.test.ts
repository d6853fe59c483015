import { beforeEach, describe, expect, it } from 'vitest'
import { AppsV1ReplicaSet, BatchV1Job, CoreV1Node, CoreV1Pod } from '../orchestrator/api/generated/kinds.ts'
import { FakeClock } from '../lib/fake-clock.ts'
import { silentLog } from '../lib/log.ts'
import { columnOf } from './catalog.ts'
import type { MetricName } from './catalog.ts'
import { createFakeNode, createFakePod, createFakeSummary, FakeInformers } from './fake-cluster.ts'
import type { FakeUse } from './fake-cluster.ts'
import type { Batch, MetricSet } from './metric-set.ts'
import { Pipeline } from './pipeline.ts'
import { createNodeProcessors, createTotalsProcessors } from './processors.ts'
import { readSummary } from './sources/summary-reader.ts'

/** A cluster whose nodes answer at five-second steps, with all processors in their order. */
class Cluster {
  readonly clock = new FakeClock()
  readonly informers = new FakeInformers()
  readonly batches: Batch[] = []
  readonly pods = this.informers.informer(CoreV1Pod, { indexes: { node: ({ spec }) => [spec.nodeName!] } })
  readonly pipeline = new Pipeline({
    nodeProcessors: createNodeProcessors(
      {
        nodes: this.informers.informer(CoreV1Node),
        pods: this.pods,
        replicaSets: this.informers.informer(AppsV1ReplicaSet),
        jobs: this.informers.informer(BatchV1Job),
      },
      { holdMs: 15_000 },
    ),
    totalsProcessors: createTotalsProcessors(),
    sinks: [{ add: (batch) => void this.batches.push(batch) }],
    resolutionMs: 5000,
    holdMs: 15_000,
    clock: this.clock,
    log: silentLog,
  })

  constructor(...nodes: readonly string[]) {
    for (const node of nodes) this.informers.informer(CoreV1Node).put(createFakeNode(node))
  }

  scrape(node: string, uses: readonly FakeUse[], measuredAt = this.clock.now()): void {
    const { sets } = readSummary(JSON.stringify(createFakeSummary(node, measuredAt, uses)), node, this.clock.now())
    this.pipeline.addNodeBatch({ nodeName: node, timestamp: this.clock.now(), sets })
  }

  last(key: string): MetricSet | undefined {
    return this.batches.findLast(({ sets }) => sets.has(key))?.sets.get(key)
  }

  value(key: string, name: MetricName): number | undefined {
    return this.last(key)?.values[columnOf(name)]
  }
}

const containerKey = 'namespace:default/pod:web/container:main'
const podKey = 'namespace:default/pod:web'

describe('the processors', () => {
  let cluster: Cluster
  const web = createFakePod('web')
  beforeEach(() => {
    cluster = new Cluster('n1')
    cluster.pods.put(web)
  })
  const use = (cpuNanoseconds: number, more: Partial<FakeUse> = {}): FakeUse => ({ pod: web, cpuNanoseconds, ...more })

  describe('of rates', () => {
    it('take the growth over the time between the two samples, and the reading of the node until there are two', async () => {
      cluster.scrape('n1', [use(1e9)])
      expect(cluster.last(containerKey)!.cpu).toEqual({ nanocores: 50_000_000, windowMs: 1000, measuredAt: cluster.clock.now() })
      await cluster.clock.advance(4000)
      cluster.scrape('n1', [use(3e9)])
      expect(cluster.value(containerKey, 'cpu/usage_rate')).toBe(500)
      expect(cluster.last(containerKey)!.cpu).toEqual({ nanocores: 500_000_000, windowMs: 4000, measuredAt: cluster.clock.now() })
    })

    it('say zero for an idle container', async () => {
      cluster.scrape('n1', [use(1e9)])
      await cluster.clock.advance(5000)
      cluster.scrape('n1', [use(1e9)])
      expect(cluster.value(podKey, 'cpu/usage_rate')).toBe(0)
    })

    it('keep their value while the node has no newer sample', async () => {
      cluster.scrape('n1', [use(1e9)])
      await cluster.clock.advance(5000)
      cluster.scrape('n1', [use(2e9)])
      const measuredAt = cluster.clock.now()
      await cluster.clock.advance(5000)
      cluster.scrape('n1', [use(2e9)], measuredAt)
      expect(cluster.value(containerKey, 'cpu/usage_rate')).toBe(200)
      expect(cluster.last(containerKey)!.cpu!.measuredAt).toBe(measuredAt)
    })

    it('end when a sample has stayed the newest for a minute: nothing is measured any more', async () => {
      const measuredAt = cluster.clock.now()
      for (let round = 0; round < 20; round++) {
        cluster.scrape('n1', [use(1e9)], measuredAt)
        await cluster.clock.advance(5000)
      }
      expect(cluster.value(containerKey, 'cpu/usage_rate')).toBeNaN()
      expect(cluster.last(podKey)!.cpu).toBeUndefined()
    })

    it('never go below zero: a counter that fell gives the reading of the node', async () => {
      cluster.scrape('n1', [use(9e9)])
      await cluster.clock.advance(5000)
      cluster.scrape('n1', [use(1e9)])
      expect(cluster.value(containerKey, 'cpu/usage_rate')).toBe(50)
      expect(cluster.value(podKey, 'network/rx_rate')).toBeNaN()
    })

    it('see a restart even where the counter has grown past its old value', async () => {
      cluster.scrape('n1', [use(1e9)])
      await cluster.clock.advance(5000)
      cluster.scrape('n1', [use(2e9, { startTime: new Date(cluster.clock.now() - 1000).toISOString() })])
      expect(cluster.value(containerKey, 'cpu/usage_rate')).toBe(50)
    })

    it('bridge a sample that is missing', async () => {
      cluster.scrape('n1', [use(1e9)])
      await cluster.clock.advance(5000)
      cluster.scrape('n1', [])
      await cluster.clock.advance(5000)
      cluster.scrape('n1', [use(3e9)])
      expect(cluster.value(containerKey, 'cpu/usage_rate')).toBe(200)
    })
  })

  describe('of pods', () => {
    it('add requests, limits, restarts, labels, image and workload from the API', () => {
      const deployed = createFakePod('web', { owner: { kind: 'ReplicaSet', name: 'web-5d' } })
      cluster.pods.put(deployed)
      cluster.informers.informer(AppsV1ReplicaSet).put({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: {
          name: 'web-5d',
          namespace: 'default',
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u', controller: true }],
        },
        spec: { selector: {} },
      })
      cluster.scrape('n1', [use(1e9)])
      expect(cluster.last(containerKey)!.entity.labels).toEqual({
        type: 'pod_container',
        nodename: 'n1',
        namespace_name: 'default',
        pod_name: 'web',
        pod_id: 'uid-web',
        labels: 'app:web',
        workload_kind: 'Deployment',
        workload_name: 'web',
        container_name: 'main',
        container_base_image: 'registry/main:1',
      })
      expect(cluster.value(containerKey, 'cpu/request')).toBe(100)
      expect(cluster.value(containerKey, 'memory/request')).toBe(64 << 20)
      expect(cluster.value(containerKey, 'memory/limit')).toBe(0)
      expect(cluster.value(podKey, 'restart_count')).toBe(1)
      expect(cluster.value('namespace:default/workload:Deployment/web', 'cpu/request')).toBe(100)
    })

    it('drop what a node says of pods that are not its own', () => {
      cluster.scrape('n1', [
        { pod: createFakePod('stranger'), cpuNanoseconds: 1 },
        { pod: { ...web, metadata: { ...web.metadata, uid: 'old' } }, cpuNanoseconds: 1 },
      ])
      expect(cluster.last('namespace:default/pod:stranger')).toBeUndefined()
      expect(cluster.last(containerKey)!.presence).toBe('missing')
    })

    it('never show a pod as whole while a running container is not measured', () => {
      const two = createFakePod('web', { containers: ['main', 'side'] })
      cluster.pods.put(two)
      cluster.scrape('n1', [{ pod: two, cpuNanoseconds: 1e9, containers: ['main'] }])
      expect(cluster.value(containerKey, 'cpu/usage_rate')).toBe(50)
      expect(cluster.value(podKey, 'cpu/usage_rate')).toBeNaN()
      expect(cluster.last(podKey)!.cpu).toBeUndefined()
      expect(cluster.value(podKey, 'cpu/request')).toBe(200)
    })

    it('expect nothing of a container that does not run, and count its requests', () => {
      const crashing = createFakePod('web', { containers: ['main', 'side'] })
      const statuses = crashing.status!.containerStatuses!
      statuses[1] = { ...statuses[1]!, state: { waiting: { reason: 'CrashLoopBackOff' } } }
      cluster.pods.put(crashing)
      cluster.scrape('n1', [{ pod: crashing, cpuNanoseconds: 1e9, containers: ['main'] }])
      expect(cluster.value(podKey, 'cpu/usage_rate')).toBe(50)
      expect(cluster.value('node:n1', 'cpu/request')).toBe(200)
    })

    it('give a finished pod no requests', () => {
      cluster.pods.put({ ...web, status: { ...web.status, phase: 'Succeeded' } })
      cluster.scrape('n1', [])
      expect(cluster.last(podKey)).toBeUndefined()
      expect(cluster.value('node:n1', 'cpu/request')).toBe(0)
    })
  })

  describe('of nodes and totals', () => {
    it('set capacity, utilization and reservation beside allocatable', () => {
      cluster.scrape('n1', [use(1e9)])
      expect(cluster.value('node:n1', 'cpu/node_capacity')).toBe(2000)
      expect(cluster.value('node:n1', 'cpu/node_reservation')).toBe(0.05)
      expect(cluster.value('node:n1', 'memory/node_utilization')).toBe(0.5)
      expect(cluster.value('node:n1', 'ephemeral_storage/node_allocatable')).toBe(8 * 2 ** 30)
      expect(cluster.last('node:n1')!.entity.labels['hostname']).toBe('n1')
    })

    it('add up namespaces over pods and the cluster over nodes', async () => {
      cluster = new Cluster('n1', 'n2')
      const pods = [createFakePod('a'), createFakePod('b', { node: 'n2' }), createFakePod('c', { node: 'n2', namespace: 'other' })]
      for (const pod of pods) cluster.pods.put(pod)
      for (const cpu of [1e9, 2e9]) {
        cluster.scrape('n1', [{ pod: pods[0]!, cpuNanoseconds: cpu }])
        cluster.scrape('n2', [
          { pod: pods[1]!, cpuNanoseconds: cpu },
          { pod: pods[2]!, cpuNanoseconds: cpu },
        ])
        await cluster.clock.advance(5000)
      }
      expect(cluster.value('namespace:default', 'cpu/usage_rate')).toBe(400)
      expect(cluster.value('namespace:other', 'memory/working_set')).toBe(1 << 26)
      expect(cluster.value('cluster', 'cpu/usage_rate')).toBe(400 + 800)
      expect(cluster.value('cluster', 'cpu/request')).toBe(300)
      expect(cluster.value('cluster', 'restart_count')).toBe(3)
    })

    it('hold a silent node in the totals for three resolutions and no longer', async () => {
      cluster = new Cluster('n1', 'n2')
      const scrapeAll = () => cluster.scrape('n1', [])
      cluster.scrape('n2', [])
      const memories: (number | undefined)[] = []
      for (let round = 0; round < 6; round++) {
        scrapeAll()
        await cluster.clock.advance(5000)
        memories.push(cluster.value('cluster', 'memory/working_set'))
      }
      expect(memories.map((bytes) => bytes! / 2 ** 30)).toEqual([2, 2, 2, 1, 1, 1])
    })
  })
})
