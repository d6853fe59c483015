import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import type { GrpcTls } from '../../../lib/grpc.ts'
import { createAuthority, issueCertificate } from '../../../lib/pki.ts'
import { serveGrpc } from '../../../lib/test-grpc-server.ts'
import type { TestGrpcServer, UnaryHandler } from '../../../lib/test-grpc-server.ts'
import { encodeProtobuf } from '../../api/encode-protobuf.ts'
import { testNode } from '../fixtures.ts'
import type { CloudProvider } from '../provider.ts'
import { defaultSettings } from '../settings.ts'
import { externalGrpcMethods } from './external-grpc-messages.ts'
import { createExternalGrpcProvider } from './external-grpc.ts'

let server: TestGrpcServer | undefined
let provider: CloudProvider | undefined
afterEach(async () => {
  await provider?.cleanup().catch(() => {})
  server?.stop()
})

type Handlers = Partial<Record<keyof typeof externalGrpcMethods, UnaryHandler>>

async function open(handlers: Handlers, serverTls?: GrpcTls, clientTls = serverTls): Promise<CloudProvider> {
  const methods = Object.entries(handlers).map(
    ([name, handler]) => [externalGrpcMethods[name as keyof typeof externalGrpcMethods], handler] as const,
  )
  server = await serveGrpc('127.0.0.1:0', methods, serverTls)
  const tls = clientTls === undefined ? {} : { tls: clientTls }
  provider = createExternalGrpcProvider({ address: `localhost:${server.port}`, ...tls, timeoutMs: 2_000, clock: systemClock })
  return provider
}

async function credentials(authority: Awaited<ReturnType<typeof createAuthority>>, name: string): Promise<GrpcTls> {
  const pair = await issueCertificate(authority, {
    commonName: name,
    isClient: true,
    isServer: true,
    hosts: ['localhost'],
    now: systemClock.now(),
  })
  return { ...pair, ca: authority.cert }
}

/** As Go's `Marshal` writes it: behind the magic and the type there is the tag and the length of the object. */
function marshal(node: object): Uint8Array {
  const bytes = encodeProtobuf({ apiVersion: 'v1', kind: 'Node', ...node })
  let at = 4 + 12 + 1
  while ((bytes[at]! & 0x80) !== 0) at++
  return bytes.subarray(at + 1)
}

test('groups, sizes, nodes and templates come over the wire', async () => {
  const asked: [string, object][] = []
  const note =
    (name: string, answer: object = {}): UnaryHandler =>
    (message) => {
      asked.push([name, message])
      return answer
    }
  const template = testNode('template', { labels: { 'example.com/pool': 'a' } })
  const cloud = await open({
    Refresh: note('Refresh'),
    NodeGroups: note('NodeGroups', {
      nodeGroups: [
        { id: 'a', minSize: 1, maxSize: 5 },
        { id: 'b', maxSize: 2 },
      ],
    }),
    NodeGroupForNode: (message) => ({ nodeGroup: { id: (message as { node: { name: string } }).node.name === 'n' ? 'a' : '' } }),
    NodeGroupTargetSize: note('NodeGroupTargetSize', { targetSize: 3 }),
    NodeGroupIncreaseSize: note('NodeGroupIncreaseSize'),
    NodeGroupDeleteNodes: note('NodeGroupDeleteNodes'),
    NodeGroupDecreaseTargetSize: note('NodeGroupDecreaseTargetSize'),
    NodeGroupNodes: () => ({
      instances: [
        { id: 'x://1', status: { instanceState: 1 } },
        { id: 'x://2', status: { instanceState: 2, errorInfo: { errorCode: 'QUOTA', errorMessage: 'no more', instanceErrorClass: 1 } } },
      ],
    }),
    NodeGroupTemplateNodeInfo: () => ({ nodeBytes: marshal(template) }),
    NodeGroupGetOptions: () => ({
      nodeGroupAutoscalingOptions: { scaleDownUtilizationThreshold: 0.7, scaleDownUnneededDuration: { seconds: 90 } },
    }),
  })
  await cloud.refresh()
  expect(await cloud.nodeGroups()).toEqual([
    { id: 'a', minSize: 1, maxSize: 5 },
    { id: 'b', minSize: 0, maxSize: 2 },
  ])
  expect([await cloud.groupOf(testNode('n')), await cloud.groupOf(testNode('other'))]).toEqual(['a', undefined])
  expect(await cloud.targetSize('a')).toBe(3)
  await cloud.increaseSize('a', 2)
  await cloud.decreaseTargetSize('a', 1)
  await cloud.deleteNodes('a', [{ ...testNode('n'), spec: { providerID: 'x://1' } }])
  expect(asked.slice(-3)).toMatchObject([
    ['NodeGroupIncreaseSize', { id: 'a', delta: 2 }],
    ['NodeGroupDecreaseTargetSize', { id: 'a', delta: -1 }],
    ['NodeGroupDeleteNodes', { id: 'a', nodes: [{ name: 'n', providerID: 'x://1', labels: { 'kubernetes.io/hostname': 'n' } }] }],
  ])
  expect(await cloud.instances('a')).toEqual([
    { id: 'x://1', state: 'running' },
    { id: 'x://2', state: 'creating', error: 'QUOTA: no more' },
  ])
  expect(await cloud.templateNode('a')).toMatchObject({
    metadata: { labels: { 'example.com/pool': 'a' } },
    status: { allocatable: { cpu: '4' } },
  })
  expect(await cloud.options('a', defaultSettings)).toMatchObject({
    scaleDownUtilizationThreshold: 0.7,
    scaleDownUnneededMs: 90_000,
    maxNodeProvisionMs: defaultSettings.maxNodeProvisionMs,
  })
})

test('what a server does not offer is done without; what it refuses is told in its words', async () => {
  const cloud = await open({
    NodeGroupIncreaseSize: () => {
      throw Object.assign(new Error('out of machines'), { code: 8, details: 'out of machines' })
    },
  })
  expect(await cloud.templateNode('a')).toBeUndefined()
  expect(await cloud.options('a', defaultSettings)).toEqual(defaultSettings)
  await expect(cloud.increaseSize('a', 1)).rejects.toThrow('out of machines')
})

test('both sides prove who they are', async () => {
  const ours = await createAuthority('ours', systemClock.now())
  const theirs = await createAuthority('theirs', systemClock.now())
  const handlers = { NodeGroups: () => ({ nodeGroups: [] }) }
  const cloud = await open(handlers, await credentials(ours, 'provider'), await credentials(ours, 'autoscaler'))
  expect(await cloud.nodeGroups()).toEqual([])
  await cloud.cleanup().catch(() => {})
  server!.stop()
  const stranger = await credentials(theirs, 'stranger')
  const unknownClient = await open(handlers, await credentials(ours, 'provider'), { ...stranger, ca: ours.cert })
  await expect(unknownClient.nodeGroups()).rejects.toThrow('Unavailable')
  await unknownClient.cleanup().catch(() => {})
  server!.stop()
  const unknownServer = await open(handlers, stranger, { ...(await credentials(ours, 'autoscaler')), ca: ours.cert })
  await expect(unknownServer.nodeGroups()).rejects.toThrow('Unavailable')
})
