import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import type { ByteWriter } from '../../../lib/byte-writer.ts'
import type { Clock } from '../../../lib/clock.ts'
import { HttpPoster, isTemporary } from '../../../lib/http-poster.ts'
import type { HttpAnswer, TlsSettings } from '../../../lib/http-poster.ts'
import { createAuthorizer, TlsFiles } from './http-options.ts'
import type { AuthOptions, TlsOptions } from './http-options.ts'
import { RefusedRequestError, SendError } from './sink.ts'

const gzipAsync = promisify(gzip)

/** The delivery has a deadline of its own, which is never later than this. */
const timeoutMs = 600_000
/** A bulk answer has an item for each line. */
const maxAnswerBytes = 32 << 20
const maxQuotedLength = 400

/** What most HTTP sinks have in common. */
export interface HttpOptions {
  readonly url: string
  readonly tls: TlsOptions
  readonly auth: AuthOptions
  readonly headers: Readonly<Record<string, string>>
  readonly isCompressed: boolean
}

/** A poster that takes up certificates that are renewed. */
export class RenewedPoster {
  readonly #files: TlsFiles
  readonly #create: (tls: TlsSettings) => HttpPoster
  #tls: TlsSettings | undefined
  #poster: HttpPoster | undefined

  constructor(
    options: { readonly url: string; readonly tls: TlsOptions; readonly headers: Readonly<Record<string, string>> },
    clock: Clock,
  ) {
    this.#files = new TlsFiles(options.tls, clock)
    const headers = { 'user-agent': 'binnacle', ...options.headers }
    this.#create = (tls) => new HttpPoster({ url: new URL(options.url), headers, tls, clock, timeoutMs, maxAnswerBytes })
  }

  /** While no request is under way. */
  get(): HttpPoster {
    const tls = this.#files.read()
    if (tls !== this.#tls) this.close()
    this.#tls = tls
    return (this.#poster ??= this.#create(tls))
  }

  close(): void {
    this.#poster?.close()
    this.#poster = undefined
  }
}

/** Posts what a writer holds, compressed if wanted. */
export class BodyPoster {
  readonly #poster: RenewedPoster
  readonly #authorize: () => Readonly<Record<string, string>>
  readonly #isCompressed: boolean

  constructor({ url, tls, auth, headers, isCompressed }: HttpOptions, clock: Clock) {
    this.#poster = new RenewedPoster({ url, tls, headers: { ...headers, ...(isCompressed ? { 'content-encoding': 'gzip' } : {}) } }, clock)
    this.#authorize = createAuthorizer(auth, clock)
    this.#isCompressed = isCompressed
  }

  /** Sends the writer's bytes, which are then gone from it. `sign` is given what goes out. */
  async post(
    writer: ByteWriter,
    signal: AbortSignal,
    sign: (body: Buffer) => Readonly<Record<string, string>> = () => ({}),
  ): Promise<{ readonly answer: HttpAnswer; readonly bytes: number }> {
    const { bytes, release } = writer.lend()
    try {
      const body = this.#isCompressed ? await compress(bytes) : bytes
      signal.throwIfAborted()
      const answer = await this.#poster.get().post(body, signal, { ...this.#authorize(), ...sign(body) })
      return { answer, bytes: body.length }
    } finally {
      release()
    }
  }

  close(): void {
    this.#poster.close()
  }
}

/** Gzip at its fastest. */
export function compress(bytes: Buffer): Promise<Buffer> {
  return gzipAsync(bytes, { level: constants.Z_BEST_SPEED })
}

/** Returns for a 2xx; else throws what the answer means for the whole request. A redirect is not followed: it is an outage. */
export function requireTaken(answer: HttpAnswer): void {
  const { status, retryAfterMs } = answer
  if (status >= 200 && status < 300) return
  const message = describeAnswer(answer)
  if (status === 413) throw new RefusedRequestError('too-large', message, { isAboutLines: true })
  if (isTemporary(status) || status < 400) throw new SendError(message, retryAfterMs)
  throw new RefusedRequestError('rejected', message)
}

export function describeAnswer({ status, body }: HttpAnswer): string {
  return `HTTP ${status}: ${body.slice(0, maxQuotedLength)}`
}
