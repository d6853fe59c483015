import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { CoreV1Namespace, CoreV1Node, CoreV1Pod, NetworkingV1NetworkPolicy } from '../../api/generated/kinds.ts'
import { FakeInformerFactory } from '../fake-informer.ts'
import { parseNetwork } from '../ipv4.ts'
import { createPolicyEnforcer } from './policy-enforcer.ts'

const clock = new FakeClock()
let informers: FakeInformerFactory
let applied: string[]
let listing: string | undefined
let canFilter: boolean
let filtered: number
let warnings: string[]
let abort: AbortController
let running: Promise<void>

beforeEach(async () => {
  informers = new FakeInformerFactory()
  applied = []
  listing = undefined
  canFilter = true
  filtered = 0
  warnings = []
  await start()
})

async function start(): Promise<void> {
  abort = new AbortController()
  const enforcer = createPolicyEnforcer({
    informers,
    nodes: informers.informer(CoreV1Node),
    nft: { apply: async (statements) => void applied.push(statements), list: async () => listing },
    clock,
    log: { ...silentLog, warn: (_, message) => void warnings.push(message) },
    table: 't',
    bridge: 'bnc-1',
    podSubnet: parseNetwork('10.244.0.0/16', 'podSubnet'),
    isLocalNode: (name) => name === 'node-1',
    filterBridge: async () => (filtered++, canFilter),
  })
  running = enforcer.run(abort.signal)
  await clock.settle()
}

async function stop(): Promise<void> {
  abort.abort()
  await clock.advance(100)
  await running
}

afterEach(stop)

const podOf = (podIP: string | undefined, labels: Record<string, string> = { app: 'web' }, restarts = 0): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', labels },
  spec: { nodeName: 'node-1', containers: [{ name: 'main' }] },
  status: {
    phase: 'Running',
    ...(podIP === undefined ? {} : { podIP }),
    containerStatuses: [{ name: 'main', image: '', imageID: '', ready: true, restartCount: restarts }],
  },
})
const policyOf = (spec: Partial<NetworkingV1NetworkPolicy['spec']> = {}): NetworkingV1NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'policy', namespace: 'default' },
  spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ...spec },
})
const namespaceOf = (labels: Record<string, string>): CoreV1Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'default', labels },
  spec: {},
})

test('does nothing while there is no policy', async () => {
  informers.fake(CoreV1Pod).put(podOf('10.244.0.2'))
  await clock.advance(1_000)
  expect([applied, filtered]).toEqual([[], 0])
})

test('makes the table for the first policy and removes it with the last', async () => {
  informers.fake(CoreV1Pod).put(podOf('10.244.0.2'))
  informers.fake(NetworkingV1NetworkPolicy).put(policyOf())
  await clock.advance(50)
  expect(applied.splice(0)).toEqual([expect.stringContaining('isolated-ingress { 10.244.0.2 : goto pods-ingress-')])
  informers.fake(NetworkingV1NetworkPolicy).remove('default/policy')
  await clock.advance(50)
  expect(applied).toEqual(['add table ip t\ndelete table ip t\n'])
})

test('removes what an earlier process left where there is no policy any more, readable or not', async () => {
  for (const left of ['{"nftables":[]}', 'not a listing']) {
    await stop()
    listing = left
    await start()
    expect(applied.splice(0)).toEqual(['add table ip t\ndelete table ip t\n'])
  }
})

test('follows addresses and labels of pods, and nothing else of them', async () => {
  informers.fake(NetworkingV1NetworkPolicy).put(policyOf())
  informers.fake(CoreV1Pod).put(podOf(undefined))
  await clock.advance(50)
  applied.splice(0)
  informers.fake(CoreV1Pod).put(podOf('10.244.0.2'))
  await clock.advance(50)
  expect(applied.splice(0)).toEqual([expect.stringContaining('add element ip t known { 10.244.0.2 }')])
  informers.fake(CoreV1Pod).put(podOf('10.244.0.2', { app: 'web' }, 1))
  await clock.advance(50)
  expect(applied).toEqual([])
  informers.fake(CoreV1Pod).put(podOf('10.244.0.2', { app: 'other' }))
  await clock.advance(50)
  expect(applied.splice(0)).toEqual([expect.stringContaining('delete element ip t isolated-ingress { 10.244.0.2 }')])
  informers.fake(CoreV1Pod).remove('default/web')
  await clock.advance(50)
  expect(applied).toEqual([expect.stringContaining('delete element ip t known { 10.244.0.2 }')])
})

test('follows the labels of namespaces', async () => {
  informers.fake(CoreV1Namespace).put(namespaceOf({ team: 'blue' }))
  informers.fake(CoreV1Pod).put(podOf('10.244.0.2'))
  informers
    .fake(NetworkingV1NetworkPolicy)
    .put(policyOf({ ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'red' } } }] }] }))
  await clock.advance(50)
  applied.splice(0)
  informers.fake(CoreV1Namespace).put(namespaceOf({ team: 'red' }))
  await clock.advance(50)
  expect(applied).toEqual([expect.stringMatching(/^add element ip t pods-\w+ \{ 10\.244\.0\.2 \}\n$/)])
})

test('says once that pods of one host reach each other past the rules, and tries again every few minutes', async () => {
  canFilter = false
  informers.fake(NetworkingV1NetworkPolicy).put(policyOf())
  await clock.advance(50)
  await clock.advance(180_100)
  const warning = 'network policies do not hold between pods of this host: the kernel has no br_netfilter'
  expect([filtered, warnings]).toEqual([2, [warning]])
})
