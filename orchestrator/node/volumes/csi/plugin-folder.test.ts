import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../../lib/clock.ts'
import { FakeClock } from '../../../../lib/fake-clock.ts'
import { silentLog } from '../../../../lib/log.ts'
import { seededRandom } from '../../../../lib/random.ts'
import { serveGrpc } from '../../../../lib/test-grpc-server.ts'
import type { TestGrpcServer } from '../../../../lib/test-grpc-server.ts'
import { CoreV1Node, StorageV1CSINode } from '../../../api/generated/kinds.ts'
import type { Client } from '../../../client/client.ts'
import { createFakeCsiDriver } from '../../../client/csi/fake-csi-driver.ts'
import { registrationMethods } from '../../../client/csi/messages.ts'
import { createFakeTransport } from '../../../client/fake-transport.ts'
import { createClient } from '../../../client/rest-client.ts'
import { CsiPlugins } from './csi-plugins.ts'
import { PluginFolder } from './plugin-folder.ts'

let folder: string
let client: Client
let plugins: CsiPlugins
let watched: PluginFolder
let servers: TestGrpcServer[]
let told: object[]
let arrivals: string[]
let zone: string | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registry-'))
  client = createClient(createFakeTransport({ clock: new FakeClock(), random: seededRandom(1) }))
  await client.create(CoreV1Node, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels: { own: 'x' } }, spec: {} })
  servers = []
  told = []
  arrivals = []
  zone = 'z1'
  plugins = new CsiPlugins({
    client,
    clock: systemClock,
    log: silentLog,
    nodeName: 'n1',
    open: (endpoint) =>
      createFakeCsiDriver(
        endpoint,
        { node: ['STAGE_UNSTAGE_VOLUME'] },
        {
          NodeGetInfo: () => {
            if (zone === undefined) throw new Error('not yet')
            return { nodeId: 'id-1', maxVolumesPerNode: 3, accessibleTopology: { segments: { zone } } }
          },
        },
      ),
    onArrival: (name) => arrivals.push(name),
  })
  watched = new PluginFolder({ path: join(folder, 'registry'), clock: systemClock, log: silentLog, plugins })
  await watched.start()
})
afterEach(async () => {
  await watched.stop()
  plugins.stop()
  for (const server of servers) server.stop()
  await rm(folder, { recursive: true })
})

async function register(info: object): Promise<TestGrpcServer> {
  const server = await serveGrpc(`unix:${folder}/registry/d.sock`, [
    [registrationMethods.GetInfo, () => info],
    [
      registrationMethods.NotifyRegistrationStatus,
      (status) => {
        told.push(status)
        return {}
      },
    ],
  ])
  servers.push(server)
  return server
}
const info = { type: 'CSIPlugin', name: 'd.test', endpoint: '/run/d/csi.sock', supportedVersions: ['1.0.0'] }
const drivers = async () => (await client.get(StorageV1CSINode, { name: 'n1' })).spec.drivers

test('a driver that comes is told of in the API, and let go when its socket goes', async () => {
  const server = await register(info)
  await expect.poll(() => told).toEqual([{ pluginRegistered: true }])
  expect(arrivals).toEqual(['d.test'])
  expect(plugins.get('d.test')).toMatchObject({ endpoint: 'unix:/run/d/csi.sock', capabilities: new Set(['STAGE_UNSTAGE_VOLUME']) })
  expect(await drivers()).toEqual([{ name: 'd.test', nodeID: 'id-1', topologyKeys: ['zone'], allocatable: { count: 3 } }])
  const { metadata } = await client.get(CoreV1Node, { name: 'n1' })
  expect(metadata.labels).toEqual({ own: 'x', zone: 'z1' })
  expect(metadata.annotations).toEqual({ 'csi.volume.kubernetes.io/nodeid': '{"d.test":"id-1"}' })
  server.stop()
  await rm(join(folder, 'registry/d.sock'), { force: true })
  await expect.poll(drivers).toEqual([])
  expect(plugins.get('d.test')).toBeUndefined()
})

test('one that is not ready is told so, and taken when it is', async () => {
  zone = undefined
  await register(info)
  await expect.poll(() => told.length).toBeGreaterThan(0)
  expect(told[0]).toEqual({ error: 'not yet' })
  zone = 'z1'
  await expect.poll(() => arrivals, { timeout: 5_000 }).toEqual(['d.test'])
})

test.each([
  ['a kind of plug-in that is not known', { ...info, type: 'DevicePlugin' }, /"DevicePlugin" are not known/],
  ['a version that is not spoken', { ...info, supportedVersions: ['0.3.0'] }, /speaks versions 0.3.0/],
  ['a name that is a path', { ...info, name: '../../etc' }, /is not the name of a driver/],
  ['an endpoint that is no socket', { ...info, endpoint: 'tcp://1.2.3.4' }, /is not the path of a socket/],
])('%s is refused', async (_, wrong, error) => {
  await register(wrong)
  await expect.poll(() => told[0]).toMatchObject({ error: expect.stringMatching(error) as string })
  expect(arrivals).toEqual([])
})

test('a node is not moved by a driver from one place to another', async () => {
  await client.patch(CoreV1Node, { name: 'n1' }, { type: 'application/merge-patch+json', body: { metadata: { labels: { zone: 'z9' } } } })
  await register(info)
  await expect
    .poll(() => told[0])
    .toMatchObject({
      error: 'detected topology value collision: driver reported "zone":"z1" but existing label is "zone":"z9"',
    })
})
