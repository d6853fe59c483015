import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Agent as HttpsAgent, createServer as createSecureServer, request as requestSecure } from 'node:https'
import type { Server as SecureServer } from 'node:https'
import { isIP } from 'node:net'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import type { WebSocket } from 'ws'
import { HttpAgent, httpRequest } from '../../lib/http.ts'
import { lazyPackage } from '../../lib/lazy-package.ts'
import type { RequestHandler } from '../api/server.ts'
import { maxFrameBytes, replicationPath } from './frames.ts'

const ws = lazyPackage<typeof import('ws')>('ws')

/** The certificate that a server shows its peers, and the authority whose certificates it takes. Texts are PEM. */
export interface PeerTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

const maxNameLength = 253
const proxyTimeoutMs = 30_000

/** Thrown for a door that would be open to everybody. */
class PeerDoorError extends Error {
  readonly code = 'EALERTSPEERS'
}

export interface PeerDoorOptions {
  readonly host: string
  readonly port: number
  readonly tls: PeerTls | undefined
  /** Answers requests of the API that a follower passes on. */
  readonly handle: RequestHandler
  /** Takes a follower that wants the journal. */
  readonly join: (name: string, socket: WebSocket, since: number) => void
}

/** Where peers come in: for the journal, and with requests that only the leader can answer. */
export interface PeerDoor {
  listen(): Promise<void>
  readonly port: number
  close(): Promise<void>
}

/** Opens the door for peers: with client certificates, or without on loopback alone. Throws where it would be open to everybody. */
export function createPeerDoor(options: PeerDoorOptions): PeerDoor {
  const { host, port, tls, handle, join } = options
  if (tls === undefined && !isLoopback(host)) throw new PeerDoorError(`peers are let in at ${host} with certificates only`)
  const server: Server | SecureServer =
    tls === undefined
      ? process.getBuiltinModule('node:http').createServer(handle)
      : createSecureServer({ ...tls, requestCert: true, rejectUnauthorized: true }, handle)
  const sockets = new (ws().WebSocketServer)({ noServer: true, maxPayload: maxFrameBytes, perMessageDeflate: false })
  server.on('upgrade', (request: IncomingMessage, socket, head) => {
    const url = new URL(request.url ?? '', 'http://peer')
    const name = url.searchParams.get('name') ?? ''
    if (url.pathname !== replicationPath || name === '' || name.length > maxNameLength) return void socket.destroy()
    sockets.handleUpgrade(request, socket, head, (webSocket) => join(name, webSocket, Number(url.searchParams.get('since')) || 0))
  })
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, resolve)
      }),
    get port() {
      return (server.address() as AddressInfo).port
    },
    close: () =>
      new Promise((resolve) => {
        for (const client of sockets.clients) client.terminate()
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** `host:port` as a URL has it. */
export function peerAddress(host: string, port: number): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

/** Whether a peer may be called at an address: without certificates on loopback only, as it is let in. */
export function isReachable(address: string, tls: PeerTls | undefined): boolean {
  return tls !== undefined || isLoopback(new URL(`http://${address}`).hostname.replace(/^\[|\]$/g, ''))
}

/** Passes requests on to the leader. */
export class LeaderProxy {
  readonly #tls: PeerTls | undefined
  readonly #agent: HttpAgent | HttpsAgent

  constructor(tls: PeerTls | undefined) {
    this.#tls = tls
    this.#agent = tls === undefined ? new HttpAgent({ keepAlive: true }) : new HttpsAgent({ keepAlive: true, ...tls })
  }

  forward(address: string, request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(`${this.#tls === undefined ? 'http' : 'https'}://${address}`)
    const send = this.#tls === undefined ? httpRequest : requestSecure
    const { connection: _connection, host: _host, upgrade: _upgrade, ...headers } = request.headers
    const onward = send({
      agent: this.#agent,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      method: request.method,
      path: request.url,
      headers,
      timeout: proxyTimeoutMs,
    })
    onward.on('timeout', () => onward.destroy(new Error('no answer')))
    onward.on('error', () => answer(response, 502, 'the leader of the alert servers cannot be reached'))
    onward.on('response', (reply) => {
      // Whoever asked may be gone.
      if (response.destroyed) return void reply.destroy()
      response.writeHead(reply.statusCode ?? 502, reply.headers)
      pipeline(reply, response, () => {})
    })
    response.on('close', () => {
      if (!response.writableEnded) onward.destroy()
    })
    if (request.destroyed) onward.destroy()
    else pipeline(request, onward, () => {})
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** An answer in the form of API v2's errors. */
export function answer(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) return void response.destroy()
  response
    .writeHead(status, { 'Content-Type': 'application/json', ...(status === 503 && { 'Retry-After': '1' }) })
    .end(JSON.stringify(message))
}
