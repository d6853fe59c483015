import { beforeEach, describe, expect, it } from 'vitest'
import { AppsV1ReplicaSet, BatchV1Job, CoreV1Node, CoreV1Pod } from '../orchestrator/api/generated/kinds.ts'
import type { KubeObject } from '../orchestrator/api/object.ts'
import { FakeClock } from '../lib/fake-clock.ts'
import { silentLog } from '../lib/log.ts'
import { columnOf } from './catalog.ts'
import type { MetricName } from './catalog.ts'
import { createFakeNode, createFakePod, createFakeSummary, FakeInformers } from './fake-cluster.ts'
import type { FakeUse } from './fake-cluster.ts'
import type { Batch, MetricSet } from './metric-set.ts'
import { Pipeline } from './pipeline.ts'
import { createNodeProcessors, createTotalsProcessors } from './processors.ts'
import { countPendingPods, pendingIndex } from './processors/pending-pods.ts'
import { readResourceMetrics } from './sources/resource-reader.ts'
import { readSummary } from './sources/summary-reader.ts'

/** A cluster whose nodes answer at five-second steps, with all processors in their order. */
class Cluster {
  readonly clock = new FakeClock()
  readonly informers = new FakeInformers()
  readonly batches: Batch[] = []
  readonly pods = this.informers.informer(CoreV1Pod, { indexes: { node: ({ spec }) => [spec.nodeName!], pending: pendingIndex } })
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
    completeTotals: (totals) => countPendingPods(totals, this.pods),
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

const ownedBy = (kind: string, name: string) => ({
  ownerReferences: [{ apiVersion: 'v1', kind, name, uid: 'uid-owner', controller: true }],
})
const runningStatus = (name: string) => ({
  name,
  image: '',
  imageID: '',
  ready: true,
  restartCount: 0,
  state: { running: { startedAt: '2029-12-31T23:00:00Z' } },
})

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

  describe('of pods of every kind', () => {
    it('count a sidecar like a container, and of other init containers only what they use', () => {
      const web = createFakePod('web')
      const resources = { requests: { cpu: '50m' } }
      cluster.pods.put({
        ...web,
        spec: {
          ...web.spec,
          initContainers: [
            { name: 'proxy', image: 'proxy:1', restartPolicy: 'Always', resources },
            { name: 'setup', image: 'setup:1', resources },
          ],
        },
        status: { ...web.status, initContainerStatuses: [runningStatus('proxy')] },
      })
      cluster.scrape('n1', [{ pod: web, cpuNanoseconds: 1e9, containers: ['main', 'proxy', 'setup'] }])
      expect(cluster.value(podKey, 'cpu/request')).toBe(150)
      expect(cluster.value(podKey, 'cpu/usage_rate')).toBe(150)
      expect(cluster.last(`${podKey}/container:setup`)!.entity.labels).toMatchObject({ container_base_image: 'setup:1', labels: 'app:web' })
      expect(cluster.value(`${podKey}/container:setup`, 'cpu/request')).toBeNaN()
      cluster.scrape('n1', [{ pod: web, cpuNanoseconds: 1e9, containers: ['main'] }])
      expect(cluster.value(podKey, 'cpu/usage_rate')).toBeNaN()
    })

    it('take what a pod asks for as a whole before the sum of its containers, and add its overhead', () => {
      const web = createFakePod('web', { containers: ['a', 'b'] })
      const resources = { requests: { cpu: '1' }, limits: { memory: '1Gi' } }
      cluster.pods.put({ ...web, spec: { ...web.spec, resources, overhead: { cpu: '50m', memory: '16Mi' } } })
      cluster.scrape('n1', [{ pod: web, cpuNanoseconds: 1e9 }])
      const names = ['cpu/request', 'cpu/limit', 'memory/request', 'memory/limit'] as const
      expect(names.map((name) => cluster.value(podKey, name))).toEqual([1050, 1050, (128 + 16) << 20, (1024 + 16) << 20])
      expect(cluster.value('node:n1', 'cpu/request')).toBe(1050)
      expect(cluster.value(`${podKey}/container:a`, 'cpu/request')).toBe(100)
    })

    it('know a static pod by the hash of its manifest, and call it no workload', () => {
      const pod = createFakePod('web', { owner: { kind: 'Node', name: 'n1' } })
      const mirror = { ...pod, metadata: { ...pod.metadata, annotations: { 'kubernetes.io/config.hash': 'abc' } } }
      cluster.pods.put(mirror)
      cluster.scrape('n1', [{ pod: { ...pod, metadata: { ...pod.metadata, uid: 'abc' } }, cpuNanoseconds: 1e9 }])
      expect(cluster.last(podKey)!.presence).toBe('measured')
      expect(cluster.last(podKey)!.entity.labels).toMatchObject({ pod_id: 'uid-web' })
      expect(cluster.last(podKey)!.entity.labels['workload_kind']).toBeUndefined()
    })

    it.each([
      ['ReplicaSet', AppsV1ReplicaSet, 'Deployment'],
      ['Job', BatchV1Job, 'CronJob'],
    ] as const)('name the owner of a %s as the workload', (kind, of, owner) => {
      const between = { apiVersion: 'v1', kind, metadata: { name: 'web-1', namespace: 'default', ...ownedBy(owner, 'web') } }
      cluster.informers.informer<KubeObject>(of).put(between)
      cluster.pods.put(createFakePod('web', { owner: { kind, name: 'web-1' } }))
      cluster.scrape('n1', [use(1e9)])
      expect(cluster.value(`namespace:default/workload:${owner}/web`, 'cpu/usage_rate')).toBe(50)
    })

    it.each(['StatefulSet', 'DaemonSet', 'ReplicationController', 'Job', 'ReplicaSet'])('name a %s as the workload', (kind) => {
      cluster.pods.put(createFakePod('web', { owner: { kind, name: 'web' } }))
      cluster.scrape('n1', [use(1e9)])
      expect(cluster.value(`namespace:default/workload:${kind}/web`, 'memory/working_set')).toBe(1 << 26)
    })

    it('sum disk traffic per resource, and none of it while a container lacks it', async () => {
      const web = createFakePod('web', { containers: ['a', 'b'], owner: { kind: 'DaemonSet', name: 'web' } })
      cluster.pods.put(web)
      const scrape = (bytes: number, lacking?: string) => {
        const summary = createFakeSummary('n1', cluster.clock.now(), [{ pod: web, cpuNanoseconds: 1e9 }])
        const time = new Date(cluster.clock.now()).toISOString()
        const [pod] = summary.pods
        const containers = pod!.containers.map((container) => ({
          ...container,
          ...(container.name === lacking ? {} : { diskio: { time, readBytes: bytes, writeBytes: 0 } }),
        }))
        const { sets } = readSummary(JSON.stringify({ ...summary, pods: [{ ...pod, containers }] }), 'n1', cluster.clock.now())
        cluster.pipeline.addNodeBatch({ nodeName: 'n1', timestamp: cluster.clock.now(), sets })
      }
      const column = columnOf('disk/io_read_bytes_rate')
      const rates = (key: string) => cluster.last(key)!.labelled.flatMap((entry) => (entry.column === column ? [entry.value] : []))
      scrape(1000)
      await cluster.clock.advance(5000)
      scrape(6000)
      expect([rates(podKey), rates('namespace:default/workload:DaemonSet/web'), rates('namespace:default')]).toEqual([
        [2000],
        [2000],
        [2000],
      ])
      await cluster.clock.advance(5000)
      scrape(11_000, 'b')
      expect(rates(podKey)).toEqual([])
    })

    it('count accelerators and extended resources that are asked for', () => {
      const web = createFakePod('web')
      const requests = { 'nvidia.com/gpu': '2', 'example.com/fpga': '1', cpu: '1' }
      cluster.pods.put({ ...web, spec: { ...web.spec, containers: [{ name: 'main', image: 'a', resources: { requests } }] } })
      cluster.scrape('n1', [use(1e9)])
      expect(cluster.value('node:n1', 'accelerator/request')).toBe(2)
      const column = columnOf('extended_resource/request')
      const asked = cluster.last('cluster')!.labelled.filter((entry) => entry.column === column)
      expect(Object.fromEntries(asked.map(({ resource, value }) => [resource, value]))).toEqual({
        'nvidia.com/gpu': 2,
        'example.com/fpga': 1,
      })
    })

    it('take the average since a start that was a moment ago where the node has no reading', () => {
      const web = createFakePod('web')
      cluster.pods.put(web)
      const startTime = new Date(cluster.clock.now() - 10_000).toISOString()
      const summary = createFakeSummary('n1', cluster.clock.now(), [{ pod: web, cpuNanoseconds: 1e9, startTime }])
      const text = JSON.stringify(summary).replaceAll('"usageNanoCores":50000000,', '')
      const { sets } = readSummary(text, 'n1', cluster.clock.now())
      cluster.pipeline.addNodeBatch({ nodeName: 'n1', timestamp: cluster.clock.now(), sets })
      expect(cluster.last(containerKey)!.cpu).toMatchObject({ nanocores: 1e8, windowMs: 10_000 })
      expect(cluster.value('node:n1', 'cpu/usage_rate')).toBeNaN()
    })

    it('take the figures of the resource metrics, which do not say which pod of a name they mean', async () => {
      cluster.pods.put(createFakePod('web'))
      const scrape = (seconds: number) => {
        const at = cluster.clock.now()
        const labels = 'container="main",namespace="default",pod="web"'
        const text = `container_cpu_usage_seconds_total{${labels}} ${seconds} ${at}\ncontainer_memory_working_set_bytes{${labels}} 5 ${at}\n`
        cluster.pipeline.addNodeBatch({ nodeName: 'n1', timestamp: at, sets: readResourceMetrics(text, 'n1', at).sets })
      }
      scrape(1)
      await cluster.clock.advance(5000)
      scrape(2)
      expect(cluster.value(podKey, 'cpu/usage_rate')).toBe(200)
      expect(cluster.last(podKey)!.entity.labels['pod_id']).toBe('uid-web')
      expect(cluster.value('namespace:default', 'memory/working_set')).toBe(5)
    })
  })

  describe('of nodes and totals', () => {
    it('say for the cluster what is there, in use and asked for', () => {
      cluster.scrape('n1', [use(1e9)])
      expect(cluster.value('cluster', 'cpu/node_capacity')).toBe(2000)
      expect(cluster.value('cluster', 'memory/node_allocatable')).toBe(4 * 2 ** 30)
      expect(cluster.value('cluster', 'memory/node_utilization')).toBe(0.5)
      expect(cluster.value('cluster', 'cpu/node_reservation')).toBe(0.05)
    })

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

    it('count pods that have not begun to run, of the namespace and of the cluster, though no node knows them', async () => {
      const pending = (name: string, namespace: string): CoreV1Pod => {
        const pod = createFakePod(name, { namespace })
        return { ...pod, status: { ...pod.status, phase: 'Pending' } }
      }
      cluster.pods.put(pending('a', 'default'))
      cluster.pods.put(pending('b', 'empty'))
      cluster.pods.put(pending('c', 'empty'))
      cluster.scrape('n1', [])
      expect(cluster.value('namespace:default', 'pods/pending')).toBe(1)
      expect(cluster.value('namespace:empty', 'pods/pending')).toBe(2)
      expect(cluster.value('cluster', 'pods/pending')).toBe(3)
      cluster.pods.put(createFakePod('a'))
      cluster.scrape('n1', [])
      expect(cluster.value('namespace:default', 'pods/pending')).toBe(0)
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
