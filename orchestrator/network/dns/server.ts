import { createSocket } from 'node:dgram'
import type { Socket } from 'node:net'
import type { Listener } from '../kept-listener.ts'
import { listenTcp } from '../tcp-listener.ts'
import type { Resolver } from './resolver.ts'
import { createFrameReader, frameOf } from './stream-frames.ts'

export interface DnsServerOptions {
  readonly address: string
  readonly port: number
  readonly resolver: Resolver
  /** UDP queries being answered at most; more are dropped, and clients ask again. */
  readonly maxInFlight?: number
  readonly maxConnections?: number
}

const idleMs = 10_000
const pipelinedQueries = 32

/** Listens for DNS over UDP on one address. */
export async function listenDnsUdp({ resolver, maxInFlight = 1_000, address, port }: DnsServerOptions): Promise<Listener> {
  const socket = createSocket('udp4')
  const closed = Promise.withResolvers<void>()
  let inFlight = 0
  socket.on('message', (message, remote) => {
    if (inFlight >= maxInFlight) return
    inFlight++
    void resolver.answer(message, 'udp').then((response) => {
      inFlight--
      if (response === undefined) return
      // The client may be gone by now, or the socket closed: nobody is left to tell.
      try {
        socket.send(response, remote.port, remote.address, () => {})
      } catch {}
    })
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address, port }, () => {
      socket.off('error', reject)
      resolve()
    })
  })
  socket.on('close', () => closed.resolve())
  socket.on('error', () => socket.close())
  return {
    port: socket.address().port,
    closed: closed.promise,
    async close() {
      try {
        socket.close()
      } catch {}
      await closed.promise
    },
  }
}

/** Listens for DNS over TCP on one address. */
export function listenDnsTcp({ resolver, maxConnections = 256, address, port }: DnsServerOptions): Promise<Listener> {
  return listenTcp({ address, port, maxConnections, onConnection: (socket) => serveConnection(socket, resolver) })
}

/** Answers a connection's queries in the order they came; one that sends more than it reads is not read further. */
function serveConnection(socket: Socket, resolver: Resolver): void {
  let waiting = 0
  socket.setTimeout(idleMs, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  let last = Promise.resolve()
  const read = createFrameReader((message) => {
    if (++waiting >= pipelinedQueries) socket.pause()
    last = last.then(async () => {
      const response = await resolver.answer(Buffer.from(message), 'tcp')
      waiting--
      if (response === undefined) return void socket.destroy()
      if (socket.writable) socket.write(frameOf(response))
      if (socket.isPaused() && waiting < pipelinedQueries) socket.resume()
    })
  })
  socket.on('data', read)
}
