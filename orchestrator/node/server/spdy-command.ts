import { PassThrough } from 'node:stream'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../../lib/clock.ts'
import { channel } from './remote-command.ts'
import type { CommandConnection } from './remote-command.ts'
import { SpdyConnection } from './spdy/spdy-connection.ts'
import type { SpdyStream } from './spdy/spdy-connection.ts'
import { parseSize } from './websocket-channels.ts'

/** The versions of the remote command protocol over SPDY, the best first. */
export const spdyCommandProtocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'] as const

/** A client must have opened all its streams by then, as in the kubelet. */
const streamsTimeoutMs = 30_000

export interface SpdyCommandOptions {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
  readonly protocol: string
}

/** A remote command over SPDY streams, once the client has opened all that the request named. `undefined` if it never does. */
export async function spdyCommand(transport: Duplex, options: SpdyCommandOptions, clock: Clock): Promise<CommandConnection | undefined> {
  const wanted = wantedStreams(options)
  const streams = new Map<string, SpdyStream>()
  const complete = Promise.withResolvers<boolean>()
  const connection = new SpdyConnection(transport, (stream) => {
    const type = stream.headers.get('streamtype') ?? ''
    if (!wanted.includes(type) || streams.has(type)) return void stream.destroy()
    streams.set(type, stream)
    if (streams.size === wanted.length) complete.resolve(true)
  })
  const ended = connection.run().then(() => complete.resolve(false))
  const timer = clock.setTimer(streamsTimeoutMs, () => complete.resolve(false))
  const isComplete = await complete.promise
  timer.cancel()
  if (!isComplete) {
    connection.close()
    return undefined
  }
  return commandOver(streams, connection, ended, options.protocol)
}

function wantedStreams({ stdin, stdout, stderr, tty, protocol }: SpdyCommandOptions): string[] {
  const hasResize = protocol.startsWith('v3') || protocol.startsWith('v4')
  return [
    'error',
    ...(stdin ? ['stdin'] : []),
    ...(stdout ? ['stdout'] : []),
    ...(stderr && !tty ? ['stderr'] : []),
    ...(tty && hasResize ? ['resize'] : []),
  ]
}

function commandOver(
  streams: ReadonlyMap<string, SpdyStream>,
  connection: SpdyConnection,
  ended: Promise<unknown>,
  protocol: string,
): CommandConnection {
  const stdin = streams.get('stdin')
  const input = stdin === undefined ? undefined : stdin.pipe(new PassThrough())
  for (const name of ['error', 'stdout', 'stderr']) streams.get(name)?.resume()
  return {
    ...(input === undefined ? {} : { stdin: input }),
    write: (to, data) =>
      new Promise((resolve, reject) => {
        const stream = streams.get(to === channel.stdout ? 'stdout' : 'stderr')
        if (stream === undefined) return resolve()
        stream.write(data, (error) => (error instanceof Error ? reject(error) : resolve()))
      }),
    onResize: (listener) =>
      void streams.get('resize')?.on('data', (chunk: Buffer) => {
        for (const line of chunk.toString().split('\n')) {
          const size = line.trim() === '' ? undefined : parseSize(Buffer.from(line))
          if (size !== undefined) listener(size)
        }
      }),
    onClose: (listener) => void ended.then(listener),
    finish: async (status) => {
      for (const name of ['stdout', 'stderr']) streams.get(name)?.end()
      const error = streams.get('error')!
      const text = protocol.startsWith('v4') ? JSON.stringify(status) : (status.message ?? '')
      await new Promise<void>((resolve) => error.end(text, resolve))
      connection.close()
    },
  }
}
