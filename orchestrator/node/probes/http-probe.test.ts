import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { FakeClock } from '../../../lib/fake-clock.ts'
import type { CoreV1HTTPGetAction } from '../../api/generated/kinds.ts'
import { probeHttp } from './http-probe.ts'

let server: Server
let port: number
let answer: (request: IncomingMessage, response: ServerResponse) => void
let asked: IncomingMessage[]

beforeEach(async () => {
  asked = []
  server = createServer((request, response) => {
    asked.push(request)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ;({ port } = server.address() as AddressInfo)
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const probe = (action: Partial<CoreV1HTTPGetAction> = {}, clock = systemClock) =>
  probeHttp(clock, { host: '127.0.0.1', port, action: { port, ...action } }, 5_000)
const end = (status: number, headers: Record<string, string> = {}, body = '') =>
  (answer = (_request, response) => response.writeHead(status, headers).end(body))

test.each([
  [200, { isSuccess: true, status: 200, output: 'said' }],
  [204, { isSuccess: true, status: 204, output: '' }],
  [304, { isSuccess: true, isWarning: true, status: 304, output: 'Probe terminated redirects, Response body: ' }],
  [404, { isSuccess: false, status: 404, output: 'HTTP probe failed with statuscode: 404' }],
  [503, { isSuccess: false, status: 503, output: 'HTTP probe failed with statuscode: 503' }],
])('status %d is what the kubelet makes of it', async (status, outcome) => {
  end(status, {}, status === 200 || status >= 400 ? 'said' : '')
  expect(await probe()).toEqual(outcome)
})

test('path and headers are as given, several of one name among them', async () => {
  end(200)
  await probe({
    path: 'a b?c=d',
    httpHeaders: [
      { name: 'Host', value: 'web' },
      { name: 'X-A', value: '1' },
      { name: 'x-a', value: '2' },
    ],
  })
  expect(asked[0]).toMatchObject({
    url: '/a%20b?c=d',
    headers: { host: 'web', 'x-a': '1, 2', 'user-agent': 'kube-probe/1.35', accept: '*/*' },
  })
  await probe({
    httpHeaders: [
      { name: 'User-Agent', value: '' },
      { name: 'Accept', value: 'text/plain' },
    ],
  })
  expect(asked[1]!.headers).toMatchObject({ accept: 'text/plain' })
  expect(asked[1]!.headers).not.toHaveProperty('user-agent')
})

test('a redirect on the same host is followed to its end', async () => {
  answer = ({ url }, response) => (url === '/' ? response.writeHead(302, { location: '/login' }).end() : response.writeHead(500).end())
  expect(await probe()).toEqual({ isSuccess: false, status: 500, output: 'HTTP probe failed with statuscode: 500' })
  expect(asked.map(({ url }) => url)).toEqual(['/', '/login'])
})

test('one that leads elsewhere passes with a warning', async () => {
  end(301, { location: 'http://192.0.2.1/' }, 'moved')
  expect(await probe()).toEqual({
    isSuccess: true,
    isWarning: true,
    status: 301,
    output: 'Probe terminated redirects, Response body: moved',
  })
})

test('one that never ends fails', async () => {
  end(302, { location: '/' })
  expect(await probe()).toEqual({ isSuccess: false, output: `Get "http://127.0.0.1:${port}/": stopped after 10 redirects` })
  expect(asked).toHaveLength(10)
})

test('a long answer is not read to its end', async () => {
  end(200, {}, 'x'.repeat(100_000))
  expect((await probe()).output).toHaveLength(10 * 1024)
})

test('a server that does not answer in time, or is not there, fails in the words of the Go library', async () => {
  const clock = new FakeClock()
  answer = () => void clock.advance(5_000)
  expect(await probe({ path: '/slow' }, clock)).toEqual({
    isSuccess: false,
    output: `Get "http://127.0.0.1:${port}/slow": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  })
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  expect((await probe()).output).toBe(`Get "http://127.0.0.1:${port}/": dial tcp 127.0.0.1:${port}: connect: connection refused`)
})
