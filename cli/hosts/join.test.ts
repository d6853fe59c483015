import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { signCertificateRequest, type SigningTerms } from '../../lib/certificate-request.ts'
import { systemClock, toTimestamp } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { createAuthority } from '../../lib/pki.ts'
import { systemRandom } from '../../lib/random.ts'
import { newBootstrapToken } from '../../orchestrator/api/bootstrap-token.ts'
import { CertificatesV1CertificateSigningRequest, CoreV1Node, CoreV1Secret } from '../../orchestrator/api/generated/kinds.ts'
import {
  createTestCredentials,
  startTestServer,
  type TestCredentials,
  type TestServer,
} from '../../orchestrator/apiserver/testing/test-server.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createInformerFactory } from '../../orchestrator/client/informer-factory.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { createControllers } from '../../orchestrator/controllers/app.ts'
import { openDataFolder, type DataFolder } from '../data-folder.ts'
import { joinCluster, refreshHost, type JoinOptions } from './join.ts'
import { readJoinedHost } from './joined-host.ts'
import { markRemoved } from './removed-nodes.ts'
import { hashOfAuthority } from './trust.ts'

const hourMs = 3_600_000
const token = { id: 'abcdef', secret: '0123456789abcdef' }
const settings = { podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16', clusterDns: '10.96.0.10', clusterDomain: 'cluster.local' }

let credentials: TestCredentials
let server: TestServer
let client: Client
let root: string
let folder: DataFolder
let sign: (terms: SigningTerms) => Promise<string>
let stop: () => Promise<void>

beforeAll(async () => {
  credentials = await createTestCredentials()
  server = await startTestServer(credentials, { settings, hosts: ['127.0.0.1', '127.0.0.2'] })
  client = createClient(server.server.transport)
  const shared = { client, clock: systemClock, random: systemRandom, log: silentLog }
  const informers = createInformerFactory(shared)
  const controllers = createControllers({
    ...shared,
    informers,
    signCertificate: (terms) => sign(terms),
    podRanges: { podCidr: settings.podCidr },
    reservedAddresses: ['127.0.0.9'],
  })
  const abort = new AbortController()
  const running = Promise.all([informers.run(abort.signal), controllers.run(abort.signal)])
  stop = async () => {
    abort.abort()
    await running
    await server.stop()
  }
})
afterAll(() => stop())

beforeEach(async () => {
  sign = (terms) => signCertificateRequest(credentials.ca, terms)
  root = mkdtempSync(join(tmpdir(), 'binnacle-join-'))
  folder = openDataFolder(root)
  await client.create(CoreV1Secret, newBootstrapToken({ ...token, expiresAt: undefined, description: undefined })).catch(() => {})
  await signed()
})
afterEach(async () => {
  rmSync(root, { recursive: true })
  for (const { metadata } of (await client.list(CoreV1Node)).items) await client.delete(CoreV1Node, { name: metadata.name! })
})

/** The bootstrap signer has vouched for the token. */
async function signed(): Promise<void> {
  const path = '/api/v1/namespaces/kube-public/configmaps/cluster-info'
  for (;;) {
    const { data } = await client.raw<{ readonly data: Record<string, string> }>(path)
    if (data[`jws-kubeconfig-${token.id}`] !== undefined) return
    await systemClock.sleep(10)
  }
}

const options = (more: Partial<JoinOptions> = {}): JoinOptions => ({
  folder,
  clock: systemClock,
  server: `https://127.0.0.1:${server.server.address.port}`,
  nodeName: 'far',
  address: '127.0.0.7',
  token,
  trust: { hash: hashOfAuthority(credentials.ca.cert) },
  ...more,
})
const pem = (name: string) => new X509Certificate(readFileSync(folder.path('pki', `${name}.crt`)))

describe('a host that joins', () => {
  it('gets certificates of its own, a Node and a range of the pod network, all kept for its owner only', async () => {
    const host = await joinCluster(options())
    expect(host).toEqual({
      server: options().server,
      nodeName: 'far',
      address: '127.0.0.7',
      nodeUid: expect.any(String),
      podCidr: expect.stringMatching(/^10\.244\.\d+\.0\/24$/),
      settings,
    })
    expect(readJoinedHost(folder)).toEqual(host)
    expect(pem('node-far-client').subject).toBe('O=system:nodes\nCN=system:node:far')
    expect(pem('node-far').subjectAltName).toBe('DNS:far, IP Address:127.0.0.7')
    for (const name of ['node-far-client.key', 'node-far.key']) expect(statSync(folder.path('pki', name)).mode & 0o077).toBe(0)
    expect((await client.get(CoreV1Node, { name: 'far' })).status?.addresses?.[0]).toEqual({ type: 'InternalIP', address: '127.0.0.7' })
  })

  it('takes the address from which it reaches the server where none is given', async () => {
    const { address: _, ...rest } = options()
    expect((await joinCluster(rest)).address).toBe('127.0.0.1')
  })

  it('knows the cluster by the certificate of its authority as well', async () => {
    expect((await joinCluster(options({ trust: { authority: credentials.ca.cert } }))).nodeName).toBe('far')
  })

  it.each<[string, () => Promise<Partial<JoinOptions>>, string]>([
    ['another hash', async () => ({ trust: { hash: `sha256:${'0'.repeat(64)}` } }), '--ca-hash: '],
    [
      'another authority',
      async () => ({ trust: { authority: (await createAuthority('other', systemClock.now())).cert } }),
      'is not signed by the cluster',
    ],
    ['an unknown token', async () => ({ token: { id: 'zzzzzz', secret: token.secret } }), 'the cluster knows no token zzzzzz'],
    ['a wrong secret', async () => ({ token: { id: token.id, secret: 'fedcba9876543210' } }), 'the secret half of token abcdef is wrong'],
    [
      'a wrong secret and a known authority',
      async () => ({ token: { id: token.id, secret: 'fedcba9876543210' }, trust: { authority: credentials.ca.cert } }),
      '--token: the cluster refuses it',
    ],
    ['a server that is not there', async () => ({ server: 'https://127.0.0.1:1' }), 'ECONNREFUSED'],
    [
      'a name that the certificate does not have',
      async () => ({ server: options().server.replace('127.0.0.1', '127.0.0.2'), trust: { authority: credentials.ca.cert } }),
      'is not for 127.0.0.2',
    ],
  ])('does not with %s, and leaves no credentials', async (_, change, message) => {
    await expect(joinCluster(options(await change()))).rejects.toThrow(message)
    expect(readJoinedHost(folder)).toBeUndefined()
  })

  it('does not with a token whose time is over', async () => {
    const over = { id: 'overrr', secret: '0123456789abcdef' }
    await client.create(
      CoreV1Secret,
      newBootstrapToken({ ...over, expiresAt: toTimestamp(systemClock.now() - 1000), description: undefined }),
    )
    await expect(joinCluster(options({ token: over, trust: { authority: credentials.ca.cert } }))).rejects.toThrow('its time is over')
  })

  it('does not under the name of a node that is there and ready', async () => {
    await client.create(CoreV1Node, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'far' }, spec: {} })
    // Controllers write to the node as well.
    await vi.waitFor(async () => {
      const node = await client.get(CoreV1Node, { name: 'far' })
      await client.updateStatus(CoreV1Node, { ...node, status: { conditions: [{ type: 'Ready', status: 'True' }] } })
    })
    await expect(joinCluster(options())).rejects.toThrow('--name: "far" is in the cluster already')
  })
})

describe('a host that has joined', () => {
  it('starts again without a token, and has nothing replaced that is good', async () => {
    const host = await joinCluster(options())
    const before = [pem('node-far-client').serialNumber, pem('node-far').serialNumber]
    expect(await refreshHost(options())).toEqual(host)
    expect([pem('node-far-client').serialNumber, pem('node-far').serialNumber]).toEqual(before)
  })

  it('has certificates replaced that are near their end, by those that it has', async () => {
    const now = systemClock.now()
    sign = (terms) => signCertificateRequest(credentials.ca, { ...terms, notBefore: now - 10 * hourMs, notAfter: now + hourMs })
    await joinCluster(options())
    const before = [pem('node-far-client'), pem('node-far')]
    sign = (terms) => signCertificateRequest(credentials.ca, terms)
    await client.delete(CoreV1Secret, { namespace: 'kube-system', name: `bootstrap-token-${token.id}` })
    await refreshHost(options())
    const after = [pem('node-far-client'), pem('node-far')]
    for (const index of [0, 1]) {
      expect(after[index]!.serialNumber).not.toBe(before[index]!.serialNumber)
      expect(Date.parse(after[index]!.validTo)).toBeGreaterThan(now + 24 * hourMs)
    }
  })

  it('gets a certificate for another address when it has moved', async () => {
    await joinCluster(options())
    await refreshHost(options({ address: '127.0.0.8' }))
    expect(pem('node-far').subjectAltName).toBe('DNS:far, IP Address:127.0.0.8')
  })

  it('goes on with what it has while the server is away', async () => {
    const host = await joinCluster(options())
    expect(await refreshHost(options({ server: host.server.replace(/\d+$/, '1') }))).toEqual(host)
  })

  it('registers again when its Node was only deleted, and stays away when it was removed', async () => {
    const host = await joinCluster(options())
    await client.delete(CoreV1Node, { name: 'far' })
    const again = await refreshHost(options())
    expect(again).toEqual({ ...host, nodeUid: expect.not.stringContaining(host.nodeUid) })
    await markRemoved(client, { name: 'far', uid: again.nodeUid })
    await client.delete(CoreV1Node, { name: 'far' })
    await expect(refreshHost(options())).rejects.toThrow('was removed from the cluster')
    expect(readJoinedHost(folder)?.isRemoved).toBe(true)
    expect((await joinCluster(options())).isRemoved).toBeUndefined()
    await refreshHost(options())
  })

  it('has to join again when its certificate has run out, and when it never did', async () => {
    await expect(refreshHost(options())).rejects.toThrow('has not joined')
    const now = systemClock.now()
    await joinCluster(options())
    const later = { ...systemClock, now: () => now + 366 * 24 * hourMs }
    await expect(refreshHost(options({ clock: later }))).rejects.toThrow('has run out')
  })

  it('gets no certificate for an address that is somebody else’s', async () => {
    await joinCluster(options())
    const before = pem('node-far').serialNumber
    const asked = refreshHost(options({ address: '127.0.0.9', clock: { ...systemClock, monotonic: () => systemClock.monotonic() * 100 } }))
    await expect(asked).rejects.toThrow('was not approved')
    expect(pem('node-far').serialNumber).toBe(before)
    const { items } = await client.list(CertificatesV1CertificateSigningRequest)
    expect(items.some(({ status }) => status?.conditions === undefined)).toBe(true)
  })
})
