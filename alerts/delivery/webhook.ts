import { createHmac } from 'node:crypto'
import { lookup } from 'node:dns'
import type { IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { HttpAgent, httpRequest } from '../../lib/http.ts'
import type { Clock } from '../../lib/clock.ts'
import type { WebhookSettings } from '../routing/receiver.ts'
import { webhookPayload } from './message.ts'
import type { Delivery, Integration, Notification } from './notification.ts'

const userAgent = 'Alertmanager/0.25.0 (Binnacle)'
const maxRedirects = 3
const maxAnswerBytes = 4096

/** Answers that say that this very message will never be taken. Others (no such page, no right) change when somebody repairs the receiver. */
const finalStatuses: ReadonlySet<number> = new Set([400, 405, 406, 413, 414, 415, 422])

/** Where clouds serve credentials to whoever asks. */
const linkLocal = new BlockList()
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4')
linkLocal.addSubnet('fe80::', 10, 'ipv6')

/** Thrown inside a request that must not be made. */
class ForbiddenTargetError extends Error {
  readonly code = 'EFORBIDDENTARGET'
}

interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly location: string | undefined
  readonly text: string
}

/**
 * POSTs Alertmanager's payload. Every attempt carries `Idempotency-Key` (the notification's ID), `X-Binnacle-Attempt` and, with a secret,
 * `X-Binnacle-Signature: t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>">`. 2xx is delivered; a `Retry-After` is obeyed; redirects are followed
 * only to the same origin.
 */
export function createWebhookIntegration(settings: WebhookSettings, clock: Clock): Integration {
  const tls = {
    rejectUnauthorized: !settings.tls.isInsecure,
    ...(settings.tls.ca !== undefined && { ca: settings.tls.ca }),
    ...(settings.tls.cert !== undefined && { cert: settings.tls.cert }),
    ...(settings.tls.key !== undefined && { key: settings.tls.key }),
    ...(settings.tls.serverName !== undefined && { servername: settings.tls.serverName }),
  }
  const isTls = settings.url.protocol === 'https:'
  const agent = isTls ? new HttpsAgent({ keepAlive: true, ...tls }) : new HttpAgent({ keepAlive: true })
  let active = 0
  let isClosed = false
  const release = () => {
    if (isClosed && active === 0) agent.destroy()
  }
  const post = (url: URL, headers: Record<string, string>, body: Buffer, signal: AbortSignal) =>
    postOnce({ url, headers, body, agent, signal, allowLinkLocal: settings.allowLinkLocal })
  return {
    kind: settings.kind,
    sendResolved: settings.sendResolved,
    send: async (notification, stop) => {
      const body = Buffer.from(JSON.stringify(webhookPayload(notification, settings.maxAlerts)))
      const headers = composeHeaders(settings, notification, body, clock.now())
      const deadline = new AbortController()
      const timer = clock.setTimer(settings.timeoutMs, () => deadline.abort(new Error(`no answer within ${settings.timeoutMs} ms`)))
      const signal = AbortSignal.any([deadline.signal, stop])
      active++
      try {
        return classify(await follow(settings, (url) => post(url, headers, body, signal)), clock.now())
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

function composeHeaders(settings: WebhookSettings, notification: Notification, body: Buffer, now: number): Record<string, string> {
  const { url, hmacSecret } = settings
  const user = url.username === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  const authorization = settings.authorization ?? (user && `Basic ${Buffer.from(user).toString('base64')}`)
  return {
    'Content-Type': 'application/json',
    'Content-Length': String(body.length),
    'User-Agent': userAgent,
    'Idempotency-Key': notification.id,
    'X-Binnacle-Attempt': String(notification.attempts + 1),
    ...(authorization !== undefined && { Authorization: authorization }),
    ...(hmacSecret !== undefined && { 'X-Binnacle-Signature': sign(hmacSecret, body, now) }),
  }
}

/** `t=<seconds>,v1=<hex>`: the time is signed too, so that an old request cannot be played back later. */
function sign(secret: string, body: Buffer, now: number): string {
  const seconds = Math.floor(now / 1000)
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.`).update(body).digest('hex')}`
}

async function follow(settings: WebhookSettings, post: (url: URL) => Promise<Answer>): Promise<Answer> {
  let url = settings.url
  for (let hop = 0; ; hop++) {
    const answer = await post(url)
    const isRedirect = answer.status === 307 || answer.status === 308
    if (!isRedirect || answer.location === undefined || !settings.followRedirects || hop >= maxRedirects) return answer
    const next = URL.canParse(answer.location, url.href) ? new URL(answer.location, url.href) : undefined
    if (next === undefined || next.origin !== settings.url.origin) {
      throw new ForbiddenTargetError(`redirected to another place (${next?.origin ?? 'not a URL'}), which is not followed`)
    }
    url = next
  }
}

function classify(answer: Answer, now: number): Delivery {
  const { status } = answer
  if (status >= 200 && status < 300) return { outcome: 'delivered', detail: `HTTP ${status}` }
  const reason = `HTTP ${status}${answer.text === '' ? '' : `: ${answer.text.replaceAll(/\s+/g, ' ').slice(0, 200)}`}`
  if (finalStatuses.has(status)) return { outcome: 'failed', reason }
  const afterMs = parseRetryAfter(answer.retryAfter, now)
  return { outcome: 'retry', reason, ...(afterMs !== undefined && { afterMs }) }
}

/** Milliseconds that a `Retry-After` header (seconds or a date) asks to wait. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0)
}

function postOnce(options: {
  readonly url: URL
  readonly headers: Record<string, string>
  readonly body: Buffer
  readonly agent: HttpAgent | HttpsAgent
  readonly signal: AbortSignal
  readonly allowLinkLocal: boolean
}): Promise<Answer> {
  const { url, headers, body, agent, signal, allowLinkLocal } = options
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!allowLinkLocal && isIP(host) !== 0) refuseLinkLocal(host)
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const request = send(
    {
      method: 'POST',
      agent,
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

/** Name resolution that refuses names which lead to link-local addresses, whatever they are called. */
const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (err, addresses) => {
    if (err !== null) return callback(err, [])
    try {
      for (const { address } of addresses) refuseLinkLocal(address)
    } catch (refusal) {
      return callback(refusal as Error, [])
    }
    const [first] = addresses
    if (options.all === true) callback(null, addresses)
    else callback(null, first!.address, first!.family)
  })
}

function refuseLinkLocal(address: string): void {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  if (linkLocal.check(mapped, isIP(mapped) === 6 ? 'ipv6' : 'ipv4')) {
    throw new ForbiddenTargetError(`${address} is a link-local address; set allow_link_local: true to allow it`)
  }
}

function describeError(err: unknown): string {
  const { message, code } = err as Error & { code?: string }
  return code === undefined || message.includes(code) ? message : `${code}: ${message}`
}
