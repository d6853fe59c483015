import type { IncomingMessage } from 'node:http'
import { createServer, request, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Transport } from '../../client/client.ts'
import { createTestCredentials, startTestServer, type TestCredentials, type TestServer } from '../testing/test-server.ts'

let running: TestServer
let credentials: TestCredentials
let admin: Transport
let backend: Server
const seen: { readonly url: string; readonly headers: IncomingMessage['headers']; readonly peer: string }[] = []
const note = ({ url, headers, socket }: IncomingMessage) =>
  seen.push({ url: url!, headers, peer: (socket as TLSSocket).getPeerCertificate().subject.CN as string })
const sockets: Duplex[] = []

/** Stands in for a node agent and for an aggregated API server: says what it was asked, counts on a watch, echoes an upgrade. */
function startBackend(): Promise<Server> {
  const server = createServer({
    ...credentials.server,
    ca: [credentials.ca.cert, credentials.frontProxyCa.cert],
    requestCert: true,
    rejectUnauthorized: true,
  })
  server.on('request', (incoming, response) => {
    note(incoming)
    if (incoming.url === '/apis/things.example.com/v1') {
      const resources = [{ name: 'things', singularName: 'thing', namespaced: false, kind: 'Thing', verbs: ['get', 'list', 'watch'] }]
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'things.example.com/v1', resources }))
    } else if (incoming.url?.includes('previous=true') === true) {
      response.writeHead(400, { 'content-type': 'text/plain' }).end('previous terminated container "a" in pod "p" not found')
    } else if (incoming.url?.includes('watch=true') === true) {
      response.write('{"type":"ADDED","object":{"metadata":{"name":"one"}}}\n')
      response.on('close', () => incoming.socket.emit('gone'))
    } else {
      let body = ''
      incoming
        .setEncoding('utf8')
        .on('data', (piece: string) => (body += piece))
        .on('end', () => {
          response.setHeader('content-type', 'application/json').end(JSON.stringify({ url: incoming.url, method: incoming.method, body }))
        })
    }
  })
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => {
    note(incoming)
    sockets.push(socket)
    socket.on('error', () => {})
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${incoming.headers.upgrade}\r\nConnection: Upgrade\r\n\r\n`)
    socket.pipe(socket)
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

const post = (path: string, body: unknown) => admin.request({ method: 'POST', path, body }) as Promise<any>

beforeAll(async () => {
  credentials = await createTestCredentials()
  backend = await startBackend()
  running = await startTestServer(credentials)
  admin = running.server.transport
  const { port } = backend.address() as AddressInfo
  await post('/api/v1/nodes', {
    metadata: { name: 'n1' },
    status: { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: port } } },
  })
  const containers = [
    { name: 'a', image: 'i' },
    { name: 'b', image: 'i' },
  ]
  await post('/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec: { nodeName: 'n1', containers } })
  await post('/api/v1/namespaces/default/pods', { metadata: { name: 'waiting' }, spec: { containers: [containers[0]] } })
  await post('/api/v1/namespaces/default/services', {
    metadata: { name: 'things' },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
  })
  await post('/apis/apiregistration.k8s.io/v1/apiservices', {
    metadata: { name: 'v1.things.example.com' },
    spec: {
      group: 'things.example.com',
      version: 'v1',
      groupPriorityMinimum: 100,
      versionPriority: 100,
      caBundle: Buffer.from(credentials.ca.cert).toString('base64'),
      service: { name: 'things', namespace: 'default', port },
    },
  })
})
afterAll(async () => {
  await running.stop()
  for (const socket of sockets) socket.destroy()
  backend.closeAllConnections()
  await new Promise((resolve) => backend.close(resolve))
})

interface Answer {
  readonly code: number
  readonly text: string
}

function send(
  path: string,
  options: { readonly method?: string; readonly body?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { body, ...rest } = options
  return new Promise((resolve, reject) => {
    const { port } = running.server.address
    const outgoing = request(
      { host: '127.0.0.1', port, path, ca: credentials.ca.cert, ...credentials.admin, agent: false, ...rest },
      (answer) => {
        let text = ''
        answer
          .setEncoding('utf8')
          .on('data', (piece: string) => (text += piece))
          .on('end', () => resolve({ code: answer.statusCode!, text }))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

describe('requests that a node answers', () => {
  test.each([
    [
      'a log',
      '/api/v1/namespaces/default/pods/p/log?container=a&tailLines=3&follow=true',
      '/containerLogs/default/p/a?tailLines=3&follow=true',
    ],
    ['statistics', '/api/v1/nodes/n1/proxy/stats/summary?only=cpu', '/stats/summary?only=cpu'],
    [
      'an exec that is not upgraded',
      '/api/v1/namespaces/default/pods/p/exec?container=b&command=ls&command=-l&stdout=true',
      '/exec/default/p/b?command=ls&command=-l&output=1',
    ],
  ])('%s goes to its agent with our certificate', async (_, path, url) => {
    const { code, text } = await send(path, { headers: { authorization: 'Bearer secret', 'x-remote-user': 'me' } })
    expect(code).toBe(401)
    expect(text).toContain('Unauthorized')
    const passed = await send(path)
    expect(JSON.parse(passed.text)).toMatchObject({ url, method: 'GET' })
    const last = seen.at(-1)!
    expect(last.peer).toBe('kube-apiserver-kubelet-client')
    expect(last.headers).not.toHaveProperty('authorization')
  })

  test.each<[string, string, number, string]>([
    [
      'a container that has to be named',
      '/api/v1/namespaces/default/pods/p/log',
      400,
      'a container name must be specified for pod p, choose one of: [a b]',
    ],
    ['a container that is not there', '/api/v1/namespaces/default/pods/p/log?container=z', 400, 'container z is not valid for pod p'],
    ['a pod without a node', '/api/v1/namespaces/default/pods/waiting/exec?command=ls', 400, 'pod waiting does not have a host assigned'],
    ['a pod that is not there', '/api/v1/namespaces/default/pods/none/log', 404, 'pods \\"none\\" not found'],
    ['a bad number of lines', '/api/v1/namespaces/default/pods/p/log?container=a&tailLines=-1', 400, 'tailLines'],
    [
      'what the agent finds wrong',
      '/api/v1/namespaces/default/pods/p/log?container=a&previous=true',
      400,
      '"message":"previous terminated container',
    ],
    ['a node that is not there', '/api/v1/nodes/n9/proxy/pods', 404, 'nodes \\"n9\\" not found'],
    ['an agent that is not there', '/api/v1/nodes/n1:1/proxy/pods', 503, 'error trying to reach service'],
  ])('%s is said so', async (_, path, code, message) => {
    const answer = await send(path)
    expect(answer.code).toBe(code)
    expect(answer.text).toContain(message)
  })

  test('an upgraded connection is a tunnel whose ends close together', async () => {
    const { port } = running.server.address
    const path = '/api/v1/namespaces/default/pods/p/exec?container=a&command=sh&stdin=true&stdout=true&tty=true'
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-protocol': 'v5.channel.k8s.io' }
    const outgoing = request({ host: '127.0.0.1', port, path, ca: credentials.ca.cert, ...credentials.admin, headers, agent: false })
    const socket = await new Promise<Duplex>((resolve, reject) => {
      outgoing
        .on('upgrade', (_, upgraded) => resolve(upgraded))
        .on('error', reject)
        .end()
    })
    expect(seen.at(-1)!.url).toBe('/exec/default/p/a?command=sh&input=1&output=1&tty=1')
    expect(seen.at(-1)!.headers['sec-websocket-protocol']).toBe('v5.channel.k8s.io')
    const echoed = new Promise((resolve) => socket.once('data', (piece: Buffer) => resolve(piece.toString())))
    socket.write('hello')
    expect(await echoed).toBe('hello')
    const closed = new Promise((resolve) => sockets.at(-1)!.once('close', resolve))
    socket.destroy()
    await closed
  })

  test('an upgrade that is not allowed is refused', async () => {
    const pair = await credentials.issue('stranger')
    const { port } = running.server.address
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'websocket' }
      request({
        host: '127.0.0.1',
        port,
        path: '/api/v1/namespaces/default/pods/p/exec?command=sh',
        ca: credentials.ca.cert,
        ...pair,
        headers,
        agent: false,
      })
        .on('response', resolve)
        .on('error', reject)
        .end()
    })
    expect(answer.statusCode).toBe(403)
  })
})

describe('APIs that others serve', () => {
  /** The Available condition of an APIService, once it has one. */
  async function availabilityOf(name: string): Promise<object[]> {
    const collection = '/apis/apiregistration.k8s.io/v1/apiservices'
    const end = new AbortController()
    const stream = admin.stream({ method: 'GET', path: collection, query: { fieldSelector: `metadata.name=${name}` } }, end.signal)
    for await (const { object } of stream) {
      const { status } = object as { readonly status?: { readonly conditions?: readonly object[] } }
      if ((status?.conditions ?? []).length > 0) break
    }
    return ((await admin.request({ method: 'GET', path: `${collection}/${name}` })) as any).status.conditions
  }

  test('whose service has no address say so, and nothing else suffers', async () => {
    await post('/api/v1/namespaces/default/services', {
      metadata: { name: 'absent' },
      spec: { selector: { app: 'absent' }, ports: [{ port: 443 }] },
    })
    await post('/apis/apiregistration.k8s.io/v1/apiservices', {
      metadata: { name: 'v1.absent.example.com' },
      spec: {
        group: 'absent.example.com',
        version: 'v1',
        groupPriorityMinimum: 100,
        versionPriority: 100,
        insecureSkipTLSVerify: true,
        service: { name: 'absent', namespace: 'default', port: 443 },
      },
    })
    expect(await availabilityOf('v1.absent.example.com')).toMatchObject([
      { type: 'Available', status: 'False', message: expect.stringContaining('no endpoints available for service "absent"') },
    ])
  })

  test('become available, and are announced', async () => {
    expect(await availabilityOf('v1.things.example.com')).toMatchObject([{ type: 'Available', status: 'True', reason: 'Passed' }])
    const groups = JSON.parse((await send('/apis')).text) as { groups: { name: string }[] }
    expect(groups.groups.map(({ name }) => name)).toContain('things.example.com')
  })

  test('are asked in the name of the user', async () => {
    const answer = await send('/apis/things.example.com/v1/things/x?y=z', { method: 'PUT', body: '{"a":1}' })
    expect(JSON.parse(answer.text)).toEqual({ url: '/apis/things.example.com/v1/things/x?y=z', method: 'PUT', body: '{"a":1}' })
    const { headers, peer } = seen.at(-1)!
    expect(headers).toMatchObject({ 'x-remote-user': 'admin', 'x-remote-group': 'system:masters, system:authenticated' })
    expect(peer).toBe('front-proxy-client')
  })

  test('are reached from within the process too', async () => {
    expect(await admin.request({ method: 'GET', path: '/apis/things.example.com/v1/things' })).toMatchObject({
      url: '/apis/things.example.com/v1/things',
    })
    const end = new AbortController()
    const stream = admin
      .stream({ method: 'GET', path: '/apis/things.example.com/v1/things', query: {} }, end.signal)
      [Symbol.asyncIterator]()
    expect((await stream.next()).value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'one' } } })
    end.abort()
    expect((await stream.next()).done).toBe(true)
  })

  test('are guarded by our authorization', async () => {
    const pair = await credentials.issue('stranger')
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request({
        host: '127.0.0.1',
        port: running.server.address.port,
        path: '/apis/things.example.com/v1/things',
        ca: credentials.ca.cert,
        ...pair,
        agent: false,
      })
        .on('response', resolve)
        .on('error', reject)
        .end()
    })
    expect(answer.statusCode).toBe(403)
  })
})
