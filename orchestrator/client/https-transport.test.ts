import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { isExpired, isNotFound, notFound } from '../api/status-error.ts'
import { createHttpsTransport, TransportError } from './https-transport.ts'
import type { HttpsTransport } from './https-transport.ts'

let server: Server
let answer: (request: IncomingMessage, response: ServerResponse) => void
let transport: HttpsTransport
let clock: FakeClock
let sockets: number

beforeEach(async () => {
  clock = new FakeClock()
  sockets = 0
  server = createServer((request, response) => answer(request, response))
  server.on('connection', () => sockets++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  transport = createHttpsTransport({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 'secret', clock })
})
afterEach(async () => {
  transport.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const get = { method: 'GET', path: '/api/v1/pods' } as const
const refusalOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )
const collect = async (signal = new AbortController().signal) => {
  const events = []
  for await (const event of transport.stream(get, signal)) events.push(event)
  return events
}

test('sends token, query and body, and reads the answer on a kept connection', async () => {
  const seen: unknown[] = []
  answer = (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      seen.push([
        request.method,
        request.url,
        request.headers.authorization,
        request.headers['content-type'],
        Buffer.concat(chunks).toString(),
      ])
      response.end('{"kind":"Pod"}')
    })
  }
  const body = { metadata: { name: 'ä' } }
  expect(
    await transport.request({
      method: 'PATCH',
      path: '/api/v1/x',
      query: { fieldManager: 'me' },
      body,
      contentType: 'application/merge-patch+json',
    }),
  ).toEqual({ kind: 'Pod' })
  await transport.request(get)
  expect(seen).toEqual([
    ['PATCH', '/api/v1/x?fieldManager=me', 'Bearer secret', 'application/merge-patch+json', JSON.stringify(body)],
    ['GET', '/api/v1/pods', 'Bearer secret', undefined, ''],
  ])
  expect(sockets).toBe(1)
})

test('reads compressed answers', async () => {
  answer = (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"items":[1]}'))
  expect(await transport.request(get)).toEqual({ items: [1] })
})

test('a Status answer rejects as it is, any other refusal with its code and text', async () => {
  answer = (_, response) => response.writeHead(404).end(JSON.stringify(notFound({ group: '', plural: 'pods' }, 'p').status))
  expect(isNotFound(await refusalOf(transport.request(get)))).toBe(true)
  answer = (_, response) => response.writeHead(503).end('upstream is away')
  expect(await refusalOf(transport.request(get))).toMatchObject({
    status: { code: 503, reason: 'ServiceUnavailable', message: 'GET /api/v1/pods: upstream is away' },
  })
})

test('an answer that is not JSON, and a server that is not there, are told as such', async () => {
  answer = (_, response) => response.end('<html>')
  expect(await refusalOf(transport.request(get))).toMatchObject({
    code: 'EMALFORMED',
    message: 'GET /api/v1/pods: the answer is not JSON: "<html>"',
  })
  const nowhere = createHttpsTransport({ server: 'http://127.0.0.1:1', clock })
  expect(await refusalOf(nowhere.request(get))).toMatchObject({ name: 'TransportError', code: 'ECONNREFUSED' })
})

test('a request without an answer ends at its deadline', async () => {
  const asked = new Promise<void>((resolve) => (answer = () => resolve()))
  const refusal = refusalOf(transport.request(get))
  await asked
  await clock.advance(60_000)
  expect(await refusal).toMatchObject({ code: 'ETIMEDOUT', message: 'GET /api/v1/pods: no answer within 60000 ms' })
})

test('a watch gives frames as they come, across chunk borders and within characters', async () => {
  const frames = ['a', 'ä', '\u{1F600}'].map((name) => JSON.stringify({ type: 'ADDED', object: { metadata: { name } } }))
  answer = (_, response) => {
    for (const byte of Buffer.from(`${frames.join('\n')}\n`)) response.write(Buffer.of(byte))
    response.end()
  }
  expect((await collect()).map(({ object }) => object.metadata.name)).toEqual(['a', 'ä', '\u{1F600}'])
})

test('an ERROR frame rejects with its Status', async () => {
  answer = (_, response) =>
    response.end(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } })}\n`)
  expect(isExpired(await refusalOf(collect()))).toBe(true)
})

test.each([
  { name: 'a frame that is no JSON', text: '{"type":\n', message: /malformed watch frame/ },
  { name: 'a frame without an object', text: '{"type":"ADDED"}\n', message: /malformed watch frame/ },
  { name: 'an end within a frame', text: '{"type":"ADDED"', message: /the watch ended within a frame/ },
])('$name is an error, never passed over', async ({ text, message }) => {
  answer = (_, response) => response.end(text)
  const refusal = await refusalOf(collect())
  expect(refusal).toBeInstanceOf(TransportError)
  expect((refusal as Error).message).toMatch(message)
})

test('a watch ends quietly when its signal aborts', async () => {
  const abort = new AbortController()
  answer = (_, response) => {
    response.write(`${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'a' } } })}\n`)
    abort.abort()
  }
  await expect(collect(abort.signal)).resolves.toBeInstanceOf(Array)
})

test('a watch that stays silent for longer than it was asked for is given up', async () => {
  const asked = new Promise<string>(
    (resolve) =>
      (answer = (request, response) => {
        response.flushHeaders()
        resolve(request.url!)
      }),
  )
  const refusal = refusalOf(collect())
  expect(await asked).toContain('timeoutSeconds=600')
  await clock.advance(631_000)
  expect(await refusal).toMatchObject({ code: 'ETIMEDOUT' })
})

test('a server that is no URL is refused, naming it', () => {
  expect(() => createHttpsTransport({ server: 'localhost:6443', clock })).toThrow(
    'server: "localhost:6443" is not a URL that starts with https:// or http://',
  )
})
