import { createServer } from 'node:https'
import type { Server, ServerOptions } from 'node:https'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from './fake-clock.ts'
import { createAuthority, issueCertificate } from './pki.ts'
import type { KeyPair } from './pki.ts'
import { authorizationHeader, HttpPoster } from './http-poster.ts'
import type { TlsSettings } from './http-poster.ts'

describe('posting over TLS', () => {
  let authority: KeyPair
  let client: KeyPair
  let server: Server
  let answer: (response: ServerResponse) => void
  beforeAll(async () => {
    const now = Date.now()
    authority = await createAuthority('ca', now)
    client = await issueCertificate(authority, { commonName: 'sink', isClient: true, now })
    const { cert, key } = await issueCertificate(authority, { commonName: 'receiver', hosts: ['127.0.0.1'], isServer: true, now })
    const options: ServerOptions = { cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: false }
    server = createServer(options, (request, response) => {
      request.resume()
      request.on('end', () => answer(response))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  beforeEach(() => {
    answer = (response) => response.end(String((response.req.socket as unknown as { authorized: boolean }).authorized))
  })

  const clock = new FakeClock()
  function open(tls: TlsSettings): HttpPoster {
    const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/write`)
    return new HttpPoster({ url, headers: {}, tls, clock, timeoutMs: 1000, maxAnswerBytes: 10 })
  }
  const body = Buffer.from('x')
  const { signal } = new AbortController()

  it('trusts nobody but the authorities that it is given', async () => {
    await expect(open({}).post(body, signal)).rejects.toThrow(/certificate/)
    expect(await open({ ca: authority.cert }).post(body, signal)).toMatchObject({ status: 200, body: 'false' })
    expect(await open({ isUnverified: true }).post(body, signal)).toMatchObject({ status: 200 })
  })

  it('shows its own certificate', async () => {
    const { cert, key } = client
    expect(await open({ ca: authority.cert, cert, key }).post(body, signal)).toMatchObject({ body: 'true' })
  })

  it('tells how long the server wants to be left alone, said in seconds or as a date', async () => {
    const poster = open({ ca: authority.cert })
    const waits: (number | undefined)[] = []
    const date = 'Sat, 21 Nov 2026 09:00:00 GMT'
    for (const after of ['7', 'Sat, 21 Nov 2026 09:02:00 GMT', 'Sat, 21 Nov 2026 08:00:00 GMT', 'soon', undefined]) {
      answer = (response) => response.writeHead(429, { date, ...(after === undefined ? {} : { 'retry-after': after }) }).end()
      waits.push((await poster.post(body, signal)).retryAfterMs)
    }
    expect(waits).toEqual([7000, 120_000, 0, undefined, undefined])
  })

  it('sends again what met a connection that the other side had just closed', async () => {
    const poster = open({ ca: authority.cert })
    let onConnection = 0
    const sockets = new Set<unknown>()
    answer = (response) => {
      onConnection = sockets.has(response.req.socket) ? onConnection + 1 : 1
      sockets.add(response.req.socket)
      if (onConnection === 1) response.end('taken')
      else response.req.socket.destroy()
    }
    expect(await poster.post(body, signal)).toMatchObject({ body: 'taken' })
    expect(await poster.post(body, signal)).toMatchObject({ body: 'taken' })
    answer = (response) => response.req.socket.destroy()
    await expect(poster.post(body, signal)).rejects.toThrow(/hang up|ECONNRESET/)
  })

  it('gives up at its deadline and when it is told to', async () => {
    answer = () => {}
    const poster = open({ ca: authority.cert })
    const late = poster.post(body, signal)
    late.catch(() => {})
    await clock.advance(1001)
    await expect(late).rejects.toThrow('did not answer within 1000 ms')
    const abort = new AbortController()
    const stopped = poster.post(body, abort.signal)
    abort.abort()
    await expect(stopped).rejects.toThrow(/abort/i)
    poster.close()
  })

  it('keeps no more of an answer than it may, and reads when to come again', async () => {
    answer = (response) => response.writeHead(429, { 'retry-after': '7' }).end('a'.repeat(100_000))
    const poster = open({ ca: authority.cert })
    const { status, body: text, retryAfterMs } = await poster.post(body, signal)
    expect([status, retryAfterMs, text.length <= 10]).toEqual([429, 7000, true])
    poster.close()
  })

  it('shows a token before a password, and nothing where there is neither', () => {
    expect(authorizationHeader({ user: 'a', password: 'b', token: 't' })).toEqual({ authorization: 'Bearer t' })
    expect(authorizationHeader({ user: 'a' })).toEqual({ authorization: 'Basic YTo=' })
    expect(authorizationHeader({ password: 'b' })).toEqual({})
  })
})
