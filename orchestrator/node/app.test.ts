import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/clock.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import type { KeyPair } from '../../lib/pki.ts'
import { seededRandom } from '../../lib/random.ts'
import { CoordinationV1Lease, CoreV1Event, CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import { isNotFound } from '../api/status-error.ts'
import type { Client, Transport } from '../client/client.ts'
import { createFakeTransport } from '../client/fake-transport.ts'
import { createClient } from '../client/rest-client.ts'
import { createNodeAgent, createSimulatedRuntime } from './app.ts'
import type { NodeAgent, SimulatedRuntime } from './app.ts'

let authority: KeyPair
let server: KeyPair
let clock: FakeClock
let transport: Transport
let client: Client
let runtime: SimulatedRuntime
let agent: NodeAgent
let dataDir: string
/** Of nodes that were taken out of the cluster for good. */
let removedUids: string[]

beforeAll(async () => {
  const now = systemClock.now()
  authority = await createAuthority('test', now)
  server = await issueCertificate(authority, {
    commonName: 'system:node:n1',
    organization: 'system:nodes',
    hosts: ['127.0.0.1'],
    isServer: true,
    isClient: true,
    now,
  })
})

beforeEach(async () => {
  removedUids = []
  dataDir = await mkdtemp(join(tmpdir(), 'node-agent-'))
  clock = new FakeClock()
  transport = createFakeTransport({ clock, random: seededRandom(1) })
  client = createClient(transport)
  runtime = createSimulatedRuntime({ clock, nodeName: 'n1' })
  agent = await startAgent(client)
})

afterEach(async () => {
  await agent.stop()
  await rm(dataDir, { recursive: true })
})

/** The agent sees the API through a client of its own. */
async function startAgent(agentClient: Client): Promise<NodeAgent> {
  const next = createNodeAgent({
    client: agentClient,
    clock,
    random: seededRandom(2),
    log: silentLog,
    nodeName: 'n1',
    runtime,
    dataDir,
    clusterId: 'c1',
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    podCidr: '10.1.0.0/24',
    clusterDns: [],
    clusterDomain: 'cluster.local',
    server: { hosts: ['127.0.0.1'], port: 0, tls: { ...server, clientCa: authority.cert } },
    stats: { summary: async () => ({ node: { nodeName: 'n1' } }), metricsResource: async () => 'm 1\n', metricsCadvisor: async () => '' },
    labels: { zone: 'a' },
    wasRemoved: async (uid) => removedUids.includes(uid),
  })
  await next.start()
  await clock.advance(200)
  return next
}

const create = async (name: string, spec: object = {}, annotations: Record<string, string> = {}) => {
  const pod = {
    metadata: { name, namespace: 'default', annotations },
    spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'web:1' }], ...spec },
  }
  await client.create(CoreV1Pod, { apiVersion: 'v1', kind: 'Pod', ...pod })
  await clock.advance(100)
}
const get = (name: string) => client.get(CoreV1Pod, { namespace: 'default', name })
const isGone = (name: string) => get(name).then(() => false, isNotFound)
const stateOf = async (name: string) => (await get(name)).status?.containerStatuses?.[0]
const owner = { clusterId: 'c1', nodeName: 'n1' }

describe('a node', () => {
  it('registers with labels, capacity and a lease that it renews', async () => {
    const node = await client.get(CoreV1Node, { name: 'n1' })
    expect(node.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': 'n1', zone: 'a' })
    expect(node.status).toMatchObject({
      capacity: { pods: '110' },
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: agent.port } },
    })
    expect(node.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True')
    const renewed = async () => (await client.get(CoordinationV1Lease, { namespace: 'kube-node-lease', name: 'n1' })).spec?.renewTime
    const first = await renewed()
    await clock.advance(10_500)
    expect(await renewed()).not.toBe(first)
  })

  it('registers again when somebody deletes it', async () => {
    await client.delete(CoreV1Node, { name: 'n1' })
    await clock.advance(1_000)
    expect(
      (await client.get(CoreV1Node, { name: 'n1' })).status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
    ).toBe(true)
  })

  it('is not registered again when it was removed for good', async () => {
    removedUids.push((await client.get(CoreV1Node, { name: 'n1' })).metadata.uid!)
    await client.delete(CoreV1Node, { name: 'n1' })
    await clock.advance(400_000)
    expect(await client.get(CoreV1Node, { name: 'n1' }).then(() => false, isNotFound)).toBe(true)
  })

  it('is ready again at once when it was taken for gone and can be heard', async () => {
    const ready = async () =>
      (await client.get(CoreV1Node, { name: 'n1' })).status?.conditions?.find(({ type }) => type === 'Ready')?.status
    const node = await client.get(CoreV1Node, { name: 'n1' })
    const conditions = node.status!.conditions!.map((condition) => ({ ...condition, status: 'Unknown' }))
    await client.updateStatus(CoreV1Node, { ...node, status: { ...node.status, conditions } })
    await clock.advance(1_000)
    expect(await ready()).toBe('True')
  })

  it('asks for the range of the pod network that it had', async () => {
    await client.delete(CoreV1Node, { name: 'n1' })
    await clock.advance(1_000)
    expect((await client.get(CoreV1Node, { name: 'n1' })).metadata.annotations?.['binnacle.dev/pod-cidr']).toBe('10.1.0.0/24')
  })

  it.each(['runtime', 'API'])(
    'that comes back to a pod of the same name ends the old one before it starts the next, whether %s answers first',
    async (first) => {
      await create('web-0', { terminationGracePeriodSeconds: 5 })
      const old = (await get('web-0')).metadata.uid
      await agent.stop()
      await client.delete(CoreV1Pod, { namespace: 'default', name: 'web-0' }, { gracePeriodSeconds: 0 })
      await create('web-0')
      const running: string[][] = []
      const watching = new AbortController()
      const follow = async () => {
        for await (const _ of runtime.watch(owner, watching.signal)) {
          const containers = await runtime.list(owner)
          running.push([...new Set(containers.filter(({ state }) => state === 'running').map(({ pod }) => pod.uid))])
        }
      }
      if (first === 'API') runtime.setOutage('not up yet')
      const before = first === 'API' ? undefined : follow()
      agent = await startAgent(client)
      runtime.setOutage(undefined)
      const watch = before ?? follow()
      await clock.advance(30_000)
      watching.abort()
      await watch
      expect(running.length).toBeGreaterThan(2)
      expect(running.every((uids) => uids.length <= 1)).toBe(true)
      const containers = await runtime.list(owner)
      expect(containers.some(({ pod }) => pod.uid === old)).toBe(false)
      expect((await get('web-0')).status?.phase).toBe('Running')
    },
  )

  it('is not ready within seconds of losing its runtime, and ready again with it', async () => {
    const ready = async () => (await client.get(CoreV1Node, { name: 'n1' })).status?.conditions?.find(({ type }) => type === 'Ready')
    runtime.setOutage('cannot reach the engine: connect ENOENT')
    await clock.advance(2_000)
    expect(await ready()).toMatchObject({
      status: 'False',
      reason: 'KubeletNotReady',
      message: 'container runtime is down: cannot reach the engine: connect ENOENT',
    })
    runtime.setOutage(undefined)
    await clock.advance(10_000)
    expect(await ready()).toMatchObject({ status: 'True' })
  })
})

/** Sees every change as late as `lagMs` says at that moment. */
function laggingClient(lagMs: () => number): Client {
  async function* late<T>(changes: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const change of changes) {
      if (lagMs() > 0) await clock.sleep(lagMs())
      yield change
    }
  }
  return Object.assign(createClient(transport), { watch: (...asked: Parameters<Client['watch']>) => late(client.watch(...asked)) })
}

describe('a pod', () => {
  it('is told of once per change, however late the agent sees what it has written', async () => {
    await agent.stop()
    let lagMs = 0
    agent = await startAgent(laggingClient(() => lagMs))
    lagMs = 1_500
    await create('web')
    await clock.advance(8_000)
    const { metadata, status } = await get('web')
    expect(status?.phase).toBe('Running')
    await clock.advance(8_000)
    expect((await get('web')).metadata.resourceVersion).toBe(metadata.resourceVersion)
  })

  it('runs, is ready, and has an address of the node', async () => {
    await create('web')
    expect((await get('web')).status).toMatchObject({ phase: 'Running', podIP: '10.1.0.1', hostIP: '127.0.0.1', qosClass: 'BestEffort' })
    expect(await stateOf('web')).toMatchObject({ ready: true, started: true, restartCount: 0 })
  })

  it('uses what its annotation says', async () => {
    await create('busy', {}, { 'binnacle.dev/simulated-cpu': '250m' })
    const before = runtime.usage().pods[0]!.containers[0]!.cpuNanoseconds
    await clock.advance(1_000)
    expect(runtime.usage().pods[0]!.containers[0]!.cpuNanoseconds - before).toBe(250_000_000)
  })

  it('is restarted with growing delays and says so', async () => {
    await create('crash', {}, { 'binnacle.dev/simulated-exit-after': '1s', 'binnacle.dev/simulated-exit-code': '3' })
    await clock.advance(2_500)
    expect(await stateOf('crash')).toMatchObject({
      restartCount: 1,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
    })
    await clock.advance(600_000)
    expect((await stateOf('crash'))?.restartCount).toBe(6)
    expect(await runtime.list(owner)).toHaveLength(3)
  })

  it('that has done its work succeeds and keeps its logs', async () => {
    await create('once', { restartPolicy: 'Never' }, { 'binnacle.dev/simulated-exit-after': '1s' })
    await clock.advance(2_000)
    expect((await get('once')).status?.phase).toBe('Succeeded')
    expect((await runtime.list(owner)).map(({ name }) => name)).toEqual(['main'])
  })

  it('whose image is not to be had says so and tries again', async () => {
    await create('nopull', { containers: [{ name: 'main', image: 'example.com/missing:1' }] })
    expect(await stateOf('nopull')).toMatchObject({ state: { waiting: { reason: 'ErrImagePull' } } })
    await clock.advance(5_000)
    expect(await stateOf('nopull')).toMatchObject({ state: { waiting: { reason: 'ImagePullBackOff' } } })
    await clock.advance(60_000)
    const events = (await client.list(CoreV1Event, { namespace: 'default' })).items
    expect(events.find(({ reason }) => reason === 'Pulling')?.count).toBe(3)
  })

  it('whose volume cannot be had waits for as long, and starts nothing', async () => {
    await create('waiting', { volumes: [{ name: 'data', csi: { driver: 'd.example.com' } }] })
    for (let minutes = 0; minutes < 5; minutes++) {
      await clock.advance(60_000)
      expect((await stateOf('waiting'))?.state).toEqual({ waiting: { reason: 'ContainerCreating' } })
      const made = (await runtime.list(owner)).filter(({ pod, kind }) => pod.name === 'waiting' && kind === 'container')
      expect(made).toEqual([])
    }
    const ready = (await get('waiting')).status?.conditions?.find(({ type }) => type === 'PodReadyToStartContainers')
    expect(ready?.status).toBe('False')
    const { items } = await client.list(CoreV1Event)
    expect(items.find(({ reason }) => reason === 'FailedMount')?.message).toBe(
      'MountVolume.SetUp failed for volume "data" : driver name d.example.com not found in the list of registered CSI drivers',
    )
  })

  it('that is deleted is stopped, removed and forgotten', async () => {
    await create('web')
    await client.delete(CoreV1Pod, { namespace: 'default', name: 'web' }, { gracePeriodSeconds: 5 })
    await clock.advance(1_000)
    expect(await isGone('web')).toBe(true)
    expect(await runtime.list(owner)).toEqual([])
  })

  it('told of by events in the words that people know', async () => {
    await create('web')
    const events = (await client.list(CoreV1Event, { namespace: 'default' })).items.filter(
      ({ involvedObject }) => involvedObject.name === 'web',
    )
    expect(events.map(({ reason, message }) => `${reason}: ${message}`)).toEqual(
      expect.arrayContaining([
        'Pulled: Container image "web:1" already present on machine and can be accessed by the pod',
        'Created: Container created',
        'Started: Container started',
      ]),
    )
    expect(events[0]?.involvedObject.fieldPath).toBe('spec.containers{main}')
  })

  it('keeps its truth over an outage of the runtime', async () => {
    await create('web', {}, { 'binnacle.dev/simulated-exit-after': '5s', 'binnacle.dev/simulated-exit-code': '1' })
    runtime.setOutage('gone')
    await clock.advance(10_000)
    expect(await stateOf('web')).toMatchObject({ restartCount: 0, state: { running: {} } })
    runtime.setOutage(undefined)
    await clock.advance(6_000)
    expect((await stateOf('web'))?.restartCount).toBe(1)
  })
})

describe('an agent that starts again', () => {
  it('finds its pods as they were', async () => {
    await create('web')
    const before = await stateOf('web')
    await agent.stop()
    agent = await startAgent(client)
    await clock.advance(1_000)
    expect(await stateOf('web')).toEqual(before)
    await create('next')
    expect((await get('next')).status?.podIP).toBe('10.1.0.2')
  })

  it('cleans up after pods that were deleted meanwhile', async () => {
    await create('deleted')
    await create('forced')
    await agent.stop()
    await client.delete(CoreV1Pod, { namespace: 'default', name: 'deleted' }, { gracePeriodSeconds: 5 })
    await client.delete(CoreV1Pod, { namespace: 'default', name: 'forced' }, { gracePeriodSeconds: 0 })
    agent = await startAgent(client)
    await clock.advance(5_000)
    expect(await isGone('deleted')).toBe(true)
    expect(await runtime.list(owner)).toEqual([])
  })
})

describe('the node server', () => {
  it('shows another certificate from the moment that it is given one', async () => {
    const shown = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connectTls({ host: '127.0.0.1', port: agent.port, ca: authority.cert }, () => {
          resolve(new X509Certificate(socket.getPeerCertificate().raw).serialNumber)
          socket.destroy()
        })
        socket.on('error', reject)
      })
    const next = await issueCertificate(authority, { commonName: 'n1', hosts: ['127.0.0.1'], isServer: true, now: systemClock.now() })
    expect(await shown()).toBe(new X509Certificate(server.cert).serialNumber)
    agent.useCertificate(next)
    expect(await shown()).toBe(new X509Certificate(next.cert).serialNumber)
  })

  const fetchText = async (path: string, identity?: KeyPair) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpsRequest(
        { host: '127.0.0.1', port: agent.port, path, ca: authority.cert, agent: false, ...identity },
        (response) => {
          let text = ''
          response.on('data', (chunk: Buffer) => (text += chunk.toString()))
          response.on('end', () => resolve({ status: response.statusCode!, text }))
        },
      )
      request.on('error', reject)
      request.end()
    })
  const identity = (commonName: string, organization: string) =>
    issueCertificate(authority, { commonName, organization, isClient: true, now: systemClock.now() })

  it('lets nobody in without a certificate of the cluster', async () => {
    expect(await fetchText('/pods')).toEqual({ status: 401, text: 'Unauthorized' })
    const stranger = await createAuthority('stranger', systemClock.now())
    const forged = await issueCertificate(stranger, {
      commonName: 'admin',
      organization: 'system:masters',
      isClient: true,
      now: systemClock.now(),
    })
    expect((await fetchText('/pods', forged)).status).toBe(401)
  })

  it('answers those who may ask', async () => {
    const admin = await identity('admin', 'system:masters')
    await create('web')
    expect(JSON.parse((await fetchText('/pods', admin)).text)).toMatchObject({ kind: 'PodList', items: [{ metadata: { name: 'web' } }] })
    expect((await fetchText('/stats/summary', admin)).text).toBe('{"node":{"nodeName":"n1"}}')
    expect((await fetchText('/metrics/resource', admin)).text).toBe('m 1\n')
    expect((await fetchText('/healthz', admin)).text).toBe('ok')
    expect((await fetchText('/containerLogs/default/web/main', admin)).text).toContain('main: started')
  })

  it.each([
    ['/containerLogs/default/nobody/main', 404, 'pod "nobody" not found'],
    ['/containerLogs/default/web/other', 400, 'container other is not valid for pod web'],
    ['/containerLogs/default/web/main?previous=true', 400, 'previous terminated container "main" in pod "web" not found'],
    ['/containerLogs/default/web/main?tailLines=-1', 400, 'tailLines: "-1" must be an integer that is at least 0'],
    ['/containerLogs/default/web/%zz', 400, 'path segment "%zz" is malformed'],
    ['/exec/default/web/main?command=ls', 400, 'unable to upgrade: missing upgrade headers in request'],
    ['/nothing', 404, '404 page not found'],
  ])('refuses %s with %i', async (path, status, text) => {
    await create('web')
    expect(await fetchText(path, await identity('admin', 'system:masters'))).toEqual({ status, text })
  })

  it('asks the API server about everybody else', async () => {
    const monitor = await identity('system:binnacle:monitor', 'monitors')
    const answer = await fetchText('/stats/summary', monitor)
    expect(answer).toEqual({ status: 403, text: 'Forbidden (user=system:binnacle:monitor, verb=get, resource=nodes, subresource=stats)' })
  })
})
