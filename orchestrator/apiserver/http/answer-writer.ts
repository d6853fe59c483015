import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { constants, createGzip, gzip } from 'node:zlib'
import type { Clock } from '../../../lib/clock.ts'
import { internalError, statusOf } from '../../api/status-error.ts'
import type { Answer, ListAnswer } from '../request.ts'
import type { Accepted } from '../rest/negotiation.ts'
import type { FlushScheduler } from '../watch/flush-scheduler.ts'
import type { FrameEncoder } from '../watch/frames.ts'
import { HttpWatch } from '../watch/http-watch.ts'
import { boundedWarnings } from './bounded-warnings.ts'
import { lengthOfList, piecesOfList } from './list-body.ts'

/** Smaller answers are not worth compressing, as upstream. */
const minCompressedBytes = 128 * 1024
const gzipOptions = { level: constants.Z_BEST_SPEED }

/** One HTTP exchange that waits for its answer. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly accepted: Accepted
  readonly warnings: readonly string[]
  readonly isPretty: boolean
}

export interface AnswerWriterOptions {
  readonly clock: Clock
  readonly encoder: FrameEncoder
  readonly scheduler: FlushScheduler
}

/** Writes answers onto HTTP. */
export class AnswerWriter {
  readonly #options: AnswerWriterOptions

  constructor(options: AnswerWriterOptions) {
    this.#options = options
  }

  async write(exchange: Exchange, answer: Answer): Promise<void> {
    const { request, response } = exchange
    if (response.destroyed) return
    if (exchange.warnings.length > 0)
      response.setHeader(
        'warning',
        boundedWarnings(exchange.warnings).map((text) => `299 - ${quoted(text)}`),
      )
    switch (answer.type) {
      case 'object':
        return this.#writeObject(exchange, answer)
      case 'list':
        return this.#writeList(exchange, answer)
      case 'bytes':
        return this.#writeBytes(exchange, answer)
      case 'watch':
        new HttpWatch({ ...this.#options, plan: answer.plan, response }).start()
        return
      case 'proxy':
        answer.forward(request, response)
    }
  }

  /** An error as its Status. Errors that carry none are our fault. */
  async writeError(exchange: Exchange, error: unknown): Promise<void> {
    const { response } = exchange
    if (response.destroyed) return
    if (response.headersSent) {
      response.destroy()
      return
    }
    const status = statusOf(error) ?? internalError(error).status
    const retryAfter = status.details?.retryAfterSeconds
    if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter)
    if (status.code === 401) response.setHeader('www-authenticate', 'Bearer realm="kubernetes"')
    const accepted: Accepted = { ...exchange.accepted, as: 'object' }
    await this.write({ ...exchange, accepted }, { type: 'object', code: status.code, object: status })
  }

  async #writeObject(exchange: Exchange, { code, object, bytes }: Extract<Answer, { type: 'object' }>): Promise<void> {
    const { accepted, isPretty } = exchange
    if (accepted.mediaType === 'application/yaml') {
      // Asked for by people now and then: not worth its memory from the start.
      const { stringify } = await import('yaml')
      return this.#send(exchange, code, Buffer.from(stringify(object, { aliasDuplicateObjects: false })))
    }
    if (bytes !== undefined && !isPretty) return this.#send(exchange, code, bytes)
    return this.#send(exchange, code, Buffer.from(isPretty ? `${JSON.stringify(object, undefined, 2)}\n` : JSON.stringify(object)))
  }

  async #send(exchange: Exchange, code: number, body: Buffer): Promise<void> {
    await this.#writeBytes(exchange, { type: 'bytes', code, contentType: exchange.accepted.mediaType, bytes: body })
  }

  async #writeBytes(exchange: Exchange, answer: Extract<Answer, { type: 'bytes' }>): Promise<void> {
    const { request, response } = exchange
    const { code, contentType, bytes, etag } = answer
    const headers: Record<string, string | number> = { 'content-type': contentType, 'cache-control': 'no-cache, private' }
    if (etag !== undefined) {
      headers['etag'] = etag
      headers['vary'] = 'Accept'
      if (request.headers['if-none-match'] === etag) {
        response.writeHead(304, headers).end()
        return
      }
    }
    let body = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    if (body.length >= minCompressedBytes && acceptsGzip(request)) {
      headers['content-encoding'] = 'gzip'
      body = await promisify(gzip)(body, gzipOptions)
    }
    headers['content-length'] = body.length
    response.writeHead(code, headers)
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  async #writeList(exchange: Exchange, list: ListAnswer): Promise<void> {
    const { request, response, accepted, isPretty } = exchange
    if (accepted.mediaType === 'application/yaml' || isPretty) {
      const { apiVersion, kind, metadata, items } = list
      return this.#writeObject(exchange, {
        type: 'object',
        code: 200,
        object: { kind, apiVersion, metadata, items: items.map(({ object }) => object) },
      })
    }
    const length = lengthOfList(list)
    const isCompressed = length >= minCompressedBytes && acceptsGzip(request)
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-cache, private' }
    response.writeHead(200, isCompressed ? { ...headers, 'content-encoding': 'gzip' } : { ...headers, 'content-length': length })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    const sink = isCompressed ? createGzip(gzipOptions) : response
    if (sink !== response) {
      sink.on('error', () => response.destroy())
      sink.pipe(response)
      response.on('close', () => sink.destroy())
    }
    for (const piece of piecesOfList(list)) {
      if (sink.destroyed) return
      if (!sink.write(piece)) await drained(sink)
    }
    sink.end()
  }
}

/** Resolves when there is room again or nobody reads any more. */
async function drained(sink: NodeJS.EventEmitter & { readonly destroyed: boolean }): Promise<void> {
  if (sink.destroyed) return
  const end = new AbortController()
  await Promise.race([once(sink, 'drain', { signal: end.signal }), once(sink, 'close', { signal: end.signal })]).catch(() => {})
  end.abort()
}

const acceptsGzip = ({ headers }: IncomingMessage) => [headers['accept-encoding'] ?? ''].flat().some((value) => /\bgzip\b/.test(value))

/** A quoted string of HTTP; what a header cannot carry becomes `?`. */
function quoted(text: string): string {
  return `"${text.replaceAll(/[^\x20-\x7e]/g, '?').replaceAll(/["\\]/g, '\\$&')}"`
}
