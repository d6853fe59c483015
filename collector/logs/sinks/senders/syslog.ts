import { createSocket } from 'node:dgram'
import { promisify } from 'node:util'
import { ByteWriter, Escapes } from '../../../../lib/byte-writer.ts'
import type { Clock } from '../../../../lib/clock.ts'
import type { LogBatch, LogOrigin } from '../../log-batch.ts'
import { Connection, placeOf } from '../connection.ts'
import type { SinkDeclaration } from '../declaration.ts'
import { TimeReader } from '../encoding/line-time.ts'
import { readTlsOptions } from '../http-options.ts'
import type { TlsOptions } from '../http-options.ts'
import type { LogSender, RefusedLine, SendOutcome } from '../sink.ts'

const facilities = ['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'] as const
const localFacilities = ['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'] as const

interface SyslogOptions {
  /** `tcp://`, `tls://` or `udp://`. */
  readonly address: string
  readonly facility: number
  readonly framing: 'octet-counting' | 'newline'
  readonly confirm: 'close' | 'none'
  readonly maxMessageBytes: number
  readonly tls: TlsOptions
}

/**
 * RFC 5424 over TCP, TLS or UDP. The protocol has no acknowledgement: with `confirm: close` each request has its own connection, and that the receiver
 * closes it after us says that it has read all; with `none`, and over UDP, handed to the system is delivered.
 */
export const syslog: SinkDeclaration<SyslogOptions> = {
  type: 'syslog',
  readOptions: (node) => {
    const address = node.url('address', ['tcp', 'tls', 'udp'])
    const facility = node.word('facility', [...facilities, ...localFacilities], 'user')
    const isLocal = facility.startsWith('local')
    return {
      address,
      facility: isLocal ? 16 + Number(facility.slice(5)) : (facilities as readonly string[]).indexOf(facility),
      framing: node.word('framing', ['octet-counting', 'newline'], 'octet-counting'),
      confirm: node.word('confirm', ['close', 'none'], 'close'),
      maxMessageBytes: node.bytes('max_message_bytes', {
        min: 480,
        max: 16 << 20,
        default: address.startsWith('udp:') ? 8192 : 64 << 10,
      }),
      tls: readTlsOptions(node),
    }
  },
  create: (options, { clock }) => (options.address.startsWith('udp:') ? new DatagramSender(options) : new StreamSender(options, clock)),
}

/** Severity by level: unknown, trace, debug, info, warn, error, fatal. */
const severities = [6, 7, 7, 6, 4, 3, 2]
/** The private enterprise number that RFC 5424 keeps for examples names the element that holds what is known of a line. */
const elementName = 'origin@32473'
const ports = { 'tcp:': 601, 'tls:': 6514, 'udp:': 514 }
const newline = 0x0a
const dataEnd = Buffer.from('"] ')
const room = 128

/** In a value of structured data; line ends and other control characters would be taken for the end of the message by many receivers. */
const valueEscapes = new Escapes(new Map([...controls(' '), [0x22, '\\"'], [0x5c, '\\\\'], [0x5d, '\\]']]))
/** In the text: as people write them, so that a text can neither begin a message nor steer a terminal. */
const textEscapes = new Escapes(
  new Map(controls('').map(([byte]): [number, string] => [byte, byte === newline ? '\\n' : `#${byte.toString(8).padStart(3, '0')}`])),
)

function controls(text: string): [number, string][] {
  return [...Array.from({ length: 0x20 }, (_, byte) => byte), 0x7f].filter((byte) => byte !== 0x09).map((byte) => [byte, text])
}

/** One message per line; what an origin gives to each is made once. */
class MessageEncoder {
  readonly #options: SyslogOptions
  readonly #times = new TimeReader()
  readonly #origins = new WeakMap<LogOrigin, { readonly head: Buffer; readonly data: Buffer }>()
  readonly #message = new ByteWriter()
  /** `<14>1 ` by level. */
  readonly #priorities: readonly Buffer[]
  #file: Buffer = Buffer.alloc(0)

  constructor(options: SyslogOptions) {
    this.#options = options
    this.#priorities = severities.map((severity) => Buffer.from(`<${options.facility * 8 + severity}>1 `))
  }

  use(batch: LogBatch): void {
    this.#times.use(batch.times)
    this.#file = Buffer.from(`${batch.file}-`)
  }

  /** The bytes are valid until the next call. */
  encode(batch: LogBatch, index: number): Buffer {
    const writer = this.#message
    const { head, data } = this.#originOf(batch.origin)
    const { maxMessageBytes } = this.#options
    writer.reserve(head.length + data.length + room)
    writer.append(this.#priorities[batch.levels[index]!] ?? this.#priorities[0]!)
    this.#times.append(writer, index, 6)
    writer.append(head)
    writer.append(data)
    writer.appendEscaped(this.#file, 0, this.#file.length, valueEscapes)
    writer.reserve(room)
    writer.appendBase36(batch.positions[index]!)
    writer.append(dataEnd)
    const start = index === 0 ? 0 : batch.ends[index - 1]!
    writer.appendEscaped(batch.text, start, Math.min(batch.ends[index]!, start + maxMessageBytes), textEscapes)
    const { bytes, release } = writer.lend()
    release()
    return bytes.length <= maxMessageBytes ? bytes : bytes.subarray(0, wholeCharacters(bytes, maxMessageBytes))
  }

  #originOf(origin: LogOrigin): { readonly head: Buffer; readonly data: Buffer } {
    const known = this.#origins.get(origin)
    if (known !== undefined) return known
    const { node, namespace, pod, container, id } = origin
    const head = Buffer.from(` ${printable(node, 255)} ${printable(container === '' ? id : container, 48)} ${printable(pod, 128)} - `)
    const writer = new ByteWriter()
    writer.appendText(`[${elementName}`)
    for (const [name, value] of Object.entries({ namespace, pod, container })) {
      if (value === '') continue
      const bytes = Buffer.from(value)
      writer.appendText(` ${name}="`)
      writer.appendEscaped(bytes, 0, bytes.length, valueEscapes)
      writer.appendText('"')
    }
    writer.appendText(' id="')
    const encoded = { head, data: writer.take() }
    this.#origins.set(origin, encoded)
    return encoded
  }
}

/** A field of the header: printable ASCII without a space, `-` for nothing. */
function printable(text: string, maxLength: number): string {
  const clean = text.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, maxLength)
  return clean === '' ? '-' : clean
}

/** The largest length up to `length` that does not end within a character. */
function wholeCharacters(bytes: Buffer, length: number): number {
  let end = length
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return end
}

class StreamSender implements LogSender {
  readonly #options: SyslogOptions
  readonly #clock: Clock
  readonly #encoder: MessageEncoder
  readonly #writer = new ByteWriter()
  #connection: Connection | undefined

  constructor(options: SyslogOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#encoder = new MessageEncoder(options)
  }

  async send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome> {
    const { address, tls, confirm } = this.#options
    if (this.#connection?.isOpen !== true) {
      const place = placeOf(address, address.startsWith('tls:') ? ports['tls:'] : ports['tcp:'])
      this.#connection = await Connection.open({ place, tls, clock: this.#clock }, signal)
    }
    const connection = this.#connection
    for (const batch of batches) this.#encode(batch)
    const { bytes, release } = this.#writer.lend()
    try {
      await connection.during(signal, async () => {
        await connection.write(bytes)
        if (confirm === 'close') await connection.finish()
      })
      return { bytes: bytes.length }
    } finally {
      release()
    }
  }

  async close(): Promise<void> {
    this.#connection?.destroy()
  }

  #encode(batch: LogBatch): void {
    const writer = this.#writer
    this.#encoder.use(batch)
    for (let index = 0; index < batch.count; index++) {
      const message = this.#encoder.encode(batch, index)
      writer.reserve(message.length + room)
      if (this.#options.framing === 'octet-counting') writer.appendText(`${message.length} `)
      writer.reserve(message.length + room)
      writer.append(message)
      if (this.#options.framing === 'newline') writer.appendByte(newline)
    }
  }
}

class DatagramSender implements LogSender {
  readonly #options: SyslogOptions
  readonly #encoder: MessageEncoder
  readonly #socket: ReturnType<typeof createSocket>

  constructor(options: SyslogOptions) {
    this.#options = options
    this.#encoder = new MessageEncoder(options)
    this.#socket = createSocket(new URL(options.address).hostname.includes(':') ? 'udp6' : 'udp4')
    this.#socket.on('error', () => {})
    this.#socket.unref()
  }

  async send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome> {
    const { host, port } = placeOf(this.#options.address, ports['udp:'])
    const refused: RefusedLine[] = []
    let bytes = 0
    for (const batch of batches) {
      this.#encoder.use(batch)
      for (let index = 0; index < batch.count; index++) {
        signal.throwIfAborted()
        const message = this.#encoder.encode(batch, index)
        const problem = await this.#sendOne(message, port, host)
        if (problem === undefined) bytes += message.length
        else refused.push({ batch, index, reason: 'too-large', message: problem })
      }
    }
    return { refused, bytes }
  }

  async close(): Promise<void> {
    await promisify(this.#socket.close.bind(this.#socket))()
  }

  /** Answers what is wrong with the message itself. */
  #sendOne(message: Buffer, port: number, host: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      this.#socket.send(message, port, host, (error) => {
        if (error === null) return resolve(undefined)
        if ((error as NodeJS.ErrnoException).code === 'EMSGSIZE') return resolve(`${message.length} bytes are too much for a datagram`)
        reject(error)
      })
    })
  }
}
