import { PassThrough } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { channel } from './remote-command.ts'
import type { CommandConnection, CommandStatus } from './remote-command.ts'

/** The subprotocols for remote commands, the best first. */
export const commandProtocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
] as const

/** A client that leaves this much unread is not written to. */
const maxInputBytes = 1024 * 1024

/** A remote command over WebSocket frames whose first byte is the channel. */
export function webSocketCommand(socket: WebSocket, protocol: string, hasStdin: boolean): CommandConnection {
  const channels = new ChannelSocket(socket, protocol)
  const stdin = hasStdin ? new PassThrough({ highWaterMark: maxInputBytes }) : undefined
  const resizeListeners: ((size: { width: number; height: number }) => void)[] = []
  channels.onFrame((from, data) => {
    if (from === channel.stdin) channels.feed(stdin, data)
    else if (from === channel.close && data[0] === channel.stdin) stdin?.end()
    else if (from === channel.resize) {
      const size = parseSize(data)
      if (size !== undefined) for (const listener of resizeListeners) listener(size)
    }
  })
  socket.once('close', () => stdin?.end())
  return {
    ...(stdin === undefined ? {} : { stdin }),
    write: (to, data) => channels.send(to, data),
    onResize: (listener) => resizeListeners.push(listener),
    onClose: (listener) => socket.once('close', listener),
    finish: async (status) => {
      await channels.send(channel.error, statusBytes(status, protocol))
      socket.close(1000)
    },
  }
}

/** The oldest protocols tell a failure in words and a success not at all. */
function statusBytes(status: CommandStatus, protocol: string): Buffer {
  const isJson = protocol.startsWith('v4.') || protocol.startsWith('v5.')
  return Buffer.from(isJson ? JSON.stringify(status) : (status.message ?? ''))
}

/** The new size of a terminal; `undefined` where it is malformed. */
export function parseSize(data: Buffer): { width: number; height: number } | undefined {
  try {
    const { Width, Height } = JSON.parse(data.toString()) as { Width?: unknown; Height?: unknown }
    if (Number.isInteger(Width) && Number.isInteger(Height)) return { width: Width as number, height: Height as number }
  } catch {
    // A frame that is no size changes nothing.
  }
  return undefined
}

/** Frames of a WebSocket that carry a channel number, in binary or base64 text. */
export class ChannelSocket {
  readonly #socket: WebSocket
  readonly #isBase64: boolean

  constructor(socket: WebSocket, protocol: string) {
    this.#socket = socket
    this.#isBase64 = protocol.includes('base64')
    socket.on('error', () => {})
  }

  onFrame(listener: (from: number, data: Buffer) => void): void {
    this.#socket.on('message', (message: RawData) => {
      const bytes = Array.isArray(message) ? Buffer.concat(message) : Buffer.isBuffer(message) ? message : Buffer.from(message)
      if (bytes.length === 0) return
      if (this.#isBase64) listener(bytes[0]! - 48, Buffer.from(bytes.toString('latin1', 1), 'base64'))
      else listener(bytes[0]!, bytes.subarray(1))
    })
  }

  /** Resolves when the frame is on its way; rejects when the connection is gone. */
  send(to: number, data: Buffer): Promise<void> {
    const frame = this.#isBase64 ? `${to}${data.toString('base64')}` : Buffer.concat([Buffer.from([to]), data])
    return new Promise((resolve, reject) => this.#socket.send(frame, (error) => (error instanceof Error ? reject(error) : resolve())))
  }

  /** Writes into `target`, and holds the client up while it is full. */
  feed(target: NodeJS.WritableStream | undefined, data: Buffer): void {
    if (target === undefined || !target.writable || target.write(data)) return
    this.#socket.pause()
    target.once('drain', () => this.#socket.resume())
  }
}
