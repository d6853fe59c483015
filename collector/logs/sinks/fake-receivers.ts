import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { createServer as createHttp } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer as createTcp } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import { systemClock } from '../../../lib/clock.ts'
import { decodeMulti, Decoder, encode, ExtensionCodec } from '@msgpack/msgpack'

/** How a receiver behaves. `redirect` only over HTTP. */
export type Behaviour = 'good' | 'unavailable' | 'hang' | 'reset' | 'garbage' | 'redirect'

/** A line as a receiver understands it. `key` is what the protocol tells lines (or requests) apart by. */
export interface ReceivedLine {
  readonly key: string
  readonly text: string
  readonly more: Readonly<Record<string, unknown>>
}

/** The other end of a sink in this process, speaking the real protocol with a reader of its own. */
export interface FakeReceiver {
  readonly port: number
  behaviour: Behaviour
  /** What was acknowledged, and what was sent over and over. */
  readonly lines: ReceivedLine[]
  /** Of HTTP: the last request. */
  readonly last: { path: string; headers: IncomingMessage['headers'] }
  readonly close: () => Promise<void>
}

export interface ServerTls {
  readonly cert: string
  readonly key: string
}

type HttpReader = (
  body: Buffer,
  request: IncomingMessage,
) => { readonly lines: readonly ReceivedLine[]; readonly status?: number; readonly answer?: string }

async function listen(server: Server, sockets: Set<Socket>): Promise<number> {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function closing(server: Server, sockets: Set<Socket>): () => Promise<void> {
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
}

export async function createHttpReceiver(read: HttpReader, tls?: ServerTls): Promise<FakeReceiver> {
  const lines: ReceivedLine[] = []
  const last: FakeReceiver['last'] = { path: '', headers: {} }
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (receiver.behaviour === 'reset') request.socket.destroy()
    })
    request.on('end', () => answer(Buffer.concat(chunks), request, response))
  }
  const answer = (body: Buffer, request: IncomingMessage, response: ServerResponse) => {
    last.path = request.url ?? ''
    last.headers = request.headers
    switch (receiver.behaviour) {
      case 'hang':
        return
      case 'reset':
        return void request.socket.destroy()
      case 'garbage':
        return void request.socket.end('this is no answer\r\n\r\n')
      case 'redirect':
        return void response.writeHead(307, { location: `http://127.0.0.1:${receiver.port}/elsewhere` }).end()
      case 'unavailable':
        return void response.writeHead(429, { 'retry-after': '7' }).end('slow down')
      case 'good':
    }
    const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
    const outcome = read(plain, request)
    lines.push(...outcome.lines)
    response.writeHead(outcome.status ?? 200).end(outcome.answer ?? '')
  }
  const server = tls === undefined ? createHttp(handle) : createHttps(tls, handle)
  const sockets = new Set<Socket>()
  const port = await listen(server, sockets)
  const receiver: FakeReceiver = { port, behaviour: 'good', lines, last, close: closing(server, sockets) }
  return receiver
}

type Json = Readonly<Record<string, unknown>>
const jsonLines = (body: Buffer): Json[] =>
  body
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Json)

export const readNdjson: HttpReader = (body) => ({ lines: jsonLines(body).map(documentLine) })

function documentLine(document: Json): ReceivedLine {
  return { key: String(document['id']), text: String(document['message']), more: document }
}

/** Answers as Elasticsearch does: 201, and 409 for an id that is there. */
export function elasticsearchReader(): HttpReader {
  const ids = new Set<string>()
  return (body) => {
    const parsed = jsonLines(body)
    const lines: ReceivedLine[] = []
    const items = []
    for (let at = 0; at < parsed.length; at += 2) {
      const { _index: index, _id: id } = parsed[at]!['create'] as { _index: string; _id: string }
      const key = `${index}/${id}`
      items.push({ create: { status: ids.has(key) ? 409 : 201 } })
      if (!ids.has(key)) lines.push({ ...documentLine(parsed[at + 1]!), key })
      ids.add(key)
    }
    return { lines, answer: JSON.stringify({ errors: items.some(({ create }) => create.status === 409), items }) }
  }
}

interface LokiPush {
  readonly streams: readonly {
    readonly stream: Readonly<Record<string, string>>
    readonly values: readonly (readonly [string, string, Json?])[]
  }[]
}

/** A line with the same time and text in the same stream is there once. */
export function lokiReader(): HttpReader {
  const known = new Set<string>()
  return (body) => {
    const { streams } = JSON.parse(body.toString()) as LokiPush
    const lines = streams.flatMap(({ stream, values }) =>
      values.map(([time, text, metadata]) => ({
        key: `${JSON.stringify(stream)} ${time} ${text}`,
        text,
        more: { stream, time, metadata },
      })),
    )
    const fresh = lines.filter(({ key }) => !known.has(key))
    for (const { key } of lines) known.add(key)
    return { lines: fresh, status: 204 }
  }
}

/** A point with the same series and time takes the place of the one before. */
export function influxReader(): HttpReader {
  const known = new Set<string>()
  return (body) => {
    const points = [...body.toString().matchAll(/(\S+(?:\\ \S+)*) text="((?:[^"\\]|\\.)*)",id="((?:[^"\\]|\\.)*)" (\d+)\n/gs)]
    if (points.map(([whole]) => whole.length).reduce((sum, length) => sum + length, 0) !== body.toString().length) {
      return { lines: [], status: 400, answer: '{"error":"unable to parse"}' }
    }
    const lines = points.map(([, series, text, id, time]) => ({
      key: `${series} ${time}`,
      text: text!.replaceAll(/\\(["\\])/g, '$1'),
      more: { series, id, time },
    }))
    const fresh = lines.filter(({ key }) => !known.has(key))
    for (const { key } of lines) known.add(key)
    return { lines: fresh, status: 204 }
  }
}

/** Verifies AWS Signature Version 4 with code of its own; an object that is there is replaced. */
export function s3Reader(secretAccessKey: string): HttpReader {
  const objects = new Set<string>()
  return (plain, request) => {
    const problem = verifySignature(request, secretAccessKey)
    if (problem !== undefined) return { lines: [], status: 403, answer: problem }
    const isKnown = objects.has(request.url!)
    objects.add(request.url!)
    return { lines: isKnown ? [] : jsonLines(plain).map(documentLine) }
  }
}

function verifySignature({ method, url, headers }: IncomingMessage, secret: string): string | undefined {
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/
  const [, , day, region, signed, signature] = form.exec(headers.authorization ?? '') ?? []
  if (signature === undefined) return 'no signature'
  const names = signed!.split(';')
  if (!names.includes('host') || !names.includes('x-amz-content-sha256')) return 'too little is signed'
  const canonical = [
    method,
    new URL(url!, 'http://host').pathname,
    '',
    ...names.map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signed,
    headers['x-amz-content-sha256'],
  ].join('\n')
  const text = [
    'AWS4-HMAC-SHA256',
    headers['x-amz-date'],
    `${day}/${region}/s3/aws4_request`,
    createHash('sha256').update(canonical).digest('hex'),
  ]
  const key = [day!, region!, 's3', 'aws4_request'].reduce<Buffer>(
    (from, part) => createHmac('sha256', from).update(part).digest(),
    Buffer.from(`AWS4${secret}`),
  )
  const expected = createHmac('sha256', key).update(text.join('\n')).digest()
  return timingSafeEqual(expected, Buffer.from(signature, 'hex')) ? undefined : 'SignatureDoesNotMatch'
}

async function createSocketReceiver(handle: (socket: Socket, receiver: FakeReceiver) => void, tls?: ServerTls): Promise<FakeReceiver> {
  const accept = (socket: Socket) => {
    socket.on('error', () => {})
    if (receiver.behaviour === 'hang') return void socket.resume()
    if (receiver.behaviour === 'reset') {
      socket.once('data', () => socket.resetAndDestroy())
      return void systemClock.setTimer(50, () => socket.resetAndDestroy())
    }
    if (receiver.behaviour === 'unavailable') return void socket.destroy()
    handle(socket, receiver)
  }
  // A peer that reads slowly and closes only when it wants to.
  const server = tls === undefined ? createTcp({ allowHalfOpen: true }, accept) : createTls({ ...tls, allowHalfOpen: true }, accept)
  const sockets = new Set<Socket>()
  const port = await listen(server, sockets)
  const receiver: FakeReceiver = { port, behaviour: 'good', lines: [], last: { path: '', headers: {} }, close: closing(server, sockets) }
  return receiver
}

/** Reads RFC 5424 messages framed by octet counting, and closes when the client has. */
export function createSyslogReceiver(tls?: ServerTls): Promise<FakeReceiver> {
  return createSocketReceiver((socket, { lines }) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('end', () => {
      const known = new Set(lines.map(({ key }) => key))
      lines.push(...parseSyslog(Buffer.concat(chunks)).filter(({ key }) => !known.has(key)))
      socket.end()
    })
  }, tls)
}

export function parseSyslog(bytes: Buffer): ReceivedLine[] {
  const lines: ReceivedLine[] = []
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at)
    const length = Number(bytes.toString('latin1', at, space))
    if (!Number.isInteger(length) || length <= 0) throw new Error(`no octet count at ${at}`)
    lines.push(parseMessage(bytes.toString('utf8', space + 1, space + 1 + length)))
    at = space + 1 + length
  }
  return lines
}

/** The grammar of RFC 5424, section 6. */
export function parseMessage(message: string): ReceivedLine {
  const form =
    /^<(\d{1,3})>1 (\S+) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) (\[(\S+)((?: \S+?="(?:[^"\\\]]|\\["\\\]])*")*)\])(?: (.*))?$/s
  const match = form.exec(message)
  if (match === null) throw new Error(`not a message of RFC 5424: ${message.slice(0, 200)}`)
  const [, priority, time, host, app, process, , , element, params, text = ''] = match
  const values = [...params!.matchAll(/ (\S+?)="((?:[^"\\\]]|\\["\\\]])*)"/g)].map(([, name, value]) => [
    name,
    value!.replaceAll(/\\(["\\\]])/g, '$1'),
  ])
  const data = Object.fromEntries(values) as Readonly<Record<string, string>>
  return { key: data['id'] ?? '', text, more: { priority: Number(priority), time, host, app, process, element, ...data } }
}

export interface ForwardSecurity {
  readonly sharedKey: string
  readonly user?: string
  readonly password?: string
}

const eventTimes = new ExtensionCodec()
eventTimes.register({ type: 0, encode: () => null, decode: (data) => data })

/** Reads PackedForward and acknowledges each chunk; with `security` after the handshake of a server. */
export function createForwardReceiver(security?: ForwardSecurity, tls?: ServerTls): Promise<FakeReceiver> {
  return createSocketReceiver((socket, receiver) => {
    const nonce = Buffer.from('nonce of the server')
    const authSalt = security?.user === undefined ? Buffer.alloc(0) : Buffer.from('salt of the server')
    let isWelcome = security === undefined
    if (security !== undefined) socket.write(encode(['HELO', { nonce, auth: authSalt, keepalive: true }]))
    const handle = (message: readonly unknown[]): void => {
      if (!isWelcome) {
        const answer = welcome(message, security!, nonce, authSalt)
        isWelcome = answer[1] === true
        return void socket.write(encode(answer))
      }
      if (receiver.behaviour === 'garbage') return void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
      const { chunk: name, lines } = readForward(message)
      const known = new Set(receiver.lines.map(({ key }) => key))
      receiver.lines.push(...lines.filter(({ key }) => !known.has(key)))
      socket.write(encode({ ack: name }))
    }
    const chunks: Buffer[] = []
    let handled = 0
    socket.on('end', () => socket.end())
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      const { messages, isWhole } = decodeMessages(Buffer.concat(chunks))
      for (const message of messages.slice(handled)) handle(message)
      handled = isWhole ? 0 : messages.length
      if (isWhole) chunks.length = 0
    })
  }, tls)
}

/** The messages that are there as a whole, and whether nothing is behind them. */
function decodeMessages(bytes: Buffer): { readonly messages: readonly (readonly unknown[])[]; readonly isWhole: boolean } {
  const messages: (readonly unknown[])[] = []
  try {
    for (const message of new Decoder({ extensionCodec: eventTimes }).decodeMulti(bytes)) messages.push(message as readonly unknown[])
    return { messages, isWhole: true }
  } catch {
    return { messages, isWhole: false }
  }
}

const sha512 = (...parts: readonly (string | Buffer)[]) =>
  parts.reduce<ReturnType<typeof createHash>>((hash, part) => hash.update(part), createHash('sha512')).digest('hex')

function welcome(
  message: readonly unknown[],
  { sharedKey, user, password = '' }: ForwardSecurity,
  nonce: Buffer,
  authSalt: Buffer,
): readonly unknown[] {
  const [type, hostname, salt, digest, name, secret] = message as readonly string[]
  const isKnown = type === 'PING' && digest === sha512(salt!, hostname!, nonce, sharedKey)
  const isUser = user === undefined || (name === user && secret === sha512(authSalt, user, password))
  if (!isKnown || !isUser) return ['PONG', false, 'shared_key mismatch', '', '']
  return ['PONG', true, '', 'receiver', sha512(salt!, 'receiver', nonce, sharedKey)]
}

function readForward([tag, entries, options]: readonly unknown[]): { readonly chunk: string; readonly lines: readonly ReceivedLine[] } {
  const { chunk = '', size, compressed } = options as { readonly chunk?: string; readonly size: number; readonly compressed?: string }
  const bytes = compressed === 'gzip' ? gunzipSync(entries as Uint8Array) : (entries as Uint8Array)
  const lines = [...decodeMulti(bytes, { extensionCodec: eventTimes })].map((entry) => {
    const [time, record] = entry as [Uint8Array, Readonly<Record<string, unknown>>]
    const view = Buffer.from(time)
    const more = { tag, chunk, seconds: view.readUInt32BE(0), nanos: view.readUInt32BE(4), ...record }
    return { key: String(record['id']), text: String(record['message']), more }
  })
  if (lines.length !== size) throw new Error(`${lines.length} entries where ${size} were announced`)
  return { chunk, lines }
}
