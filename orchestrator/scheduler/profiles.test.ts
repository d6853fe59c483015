import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import {
  CoreV1Event,
  CoreV1Namespace,
  CoreV1Node,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
  ResourceV1ResourceClaim,
  StorageV1CSINode,
} from '../api/generated/kinds.ts'
import type { Client } from '../client/client.ts'
import { createFakeTransport } from '../client/fake-transport.ts'
import { createInformerFactory } from '../client/informer-factory.ts'
import { createClient } from '../client/rest-client.ts'
import { createScheduler } from './app.ts'
import type { Scheduler } from './app.ts'
import { parseSchedulerConfiguration } from './configuration.ts'

const configuration = parseSchedulerConfiguration(
  's.yaml',
  `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
podInitialBackoffSeconds: 2
profiles:
- {}
- schedulerName: packer
  plugins:
    score: { disabled: [{ name: '*' }], enabled: [{ name: NodeResourcesFit, weight: 1 }] }
    postFilter: { disabled: [{ name: '*' }] }
  pluginConfig:
  - name: NodeResourcesFit
    args: { scoringStrategy: { type: MostAllocated } }
`,
)

let clock: FakeClock
let client: Client
let scheduler: Scheduler
let abort: AbortController
let runs: Promise<void>[]

beforeEach(async () => {
  clock = new FakeClock()
  const random = seededRandom(3)
  client = createClient(createFakeTransport({ clock, random }))
  const informers = createInformerFactory({ client, clock, log: silentLog })
  scheduler = createScheduler({ client, informers, clock, random, log: silentLog, configuration })
  abort = new AbortController()
  runs = [scheduler.run(abort.signal), informers.run(abort.signal)]
  await clock.advance(10)
})
afterEach(async () => {
  abort.abort()
  await clock.settle()
  await Promise.all(runs)
})

const addNode = (name: string, labels: Record<string, string> = {}) =>
  client.create(CoreV1Node, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: {},
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '10' } },
  })
const addPod = (name: string, cpu: string, spec: Partial<CoreV1Pod['spec']> = {}, metadata: Partial<CoreV1Pod['metadata']> = {}) =>
  client.create(CoreV1Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', ...metadata },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }], ...spec },
  })
const read = (name: string) => client.get(CoreV1Pod, { namespace: 'default', name })
const nodeOf = async (name: string) => (await read(name)).spec.nodeName
const messageOf = async (name: string) => (await read(name)).status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message
const remove = (name: string) => client.delete(CoreV1Pod, { namespace: 'default', name }, { gracePeriodSeconds: 0 })

test('each scheduler name has its own plugins, and speaks in its own name', async () => {
  await addNode('full')
  await addNode('empty')
  await addPod('old', '1', { nodeName: 'full' })
  await clock.advance(100)
  await addPod('spread', '1')
  await addPod('packed', '1', { schedulerName: 'packer' })
  await addPod('foreign', '1', { schedulerName: 'somebody' })
  await clock.advance(1_000)
  expect([await nodeOf('spread'), await nodeOf('packed'), await nodeOf('foreign')]).toEqual(['empty', 'full', undefined])
  const { items } = await client.list(CoreV1Event)
  expect(items.map(({ source, involvedObject }) => `${involvedObject.name} by ${source?.component}`).toSorted()).toEqual([
    'packed by packer',
    'spread by default-scheduler',
  ])
})

test('a profile without preemption makes nobody leave and says nothing of it', async () => {
  await addNode('n')
  await addPod('low', '4', { priority: 0 })
  await clock.advance(100)
  await addPod('high', '4', { priority: 100, schedulerName: 'packer' })
  await clock.advance(1_000)
  expect(await messageOf('high')).toBe('0/1 nodes are available: 1 Insufficient cpu.')
  expect((await read('low')).metadata.deletionTimestamp).toBeUndefined()
})

test('the backoff is the configured one', async () => {
  await addNode('n')
  await addPod('old', '4', { nodeName: 'n' })
  await clock.advance(100)
  await addPod('p', '4')
  await clock.advance(500)
  await remove('old')
  await clock.advance(1_400)
  expect(await nodeOf('p')).toBeUndefined()
  await clock.advance(500)
  expect(await nodeOf('p')).toBe('n')
})

describe('whom an event helps', () => {
  const attempts = () => scheduler.attempts.unschedulable

  test('room helps only those for whom it is enough', async () => {
    await addNode('n')
    await addPod('small', '1', { nodeName: 'n' })
    await addPod('large', '3', { nodeName: 'n' })
    await clock.advance(100)
    await addPod('p', '4')
    await clock.advance(100)
    await remove('small')
    await clock.advance(60_000)
    expect(attempts()).toBe(1)
    await remove('large')
    await clock.advance(60_000)
    expect(await nodeOf('p')).toBe('n')
  })

  test('a node with other labels helps nobody who wants these', async () => {
    await addNode('n')
    await addPod('p', '1', { nodeSelector: { disk: 'ssd' } })
    await clock.advance(100)
    await addNode('m', { disk: 'hdd' })
    await clock.advance(60_000)
    expect(attempts()).toBe(1)
    await addNode('k', { disk: 'ssd' })
    await clock.advance(60_000)
    expect(await nodeOf('p')).toBe('k')
  })

  test('a pod helps those who want its company, not others', async () => {
    const wanting = {
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'db' } } },
        ],
      },
    }
    await addNode('n')
    await addPod('p', '1', { affinity: wanting })
    await clock.advance(100)
    await addPod('stranger', '1', {}, { labels: { app: 'web' } })
    await clock.advance(60_000)
    expect(attempts()).toBe(1)
    await addPod('friend', '1', {}, { labels: { app: 'db' } })
    await clock.advance(60_000)
    expect(await nodeOf('p')).toBe('n')
  })

  test('a namespace that gets a label counts from then on', async () => {
    const away = {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'kubernetes.io/hostname', labelSelector: {}, namespaceSelector: { matchLabels: { team: 't' } } },
        ],
      },
    }
    const namespace = await client.create(CoreV1Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'theirs' }, spec: {} })
    await addNode('n')
    await addPod('theirs', '1', { nodeName: 'n' }, { namespace: 'theirs' })
    await clock.advance(100)
    await addPod('before', '1', { affinity: away })
    await clock.advance(100)
    expect(await nodeOf('before')).toBe('n')
    await client.update(CoreV1Namespace, { ...namespace, metadata: { ...namespace.metadata, labels: { team: 't' } } })
    await clock.advance(100)
    await addPod('after', '1', { affinity: away })
    await clock.advance(100)
    expect(await messageOf('after')).toContain("1 node(s) didn't match pod anti-affinity rules")
  })
})

test('a pod that waits for its victims to end says so; where nobody is left to leave, the room is given up', async () => {
  await addNode('n')
  await addPod('low', '4', { priority: 0 })
  await clock.advance(100)
  await addPod('high', '4', { priority: 100 })
  await clock.advance(1_000)
  expect((await read('high')).status?.nominatedNodeName).toBe('n')
  expect(await messageOf('high')).toBe('0/1 nodes are available: 1 Insufficient cpu.')
  await clock.advance(400_000)
  expect(await messageOf('high')).toContain('preemption: not eligible due to a terminating pod on the nominated node.')
  await addPod('higher', '4', { priority: 200, nodeName: 'n' })
  await remove('low')
  await clock.advance(400_000)
  expect(await messageOf('high')).toContain('preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.')
  expect((await read('high')).status?.nominatedNodeName).toBeUndefined()
})

const claimed = (claimName: string) => ({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] })
async function addVolume(
  name: string,
  more: { labels?: Record<string, string>; accessModes?: string[]; driver?: string } = {},
): Promise<void> {
  const { labels = {}, accessModes = ['ReadWriteOnce'], driver = 'd' } = more
  await client.create(CoreV1PersistentVolume, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, labels },
    spec: { accessModes, capacity: { storage: '1Gi' }, csi: { driver, volumeHandle: name } },
    status: { phase: 'Bound' },
  })
  await client.create(CoreV1PersistentVolumeClaim, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default' },
    spec: { accessModes, volumeName: name, resources: { requests: { storage: '1Gi' } } },
    status: { phase: 'Bound' },
  })
}

describe('volumes and devices', () => {
  test('a claim for one pod alone takes one pod', async () => {
    await addNode('n')
    await addVolume('v', { accessModes: ['ReadWriteOncePod'] })
    await addPod('a', '1', claimed('v'))
    await clock.advance(100)
    await addPod('b', '1', claimed('v'))
    await clock.advance(100)
    expect(await nodeOf('a')).toBe('n')
    expect(await messageOf('b')).toContain('1 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode')
    await remove('a')
    await clock.advance(60_000)
    expect(await nodeOf('b')).toBe('n')
  })

  test('a disk that is in use is not available', async () => {
    const disk = { volumes: [{ name: 'v', iscsi: { iqn: 'iqn', lun: 0, targetPortal: 'x' } }] }
    await addNode('n')
    await addPod('a', '1', disk)
    await clock.advance(100)
    await addPod('b', '1', disk)
    await clock.advance(100)
    expect(await messageOf('b')).toContain('1 node(s) had no available disk')
  })

  test('a node takes no more volumes of a driver than its CSINode says', async () => {
    await addNode('n')
    await client.create(StorageV1CSINode, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSINode',
      metadata: { name: 'n' },
      spec: { drivers: [{ name: 'd', nodeID: 'n', allocatable: { count: 1 } }] },
    })
    await addVolume('v')
    await addVolume('w')
    await clock.advance(100)
    await addPod('a', '1', claimed('v'))
    await clock.advance(100)
    await addPod('shares', '1', claimed('v'))
    await addPod('b', '1', claimed('w'))
    await clock.advance(100)
    expect(await nodeOf('shares')).toBe('n')
    expect(await messageOf('b')).toContain('1 node(s) exceed max volume count')
  })

  test('a volume with a zone keeps its pod there', async () => {
    await addNode('x', { 'topology.kubernetes.io/zone': 'x' })
    await addVolume('v', { labels: { 'topology.kubernetes.io/zone': 'y__z' } })
    await addPod('a', '1', claimed('v'))
    await clock.advance(100)
    expect(await messageOf('a')).toContain('1 node(s) had no available volume zone')
    await addNode('z', { 'topology.kubernetes.io/zone': 'z' })
    await clock.advance(60_000)
    expect(await nodeOf('a')).toBe('z')
  })

  test('a pod waits for its resource claim, and goes where it was allocated', async () => {
    await addNode('a')
    await addNode('b', { gpu: 'yes' })
    await addPod('p', '1', { resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }] })
    await clock.advance(100)
    expect(await messageOf('p')).toContain('0/2 nodes are available: resourceclaim "gpu" not found.')
    const claim = await client.create(ResourceV1ResourceClaim, {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaim',
      metadata: { name: 'gpu', namespace: 'default' },
      spec: {},
    })
    await clock.advance(60_000)
    expect(await messageOf('p')).toContain('cannot allocate all claims')
    const nodeSelector = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'gpu', operator: 'In', values: ['yes'] }] }] }
    await client.updateStatus(ResourceV1ResourceClaim, { ...claim, status: { allocation: { nodeSelector } } })
    await clock.advance(60_000)
    expect(await nodeOf('p')).toBe('b')
  })
})
