import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../lib/clock.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { CoreV1Endpoints, CoreV1Node, DiscoveryV1EndpointSlice } from '../api/generated/kinds.ts'
import { createFakeTransport } from '../client/fake-transport.ts'
import { createClient } from '../client/rest-client.ts'
import { listenApiProxy } from './api-proxy.ts'
import { createNodeNetwork } from './app.ts'
import { FakeInformerFactory } from './fake-informer.ts'
import { keepRoutes, metricOf, removeRoutes } from './host-routes.ts'
import { takeHostLock } from './host-lock.ts'
import { parseNetwork } from './ipv4.ts'
import { keepListening } from './kept-listener.ts'
import type { Listener } from './kept-listener.ts'
import { planPodRoutes } from './pod-routes.plan.ts'
import { publishEndpoints } from './published-endpoints.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

describe('a kept listener', () => {
  function setUp() {
    const clock = new FakeClock()
    const abort = new AbortController()
    const state = { hasAddress: false, failures: 0, opened: 0, isOpen: false, fail: () => {} }
    const open = async (): Promise<Listener> => {
      if (state.failures-- > 0) throw Object.assign(new Error('in use'), { code: 'EADDRINUSE' })
      const closed = Promise.withResolvers<void>()
      const close = () => {
        state.isOpen = false
        closed.resolve()
      }
      state.opened++
      state.isOpen = true
      state.fail = close
      return { port: 53, closed: closed.promise, close: async () => close() }
    }
    const running = keepListening(
      { name: 'test', address: '192.0.2.1', clock, log: silentLog, hasAddress: () => state.hasAddress, open },
      abort.signal,
    )
    return { clock, abort, state, running }
  }

  test('waits for its address, closes when it goes and opens again when it is back', async () => {
    const { clock, abort, state, running } = setUp()
    await clock.advance(60_000)
    expect(state.opened).toBe(0)
    state.hasAddress = true
    await clock.advance(1_000)
    expect([state.opened, state.isOpen]).toEqual([1, true])
    state.hasAddress = false
    await clock.advance(1_000)
    expect(state.isOpen).toBe(false)
    state.hasAddress = true
    await clock.advance(1_000)
    expect([state.opened, state.isOpen]).toEqual([2, true])
    abort.abort()
    await running
    expect(state.isOpen).toBe(false)
  })

  test('tries again while the port is in use, and when its socket fails', async () => {
    const { clock, abort, state, running } = setUp()
    state.hasAddress = true
    state.failures = 3
    await clock.advance(5_000)
    expect([state.opened, state.isOpen]).toEqual([1, true])
    state.fail()
    await clock.advance(1_000)
    expect([state.opened, state.isOpen]).toEqual([2, true])
    abort.abort()
    await running
  })
})

test('one of several nodes of a host does the work, the next takes over', async () => {
  const abort = new AbortController()
  const clock = new FakeClock()
  const name = `binnacle-lock-test-${process.pid}`
  const release = await takeHostLock({ name, clock: systemClock }, abort.signal)
  let isSecondIn = false
  const second = takeHostLock({ name, clock }, abort.signal).then((given) => {
    isSecondIn = true
    return given
  })
  await clock.advance(2_000)
  expect(isSecondIn).toBe(false)
  await release?.()
  while (!isSecondIn) await clock.advance(2_000)
  await (
    await second
  )?.()
})

describe('the API proxy', () => {
  test('carries bytes and half-closes both ways, and drops the client when the server is away', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {})
      let text = ''
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
      socket.on('end', () => socket.end(text.toUpperCase()))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const apiServer = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
    const listener = await listenApiProxy({ address: '127.0.0.1', port: 0, apiServer })
    cleanUps.push(() => listener.close())
    const talk = () =>
      new Promise<string>((resolve) => {
        let text = ''
        const socket = connect(listener.port, '127.0.0.1')
        socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
        socket.on('error', () => {})
        socket.on('close', () => resolve(text))
        socket.end('hello')
      })
    expect(await talk()).toBe('HELLO')
    await new Promise((resolve) => server.close(resolve))
    expect(await talk()).toBe('')
  })
})

describe('published endpoints', () => {
  const endpoint = {
    namespace: 'kube-system',
    service: 'kube-dns',
    address: '10.244.0.1',
    nodeName: 'node-1',
    ports: [{ name: 'dns', protocol: 'UDP', port: 53 }],
  } as const

  const node: CoreV1Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1', uid: 'uid-1' }, spec: {} }

  async function publish(addresses: readonly string[]) {
    const clock = new FakeClock()
    const abort = new AbortController()
    const transport = createFakeTransport({ clock, random: seededRandom(1) })
    const client = createClient(transport)
    const runs = addresses.map((address) =>
      publishEndpoints({ client, clock, log: silentLog, endpoints: [{ ...endpoint, address }], node: () => node }, abort.signal),
    )
    await clock.advance(10_000)
    return { client, clock, transport, end: async () => (abort.abort(), await Promise.all(runs)) }
  }

  test('of several hosts stand side by side', async () => {
    const { client, end } = await publish(['10.244.0.1', '10.244.1.1'])
    const slices = await client.list(DiscoveryV1EndpointSlice, {
      namespace: 'kube-system',
      labelSelector: 'kubernetes.io/service-name=kube-dns',
    })
    expect(slices.items.flatMap((slice) => slice.endpoints.flatMap(({ addresses }) => addresses)).sort()).toEqual([
      '10.244.0.1',
      '10.244.1.1',
    ])
    expect(slices.items[0]).toMatchObject({
      metadata: { ownerReferences: [{ kind: 'Node', name: 'node-1', uid: 'uid-1' }] },
      endpoints: [{ nodeName: 'node-1' }],
    })
    const { subsets } = await client.get(CoreV1Endpoints, { namespace: 'kube-system', name: 'kube-dns' })
    expect(subsets).toHaveLength(1)
    expect(subsets?.[0]?.addresses?.map(({ ip }) => ip).sort()).toEqual(['10.244.0.1', '10.244.1.1'])
    await end()
  })

  test('lose the address of a host that has left with its slice', async () => {
    const { client, clock, end } = await publish(['10.244.0.1', '10.244.1.1'])
    await end()
    await client.delete(DiscoveryV1EndpointSlice, { namespace: 'kube-system', name: 'kube-dns-10-244-1-1' })
    const abort = new AbortController()
    const running = publishEndpoints({ client, clock, log: silentLog, endpoints: [endpoint], node: () => node }, abort.signal)
    await clock.advance(1_000)
    const { subsets } = await client.get(CoreV1Endpoints, { namespace: 'kube-system', name: 'kube-dns' })
    expect(subsets?.[0]?.addresses).toEqual([{ ip: '10.244.0.1' }])
    abort.abort()
    await running
  })

  test('are written once, and put right when somebody changes them', async () => {
    const { client, clock, transport, end } = await publish(['10.244.0.1'])
    const revision = transport.revision
    await clock.advance(120_000)
    expect(transport.revision).toBe(revision)
    const key = { namespace: 'kube-system', name: 'kube-dns' }
    await client.update(CoreV1Endpoints, { ...(await client.get(CoreV1Endpoints, key)), subsets: [] })
    await clock.advance(61_000)
    expect((await client.get(CoreV1Endpoints, key)).subsets?.[0]?.addresses).toEqual([{ ip: '10.244.0.1' }])
    await end()
  })
})

describe('routes', () => {
  const nodeOf = (name: string, address: string, podCIDR?: string): CoreV1Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: podCIDR === undefined ? {} : { podCIDR },
    status: { addresses: [{ type: 'InternalIP', address }] },
  })
  const own = { nodeName: 'node-1', nodeIp: '192.0.2.1', podSubnet: parseNetwork('10.244.0.0/16', 'podSubnet') }

  test.each([
    ['this node', [nodeOf('node-1', '192.0.2.1', '10.244.0.0/24')], []],
    ['another node of this host', [nodeOf('node-2', '192.0.2.1', '10.244.1.0/24')], []],
    ['a node of another host', [nodeOf('node-3', '192.0.2.3', '10.244.2.0/24')], [{ podCidr: '10.244.2.0/24', via: '192.0.2.3' }]],
    ["a node without pods' network", [nodeOf('node-3', '192.0.2.3')], []],
    ['a node that claims everything', [nodeOf('node-3', '192.0.2.3', '0.0.0.0/0')], []],
    ["a network that is not the pods'", [nodeOf('node-3', '192.0.2.3', '8.8.8.0/24')], []],
    ['a node behind a bridge of pods', [nodeOf('node-3', '10.244.3.1', '10.244.3.0/24')], []],
    ['a node with a malformed network', [nodeOf('node-3', '192.0.2.3', '10.244.2.0/24 dev lo')], []],
    ['a node at a malformed address', [nodeOf('node-3', '127.0.0.1', '10.244.2.0/24')], []],
  ])('to %s', (_, nodes, routes) => {
    expect(planPodRoutes(nodes, own)).toEqual(routes)
  })

  test('are set when the bridge is there, again when it is made anew, and taken back by their mark', async () => {
    const clock = new FakeClock()
    const abort = new AbortController()
    const informers = new FakeInformerFactory()
    const nodes = informers.fake(CoreV1Node)
    const calls: string[] = []
    const present = ['10.96.0.0/16']
    const show = 'ip -j route show proto 198'
    let isThere = false
    const run = async (program: string, args: readonly string[]) => {
      calls.push([program, ...args].join(' '))
      return JSON.stringify([...present.map((dst) => ({ dst, metric: metricOf('1') })), { dst: '10.97.0.0/16', metric: metricOf('2') }])
    }
    const running = keepRoutes(
      {
        ...own,
        run,
        nodes,
        clock,
        log: silentLog,
        clusterId: '1',
        bridge: 'bnc-1',
        gateway: '10.244.0.1',
        serviceCidr: '10.96.0.0/16',
        settings: { read: async () => '0', write: async (path) => void calls.push(`write ${path}`) },
        permit: { ensure: async () => true },
        hasAddress: () => isThere,
      },
      abort.signal,
    )
    await clock.advance(10_000)
    expect(calls).toEqual([])
    isThere = true
    await clock.advance(10_000)
    const mark = `proto 198 metric ${metricOf('1')}`
    expect(calls.splice(0)).toEqual([show, `ip route replace 10.96.0.0/16 dev bnc-1 src 10.244.0.1 ${mark}`])
    nodes.put(nodeOf('node-3', '192.0.2.3', '10.244.2.0/24'))
    await clock.advance(1)
    const proxied = ['write net/ipv4/conf/bnc-1/proxy_arp', 'write net/ipv4/neigh/bnc-1/proxy_delay']
    expect(calls.splice(0)).toEqual([`ip route replace 10.244.2.0/24 via 192.0.2.3 src 10.244.0.1 ${mark}`, ...proxied])
    // The link to the other host was down for a moment, and took the route with it.
    await clock.advance(12_000)
    expect(calls.splice(0)).toContain(`ip route replace 10.244.2.0/24 via 192.0.2.3 src 10.244.0.1 ${mark}`)
    present.push('10.244.2.0/24')
    await clock.advance(12_000)
    expect(new Set(calls.splice(0))).toEqual(new Set([show]))
    present.pop()
    nodes.remove('node-3')
    await clock.advance(1)
    expect(calls.splice(0)).toEqual([`ip route del 10.244.2.0/24 ${mark}`])
    present.push('10.244.9.0/24')
    isThere = false
    await clock.advance(2_000)
    isThere = true
    await clock.advance(2_000)
    // What an earlier process has left and nobody wants goes.
    expect(calls.splice(0)).toEqual([
      show,
      `ip route replace 10.96.0.0/16 dev bnc-1 src 10.244.0.1 ${mark}`,
      `ip route del 10.244.9.0/24 ${mark}`,
    ])
    abort.abort()
    await running
    present.pop()
    await removeRoutes(run, '1')
    expect(calls).toEqual([show, `ip route del 10.96.0.0/16 ${mark}`])
  })
})

test.each([
  ['clusterId', { clusterId: 'No;Good' }],
  ['podSubnet', { podSubnet: '10.244.0.0' }],
  ['serviceCidr', { serviceCidr: 'x' }],
  ['gateway', { gateway: 'localhost' }],
  ['bridge', { bridge: 'a b' }],
])('a malformed %s is named', (field, wrong) => {
  const clock = new FakeClock()
  const random = seededRandom(1)
  const options = {
    client: createClient(createFakeTransport({ clock, random })),
    informers: new FakeInformerFactory(),
    clock,
    random,
    log: silentLog,
    clusterId: '0a0b0c0d',
    nodeName: 'node-1',
    nodeIp: '10.244.0.1',
    podSubnet: '10.244.0.0/16',
    serviceCidr: '10.96.0.0/16',
    gateway: '10.244.0.1',
    clusterDns: '10.96.0.10',
    clusterDomain: 'cluster.local',
    apiServer: { host: '127.0.0.1', port: 6443 },
    upstreamResolvers: [],
  }
  expect(() => createNodeNetwork({ ...options, ...wrong })).toThrow(new RegExp(`^${field}: `))
})
