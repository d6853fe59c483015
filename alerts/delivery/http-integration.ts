import type { IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import { HttpAgent, httpRequest } from '../../lib/http.ts'
import type { Clock } from '../../lib/clock.ts'
import type { HttpReceiverSettings, Secret, TlsSettings } from '../routing/receiver.ts'
import { ForbiddenTargetError, guardedLookup, refuseMetadata } from './address-guard.ts'
import { Message, SecretError } from './message.ts'
import type { Delivery, Integration } from './notification.ts'
import { tlsOptions } from './tls-options.ts'

const userAgent = 'Alertmanager/0.25.0 (Binnacle)'
const maxRedirects = 3
const maxAnswerBytes = 65_536
/** What one request may carry. */
export const maxBodyBytes = 4 * 1024 * 1024

/** Answers that say that this very message will never be taken. Others (no such page, no right) change when somebody repairs the receiver. */
const finalStatuses: ReadonlySet<number> = new Set([400, 405, 406, 413, 414, 415, 422])

/** `http_config`: how a receiver is reached. */
export interface HttpSettings {
  /** The value of `Authorization`, made of its secrets at each request. */
  readonly authorization?: { readonly scheme: string; readonly credentials: Secret; readonly user?: string }
  readonly headers?: Readonly<Record<string, Secret>>
  readonly tls: TlsSettings
  readonly followRedirects: boolean
  readonly proxyUrl?: string
  readonly noProxy?: string
  /** Lets the URL lead to addresses where clouds serve credentials. */
  readonly allowLinkLocal: boolean
}

/** One request, without what `http_config` adds. */
export interface OutgoingRequest {
  readonly method?: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
  /** Made instead of this and all further ones where this one is refused for good. */
  readonly otherwise?: OutgoingRequest
}

export interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly location: string | undefined
  /** The beginning of the body. */
  readonly text: string
}

interface Call {
  readonly url: URL
  readonly method: string
  readonly headers: Record<string, string>
  readonly body: Buffer
}

export interface HttpIntegrationOptions {
  readonly clock: Clock
  /** Reads a file that the configuration names. */
  readonly readFile: (path: string) => string
}

/**
 * Tells a receiver by HTTP. 2xx is delivered; a `Retry-After` is obeyed; redirects are followed only with the same method to the same
 * origin. Addresses of cloud metadata are refused, whatever name leads there.
 */
export function createHttpIntegration(settings: HttpReceiverSettings, { clock, readFile }: HttpIntegrationOptions): Integration {
  const agents = createAgents(settings.http)
  let active = 0
  let isClosed = false
  const release = () => {
    if (isClosed && active === 0) for (const agent of Object.values(agents)) agent.destroy()
  }
  const deliver = async (message: Message, signal: AbortSignal): Promise<Delivery> => {
    const make = async (request: OutgoingRequest): Promise<Delivery> => {
      const call = prepare(request, settings.http, message)
      const answer = await follow(settings.http, call, (step) =>
        callOnce(step, { agents, signal, allowLinkLocal: settings.http.allowLinkLocal }),
      )
      return settings.classify?.(answer) ?? classify(answer, clock.now())
    }
    let last: Delivery = { outcome: 'failed', reason: 'there is nothing to send' }
    for (const request of settings.compose(message)) {
      last = await make(request)
      if (last.outcome === 'failed' && request.otherwise !== undefined) return make(request.otherwise)
      if (last.outcome !== 'delivered') return last
    }
    return last
  }
  return {
    kind: settings.kind,
    sendResolved: settings.sendResolved,
    send: async (notification, stop) => {
      const message = new Message({ notification, now: clock.now(), readFile })
      const deadline = new AbortController()
      const timer = clock.setTimer(settings.timeoutMs, () => deadline.abort(new Error(`no answer within ${settings.timeoutMs} ms`)))
      const signal = AbortSignal.any([deadline.signal, stop])
      active++
      try {
        return withProblems(await deliver(message, signal), message.problems)
      } catch (err) {
        return { outcome: 'retry', reason: describeError(signal.aborted ? signal.reason : err) }
      } finally {
        timer.cancel()
        active--
        release()
      }
    },
    // Requests under way end first: cutting one off would leave open whether it arrived.
    close: () => {
      isClosed = true
      release()
    },
  }
}

/** What an answer's status means for every receiver. */
export function classify(answer: Answer, now: number): Delivery {
  const { status } = answer
  if (status >= 200 && status < 300) return { outcome: 'delivered', detail: `HTTP ${status}` }
  const reason = describeAnswer(answer)
  if (finalStatuses.has(status)) return { outcome: 'failed', reason }
  const afterMs = parseRetryAfter(answer.retryAfter, now)
  return { outcome: 'retry', reason, ...(afterMs !== undefined && { afterMs }) }
}

/** `HTTP 503: what it said`. */
export function describeAnswer({ status, text }: Answer): string {
  return `HTTP ${status}${text === '' ? '' : `: ${text.replaceAll(/\s+/g, ' ').slice(0, 200)}`}`
}

/** Milliseconds that a `Retry-After` header (seconds or a date) asks to wait. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  if (/^\d+(?:\.\d+)?$/.test(header.trim())) return Math.round(Number(header) * 1000)
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0)
}

/** The same outcome, with what was wrong with the templates beside it. */
export function withProblems(delivery: Delivery, problems: readonly string[]): Delivery {
  if (problems.length === 0) return delivery
  const note = `; a template failed, the built-in text was used: ${problems[0]}`
  return delivery.outcome === 'delivered'
    ? { ...delivery, detail: delivery.detail + note }
    : { ...delivery, reason: delivery.reason + note }
}

function createAgents({ tls, proxyUrl, noProxy }: HttpSettings): { readonly http: HttpAgent; readonly https: HttpsAgent } {
  const proxy =
    proxyUrl === undefined
      ? {}
      : { proxyEnv: { HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl, ...(noProxy !== undefined && { NO_PROXY: noProxy }) } }
  return { http: new HttpAgent({ keepAlive: true, ...proxy }), https: new HttpsAgent({ keepAlive: true, ...proxy, ...tlsOptions(tls) }) }
}

function prepare(request: OutgoingRequest, http: HttpSettings, message: Message): Call {
  const body = typeof request.body === 'string' ? Buffer.from(request.body) : request.body
  if (body.length > maxBodyBytes) throw new Error(`the message has ${body.length} bytes; ${maxBodyBytes} is the most`)
  const url = URL.canParse(request.url) ? new URL(request.url) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new Error('the URL is not an http:// or https:// URL')
  const own = Object.entries(http.headers ?? {}).map(([name, secret]) => [name, headerValue(message.secret(secret))])
  const authorization = authorizationOf(http, url, message)
  return {
    url,
    method: request.method ?? 'POST',
    body,
    headers: {
      'User-Agent': userAgent,
      'Content-Length': String(body.length),
      ...Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, headerValue(value)])),
      ...Object.fromEntries(own),
      ...(authorization !== undefined && { Authorization: headerValue(authorization) }),
    },
  }
}

/** A value that cannot begin another header, in the characters that headers have. */
function headerValue(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001F\u007F]+/g, ' ').replaceAll(/[^\u0020-\u00FF]/g, '?')
}

function authorizationOf({ authorization }: HttpSettings, url: URL, message: Message): string | undefined {
  if (authorization !== undefined) {
    const credentials = message.secret(authorization.credentials)
    if (authorization.user === undefined) return `${authorization.scheme} ${credentials}`
    return `Basic ${Buffer.from(`${authorization.user}:${credentials}`).toString('base64')}`
  }
  if (url.username === '') return undefined
  return `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}`
}

async function follow(http: HttpSettings, first: Call, call: (step: Call) => Promise<Answer>): Promise<Answer> {
  let step = first
  for (let hop = 0; ; hop++) {
    const answer = await call(step)
    const isRedirect = answer.status === 307 || answer.status === 308
    if (!isRedirect || answer.location === undefined || !http.followRedirects || hop >= maxRedirects) return answer
    const next = URL.canParse(answer.location, step.url.href) ? new URL(answer.location, step.url.href) : undefined
    if (next === undefined || next.origin !== first.url.origin) {
      throw new ForbiddenTargetError(`redirected to another place (${next?.origin ?? 'not a URL'}), which is not followed`)
    }
    step = { ...first, url: next }
  }
}

function callOnce(
  { url, method, headers, body }: Call,
  options: {
    readonly agents: { readonly http: HttpAgent; readonly https: HttpsAgent }
    readonly signal: AbortSignal
    readonly allowLinkLocal: boolean
  },
): Promise<Answer> {
  const { agents, signal, allowLinkLocal } = options
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!allowLinkLocal && isIP(host) !== 0) refuseMetadata(host)
  const isTls = url.protocol === 'https:'
  const send = isTls ? httpsRequest : httpRequest
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const request = send(
    {
      method,
      agent: isTls ? agents.https : agents.http,
      headers,
      signal,
      protocol: url.protocol,
      hostname: host,
      path: `${url.pathname}${url.search}`,
      ...(url.port !== '' && { port: Number(url.port) }),
      ...(!allowLinkLocal && { lookup: guardedLookup }),
    },
    (response) => readAnswer(response).then(resolve, reject),
  )
  request.on('error', reject)
  request.end(body)
  return promise
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk as string
    if (text.length > maxAnswerBytes) break
  }
  response.destroy()
  return {
    status: response.statusCode ?? 0,
    retryAfter: response.headers['retry-after'],
    location: response.headers.location,
    text,
  }
}

function describeError(err: unknown): string {
  if (err instanceof SecretError || err instanceof ForbiddenTargetError) return err.message
  const { message, code } = err as Error & { code?: string }
  return code === undefined || message.includes(code) ? message : `${code}: ${message}`
}
