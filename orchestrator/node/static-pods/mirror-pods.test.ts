import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { createAuthority, issueCertificate } from '../../../lib/pki.ts'
import type { KeyPair } from '../../../lib/pki.ts'
import { seededRandom } from '../../../lib/random.ts'
import { CoreV1Pod } from '../../api/generated/kinds.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'
import { createFakeTransport } from '../../client/fake-transport.ts'
import type { FakeTransport } from '../../client/fake-transport.ts'
import { createClient } from '../../client/rest-client.ts'
import { createNodeAgent, createSimulatedRuntime } from '../app.ts'
import type { NodeAgent, SimulatedRuntime } from '../app.ts'

const owner = { clusterId: 'c1', nodeName: 'n1' }
const manifest = (image: string) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: { containers: [{ name: 'main', image }] },
  })

describe('a static pod', () => {
  let authority: KeyPair
  let server: KeyPair
  let clock: FakeClock
  let transport: FakeTransport
  let client: Client
  let runtime: SimulatedRuntime
  let agent: NodeAgent
  let dataDir: string
  let starting: Promise<void>

  beforeAll(async () => {
    // The tables of kinds take a real moment to load.
    await import('./manifest.ts')
    const now = systemClock.now()
    authority = await createAuthority('test', now)
    server = await issueCertificate(authority, { commonName: 'n1', organization: 'nodes', hosts: ['127.0.0.1'], isServer: true, now })
  })
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'static-pods-'))
    clock = new FakeClock()
    transport = createFakeTransport({ clock, random: seededRandom(1) })
    client = createClient(transport)
    runtime = createSimulatedRuntime({ clock, nodeName: 'n1' })
  })
  afterEach(async () => {
    await agent.stop()
    await starting.catch(() => {})
    await rm(dataDir, { recursive: true })
  })

  const write = (image: string) => writeFile(join(dataDir, 'web.json'), manifest(image))
  const start = () => {
    agent = createNodeAgent({
      client,
      clock,
      random: seededRandom(2),
      log: silentLog,
      nodeName: 'n1',
      runtime,
      dataDir,
      podManifestPath: dataDir,
      clusterId: 'c1',
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      podCidr: '10.1.0.0/24',
      clusterDns: [],
      clusterDomain: 'cluster.local',
      server: { hosts: ['127.0.0.1'], port: 0, tls: { ...server, clientCa: authority.cert } },
      stats: { summary: async () => ({}), metricsResource: async () => '', metricsCadvisor: async () => '' },
    })
    starting = agent.start()
  }
  /** Reading files takes real turns of the event loop between two ticks of the clock. */
  const until = async <T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> => {
    for (let turn = 0; turn < 5_000; turn++) {
      const found = await look()
      if (found !== undefined) return found
      await new Promise((resolve) => setImmediate(resolve))
      await clock.advance(100)
    }
    throw new Error('it did not come to that')
  }
  const mirror = () =>
    client.get(CoreV1Pod, { namespace: 'default', name: 'web-n1' }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined
      throw error
    })
  const runningMirror = () =>
    until(async () => {
      const pod = await mirror()
      return pod?.status?.phase === 'Running' ? pod : undefined
    })
  const running = async () => (await runtime.list(owner)).filter(({ state, kind }) => state === 'running' && kind === 'container')

  it('runs, and shows itself in the API under its mark', async () => {
    await write('web:1')
    start()
    const pod = await runningMirror()
    const [container] = await running()
    expect(pod.metadata.annotations).toMatchObject({
      'kubernetes.io/config.mirror': container!.pod.uid,
      'kubernetes.io/config.hash': container!.pod.uid,
      'kubernetes.io/config.source': 'file',
    })
    expect(pod.metadata.ownerReferences).toMatchObject([{ kind: 'Node', name: 'n1', controller: true }])
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({ name: 'main', ready: true })
  })

  it('comes back into view when its mirror is deleted, and runs on', async () => {
    await write('web:1')
    start()
    const before = await runningMirror()
    const containers = await running()
    await client.delete(CoreV1Pod, { namespace: 'default', name: 'web-n1' }, { gracePeriodSeconds: 0 })
    const after = await until(async () => {
      const pod = await mirror()
      return pod?.metadata.uid !== before.metadata.uid && pod?.status?.phase === 'Running' ? pod : undefined
    })
    expect(after.status?.containerStatuses?.[0]?.containerID).toBe(before.status?.containerStatuses?.[0]?.containerID)
    expect(await running()).toEqual(containers)
  })

  it('is replaced when its file changes and ends when the file goes', async () => {
    await write('web:1')
    start()
    await runningMirror()
    await write('web:2')
    await until(async () => {
      const pod = await mirror()
      return pod?.spec.containers[0]?.image === 'web:2' && pod.status?.phase === 'Running' ? pod : undefined
    })
    expect((await running()).map(({ image }) => image)).toEqual(['web:2'])
    await rm(join(dataDir, 'web.json'))
    await until(async () => ((await mirror()) === undefined ? true : undefined))
    expect(await runtime.list(owner)).toEqual([])
  })

  it('runs while the API is away, and is shown when it is there', async () => {
    await write('web:1')
    transport.intercept(() => {
      throw new Error('connect ECONNREFUSED')
    })
    start()
    await until(async () => ((await running()).length === 1 ? true : undefined))
    transport.intercept(undefined)
    expect((await runningMirror()).spec.nodeName).toBe('n1')
    let isStarted = false
    void starting.then(() => (isStarted = true))
    // Services may be asked for once more a little later.
    await until(() => (isStarted ? true : undefined))
  })
})
