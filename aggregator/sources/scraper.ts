import type { Agent, IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { StringDecoder } from 'node:string_decoder'
import { httpRequest } from '../../lib/http.ts'
import type { Clock } from '../../lib/clock.ts'
import { ScrapeError } from './scrape-error.ts'
import type { ScrapeStage } from './scrape-error.ts'

/** One page to get. */
export interface ScrapeRequest {
  readonly scheme: 'http' | 'https'
  /** An address or a name, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Begins with `/`. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Of the scheme; brings the certificates. */
  readonly agent: Agent
  readonly timeoutMs: number
  /** A longer answer is refused while it comes in. */
  readonly maxBytes: number
  /** Whether an error may quote what a refusal says. */
  readonly quotesAnswer: boolean
}

export interface ScrapeAnswer {
  readonly body: string
  readonly contentType: string
}

/**
 * Gets one page under a deadline and a bound. Only the status 200 is an answer: redirects are not followed. Rejects with a `ScrapeError`
 * that names the stage.
 */
export async function scrapePage(request: ScrapeRequest, clock: Clock, signal: AbortSignal): Promise<ScrapeAnswer> {
  const { host, port, timeoutMs } = request
  const late = new AbortController()
  const deadline = clock.setTimer(timeoutMs, () => late.abort())
  try {
    return await readAnswer(await send(request, AbortSignal.any([signal, late.signal])), request)
  } catch (error) {
    if (error instanceof ScrapeError) throw error
    const place = formatPlace(host, port)
    if (late.signal.aborted) throw new ScrapeError('timeout', `no answer from ${place} within ${timeoutMs} ms`, { cause: error })
    throw new ScrapeError(stageOf(error as NodeJS.ErrnoException), `${place}: ${(error as Error).message}`, { cause: error })
  } finally {
    deadline.cancel()
  }
}

/** `host:port`, with brackets around IPv6. */
export function formatPlace(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function send(request: ScrapeRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const { scheme, host, port, path, headers, agent } = request
  return new Promise((resolve, reject) => {
    const options = { host, port, path, agent, headers, signal }
    const outgoing = scheme === 'https' ? httpsRequest(options) : httpRequest(options)
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // The other end gave up an idle connection in the moment of its reuse: nothing was asked yet, so asking again is no second scrape.
      if (outgoing.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted) resolve(send(request, signal))
      else reject(error)
    })
    outgoing.on('response', resolve)
    outgoing.end()
  })
}

async function readAnswer(response: IncomingMessage, { maxBytes, quotesAnswer }: ScrapeRequest): Promise<ScrapeAnswer> {
  const status = response.statusCode ?? 0
  // Text at once: memory outside the heap that is gathered for each answer makes the engine collect garbage more often.
  const decoder = new StringDecoder('utf8')
  let body = ''
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBytes) throw new ScrapeError('size', `the answer is over ${maxBytes} bytes`, { status })
    body += decoder.write(chunk)
  }
  body += decoder.end()
  if (status === 200) return { body, contentType: response.headers['content-type'] ?? '' }
  const stage = status === 401 ? 'authentication' : status === 403 ? 'authorization' : 'status'
  const isRedirect = status >= 300 && status < 400
  const detail = isRedirect ? ', a redirect, which is not followed' : quotesAnswer ? `: ${body.slice(0, 200)}` : ''
  throw new ScrapeError(stage, `HTTP ${status}${detail}`, { status })
}

function stageOf({ code = '', message }: NodeJS.ErrnoException): ScrapeStage {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'dns'
  if (code.startsWith('HPE_')) return 'status'
  const isTls = /^ERR_TLS|^ERR_SSL|CERT|UNABLE_TO|SIGNATURE|^EPROTO$/.test(code) || message.includes('before secure TLS connection')
  return isTls ? 'tls' : 'connect'
}
