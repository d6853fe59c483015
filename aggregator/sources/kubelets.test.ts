import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createPlainServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import type { KeyPair } from '../../lib/pki.ts'
import { createFakeNode, createFakeSummary } from '../fake-cluster.ts'
import { defaultConfiguration } from '../configuration.ts'
import type { KubeletSettings } from '../configuration.ts'
import { KubeletAccess } from './kubelet-access.ts'
import type { KubeletCredentials } from './kubelet-access.ts'
import { Kubelets } from './kubelets.ts'

describe('a scrape', () => {
  let authority: KeyPair
  let client: KeyPair
  let serving: KeyPair
  let server: Server | undefined
  const clock = new FakeClock()
  beforeAll(async () => {
    const now = Date.now()
    authority = await createAuthority('cluster', now)
    client = await issueCertificate(authority, { commonName: 'monitor', isClient: true, now })
    serving = await issueCertificate(authority, { commonName: 'node', hosts: ['127.0.0.1'], isServer: true, now })
  })
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })

  async function listen(answer: RequestListener, isSecure = true): Promise<number> {
    server = isSecure ? createServer({ ...serving, ca: authority.cert, requestCert: true }, answer) : createPlainServer(answer)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const summary = () => JSON.stringify(createFakeSummary('n1', clock.now(), []))
  function createKubelets(settings: Partial<KubeletSettings> = {}, credentials: KubeletCredentials = { ...client, ca: authority.cert }) {
    const all = { ...defaultConfiguration().sources.kubelet, ...settings }
    return new Kubelets({ access: new KubeletAccess({ credentials, settings: all, clock }), settings: all, timeoutMs: 4500, clock })
  }
  const { signal } = new AbortController()
  const stageOf = (port: number, host = '127.0.0.1', kubelets = createKubelets()) =>
    kubelets.read(createFakeNode('n1', host, port), signal).then(
      () => 'none',
      ({ code }: { code: string }) => code,
    )

  it('shows our certificate and gives the figures', async () => {
    let isAuthorized = false
    const port = await listen((request, response) => {
      isAuthorized = (request.socket as unknown as { authorized: boolean }).authorized
      response.end(summary())
    })
    const reading = await createKubelets().read(createFakeNode('n1', '127.0.0.1', port), signal)
    expect([isAuthorized, reading.endpoint, reading.sets.has('node:n1')]).toEqual([true, 'summary', true])
  })

  it('shows the token of a file as it is at the moment', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kubelets-'))
    const tokenFile = join(dir, 'token')
    writeFileSync(tokenFile, 'first\n')
    const seen: (string | undefined)[] = []
    const port = await listen((request, response) => {
      seen.push(request.headers.authorization)
      response.end(summary())
    })
    const kubelets = createKubelets({ tokenFile })
    expect(await stageOf(port, '127.0.0.1', kubelets)).toBe('none')
    writeFileSync(tokenFile, 'another')
    await clock.advance(10_000)
    expect(await stageOf(port, '127.0.0.1', kubelets)).toBe('none')
    expect(seen).toEqual(['Bearer first', 'Bearer another'])
    rmSync(dir, { recursive: true })
    expect(await stageOf(port, '127.0.0.1', createKubelets({ tokenFile }))).toBe('authentication')
  })

  it.each([403, 404])('falls back to the resource metrics where the summary is answered with %i, and looks again later', async (status) => {
    const asked: string[] = []
    let answers = false
    const port = await listen((request, response) => {
      asked.push(request.url!)
      if (request.url === '/metrics/resource') response.end('node_cpu_usage_seconds_total 12.5 1893456000000\n')
      else if (answers) response.end(summary())
      else response.writeHead(status).end()
    })
    const kubelets = createKubelets()
    const read = async () => (await kubelets.read(createFakeNode('n1', '127.0.0.1', port), signal)).endpoint
    expect([await read(), await read()]).toEqual(['resource', 'resource'])
    expect(asked).toEqual(['/stats/summary', '/metrics/resource', '/metrics/resource'])
    answers = true
    await clock.advance(300_000)
    expect(await read()).toBe('summary')
  })

  it('tells what the summary was refused with where there is no fallback either', async () => {
    const port = await listen((request, response) => response.writeHead(request.url === '/stats/summary' ? 403 : 404).end('no'))
    expect(await stageOf(port)).toBe('authorization')
    expect(await stageOf(port, '127.0.0.1', createKubelets({ endpoint: 'resource' }))).toBe('status')
  })

  it('chooses the address by type and the port by the settings', () => {
    const node = createFakeNode('n1', '10.0.0.1', 4)
    const statusOf = (addresses: readonly { type: string; address: string }[]) => ({
      ...node,
      status: { ...node.status, addresses: [...addresses] },
    })
    expect(createKubelets().addressOf(node)).toEqual({ host: '10.0.0.1', port: 4 })
    expect(createKubelets({ addressTypes: ['Hostname'], useNodeStatusPort: false }).addressOf(node)).toEqual({ host: 'n1', port: 10_250 })
    expect(createKubelets({ addressTypes: ['ExternalIP', 'InternalIP'] }).addressOf(node)?.host).toBe('10.0.0.1')
    expect(createKubelets({ addressTypes: ['ExternalIP'] }).addressOf(node)).toBeUndefined()
    expect(createKubelets().addressOf(statusOf([]))).toBeUndefined()
    expect(createKubelets({ port: 10 }).addressOf({ ...node, status: { addresses: [{ type: 'InternalIP', address: '::1' }] } })).toEqual({
      host: '::1',
      port: 10,
    })
  })

  it.each([
    [401, 'authentication'],
    [403, 'authorization'],
    [500, 'status'],
    [302, 'status'],
  ])('that is answered with %i fails at %s', async (status, stage) => {
    const port = await listen((_, response) => response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end('no'))
    expect(await stageOf(port)).toBe(stage)
  })

  it('fails at connect where nothing listens, and at dns where there is no such name', async () => {
    const port = await listen(() => {})
    server!.close()
    expect(await stageOf(port)).toBe('connect')
    expect(await stageOf(1, 'no-such-host.invalid')).toBe('dns')
  })

  it('fails at tls with a certificate of another authority unless told not to look, and with no TLS at all', async () => {
    const other = await createAuthority('other', Date.now())
    const credentials = { ...client, ca: other.cert }
    const port = await listen((_, response) => response.end(summary()))
    expect(await stageOf(port, '127.0.0.1', createKubelets({}, credentials))).toBe('tls')
    expect(await stageOf(port, '127.0.0.1', createKubelets({ insecureSkipTlsVerify: true }, credentials))).toBe('none')
    server!.close()
    const plain = await listen((_, response) => response.end(summary()), false)
    expect(await stageOf(plain)).toBe('tls')
    expect(await stageOf(plain, '127.0.0.1', createKubelets({ scheme: 'http' }))).toBe('none')
  })

  it('fails at parse when the node speaks for another one, or of something else', async () => {
    const port = await listen((_, response) => response.end(JSON.stringify(createFakeSummary('n2', clock.now(), []))))
    expect(await stageOf(port)).toBe('parse')
    server!.close()
    expect(await stageOf(await listen((_, response) => response.end('<html>')))).toBe('parse')
  })

  it('fails at timeout when the answer does not end in time', async () => {
    const asked = new Promise<number>((resolve) => {
      void listen((_, response) => {
        response.write('{')
        resolve(0)
      }).then((port) => void (failure = stageOf(port)))
    })
    let failure: Promise<string> | undefined
    await asked
    await clock.advance(4500)
    expect(await failure).toBe('timeout')
  })

  it('fails at size when there is no end to it', async () => {
    const port = await listen((_, response) => {
      const chunk = Buffer.alloc(1 << 20)
      const more = () => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    })
    expect(await stageOf(port)).toBe('size')
  })
})
