import { createHash, createHmac } from 'node:crypto'
import { ByteWriter } from '../../../../lib/byte-writer.ts'
import type { Clock } from '../../../../lib/clock.ts'
import type { LogContext } from '../../context.ts'
import type { LogBatch } from '../../log-batch.ts'
import type { SinkDeclaration } from '../declaration.ts'
import { JsonLineEncoder } from '../encoding/json-lines.ts'
import { createSecretReader, readAuthOptions, readTlsOptions } from '../http-options.ts'
import { BodyPoster, requireTaken } from '../http-sending.ts'
import type { HttpOptions } from '../http-sending.ts'
import { readHeaders } from '../header-options.ts'
import type { Secret } from '../option-node.ts'
import type { LogSender, SendOutcome } from '../sink.ts'

interface WebhookOptions extends HttpOptions {
  readonly format: 'ndjson' | 'json'
  readonly hmacSecret: Secret | undefined
}

/**
 * POSTs lines as NDJSON, or as one JSON array. `Idempotency-Key` is the same for every attempt of a request; with a secret there is
 * `X-Binnacle-Signature: t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body as sent>">`. Any 2xx is an acknowledgement.
 */
export const webhook: SinkDeclaration<WebhookOptions> = {
  type: 'webhook',
  delivery: { maxLines: 2000, maxBytes: 2 << 20 },
  readOptions: (node) => {
    const format = node.word('format', ['ndjson', 'json'], 'ndjson')
    return {
      url: node.url('url', ['https', 'http']),
      format,
      headers: { 'content-type': format === 'json' ? 'application/json' : 'application/x-ndjson', ...readHeaders(node) },
      auth: readAuthOptions(node),
      hmacSecret: node.secret('hmac_secret'),
      isCompressed: node.word('compression', ['none', 'gzip'], 'none') === 'gzip',
      tls: readTlsOptions(node),
    }
  },
  create: (options, { clock }: LogContext) => new WebhookSender(options, clock),
}

const [openBracket, comma, closeBracket, newline] = [0x5b, 0x2c, 0x5d, 0x0a]

class WebhookSender implements LogSender {
  readonly #isArray: boolean
  readonly #clock: Clock
  readonly #readSecret: () => string | undefined
  readonly #poster: BodyPoster
  readonly #encoder = new JsonLineEncoder()
  readonly #writer = new ByteWriter()

  constructor(options: WebhookOptions, clock: Clock) {
    this.#isArray = options.format === 'json'
    this.#clock = clock
    this.#readSecret = createSecretReader(options.hmacSecret, clock)
    this.#poster = new BodyPoster(options, clock)
  }

  async send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome> {
    const key = idempotencyKey(batches)
    this.#encode(batches)
    const { answer, bytes } = await this.#poster.post(this.#writer, signal, (body) => ({ 'idempotency-key': key, ...this.#sign(body) }))
    requireTaken(answer)
    return { bytes }
  }

  async close(): Promise<void> {
    this.#poster.close()
  }

  #encode(batches: readonly LogBatch[]): void {
    const writer = this.#writer
    let isFirst = true
    for (const batch of batches) {
      for (let index = 0; index < batch.count; index++) {
        writer.reserve(2)
        if (this.#isArray) writer.appendByte(isFirst ? openBracket : comma)
        this.#encoder.append(writer, batch, index)
        writer.reserve(2)
        if (!this.#isArray) writer.appendByte(newline)
        isFirst = false
      }
    }
    if (this.#isArray) writer.appendByte(closeBracket)
  }

  #sign(body: Buffer): Readonly<Record<string, string>> {
    const secret = this.#readSecret()
    if (secret === undefined) return {}
    const seconds = Math.floor(this.#clock.now() / 1000)
    return { 'x-binnacle-signature': `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.`).update(body).digest('hex')}` }
  }
}

/** A name for just these lines: of each batch its file, the places of its first and last line, and how many there are. */
export function idempotencyKey(batches: readonly LogBatch[]): string {
  const hash = createHash('sha256')
  for (const { file, positions, count } of batches) hash.update(JSON.stringify([file, positions[0], positions[count - 1], count]))
  return hash.digest('hex').slice(0, 32)
}
