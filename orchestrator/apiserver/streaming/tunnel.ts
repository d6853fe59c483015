import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import { httpRequest } from '../../../lib/http.ts'
import type { KubeObject, WatchEvent } from '../../api/object.ts'
import { badRequest, StatusError, statusOf, type Status, unavailable } from '../../api/status-error.ts'
import type { ProxyAnswer, RequestBody } from '../request.ts'

/** Where a request goes on to. */
export interface Backend {
  readonly host: string
  readonly port: number
  /** Percent-encoded path with query. */
  readonly path: string
  readonly method: string
  /** Added to what the client sent, whose own credentials never go along. */
  readonly headers: OutgoingHttpHeaders
  /** Absent for plain HTTP. */
  readonly tls?: BackendTls
  /** A 400 of it has a text for a body, which clients are to get as a Status. */
  readonly refusesInWords?: boolean
}

export interface BackendTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** The name that the certificate must be for, where it is not the host. */
  readonly servername?: string
  readonly rejectUnauthorized: boolean
}

/** Headers that are about one connection only, and those by which a client says who it is. */
const dropped = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'authorization',
  'http2-settings',
  'proxy-authorization',
])
const droppedPrefixes = ['x-remote-', 'impersonate-', ':']
const connectTimeoutMs = 10_000
/** As much of a refusal in words is passed on. */
const maxRefusal = 2048
/** An answer that is taken into memory, within the process, may have this much. */
const maxValueBytes = 64 * 1024 * 1024

/**
 * Passes a request on and its answer back, byte for byte; an upgraded connection becomes a tunnel. When one side goes, the other
 * is closed. `find` is asked when the request is passed on; what it throws is answered.
 */
export function tunnel(find: () => Backend, onUnreachable: (error: Error) => void = () => {}): ProxyAnswer {
  return {
    type: 'proxy',
    forward: (request, response) => forward(find(), request, response, onUnreachable),
    upgrade: (request, socket, head) => upgrade(find(), request, socket, head),
    request: (body) => requestValue(find(), body),
    stream: (signal) => streamValues(find(), signal),
  }
}

function connect(backend: Backend, headers: OutgoingHttpHeaders): ClientRequest {
  const { host, port, path, method, tls } = backend
  const options = { host, port, path, method, headers: { ...headers, ...backend.headers }, agent: false as const }
  const outgoing = tls === undefined ? httpRequest(options) : httpsRequest({ ...options, ...tls })
  outgoing.on('socket', (socket) => {
    socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error(`no connection to ${host}:${port} within ${connectTimeoutMs} ms`)))
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => socket.setTimeout(0))
    socket.setNoDelay(true)
  })
  return outgoing
}

function passedHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const passed: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !dropped.has(name) && !droppedPrefixes.some((prefix) => name.startsWith(prefix))) passed[name] = value
  }
  return passed
}

const unreachable = (error: Error) => unavailable(`error trying to reach service: ${error.message}`)

function forward(backend: Backend, request: IncomingMessage, response: ServerResponse, onUnreachable: (error: Error) => void): void {
  const outgoing = connect(backend, passedHeaders(request.headers))
  outgoing.on('error', (error) => {
    onUnreachable(error)
    if (response.headersSent) response.destroy()
    else sendStatus(response, unreachable(error).status)
  })
  outgoing.on('response', (answer) => {
    if (backend.refusesInWords === true && answer.statusCode === 400) return void refuseInWords(answer, response)
    response.writeHead(answer.statusCode ?? 502, passedHeaders(answer.headers))
    // A log or watch that is silent for now must still show its head.
    response.flushHeaders()
    answer.on('error', () => response.destroy())
    answer.on('aborted', () => response.destroy())
    answer.pipe(response)
  })
  response.on('close', () => outgoing.destroy())
  request.on('error', () => outgoing.destroy())
  request.pipe(outgoing)
}

/** A node agent says in plain words what is wrong with a request: clients look for a Status. */
async function refuseInWords(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  let words = ''
  try {
    for await (const piece of answer.setEncoding('utf8') as AsyncIterable<string>) {
      words += piece
      if (words.length > maxRefusal) break
    }
    sendStatus(response, badRequest(words.slice(0, maxRefusal)).status)
  } catch {
    response.destroy()
  }
}

function sendStatus(response: ServerResponse, status: Status): void {
  const body = JSON.stringify(status)
  response.writeHead(status.code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function upgrade(backend: Backend, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { connection = 'Upgrade', upgrade: protocol } = request.headers
  const outgoing = connect(backend, { ...passedHeaders(request.headers), connection, upgrade: protocol })
  const refuse = (error: Error) => {
    const body = JSON.stringify(unreachable(error).status)
    socket.end(
      `HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    )
  }
  outgoing.on('error', refuse)
  outgoing.on('upgrade', (answer, peer, peerHead) => {
    outgoing.off('error', refuse)
    socket.write(headOf(answer))
    if (peerHead.length > 0) socket.write(peerHead)
    if (head.length > 0) peer.write(head)
    join(socket, peer)
  })
  outgoing.on('response', (answer) => {
    socket.write(headOf(answer))
    answer.on('error', () => socket.destroy())
    answer.pipe(socket)
  })
  socket.on('close', () => outgoing.destroy())
  outgoing.end()
}

/** The answer's head as it came: header names keep their case. The connection ends with it unless it is upgraded. */
function headOf(answer: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage ?? ''}`]
  const isUpgraded = answer.statusCode === 101
  for (let index = 0; index < answer.rawHeaders.length; index += 2) {
    const name = answer.rawHeaders[index]!
    if (isUpgraded || !['connection', 'transfer-encoding', 'keep-alive'].includes(name.toLowerCase()))
      lines.push(`${name}: ${answer.rawHeaders[index + 1]}`)
  }
  if (!isUpgraded) lines.push('Connection: close')
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Joins two connections until either ends. */
function join(a: Duplex, b: Duplex): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    from.pipe(to)
  }
}

async function open(backend: Backend, body: RequestBody | undefined, signal?: AbortSignal): Promise<IncomingMessage> {
  const payload = body === undefined ? undefined : 'value' in body ? Buffer.from(JSON.stringify(body.value)) : body.bytes
  const headers = {
    accept: 'application/json',
    ...(payload === undefined ? {} : { 'content-type': body!.contentType, 'content-length': payload.length }),
  }
  const outgoing = connect(backend, headers)
  signal?.addEventListener('abort', () => outgoing.destroy(), { once: true })
  return new Promise((resolve, reject) => {
    outgoing.on('error', (error) => reject(unreachable(error)))
    outgoing.on('response', resolve)
    outgoing.end(payload)
  })
}

async function readText(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of answer as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > maxValueBytes) throw unavailable(`error trying to reach service: the answer has more than ${maxValueBytes} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

async function requestValue(backend: Backend, body: RequestBody | undefined): Promise<unknown> {
  const answer = await open(backend, body)
  const text = await readText(answer)
  if ((answer.statusCode ?? 0) >= 400) throw errorOf(answer, text)
  return (answer.headers['content-type'] ?? '').includes('json') ? JSON.parse(text) : text
}

function errorOf(answer: IncomingMessage, text: string): StatusError {
  try {
    const status = JSON.parse(text) as Status
    if (status.kind === 'Status') return new StatusError(status)
  } catch {
    // Not from a Kubernetes-like server: its text is the message.
  }
  const { status } = unavailable(text.slice(0, 1000))
  return new StatusError({ ...status, code: answer.statusCode ?? 503 })
}

async function* streamValues(backend: Backend, signal: AbortSignal): AsyncGenerator<WatchEvent<KubeObject>> {
  const answer = await open(backend, undefined, signal)
  if ((answer.statusCode ?? 0) >= 400) throw errorOf(answer, await readText(answer))
  let rest = ''
  try {
    for await (const piece of answer.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + piece).split('\n')
      rest = lines.pop()!
      if (rest.length > maxValueBytes) throw unavailable('error trying to reach service: a watch frame is too long')
      for (const line of lines) if (line !== '') yield frameOf(line)
    }
  } catch (error) {
    if (signal.aborted) return
    throw statusOf(error) === undefined ? unreachable(error as Error) : error
  } finally {
    answer.destroy()
  }
}

function frameOf(line: string): WatchEvent<KubeObject> {
  const frame = JSON.parse(line) as WatchEvent<KubeObject> | { readonly type: 'ERROR'; readonly object: Status }
  if (frame.type === 'ERROR') throw new StatusError(frame.object)
  return frame
}
