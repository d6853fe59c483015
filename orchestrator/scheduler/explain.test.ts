import { beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import type { Client } from '../client/client.ts'
import { createFakeTransport } from '../client/fake-transport.ts'
import type { FakeTransport } from '../client/fake-transport.ts'
import { createClient } from '../client/rest-client.ts'
import { explainPod } from './explain.ts'

let clock: FakeClock
let transport: FakeTransport
let client: Client
const random = seededRandom(3)

beforeEach(async () => {
  clock = new FakeClock()
  transport = createFakeTransport({ clock, random })
  client = createClient(transport)
  for (const [name, labels, taints] of [
    ['a', { disk: 'ssd' }, []],
    ['b', {}, [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }]],
    ['c', {}, []],
  ] as const) {
    await client.create(CoreV1Node, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
      spec: { taints: [...taints] },
      status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } },
    })
  }
})

const add = (name: string, cpu: string, spec: Partial<CoreV1Pod['spec']> = {}) =>
  client.create(CoreV1Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }], ...spec },
  })

async function why(name: string) {
  const { signal } = new AbortController()
  const asked = explainPod({ client, clock, random, log: silentLog, namespace: 'default', name, signal })
  await clock.settle()
  return asked
}

test('every filter is asked on every node, also after one has refused', async () => {
  await add('big', '1500m', { nodeName: 'c' })
  await add('web', '1', { nodeSelector: { disk: 'hdd' } })
  const { message, nodes, candidates } = (await why('web'))!
  expect(message).toBe(
    "0/3 nodes are available: 1 node(s) had untolerated taint {gpu: yes}, 2 node(s) didn't match Pod's node affinity/selector. " +
      'preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
  )
  const refusals = nodes.map(({ name, verdicts }) => [
    name,
    ...verdicts.filter(({ reasons }) => reasons.length > 0).map(({ plugin, reasons }) => `${plugin}: ${reasons.join()}`),
  ])
  const selector = "NodeAffinity: node(s) didn't match Pod's node affinity/selector"
  expect(refusals).toEqual([
    ['a', selector],
    ['b', 'TaintToleration: node(s) had untolerated taint {gpu: yes}', selector],
    ['c', selector, 'NodeResourcesFit: Insufficient cpu'],
  ])
  expect(candidates).toEqual([])
})

test('feasible nodes have a score by each plugin, and weights make the total', async () => {
  await add('busy', '1', { nodeName: 'a' })
  await add('web', '500m')
  const { message, nodes } = (await why('web'))!
  expect(message).toBeUndefined()
  expect(nodes.map(({ isFeasible }) => isFeasible)).toEqual([true, false, true])
  const [a, b, c] = nodes
  expect(b!.scores).toEqual([])
  expect(c!.total).toBeGreaterThan(a!.total)
  expect(a!.scores.map(({ plugin, weight }) => `${plugin} ${weight}`)).toContain('TaintToleration 3')
  expect(a!.total).toBe(a!.scores.reduce((sum, { score, weight }) => sum + score * weight, 0))
})

test('a pod that has a node is looked at as if it waited: it is not in its own way', async () => {
  await add('web', '1500m', { nodeName: 'a' })
  const { message, nodes } = (await why('web'))!
  expect(message).toBeUndefined()
  expect(nodes[0]).toMatchObject({ name: 'a', isFeasible: true })
})

test('who would have to leave is told, the best choice first, and nothing is changed', async () => {
  for (const [node, priority] of [
    ['a', 5],
    ['c', 1],
  ] as const)
    await add(`on-${node}`, '1500m', { nodeName: node, priority })
  await add('web', '1', { priority: 100 })
  const before = transport.revision
  const { candidates } = (await why('web'))!
  expect(candidates.map(({ nodeName, victims }) => `${nodeName} ${victims[0]!.metadata.name}`)).toEqual(['c on-c', 'a on-a'])
  expect(transport.revision).toBe(before)
  await add('meek', '1', { priority: 100, preemptionPolicy: 'Never' })
  expect((await why('meek'))!.candidates).toEqual([])
})

test('a pod behind gates says so; one that is not there has no explanation', async () => {
  await add('held', '1', { schedulingGates: [{ name: 'quota' }] })
  expect((await why('held'))!.gates).toEqual(['Scheduling is blocked due to non-empty scheduling gates'])
  expect(await why('nobody')).toBeUndefined()
})
