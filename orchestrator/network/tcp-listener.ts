import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { Listener } from './kept-listener.ts'

export interface TcpListenerOptions {
  readonly address: string
  readonly port: number
  /** Further connections are closed at once. */
  readonly maxConnections: number
  readonly allowHalfOpen?: boolean
  /** Owns the socket, its 'error' event included. Sockets still open at `close` are destroyed. */
  readonly onConnection: (socket: Socket) => void
}

/** Listens for TCP connections on one address; rejects where that is not possible. */
export async function listenTcp(options: TcpListenerOptions): Promise<Listener> {
  const { address, port, maxConnections, allowHalfOpen = false, onConnection } = options
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    onConnection(socket)
  })
  server.maxConnections = maxConnections
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const closed = Promise.withResolvers<void>()
  server.on('close', () => closed.resolve())
  server.on('error', () => server.close())
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    closed: closed.promise,
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed.promise
    },
  }
}
