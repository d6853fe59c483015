import { afterEach, beforeEach, expect, test } from 'vitest'
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
  CoreV1Service,
  PolicyV1PodDisruptionBudget,
  StorageV1StorageClass,
} from '../api/generated/kinds.ts'
import { internalError } from '../api/status-error.ts'
import type { Client } from '../client/client.ts'
import { createFakeTransport } from '../client/fake-transport.ts'
import type { FakeTransport } from '../client/fake-transport.ts'
import { createInformerFactory } from '../client/informer-factory.ts'
import { createClient } from '../client/rest-client.ts'
import { createScheduler } from './app.ts'
import type { Scheduler } from './app.ts'

let clock: FakeClock
let transport: FakeTransport
let client: Client
let scheduler: Scheduler
let abort: AbortController
let runs: Promise<void>[]

beforeEach(async () => {
  clock = new FakeClock()
  const random = seededRandom(3)
  transport = createFakeTransport({ clock, random })
  client = createClient(transport)
  const informers = createInformerFactory({ client, clock, log: silentLog })
  scheduler = createScheduler({ client, informers, clock, random, log: silentLog })
  abort = new AbortController()
  runs = [scheduler.run(abort.signal), informers.run(abort.signal)]
  await clock.advance(10)
})
afterEach(async () => {
  abort.abort()
  await clock.settle()
  await Promise.all(runs)
})

const addNode = (name: string, spec: CoreV1Node['spec'] = {}, labels: Record<string, string> = {}, cpu = '2') =>
  client.create(CoreV1Node, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec,
    status: { allocatable: { cpu, memory: '4Gi', pods: '10' } },
  })

const pod = (name: string, spec: Partial<CoreV1Pod['spec']> = {}, labels: Record<string, string> = {}): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
})
const asking = (cpu: string) => ({ containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }] })
const addPod = (...args: Parameters<typeof pod>) => client.create(CoreV1Pod, pod(...args))
const read = (name: string) => client.get(CoreV1Pod, { namespace: 'default', name })
const nodeOf = async (name: string) => (await read(name)).spec.nodeName
const events = async () => (await client.list(CoreV1Event)).items.map(({ reason, message }) => `${reason}: ${message}`)

test('a pod gets a node and a Scheduled event', async () => {
  await addNode('n1')
  await addPod('a')
  await clock.advance(100)
  expect(await nodeOf('a')).toBe('n1')
  expect(await events()).toEqual(['Scheduled: Successfully assigned default/a to n1'])
  expect(scheduler.attempts).toEqual({ scheduled: 1, unschedulable: 0, error: 0 })
})

test('a pod that fits nowhere says why, in its condition and an event', async () => {
  await addNode('n1', {}, {}, '1')
  await addNode('n2', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] })
  await addNode('n3', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] })
  await addPod('small', asking('200m'))
  await clock.advance(100)
  await addPod('a', asking('900m'))
  await clock.advance(100)
  const message =
    '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {gpu: yes}. preemption: 0/3 nodes are available: ' +
    '1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.'
  expect((await read('a')).status?.conditions).toMatchObject([{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }])
  expect(await events()).toContain(`FailedScheduling: ${message}`)
  expect(scheduler.pending().unschedulable).toBe(1)
})

test('without any node the pod waits for the first one', async () => {
  await addPod('a')
  await clock.advance(100)
  expect((await events())[0]).toBe('FailedScheduling: no nodes available to schedule pods')
  await addNode('n1')
  await clock.advance(1_000)
  expect(await nodeOf('a')).toBe('n1')
})

test('a refused pod is tried again when room becomes free, not before its backoff is over', async () => {
  await addNode('n1')
  await addPod('big', asking('2'))
  await clock.advance(100)
  await addPod('late', asking('1'))
  await clock.advance(100)
  expect(await nodeOf('late')).toBeUndefined()
  await client.delete(CoreV1Pod, { namespace: 'default', name: 'big' }, { gracePeriodSeconds: 0 })
  await clock.advance(300)
  expect(await nodeOf('late')).toBeUndefined()
  await clock.advance(1_000)
  expect(await nodeOf('late')).toBe('n1')
})

test('events that cannot help do not try a refused pod again', async () => {
  await addNode('n1')
  await addPod('a', { nodeSelector: { disk: 'ssd' } })
  await clock.advance(5_000)
  await addPod('other')
  await clock.advance(5_000)
  expect(scheduler.attempts.unschedulable).toBe(1)
  await client.patch(CoreV1Node, { name: 'n1' }, { type: 'application/merge-patch+json', body: { metadata: { labels: { disk: 'ssd' } } } })
  await clock.advance(100)
  expect(await nodeOf('a')).toBe('n1')
})

test('a gated pod waits for its gates to go', async () => {
  await addNode('n1')
  await addPod('a', { schedulingGates: [{ name: 'example.com/wait' }] })
  await clock.advance(1_000)
  expect(await nodeOf('a')).toBeUndefined()
  expect(scheduler.pending().gated).toBe(1)
  await client.patch(
    CoreV1Pod,
    { namespace: 'default', name: 'a' },
    { type: 'application/merge-patch+json', body: { spec: { schedulingGates: null } } },
  )
  await clock.advance(100)
  expect(await nodeOf('a')).toBe('n1')
})

test('pods of a service are spread over the nodes', async () => {
  for (const name of ['n1', 'n2', 'n3']) await addNode(name)
  await client.create(CoreV1Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', namespace: 'default' },
    spec: { selector: { app: 'web' } },
  })
  await clock.advance(100)
  for (const name of ['a', 'b', 'c']) await addPod(name, {}, { app: 'web' })
  await clock.advance(100)
  expect(new Set(await Promise.all(['a', 'b', 'c'].map(nodeOf))).size).toBe(3)
})

test('more important pods go first', async () => {
  await addPod('low', asking('2'))
  await addPod('high', { ...asking('2'), priority: 1000 })
  await clock.advance(2_000)
  await addNode('n1')
  await clock.advance(100)
  expect(await nodeOf('high')).toBe('n1')
  expect(await nodeOf('low')).toBeUndefined()
})

test('a failed binding gives the room back and is tried again', async () => {
  await addNode('n1')
  let failures = 0
  transport.intercept(async ({ path }) => {
    if (path.endsWith('/binding') && failures++ === 0) throw internalError(new Error('disk full'))
  })
  await addPod('a', asking('2'))
  await clock.advance(100)
  expect(await nodeOf('a')).toBeUndefined()
  await clock.advance(2_000)
  expect(await nodeOf('a')).toBe('n1')
  expect(scheduler.attempts).toEqual({ scheduled: 1, unschedulable: 0, error: 1 })
})

test('room is counted from the decision on, not from the confirmation', async () => {
  await addNode('n1', {}, {}, '1')
  await Promise.all(['a', 'b', 'c'].map((name) => addPod(name, asking('600m'))))
  await clock.advance(100)
  const nodes = await Promise.all(['a', 'b', 'c'].map(nodeOf))
  expect(nodes.filter((name) => name === 'n1')).toHaveLength(1)
})

test('pods of another scheduler and pods that are ending are left alone', async () => {
  await addNode('n1')
  await addPod('other', { schedulerName: 'mine' })
  await clock.advance(1_000)
  expect(await nodeOf('other')).toBeUndefined()
})

const term = (app: string, topologyKey = 'zone', more: object = {}) => ({ topologyKey, labelSelector: { matchLabels: { app } }, ...more })
const near = (...args: Parameters<typeof term>) => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(...args)] } },
})
const away = (...args: Parameters<typeof term>) => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(...args)] } },
})

test('pods that want each other come to one zone, the first of them anywhere; others wait until somebody is there', async () => {
  await addNode('a', {}, { zone: 'x' })
  await addNode('b', {}, { zone: 'y' })
  await addPod('lonely', near('web'))
  await clock.advance(1_000)
  expect((await events()).join()).toContain("0/2 nodes are available: 2 node(s) didn't match pod affinity rules.")
  for (const name of ['w1', 'w2', 'w3']) {
    await addPod(name, near('web'), { app: 'web' })
    await clock.advance(1_000)
  }
  const zones = new Set(await Promise.all(['w1', 'w2', 'w3'].map(nodeOf)))
  expect(zones.size).toBe(1)
  await clock.advance(60_000)
  expect(await nodeOf('lonely')).toBe([...zones][0])
})

test('pods that keep apart take a node each, and refuse others that come near', async () => {
  for (const name of ['a', 'b']) await addNode(name)
  for (const name of ['d1', 'd2', 'd3']) await addPod(name, away('db', 'kubernetes.io/hostname'), { app: 'db' })
  await clock.advance(1_000)
  const placed = (await Promise.all(['d1', 'd2', 'd3'].map(nodeOf))).filter((name) => name !== undefined)
  expect(placed.sort()).toEqual(['a', 'b'])
  expect((await events()).join()).toContain("2 node(s) didn't match pod anti-affinity rules")
  await addPod('plain', {}, { app: 'db' })
  await clock.advance(1_000)
  expect(await nodeOf('plain')).toBeUndefined()
  expect((await events()).join()).toContain("2 node(s) didn't satisfy existing pods anti-affinity rules")
  await client.delete(CoreV1Pod, { namespace: 'default', name: 'd1' }, { gracePeriodSeconds: 0 })
  await clock.advance(60_000)
  expect((await Promise.all(['d2', 'd3', 'plain'].map(nodeOf))).filter((name) => name !== undefined)).toHaveLength(2)
})

test('terms look into other namespaces by name and by label', async () => {
  await addNode('a', {}, { zone: 'x' })
  await addNode('b', {}, { zone: 'y' })
  await client.create(CoreV1Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'other', labels: { team: 't' } },
    spec: {},
  })
  const cache = pod('cache', { nodeName: 'b' }, { app: 'cache' })
  await client.create(CoreV1Pod, { ...cache, metadata: { ...cache.metadata, namespace: 'other' } })
  await clock.advance(1_000)
  await addPod('own', near('cache'))
  await addPod('named', near('cache', 'zone', { namespaces: ['other'] }))
  await addPod('labelled', near('cache', 'zone', { namespaceSelector: { matchLabels: { team: 't' } } }))
  await clock.advance(1_000)
  expect(await nodeOf('own')).toBeUndefined()
  expect(await nodeOf('named')).toBe('b')
  expect(await nodeOf('labelled')).toBe('b')
})

test('preferences for and against company decide where there is room everywhere', async () => {
  await addNode('a')
  await addNode('b')
  await addPod('anchor', { nodeName: 'b' }, { app: 'web' })
  await clock.advance(1_000)
  const preferred = (part: string, name: string) =>
    addPod(name, {
      affinity: {
        [part]: {
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term('web', 'kubernetes.io/hostname') }],
        },
      },
    })
  await preferred('podAffinity', 'with')
  await preferred('podAntiAffinity', 'without')
  await clock.advance(1_000)
  expect(await nodeOf('with')).toBe('b')
  expect(await nodeOf('without')).toBe('a')
})

const finishDeletions = async () => {
  for (const { metadata } of (await client.list(CoreV1Pod)).items)
    if (metadata.deletionTimestamp !== undefined)
      await client.delete(CoreV1Pod, { namespace: 'default', name: metadata.name! }, { gracePeriodSeconds: 0 })
}
const leaving = async () =>
  (await client.list(CoreV1Pod)).items
    .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    .map(({ metadata }) => metadata.name)

test('a more important pod makes the least important ones leave, no more than it needs, and gets their room', async () => {
  await addNode('a')
  await addPod('low', { ...asking('1'), priority: 1 })
  await addPod('lower', { ...asking('1'), priority: 0 })
  await clock.advance(1_000)
  await addPod('high', { ...asking('1'), priority: 100 })
  await clock.advance(1_000)
  expect(await leaving()).toEqual(['lower'])
  expect((await read('high')).status?.nominatedNodeName).toBe('a')
  expect((await read('lower')).status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }),
  )
  expect((await events()).join()).toContain('Preempted: Preempted by pod')
  // A replacement of who left must not take the room that was made.
  await addPod('replacement', { ...asking('1'), priority: 0 })
  await finishDeletions()
  await clock.advance(30_000)
  expect(await nodeOf('high')).toBe('a')
  expect(await nodeOf('replacement')).toBeUndefined()
})

test('nobody leaves for a pod that would not fit even then, that must not preempt, or that is not more important', async () => {
  await addNode('a')
  await addPod('low', { ...asking('2'), priority: 1 })
  await clock.advance(1_000)
  await addPod('huge', { ...asking('3'), priority: 100 })
  await addPod('polite', { ...asking('1'), priority: 100, preemptionPolicy: 'Never' })
  await addPod('equal', { ...asking('1'), priority: 1 })
  await clock.advance(30_000)
  expect(await leaving()).toEqual([])
})

test('pods that a disruption budget keeps go last', async () => {
  await addNode('a')
  await addNode('b')
  await client.create(PolicyV1PodDisruptionBudget, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'kept', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'kept' } }, minAvailable: 1 },
    status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
  })
  await addPod('kept', { ...asking('2'), priority: 0, nodeName: 'a' }, { app: 'kept' })
  await addPod('free', { ...asking('2'), priority: 5, nodeName: 'b' })
  await clock.advance(1_000)
  await addPod('high', { ...asking('2'), priority: 100 })
  await clock.advance(1_000)
  expect(await leaving()).toEqual(['free'])
})

const volumes = (claimName: string) => ({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] })
const addClaim = (name: string, spec: CoreV1PersistentVolumeClaim['spec']) =>
  client.create(CoreV1PersistentVolumeClaim, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  })
const addClass = (name: string, provisioner: string, volumeBindingMode: string) =>
  client.create(StorageV1StorageClass, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner,
    volumeBindingMode,
  })
const addVolume = (name: string, node: string, phase: string, storageClassName = '') =>
  client.create(CoreV1PersistentVolume, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      storageClassName,
      local: { path: '/d' },
      nodeAffinity: {
        required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }] },
      },
    },
    status: { phase },
  })

test('a pod goes where its volume is, and waits for a claim that is not there or not bound', async () => {
  await addNode('a')
  await addNode('b')
  await addVolume('v', 'b', 'Bound')
  await addPod('p', volumes('data'))
  await clock.advance(1_000)
  expect(await events()).toContain(
    'FailedScheduling: 0/2 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  )
  const claim = await addClaim('data', {})
  await clock.advance(60_000)
  expect((await events()).join()).toContain('0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.')
  await client.update(CoreV1PersistentVolumeClaim, { ...claim, spec: { ...claim.spec, volumeName: 'v' }, status: { phase: 'Bound' } })
  await clock.advance(60_000)
  expect(await nodeOf('p')).toBe('b')
})

test('a claim that waits for its consumer goes where a free volume is; two pods of one that gets a folder come together', async () => {
  await addNode('a')
  await addNode('b')
  await addClass('by-hand', 'kubernetes.io/no-provisioner', 'WaitForFirstConsumer')
  await addClass('local', 'local.binnacle.dev', 'WaitForFirstConsumer')
  await addVolume('v', 'b', 'Available', 'by-hand')
  await addClaim('data', { storageClassName: 'by-hand' })
  await addClaim('folder', { storageClassName: 'local' })
  await clock.advance(1_000)
  await addPod('p', volumes('data'))
  await addPod('q', volumes('folder'))
  await clock.advance(1_000)
  expect(await nodeOf('p')).toBe('b')
  const place = await nodeOf('q')
  for (const name of ['r', 's', 't']) {
    await addPod(name, volumes('folder'))
    await clock.advance(1_000)
    expect(await nodeOf(name)).toBe(place)
  }
})
