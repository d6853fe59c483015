import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { WebSocket } from 'ws'
import type { Clock } from '../../../lib/clock.ts'
import type { PodWorker } from '../pod/pod-worker.ts'
import { newestSandbox } from '../pod/pod-view.ts'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import { SpdyConnection } from './spdy/spdy-connection.ts'
import type { SpdyStream } from './spdy/spdy-connection.ts'
import { ChannelSocket } from './websocket-channels.ts'

/** A stream whose partner does not come is given up after this long, as in the kubelet. */
const pairTimeoutMs = 30_000

export interface PortForwardTarget {
  readonly worker: PodWorker
  readonly runtime: ContainerRuntime
  readonly clock: Clock
}

/** A connection to a port of a pod; rejects with what people read when it cannot be had. */
async function connectToPod({ worker, runtime }: PortForwardTarget, port: number): Promise<Duplex> {
  const sandbox = newestSandbox({ sandboxes: worker.containers.filter(({ kind, state }) => kind === 'sandbox' && state === 'running') })
  const where = `error forwarding port ${port} to pod ${worker.pod.metadata.name}, uid ${worker.pod.metadata.uid}`
  if (sandbox === undefined) throw new Error(`${where}: the pod is not running`)
  try {
    return await runtime.connect(sandbox, port)
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error })
  }
}

/** Port forwarding by SPDY/3.1 frames over any byte stream: a pair of streams, `error` and `data`, per connection. */
export async function forwardOverSpdy(transport: Duplex, target: PortForwardTarget): Promise<void> {
  const waiting = new Map<string, { error?: SpdyStream; data?: SpdyStream }>()
  const connection = new SpdyConnection(transport, (stream) => {
    const id = stream.headers.get('requestid') ?? stream.headers.get('port') ?? ''
    const type = stream.headers.get('streamtype')
    if (type !== 'error' && type !== 'data') return void stream.destroy()
    const pair = waiting.get(id) ?? {}
    pair[type] = stream
    waiting.set(id, pair)
    if (pair.error !== undefined && pair.data !== undefined) {
      waiting.delete(id)
      void forwardPair(pair.error, pair.data, target)
      return
    }
    target.clock.setTimer(pairTimeoutMs, () => {
      if (waiting.get(id) !== pair) return
      waiting.delete(id)
      stream.destroy()
    })
  })
  await connection.run()
}

async function forwardPair(error: SpdyStream, data: SpdyStream, target: PortForwardTarget): Promise<void> {
  error.resume()
  const port = Number(data.headers.get('port'))
  try {
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new Error(`"${data.headers.get('port')}" is no port: 1 to 65535 are allowed`)
    await relay(data, await connectToPod(target, port))
  } catch (cause) {
    error.write((cause as Error).message)
    data.end()
  } finally {
    error.end()
  }
}

/** Copies both ways until both directions have ended. A client that goes away is no failure. */
async function relay(client: Duplex, pod: Duplex): Promise<void> {
  let failure: Error | undefined
  pod.once('error', (error: Error) => (failure = error))
  await Promise.allSettled([pipeline(client, pod), pipeline(pod, client)])
  pod.destroy()
  if (failure !== undefined && !client.destroyed && !isCutShort(failure)) throw failure
}

const isCutShort = (error: Error) =>
  'code' in error && (error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ECONNRESET' || error.code === 'EPIPE')

/**
 * Port forwarding by WebSocket channels: two per port (data, error), each opened by a frame with the port number. What the client sends
 * before its connections are made waits in the socket.
 */
export async function forwardOverChannels(
  socket: WebSocket,
  protocol: string,
  ports: readonly number[],
  target: PortForwardTarget,
): Promise<void> {
  const channels = new ChannelSocket(socket, protocol)
  const connections: (Duplex | undefined)[] = []
  channels.onFrame((from, data) => {
    const connection = from % 2 === 0 ? connections[from / 2] : undefined
    channels.feed(connection, data)
  })
  socket.once('close', () => {
    for (const connection of connections) connection?.destroy()
  })
  socket.pause()
  const tell = (index: number, error: unknown) => channels.send(index * 2 + 1, Buffer.from((error as Error).message)).catch(() => {})
  await Promise.all(
    ports.map(async (port, index) => {
      const number = Buffer.alloc(2)
      number.writeUInt16LE(port)
      try {
        await channels.send(index * 2, number)
        await channels.send(index * 2 + 1, number)
        connections[index] = await connectToPod(target, port)
        connections[index].on('error', () => {})
      } catch (error) {
        await tell(index, error)
      }
    }),
  )
  socket.resume()
  await Promise.all(
    connections.map((connection, index) => sendAll(connection, channels, index * 2).catch((error: unknown) => tell(index, error))),
  )
  socket.close(1000)
}

async function sendAll(connection: Duplex | undefined, channels: ChannelSocket, to: number): Promise<void> {
  if (connection === undefined) return
  for await (const chunk of connection as AsyncIterable<Buffer>) await channels.send(to, chunk)
}
