import { request as httpsRequest } from 'node:https'
import { isIPv6 } from 'node:net'
import { urlToHttpOptions } from 'node:url'
import { httpRequest } from '../../../lib/http.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { CoreV1HTTPGetAction } from '../../api/generated/kinds.ts'
import { dialError } from './dial-error.ts'
import type { ProbeOutcome } from './probe-executor.ts'

/** What is kept of an answer, as in the kubelet. */
const maxBodyBytes = 10 * 1024
const maxRedirects = 10
const userAgent = 'kube-probe/1.35'

interface Answer {
  readonly status: number
  readonly location: string | undefined
  readonly body: string
}

/** Where a request goes: `text` is the URL in the words of the Go library. */
interface Place {
  readonly url: URL
  readonly text: string
}

/**
 * Asks once, following redirects that stay on the host, as the kubelet: one that leads elsewhere passes with a warning. The time is for all of it.
 */
export async function probeHttp(
  clock: Clock,
  { host, port, action }: { readonly host: string; readonly port: number; readonly action: CoreV1HTTPGetAction },
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const endMs = clock.monotonic() + timeoutMs
  const first = placeOf(host, port, action)
  const headers = headersOf(action)
  let place = first
  for (let redirects = 0; ; redirects++) {
    try {
      if (redirects === maxRedirects) throw new Error(`stopped after ${maxRedirects} redirects`)
      const answer = await get(clock, place.url, { headers, timeoutMs: endMs - clock.monotonic() })
      const next = redirectOf(answer, place.url)
      if (next === undefined || next.hostname !== first.url.hostname) return outcomeOf(answer)
      place = { url: next, text: next.href }
    } catch (error) {
      return { isSuccess: false, output: `Get "${place.text}": ${(error as Error).message}` }
    }
  }
}

function placeOf(host: string, port: number, { scheme = 'HTTP', path = '' }: CoreV1HTTPGetAction): Place {
  const text = `${scheme.toLowerCase()}://${isIPv6(host) ? `[${host}]` : host}:${port}${path.startsWith('/') ? '' : '/'}${path}`
  return { url: new URL(text), text }
}

/** The action's own go before the usual ones; one that is given empty is not sent. */
function headersOf({ httpHeaders = [] }: CoreV1HTTPGetAction): Record<string, string[]> {
  const headers: Record<string, string[]> = {}
  for (const { name, value } of httpHeaders) (headers[name.toLowerCase()] ??= []).push(value)
  const all: Record<string, string[]> = { 'user-agent': [userAgent], accept: ['*/*'], ...headers }
  for (const name of ['user-agent', 'accept']) if (all[name]!.join('') === '') delete all[name]
  return all
}

function redirectOf({ status, location }: Answer, from: URL): URL | undefined {
  if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) return undefined
  return URL.parse(location, from.href) ?? undefined
}

function outcomeOf({ status, body }: Answer): ProbeOutcome {
  if (status < 200 || status >= 400) return { isSuccess: false, status, output: `HTTP probe failed with statuscode: ${status}` }
  if (status < 300) return { isSuccess: true, status, output: body }
  return { isSuccess: true, isWarning: true, status, output: `Probe terminated redirects, Response body: ${body}` }
}

function get(
  clock: Clock,
  url: URL,
  { headers, timeoutMs }: { readonly headers: Record<string, string[]>; readonly timeoutMs: number },
): Promise<Answer> {
  const { host, ...others } = headers
  return new Promise((resolve, reject) => {
    const isTls = url.protocol === 'https:'
    const request = (isTls ? httpsRequest : httpRequest)({
      ...urlToHttpOptions(url),
      method: 'GET',
      headers: { ...others, ...(host?.[0] === undefined ? {} : { host: host[0] }) },
      agent: false,
      ...(isTls ? { rejectUnauthorized: false } : {}),
    })
    const timer = clock.setTimer(timeoutMs, () => {
      reject(new Error('context deadline exceeded (Client.Timeout exceeded while awaiting headers)'))
      request.destroy()
    })
    request.once('response', (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => {
        if (body.length < maxBodyBytes) body += chunk.toString('utf8', 0, maxBodyBytes - body.length)
        else response.destroy()
      })
      response.on('error', () => {})
      response.once('close', () => {
        timer.cancel()
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, body })
      })
    })
    request.on('error', (error) => {
      timer.cancel()
      reject(new Error(dialError(error, url.hostname.replace(/^\[|\]$/g, ''), url.port || (isTls ? 443 : 80))))
    })
    request.end()
  })
}
