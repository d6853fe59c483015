import { createHash } from 'node:crypto'
import { AwsV4Signer } from 'aws4fetch'
import type { Clock } from '../../../../lib/clock.ts'
import type { LogContext } from '../../context.ts'
import type { LogBatch } from '../../log-batch.ts'
import type { SinkDeclaration } from '../declaration.ts'
import { createSecretReader, readTlsOptions } from '../http-options.ts'
import type { TlsOptions } from '../http-options.ts'
import { compress, RenewedPoster, requireTaken } from '../http-sending.ts'
import { LineFormatter } from '../line-format.ts'
import type { Secret } from '../option-node.ts'
import type { LogSender, SendOutcome } from '../sink.ts'
import { idempotencyKey } from './webhook.ts'

interface S3Options {
  /** Scheme, host and, with paths, bucket. */
  readonly base: string
  readonly region: string
  readonly prefix: string
  readonly accessKeyId: string
  readonly secretAccessKey: Secret | undefined
  readonly sessionToken: Secret | undefined
  readonly tls: TlsOptions
}

/**
 * Objects of gzipped NDJSON in a bucket of S3 or what speaks its protocol. The key of an object is made of the lines in it, so that one that is sent
 * again takes the place of itself: `<prefix><yyyy>/<mm>/<dd>/<hh>/<time of the first line>-<name of the lines>.ndjson.gz`.
 */
export const s3: SinkDeclaration<S3Options> = {
  type: 's3',
  delivery: { maxLines: 100_000, maxBytes: 16 << 20, maxDelayMs: 60_000, memoryBytes: 64 << 20, concurrency: 1, timeoutMs: 120_000 },
  readOptions: (node) => {
    const region = node.text('region') ?? 'us-east-1'
    const endpoint = node.has('endpoint') ? node.url('endpoint', ['https', 'http']) : `https://s3.${region}.amazonaws.com`
    const bucket = node.matching('bucket', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a bucket') ?? ''
    if (!node.has('bucket')) node.problem('bucket', 'is missing')
    const isPath = node.flag('path_style', node.has('endpoint'))
    const prefix =
      node.matching(
        'prefix',
        /^(?!\/)(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9!_.*'()/-]{0,512}$/,
        "a path of letters, digits and !_.*'()/-",
      ) ?? 'logs/'
    const secretAccessKey = node.secret('secret_access_key')
    if (secretAccessKey === undefined) node.problem('secret_access_key', 'or secret_access_key_file is missing')
    return {
      base: endpoint === '' || bucket === '' ? '' : baseOf(endpoint, bucket, isPath),
      region,
      prefix,
      accessKeyId: node.required('access_key_id'),
      secretAccessKey,
      sessionToken: node.secret('session_token'),
      tls: readTlsOptions(node),
    }
  },
  create: (options, { clock }: LogContext) => new S3Sender(options, clock),
}

function baseOf(endpoint: string, bucket: string, isPath: boolean): string {
  const url = new URL(endpoint)
  if (isPath) return `${url.origin}${url.pathname.replace(/\/$/, '')}/${bucket}`
  return `${url.protocol}//${bucket}.${url.host}`
}

class S3Sender implements LogSender {
  readonly #options: S3Options
  readonly #clock: Clock
  readonly #poster: RenewedPoster
  readonly #readSecret: () => string | undefined
  readonly #readToken: () => string | undefined
  readonly #formatter = new LineFormatter('json')

  constructor(options: S3Options, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#poster = new RenewedPoster({ url: options.base, tls: options.tls, headers: {} }, clock)
    this.#readSecret = createSecretReader(options.secretAccessKey, clock)
    this.#readToken = createSecretReader(options.sessionToken, clock)
  }

  async send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome> {
    const { base, prefix } = this.#options
    const url = new URL(`${base}/${prefix}${objectName(batches)}`)
    const { bytes, release } = this.#formatter.format(batches)
    const body = await compress(bytes).finally(release)
    const headers = await this.#sign(url, body)
    signal.throwIfAborted()
    requireTaken(await this.#poster.get().request({ method: 'PUT', url, headers, body }, signal))
    return { bytes: body.length }
  }

  async close(): Promise<void> {
    this.#poster.close()
  }

  async #sign(url: URL, body: Buffer): Promise<Readonly<Record<string, string>>> {
    const { accessKeyId, region } = this.#options
    const sessionToken = this.#readToken()
    const signer = new AwsV4Signer({
      method: 'PUT',
      url: url.href,
      headers: {
        'content-type': 'application/x-ndjson',
        'content-encoding': 'gzip',
        'x-amz-content-sha256': createHash('sha256').update(body).digest('hex'),
      },
      accessKeyId,
      secretAccessKey: this.#readSecret() ?? '',
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: 's3',
      region,
      datetime: new Date(this.#clock.now()).toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
    })
    const { headers } = await signer.sign()
    return Object.fromEntries([...headers].filter(([name]) => name !== 'host'))
  }
}

/** Below the hour of the first line. */
function objectName(batches: readonly LogBatch[]): string {
  const first = new Date(Number((batches[0]?.times[0] ?? 0n) / 1_000_000n)).toISOString()
  const [day, hour] = [first.slice(0, 10).replaceAll('-', '/'), first.slice(11, 13)]
  return `${day}/${hour}/${first.replaceAll(/[-:]/g, '')}-${idempotencyKey(batches)}.ndjson.gz`
}
