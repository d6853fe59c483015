import { createServer } from 'node:https'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../../lib/log.ts'
import type { PeerCredentials } from './peer-client.ts'

export interface PeerServerOptions {
  readonly credentials: PeerCredentials
  /** The common names of certificates that may ask. */
  readonly allowedNames: readonly string[]
  /** The answer to a path, as JSON; `undefined` is a 404. */
  readonly answer: (url: URL) => Promise<unknown>
  readonly log: Log
}

/** Answers other members over HTTPS; anybody without a member's certificate is refused. */
export class PeerServer {
  readonly #server: Server
  readonly #sockets = new Set<Duplex>()

  constructor(options: PeerServerOptions) {
    const { ca, cert, key } = options.credentials
    this.#server = createServer(
      { ca, cert, key, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' },
      (request, response) => {
        void answerPeer(options, request, response)
      },
    )
    this.#server.on('error', (error) => options.log.error({ err: error }, 'the listener for other aggregators failed'))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('tlsClientError', () => {})
  }

  /** Resolves with the port; rejects when it cannot be had. */
  listen({ host, port }: { readonly host: string; readonly port: number }): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}

async function answerPeer(
  { allowedNames, answer, log }: PeerServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  response.on('error', () => {})
  try {
    const name = (request.socket as TLSSocket).getPeerCertificate().subject?.CN
    if (typeof name !== 'string' || !allowedNames.includes(name))
      return send(403, {
        message: `the common name ${JSON.stringify(name)} of the certificate is not among allowedNames: ${allowedNames.join(', ')}`,
      })
    const body = await answer(new URL(request.url ?? '/', 'https://peer'))
    send(body === undefined ? 404 : 200, body ?? { message: 'nothing is served here' })
  } catch (error) {
    log.warn({ err: error }, 'another aggregator could not be answered')
    if (!response.headersSent) send(500, { message: (error as Error).message })
  }
}
