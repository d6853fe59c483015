import { decodeMulti, encode } from '@msgpack/msgpack'
import { ByteWriter } from '../../../../lib/byte-writer.ts'
import type { LogContext } from '../../context.ts'
import { logLevels, logStreams } from '../../log-batch.ts'
import type { LogBatch, LogOrigin } from '../../log-batch.ts'
import { Connection, placeOf } from '../connection.ts'
import type { SinkDeclaration } from '../declaration.ts'
import { TimeReader } from '../encoding/line-time.ts'
import {
  appendArrayHeader,
  appendBinaryHeader,
  appendEventTime,
  appendMapHeader,
  appendString,
  appendStringHeader,
} from '../encoding/msgpack.ts'
import { createSecretReader, readTlsOptions } from '../http-options.ts'
import type { TlsOptions } from '../http-options.ts'
import { compress } from '../http-sending.ts'
import type { Secret } from '../option-node.ts'
import { SendError } from '../sink.ts'
import type { LogSender, SendOutcome } from '../sink.ts'
import { shakeHands } from './forward-handshake.ts'
import { idempotencyKey } from './webhook.ts'

interface ForwardOptions {
  readonly address: string
  readonly tag: string
  readonly isAcknowledged: boolean
  readonly isCompressed: boolean
  readonly sharedKey: Secret | undefined
  readonly user: string | undefined
  readonly password: Secret | undefined
  readonly tls: TlsOptions
}

/**
 * Fluentd's and Fluent Bit's forward protocol: PackedForward messages, one per tag, each with a `chunk` that the receiver acknowledges and that is the
 * same whenever the message is sent.
 */
export const forward: SinkDeclaration<ForwardOptions> = {
  type: 'forward',
  readOptions: (node) => {
    const basic = node.child('basic_auth')
    const options = {
      address: node.url('address', ['tcp', 'tls']),
      tag:
        node.matching('tag', /^[A-Za-z0-9._{}-]{1,200}$/, 'letters, digits, ".", "_", "-" and names in braces') ??
        'logs.{kind}.{namespace}.{pod}.{container}',
      isAcknowledged: node.flag('require_ack', true),
      isCompressed: node.word('compression', ['none', 'gzip'], 'none') === 'gzip',
      sharedKey: node.secret('shared_key'),
      user: basic.isPresent ? basic.required('username') : undefined,
      password: basic.secret('password'),
      tls: readTlsOptions(node),
    }
    basic.finish()
    if (options.user !== undefined && options.sharedKey === undefined) node.problem('shared_key', 'is missing: a user needs one')
    return options
  },
  create: (options, context) => new ForwardSender(options, context),
}

const defaultPort = 24224
const maxAnswerBytes = 64 << 10
const room = 64
const messageKey = Buffer.from(encode('message'))
/** `level`, `stream` and the key `id`, by level and stream. */
const kinds = logLevels.map((level) =>
  logStreams.map((stream) => Buffer.concat(['level', level, 'stream', stream, 'id'].map((text) => encode(text)))),
)

class ForwardSender implements LogSender {
  readonly #options: ForwardOptions
  readonly #context: LogContext
  readonly #readSharedKey: () => string | undefined
  readonly #readPassword: () => string | undefined
  readonly #entries = new ByteWriter()
  readonly #message = new ByteWriter()
  readonly #times = new TimeReader()
  readonly #origins = new WeakMap<LogOrigin, Buffer>()
  #connection: Connection | undefined

  constructor(options: ForwardOptions, context: LogContext) {
    this.#options = options
    this.#context = context
    this.#readSharedKey = createSecretReader(options.sharedKey, context.clock)
    this.#readPassword = createSecretReader(options.password, context.clock)
  }

  async send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome> {
    if (this.#connection?.isOpen !== true) this.#connection = await this.#connect(signal)
    const connection = this.#connection
    return connection.during(signal, async () => {
      const chunks = new Set<string>()
      let bytes = 0
      for (const [tag, own] of Map.groupBy(batches, ({ origin }) => tagOf(this.#options.tag, origin))) {
        const chunk = Buffer.from(idempotencyKey(own), 'hex').toString('base64')
        chunks.add(chunk)
        const message = await this.#encode(tag, chunk, own)
        bytes += message.bytes.length
        await connection.write(message.bytes).finally(message.release)
      }
      if (this.#options.isAcknowledged) await readAcknowledgements(connection, chunks)
      return { bytes }
    })
  }

  async close(): Promise<void> {
    this.#connection?.destroy()
  }

  async #connect(signal: AbortSignal): Promise<Connection> {
    const { address, tls } = this.#options
    const connection = await Connection.open({ place: placeOf(address, defaultPort), tls, clock: this.#context.clock }, signal)
    const sharedKey = this.#readSharedKey()
    if (sharedKey === undefined) return connection
    const { nodeName, random } = this.#context
    const credentials = {
      sharedKey,
      user: this.#options.user ?? '',
      password: this.#readPassword() ?? '',
      hostname: nodeName,
      salt: random.uuid(),
    }
    await connection.during(signal, () => shakeHands(connection, credentials))
    return connection
  }

  /** `[tag, entries, { chunk, size, compressed? }]`. */
  async #encode(
    tag: string,
    chunk: string,
    batches: readonly LogBatch[],
  ): Promise<{ readonly bytes: Buffer; readonly release: () => void }> {
    const { isCompressed, isAcknowledged } = this.#options
    for (const batch of batches) this.#encodeEntries(batch)
    const entries = this.#entries.lend()
    const body = isCompressed ? await compress(entries.bytes) : entries.bytes
    const message = this.#message
    appendArrayHeader(message, 3)
    appendString(message, tag)
    appendBinaryHeader(message, body.length)
    message.reserve(body.length)
    message.append(body)
    entries.release()
    const size = batches.reduce((sum, { count }) => sum + count, 0)
    const options = encode({ size, ...(isAcknowledged ? { chunk } : {}), ...(isCompressed ? { compressed: 'gzip' } : {}) })
    message.reserve(options.length)
    message.append(Buffer.from(options.buffer, options.byteOffset, options.length))
    return message.lend()
  }

  #encodeEntries(batch: LogBatch): void {
    const writer = this.#entries
    const origin = this.#originOf(batch.origin)
    const file = Buffer.from(`${batch.file}-`)
    this.#times.use(batch.times)
    for (let index = 0; index < batch.count; index++) {
      const [start, end] = [index === 0 ? 0 : batch.ends[index - 1]!, batch.ends[index]!]
      const fields = batch.fields?.[index]
      this.#times.read(index)
      appendArrayHeader(writer, 2)
      appendEventTime(writer, this.#times.seconds, this.#times.nanos)
      appendMapHeader(writer, fields === undefined ? 5 : 6)
      writer.append(messageKey)
      appendStringHeader(writer, end - start)
      const kind = kinds[batch.levels[index]!]?.[batch.streams[index]!] ?? kinds[0]![0]!
      writer.reserve(end - start + origin.length + kind.length + file.length + room)
      writer.appendSlice(batch.text, start, end)
      writer.append(origin)
      writer.append(kind)
      appendStringHeader(writer, file.length + base36Length(batch.positions[index]!))
      writer.append(file)
      writer.appendBase36(batch.positions[index]!)
      if (fields === undefined) continue
      appendString(writer, 'fields')
      const encoded = encode(fields)
      writer.reserve(encoded.length)
      writer.append(Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length))
    }
  }

  /** Key and value of `origin`. */
  #originOf(origin: LogOrigin): Buffer {
    let known = this.#origins.get(origin)
    if (known === undefined) {
      const { annotations: _, owner, ...named } = origin
      const shown = Object.entries(named).filter(([, value]) => value !== '')
      const value = encode({ ...Object.fromEntries(shown), ...(owner === undefined ? {} : { owner }) })
      known = Buffer.concat([encode('origin'), value])
      this.#origins.set(origin, known)
    }
    return known
  }
}

function tagOf(pattern: string, { kind, namespace, pod, container, node }: LogOrigin): string {
  const names: Readonly<Record<string, string>> = { kind, namespace, pod, container, node }
  const filled = pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) => (names[name] ?? '').replaceAll(/[^A-Za-z0-9_/-]/g, '_'))
  return filled.replaceAll(/\.{2,}/g, '.').replaceAll(/^\.|\.$/g, '') || 'logs'
}

/** Resolves when every chunk was acknowledged, in whatever order. */
async function readAcknowledgements(connection: Connection, chunks: Set<string>): Promise<void> {
  let received = Buffer.alloc(0)
  while (chunks.size > 0) {
    received = Buffer.concat([received, await connection.read()])
    if (received.length > maxAnswerBytes) throw new SendError('the receiver answers with something else than acknowledgements')
    let end = 0
    for (const { value, bytes } of decodeWhole(received)) {
      end += bytes
      chunks.delete(String((value as { readonly ack?: unknown } | null)?.ack))
    }
    received = received.subarray(end)
  }
}

/** The values that are there as a whole, with their lengths. */
function* decodeWhole(bytes: Buffer): Generator<{ readonly value: unknown; readonly bytes: number }> {
  for (let length = 1, start = 0; start + length <= bytes.length; length++) {
    const value = decodeExactly(bytes.subarray(start, start + length))
    if (value === undefined) continue
    yield { value, bytes: length }
    start += length
    length = 0
  }
}

function decodeExactly(bytes: Buffer): unknown {
  try {
    const [value] = [...decodeMulti(bytes)]
    return value
  } catch (error) {
    // The bytes end within a value.
    if (error instanceof RangeError) return undefined
    throw new SendError(`the receiver's answer is no msgpack: ${(error as Error).message}`)
  }
}

function base36Length(value: number): number {
  let length = 1
  for (let bound = 36; bound <= value; bound *= 36) length++
  return length
}
