import { Duplex } from 'node:stream'
import { controlFrame, dataHeader, finFlag, FrameReader, frameType } from './frames.ts'
import type { Frame } from './frames.ts'
import { HeaderReader, HeaderWriter } from './header-block.ts'
import type { Headers } from './header-block.ts'

/** More streams than this on one connection are refused. */
const maxStreams = 1_000
const statusRefusedStream = 3
const statusCancel = 5

/**
 * The server's end of a SPDY/3.1 connection as Kubernetes clients speak it: only the client opens streams, and neither side keeps flow
 * control windows (the Go client sends no WINDOW_UPDATE), so the transport's own backpressure holds either side up.
 */
export class SpdyConnection {
  readonly #transport: Duplex
  readonly #onStream: (stream: SpdyStream) => void
  readonly #reader = new HeaderReader()
  readonly #writer = new HeaderWriter()
  readonly #streams = new Map<number, SpdyStream>()

  constructor(transport: Duplex, onStream: (stream: SpdyStream) => void) {
    this.#transport = transport
    this.#onStream = onStream
    transport.on('error', () => {})
  }

  /** Serves the connection until it ends. Never rejects: a broken connection ends its streams. */
  async run(): Promise<void> {
    const frames = new FrameReader()
    try {
      for await (const chunk of this.#transport as AsyncIterable<Buffer>) {
        for (const frame of frames.push(chunk)) await this.#handle(frame)
      }
    } catch {
      // Whatever was wrong with it, the connection is over.
    } finally {
      for (const stream of this.#streams.values()) stream.destroy()
      this.#streams.clear()
      this.#reader.close()
      this.#writer.close()
      this.#transport.destroy()
    }
  }

  close(): void {
    this.#transport.end()
  }

  /** Sends a part of a stream; `done` is called when the transport has room again. */
  sendData(streamId: number, payload: Buffer, isLast: boolean, done: (error?: Error | null) => void): void {
    if (this.#transport.destroyed || this.#transport.writableEnded) return done(new Error('the connection is closed'))
    this.#transport.cork()
    this.#transport.write(dataHeader(streamId, payload.length, isLast))
    this.#transport.write(payload, done)
    this.#transport.uncork()
  }

  /** Gives a stream up. */
  sendReset(streamId: number, status: number = statusCancel): void {
    const payload = Buffer.alloc(8)
    payload.writeUInt32BE(streamId, 0)
    payload.writeUInt32BE(status, 4)
    this.#send(controlFrame(frameType.rstStream, 0, payload))
  }

  forget(streamId: number): void {
    this.#streams.delete(streamId)
  }

  async #handle(frame: Frame): Promise<void> {
    if (frame.kind === 'data') return this.#handleData(frame)
    switch (frame.type) {
      case frameType.synStream:
        return this.#open(frame.payload, (frame.flags & finFlag) !== 0)
      case frameType.synReply:
      case frameType.headers:
        // Not awaited by anyone, but the compression context must see it.
        await this.#reader.read(frame.payload.subarray(4))
        return
      case frameType.rstStream:
        this.#streams.get(frame.payload.readUInt32BE(0) & 0x7fff_ffff)?.destroy()
        return
      case frameType.ping:
        // Odd numbers are the client's pings; even ones would be answers to ours.
        if (frame.payload.readUInt32BE(0) % 2 === 1) this.#send(controlFrame(frameType.ping, 0, frame.payload))
        return
      default:
        return
    }
  }

  async #handleData(frame: Extract<Frame, { kind: 'data' }>): Promise<void> {
    const stream = this.#streams.get(frame.streamId)
    if (stream === undefined) return
    if (frame.payload.length > 0) await stream.receive(frame.payload)
    if (frame.isLast) stream.receiveEnd()
  }

  async #open(payload: Buffer, isLast: boolean): Promise<void> {
    const streamId = payload.readUInt32BE(0) & 0x7fff_ffff
    const headers = await this.#reader.read(payload.subarray(10))
    if (this.#streams.size >= maxStreams || this.#streams.has(streamId)) return this.sendReset(streamId, statusRefusedStream)
    const stream = new SpdyStream(this, streamId, headers)
    this.#streams.set(streamId, stream)
    const id = Buffer.alloc(4)
    id.writeUInt32BE(streamId)
    this.#send(controlFrame(frameType.synReply, 0, Buffer.concat([id, await this.#writer.write(new Map())])))
    if (isLast) stream.receiveEnd()
    this.#onStream(stream)
  }

  #send(frame: Buffer): void {
    if (!this.#transport.destroyed && !this.#transport.writableEnded) this.#transport.write(frame)
  }
}

/** One stream of a connection. Ending the writable side leaves the readable side open, and the other way round. */
export class SpdyStream extends Duplex {
  readonly headers: Headers
  readonly #connection: SpdyConnection
  readonly #id: number
  #roomAgain: (() => void) | undefined
  #hasEnded = false

  constructor(connection: SpdyConnection, id: number, headers: Headers) {
    super({ allowHalfOpen: true })
    this.#connection = connection
    this.#id = id
    this.headers = headers
    this.on('error', () => {})
  }

  /** Takes data from the wire; resolves when there is room for more. */
  receive(data: Buffer): Promise<void> {
    if (this.destroyed || this.push(data)) return Promise.resolve()
    return new Promise((resolve) => (this.#roomAgain = resolve))
  }

  /** The client sends no more. */
  receiveEnd(): void {
    if (!this.destroyed) this.push(null)
  }

  override _read(): void {
    this.#letMoreIn()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#connection.sendData(this.#id, chunk, false, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#hasEnded = true
    this.#connection.sendData(this.#id, Buffer.alloc(0), true, callback)
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#letMoreIn()
    this.#connection.forget(this.#id)
    if (!this.#hasEnded) this.#connection.sendReset(this.#id)
    callback(error)
  }

  #letMoreIn(): void {
    const resume = this.#roomAgain
    this.#roomAgain = undefined
    resume?.()
  }
}
