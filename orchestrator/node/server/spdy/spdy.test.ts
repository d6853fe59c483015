import { Duplex, PassThrough } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { controlFrame, dataHeader, FrameReader, frameType } from './frames.ts'
import type { Frame } from './frames.ts'
import { formatHeaders, HeaderReader, HeaderWriter, parseHeaders } from './header-block.ts'
import { dictionary } from './dictionary.ts'
import { SpdyConnection } from './spdy-connection.ts'
import type { SpdyStream } from './spdy-connection.ts'

/** The client's side of a connection, and what the server has sent. */
function connect(onStream: (stream: SpdyStream) => void) {
  const toServer = new PassThrough()
  const fromServer = new PassThrough()
  const connection = new SpdyConnection(Duplex.from({ readable: toServer, writable: fromServer }), onStream)
  const received: Frame[] = []
  const frames = new FrameReader()
  fromServer.on('data', (chunk: Buffer) => received.push(...frames.push(chunk)))
  return { toServer, received, ended: connection.run() }
}

const writer = () => {
  const headers = new HeaderWriter()
  return async (id: number, entries: Record<string, string>) => {
    const start = Buffer.alloc(10)
    start.writeUInt32BE(id)
    return controlFrame(frameType.synStream, 0, Buffer.concat([start, await headers.write(new Map(Object.entries(entries)))]))
  }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))
/** Header blocks are unpacked on threads, which a busy machine lets wait. */
const until = (isTrue: () => boolean) => vi.waitFor(() => expect(isTrue()).toBe(true), { timeout: 4_000, interval: 1 })

describe('SPDY header blocks', () => {
  it('have the dictionary of the specification', () => {
    let [low, high] = [1, 0]
    for (const byte of dictionary) {
      low = (low + byte) % 65_521
      high = (high + low) % 65_521
    }
    expect((high * 65_536 + low).toString(16)).toBe('e3c6a7c2')
  })

  it('keep one compression context over many blocks', async () => {
    const [reader, out] = [new HeaderReader(), new HeaderWriter()]
    for (let index = 0; index < 5; index++) {
      const headers = new Map([
        ['streamtype', 'data'],
        ['port', String(8000 + index)],
      ])
      expect(await reader.read(await out.write(headers))).toEqual(headers)
    }
  })

  it('refuse what inflates beyond measure', async () => {
    const [reader, out] = [new HeaderReader(), new HeaderWriter()]
    await expect(reader.read(await out.write(new Map([['a', 'x'.repeat(200_000)]])))).rejects.toThrow(/larger than/)
  })

  it('read what they write', () => {
    const entries = fc.array(
      fc.tuple(
        fc.string({ minLength: 1 }).map((name) => name.toLowerCase()),
        fc.string(),
      ),
      { maxLength: 10 },
    )
    fc.assert(
      fc.property(entries, (pairs) => {
        expect(parseHeaders(formatHeaders(new Map(pairs)))).toEqual(new Map(pairs))
      }),
    )
  })
})

describe('SPDY frames', () => {
  it('come out whole however the bytes are cut', () => {
    const wire = Buffer.concat([
      dataHeader(3, 5, true),
      Buffer.from('hello'),
      controlFrame(frameType.ping, 0, Buffer.from([0, 0, 0, 1])),
      dataHeader(5, 0, false),
    ])
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 }), (sizes) => {
        const reader = new FrameReader()
        const frames: Frame[] = []
        for (let offset = 0, index = 0; offset < wire.length; index++) {
          const size = sizes[index % sizes.length]!
          frames.push(...reader.push(wire.subarray(offset, offset + size)))
          offset += size
        }
        expect(
          frames.map((frame) => (frame.kind === 'data' ? [frame.streamId, frame.payload.toString(), frame.isLast] : frame.type)),
        ).toEqual([[3, 'hello', true], 6, [5, '', false]])
      }),
    )
  })

  it('are refused when they are too large or of another version', () => {
    expect(() => new FrameReader().push(dataHeader(1, 0xffffff, false))).toThrow(/larger than/)
    expect(() => new FrameReader().push(Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0]))).toThrow(/version 2/)
  })
})

describe('a SPDY connection', () => {
  it('answers a stream, carries data both ways and ends each way on its own', async () => {
    const streams: SpdyStream[] = []
    const { toServer, received } = connect((stream) => streams.push(stream))
    toServer.write(await writer()(1, { streamtype: 'data', port: '80' }))
    await until(() => streams.length === 1)
    expect(streams[0]!.headers.get('port')).toBe('80')
    let text = ''
    streams[0]!.on('data', (chunk: Buffer) => (text += chunk.toString()))
    toServer.write(Buffer.concat([dataHeader(1, 4, true), Buffer.from('ping')]))
    await until(() => streams[0]!.readableEnded)
    expect(text).toBe('ping')
    streams[0]!.end('pong')
    await until(() => received.some((frame) => frame.kind === 'data' && frame.isLast))
    expect(received.map((frame) => (frame.kind === 'data' ? frame.payload.toString() : frame.type))).toEqual([
      frameType.synReply,
      'pong',
      '',
    ])
  })

  it('answers pings', async () => {
    const { toServer, received } = connect(() => {})
    toServer.write(controlFrame(frameType.ping, 0, Buffer.from([0, 0, 0, 7])))
    await until(() => received.length === 1)
    expect(received[0]).toMatchObject({ kind: 'control', type: frameType.ping })
  })

  it('holds a client up whose stream nobody reads', async () => {
    const streams: SpdyStream[] = []
    const { toServer } = connect((stream) => streams.push(stream))
    toServer.write(await writer()(1, {}))
    const block = Buffer.concat([dataHeader(1, 60_000, false), Buffer.alloc(60_000)])
    for (let count = 0; count < 50; count++) toServer.write(block)
    for (let count = 0; count < 50; count++) await turn()
    expect(toServer.readableLength + toServer.writableLength).toBeGreaterThan(1_000_000)
  })

  it('destroys its streams when it breaks', async () => {
    const streams: SpdyStream[] = []
    const { toServer, ended } = connect((stream) => streams.push(stream))
    toServer.write(await writer()(1, {}))
    await until(() => streams.length === 1)
    toServer.write(Buffer.from([0x80, 9, 0, 0, 0, 0, 0, 0]))
    await ended
    expect(streams[0]!.destroyed).toBe(true)
  })
})
