import { once } from 'node:events'
import { createServer as createPlainServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import type { KeyPair } from '../../lib/pki.ts'
import { NodeScraper } from './node-scraper.ts'

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
  const scraper = (ca = authority.cert) => new NodeScraper({ ...client, ca, clock, timeoutMs: 4500 })
  const signal = new AbortController().signal
  const stageOf = (port: number, host = '127.0.0.1', ca?: string) =>
    scraper(ca)
      .scrape({ host, port }, signal)
      .then(
        () => 'none',
        ({ code }: { code: string }) => code,
      )

  it('shows our certificate and gives the text', async () => {
    const port = await listen((request, response) =>
      response.end(`${request.url} ${(request.socket as unknown as { authorized: boolean }).authorized}`),
    )
    expect(await scraper().scrape({ host: '127.0.0.1', port }, signal)).toBe('/stats/summary true')
  })

  it.each([
    [401, 'authentication'],
    [403, 'authorization'],
    [500, 'status'],
  ])('that is answered with %i fails at %s', async (status, stage) => {
    expect(await stageOf(await listen((_, response) => response.writeHead(status).end('no')))).toBe(stage)
  })

  it('fails at connect where nothing listens, and at dns where there is no such name', async () => {
    const port = await listen(() => {})
    server!.close()
    expect(await stageOf(port)).toBe('connect')
    expect(await stageOf(1, 'no-such-host.invalid')).toBe('dns')
  })

  it('fails at tls with a certificate of another authority, and with no TLS at all', async () => {
    const other = await createAuthority('other', Date.now())
    expect(await stageOf(await listen(() => {}), '127.0.0.1', other.cert)).toBe('tls')
    server!.close()
    expect(await stageOf(await listen(() => {}, false))).toBe('tls')
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
