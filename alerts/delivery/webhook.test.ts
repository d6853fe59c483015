import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import type { WebhookSettings } from '../routing/receiver.ts'
import { sampleNotification } from '../testing/sample-notification.ts'
import type { Integration, Notification } from './notification.ts'
import { createWebhookIntegration, parseRetryAfter } from './webhook.ts'

interface Received {
  readonly request: IncomingMessage
  readonly body: string
}

const never = new AbortController().signal
let server: Server
let base: string
let clock: FakeClock
let integration: Integration | undefined
let received: Received[]
let answer: (response: ServerResponse, request: IncomingMessage) => void

beforeEach(async () => {
  clock = new FakeClock()
  received = []
  answer = (response) => response.end()
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push({ request, body })
      answer(response, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  integration?.close()
  server.closeAllConnections()
  await new Promise<void>((resolve) => server.close(() => resolve()))
})

function send(more: Partial<WebhookSettings> = {}, notification: Partial<Notification> = {}) {
  const settings: WebhookSettings = {
    kind: 'webhook',
    sendResolved: true,
    url: new URL(`${base}/hook?x=1`),
    maxAlerts: 0,
    timeoutMs: 10_000,
    tls: { isInsecure: false },
    followRedirects: true,
    allowLinkLocal: false,
    ...more,
  }
  integration = createWebhookIntegration(settings, clock)
  return integration.send({ ...sampleNotification, ...notification }, never)
}

describe('a webhook', () => {
  it('gets the payload of version 4 with a stable key and the number of the attempt', async () => {
    expect(await send({}, { attempts: 2 })).toEqual({ outcome: 'delivered', detail: 'HTTP 200' })
    const [{ request, body }] = received as [Received]
    expect([request.method, request.url]).toEqual(['POST', '/hook?x=1'])
    expect(request.headers).toMatchObject({
      'idempotency-key': '0123456789abcdef-7',
      'x-binnacle-attempt': '3',
      'content-type': 'application/json',
    })
    expect(JSON.parse(body)).toEqual({
      version: '4',
      receiver: 'ops',
      status: 'firing',
      groupKey: '{}:{alertname="PodRestarting"}',
      truncatedAlerts: 0,
      externalURL: 'http://127.0.0.1:9093',
      groupLabels: { alertname: 'PodRestarting' },
      commonLabels: { alertname: 'PodRestarting', namespace: 'default', pod: 'web-1' },
      commonAnnotations: { summary: 'web-1 <script>restarts</script>' },
      alerts: [
        {
          status: 'firing',
          labels: { alertname: 'PodRestarting', namespace: 'default', pod: 'web-1' },
          annotations: { summary: 'web-1 <script>restarts</script>' },
          startsAt: '2030-01-01T00:00:00.000Z',
          endsAt: '0001-01-01T00:00:00Z',
          generatorURL: 'http://127.0.0.1:9093/rule',
          fingerprint: '00000000000000ff',
        },
      ],
    })
  })

  it('gets a signature that its secret verifies', async () => {
    await send({ hmacSecret: 'swordfish', authorization: 'Bearer t' })
    const [{ request, body }] = received as [Received]
    const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(request.headers['x-binnacle-signature']))!
    expect(Number(seconds)).toBe(clock.now() / 1000)
    expect(createHmac('sha256', 'swordfish').update(`${seconds}.${body}`).digest('hex')).toBe(signature)
    expect(request.headers.authorization).toBe('Bearer t')
  })

  it('gets as many alerts as it asked for, and the number of the others', async () => {
    await send({ maxAlerts: 1 }, { alerts: [sampleNotification.alerts[0]!, sampleNotification.alerts[0]!, sampleNotification.alerts[0]!] })
    expect(JSON.parse(received[0]!.body)).toMatchObject({ truncatedAlerts: 2, alerts: [{}] })
  })

  it.each([
    [503, 'retry'],
    [500, 'retry'],
    [404, 'retry'],
    [401, 'retry'],
    [400, 'failed'],
    [413, 'failed'],
    [204, 'delivered'],
  ])('that answers %i means %s', async (status, outcome) => {
    answer = (response) => response.writeHead(status).end()
    expect(await send()).toMatchObject({ outcome })
  })

  it('that asks for a pause gets it', async () => {
    answer = (response) => response.writeHead(429, { 'Retry-After': '17' }).end('slow down')
    expect(await send()).toEqual({ outcome: 'retry', reason: 'HTTP 429: slow down', afterMs: 17_000 })
    expect(parseRetryAfter(new Date(clock.now() + 5000).toUTCString(), clock.now())).toBe(5000)
    expect(parseRetryAfter('soon', clock.now())).toBeUndefined()
  })

  it('that says nothing is left at the deadline', async () => {
    const { promise: reached, resolve } = Promise.withResolvers<void>()
    answer = () => resolve()
    const sending = send()
    await reached
    await clock.advance(10_000)
    expect(await sending).toEqual({ outcome: 'retry', reason: 'no answer within 10000 ms' })
  })

  it('that is not there, or hangs up, is tried again', async () => {
    answer = (response) => response.destroy()
    expect(await send()).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(/hang up|ECONNRESET/) })
    expect(await send({ url: new URL('http://127.0.0.1:1/') })).toMatchObject({
      outcome: 'retry',
      reason: expect.stringMatching(/ECONNREFUSED/),
    })
  })

  it('may redirect to itself, and nowhere else', async () => {
    answer = (response, request) => (request.url === '/other' ? response.end() : response.writeHead(308, { Location: '/other' }).end())
    expect(await send()).toMatchObject({ outcome: 'delivered' })
    expect(received.map(({ request }) => request.url)).toEqual(['/hook?x=1', '/other'])
    answer = (response) => response.writeHead(307, { Location: 'http://127.0.0.2:9/' }).end()
    expect(await send()).toMatchObject({
      outcome: 'retry',
      reason: expect.stringMatching(/redirected to another place \(http:\/\/127.0.0.2:9\)/),
    })
    answer = (response) => response.writeHead(302, { Location: '/other' }).end()
    expect(await send()).toMatchObject({ outcome: 'retry', reason: 'HTTP 302' })
  })

  it.each(['http://169.254.169.254/latest/meta-data', 'http://[fe80::1]/', 'http://[::ffff:169.254.169.254]/'])(
    'at the link-local address %s is not called',
    async (url) => {
      expect(await send({ url: new URL(url) })).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(/link-local address/) })
    },
  )

  it('that sends an endless answer is not read to the end', async () => {
    answer = (response) => {
      response.writeHead(500)
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      }
      response.on('drain', pour)
      pour()
    }
    expect(await send()).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(/^HTTP 500: x{200}$/) })
  })
})
