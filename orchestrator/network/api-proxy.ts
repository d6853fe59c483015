import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Listener } from './kept-listener.ts'
import { listenTcp } from './tcp-listener.ts'

export interface ApiProxyOptions {
  readonly address: string
  readonly port: number
  /** Where the API server listens. */
  readonly apiServer: { readonly host: string; readonly port: number }
  /** Further connections are closed at once. */
  readonly maxConnections?: number
}

const keepAliveMs = 30_000

/**
 * Hands connections on to the API server byte by byte: pods cannot reach a server that listens on the host's loopback address. TLS
 * goes through untouched, so nothing here can read or forge a request.
 */
export function listenApiProxy({ address, port, apiServer, maxConnections = 2_000 }: ApiProxyOptions): Promise<Listener> {
  return listenTcp({
    address,
    port,
    maxConnections,
    allowHalfOpen: true,
    onConnection(client) {
      const upstream = connect({ ...apiServer, allowHalfOpen: true })
      for (const socket of [client, upstream]) socket.setKeepAlive(true, keepAliveMs).setNoDelay(true)
      join(client, upstream)
      join(upstream, client)
    },
  })
}

/** One direction: ends when `from` ends, and takes the other side with it when it fails. */
function join(from: Socket, to: Socket): void {
  from.pipe(to)
  from.on('error', () => to.destroy())
  from.on('close', (hadError) => {
    if (hadError || !from.readableEnded) to.destroy()
  })
}
