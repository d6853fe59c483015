import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket, WebSocketServer } from 'ws'
import { statusTexts } from '../../../lib/http.ts'
import { lazyPackage } from '../../../lib/lazy-package.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { PodManager } from '../pod/pod-manager.ts'
import type { PodWorker } from '../pod/pod-worker.ts'
import { newestAttempt } from '../pod/pod-view.ts'
import type { ContainerRuntime, ObservedContainer, ProcessStreams } from '../runtime/runtime.ts'
import { decodePart, HttpError, statusCodeOf } from './http-error.ts'
import type { Authenticator } from './node-authentication.ts'
import { forwardOverChannels, forwardOverSpdy } from './port-forward.ts'
import { runCommand } from './remote-command.ts'
import { spdyCommand, spdyCommandProtocols } from './spdy-command.ts'
import { commandProtocols, webSocketCommand } from './websocket-channels.ts'

const ws = lazyPackage<typeof import('ws')>('ws')

interface Dependencies {
  readonly runtime: ContainerRuntime
  readonly pods: Pick<PodManager, 'find'>
  readonly authenticator: Authenticator
  readonly clock: Clock
  readonly log: Log
}

/** SPDY frames inside WebSocket messages: what kubectl port-forwards by. */
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io'
const portForwardProtocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io', 'portforward.k8s.io', 'channel.k8s.io'] as const
const maxMessageBytes = 4 * 1024 * 1024

/** What a client wants of a command's streams. */
interface StreamRequest {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** Upgraded connections: exec, attach and port-forward, by WebSocket or by SPDY/3.1. */
export class StreamServer {
  readonly #options: Dependencies
  /** Made for the first that comes by WebSocket. */
  #webSockets: WebSocketServer | undefined

  constructor(options: Dependencies) {
    this.#options = options
  }

  stop(): void {
    for (const client of this.#webSockets?.clients ?? []) client.terminate()
    this.#webSockets?.close()
  }

  /** Serves one upgrade request to its end. Never rejects. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      const url = new URL(request.url ?? '/', 'https://node')
      await this.#options.authenticator.authorize(request, url.pathname)
      const [kind, namespace = '', name = '', ...rest] = url.pathname.split('/').slice(1).map(decodePart)
      const worker = this.#options.pods.find(namespace, name)
      if (worker === undefined) throw new HttpError(404, `pod "${name}" not found`)
      const open = { request, socket, head, url, worker }
      if (kind === 'portForward') await this.#portForward(open)
      else if (kind === 'exec' || kind === 'attach') await this.#command(open, kind, rest.at(-1) ?? '')
      else throw new HttpError(404, '404 page not found')
    } catch (error) {
      refuse(socket, statusCodeOf(error), (error as Error).message)
    }
  }

  async #command(open: Upgrade, kind: 'exec' | 'attach', containerName: string): Promise<void> {
    const { runtime, clock } = this.#options
    const { searchParams } = open.url
    const container = runningContainer(open.worker, containerName)
    const wanted = streamRequest(searchParams)
    const command = searchParams.getAll('command')
    if (kind === 'exec' && command.length === 0) throw new HttpError(400, 'you must specify a command')
    const start = (): Promise<ProcessStreams> =>
      kind === 'exec' ? runtime.exec(container.id, { ...wanted, command }) : runtime.attach(container.id, wanted)
    if (isSpdy(open.request)) {
      const protocol = chooseProtocol(open.request, spdyCommandProtocols)
      acceptSpdy(open, protocol)
      const connection = await spdyCommand(open.socket, { ...wanted, protocol }, clock)
      if (connection !== undefined) await runCommand(connection, start)
      return
    }
    const webSocket = await this.#acceptWebSocket(open)
    await runCommand(webSocketCommand(webSocket, webSocket.protocol, wanted.stdin), start)
  }

  async #portForward(open: Upgrade): Promise<void> {
    const { runtime, clock } = this.#options
    const target = { worker: open.worker, runtime, clock }
    if (isSpdy(open.request)) {
      acceptSpdy(open, chooseProtocol(open.request, ['portforward.k8s.io']))
      return forwardOverSpdy(open.socket, target)
    }
    if ((open.request.headers['sec-websocket-protocol'] ?? '').split(',').some((each) => each.trim() === tunnelProtocol)) {
      tunnelled.add(open.request)
      delete open.request.headers['sec-websocket-protocol']
      return forwardOverSpdy(ws().createWebSocketStream(await this.#acceptWebSocket(open)), target)
    }
    const ports = portsIn(open.url.searchParams)
    const webSocket = await this.#acceptWebSocket(open)
    await forwardOverChannels(webSocket, webSocket.protocol, ports, target)
  }

  #acceptWebSocket({ request, socket, head }: Upgrade): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      socket.once('close', () => reject(new Error('the client went away')))
      this.#webSockets ??= createWebSocketServer()
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on('error', () => {})
        resolve(webSocket)
      })
    })
  }
}

function createWebSocketServer(): WebSocketServer {
  const server = new (ws().WebSocketServer)({
    noServer: true,
    clientTracking: true,
    maxPayload: maxMessageBytes,
    handleProtocols: (offered) => [...commandProtocols, ...portForwardProtocols].find((protocol) => offered.has(protocol)) ?? false,
  })
  // '/' is no character of a subprotocol by the standard, so the library would refuse the tunnel's name: it is answered by hand.
  server.on('headers', (headers, request: IncomingMessage) => {
    if (tunnelled.has(request)) headers.push(`Sec-WebSocket-Protocol: ${tunnelProtocol}`)
  })
  server.on('error', () => {})
  return server
}

/** An upgrade on its way. */
interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
  readonly url: URL
  readonly worker: PodWorker
}

/** Requests whose WebSocket carries SPDY frames. */
const tunnelled = new WeakSet<IncomingMessage>()

const isSpdy = (request: IncomingMessage) => request.headers.upgrade?.toLowerCase() === 'spdy/3.1'

function acceptSpdy({ socket, head }: Upgrade, protocol: string): void {
  if (head.length > 0) socket.unshift(head)
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  )
}

function chooseProtocol(request: IncomingMessage, known: readonly string[]): string {
  const header = request.headers['x-stream-protocol-version']
  const offered = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',').map((each) => each.trim())
  if (offered.length === 1 && offered[0] === '') return known.at(-1)!
  const chosen = known.find((protocol) => offered.includes(protocol))
  if (chosen === undefined)
    throw new HttpError(
      403,
      `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${known.join(' ')}]`,
    )
  return chosen
}

/** Old clients write `input` and `output` where newer ones write `stdin` and `stdout`. */
function streamRequest(query: URLSearchParams): StreamRequest {
  const has = (...names: string[]) => names.some((name) => ['1', 'true'].includes(query.get(name) ?? ''))
  const wanted = { stdin: has('stdin', 'input'), stdout: has('stdout', 'output'), stderr: has('stderr', 'error'), tty: has('tty') }
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr) throw new HttpError(400, 'you must specify at least 1 of stdin, stdout, stderr')
  return wanted
}

function runningContainer(worker: PodWorker, name: string): ObservedContainer {
  const containers = worker.containers.filter(({ kind }) => kind === 'container')
  const wanted = name === '' ? (worker.pod.spec.containers[0]?.name ?? '') : name
  const container = newestAttempt({ containers }, wanted)
  if (container?.state !== 'running') throw new HttpError(404, `unable to upgrade connection: container not found ("${wanted}")`)
  return container
}

function portsIn(query: URLSearchParams): number[] {
  const texts = query
    .getAll('ports')
    .concat(query.getAll('port'))
    .flatMap((each) => each.split(','))
  if (texts.length === 0) throw new HttpError(400, 'query parameter "port" is required')
  return texts.map((text) => {
    const port = Number(text)
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new HttpError(400, `port "${text}" must be an integer from 1 to 65535`)
    return port
  })
}

function refuse(socket: Duplex, code: number, message: string): void {
  if (socket.destroyed || socket.writableEnded) return
  const body = Buffer.from(message)
  socket.end(
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 ${code} ${statusTexts[code] ?? 'Error'}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
      ),
      body,
    ]),
  )
}
