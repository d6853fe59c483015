import http from 'node:http'
import https from 'node:https'
import { setTimeout as wait } from 'node:timers/promises'
import type { BoomOptions } from './flags.ts'
import type { Outcome } from './report.ts'

/** How many outcomes are kept: a long run must not fill the memory. */
const maxOutcomes = 1_000_000

/** Sends the load and resolves when the last request is answered; `signal` ends it early. */
export async function sendLoad(
  options: BoomOptions,
  signal: AbortSignal,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly seconds: number }> {
  const isSecure = options.url.startsWith('https:')
  const settings = { keepAlive: options.isKeepAlive, maxSockets: options.concurrency }
  const agent = isSecure ? new https.Agent({ ...settings, rejectUnauthorized: false }) : new http.Agent(settings)
  const startedAt = performance.now()
  const endsAt = options.durationMs === undefined ? Number.POSITIVE_INFINITY : startedAt + options.durationMs
  const outcomes: Outcome[] = []
  let sent = 0
  const work = async () => {
    let nextAt = performance.now()
    while (sent < options.requests && performance.now() < endsAt && !signal.aborted) {
      sent++
      const outcome = await request(options, agent)
      if (outcomes.length < maxOutcomes) outcomes.push(outcome)
      if (options.rateLimit === 0) continue
      nextAt += 1000 / options.rateLimit
      const waitMs = nextAt - performance.now()
      if (waitMs > 0) await wait(waitMs)
    }
  }
  await Promise.all(Array.from({ length: options.concurrency }, work))
  agent.destroy()
  return { outcomes, seconds: (performance.now() - startedAt) / 1000 }
}

function request({ url, method, headers, body, timeoutMs }: BoomOptions, agent: http.Agent): Promise<Outcome> {
  return new Promise((resolve) => {
    const startedAt = performance.now()
    const finish = (status?: number, error?: string) => resolve({ seconds: (performance.now() - startedAt) / 1000, status, error })
    const send = url.startsWith('https:') ? https.request : http.request
    const outgoing = send(url, { method, headers, agent, timeout: timeoutMs }, (response) => {
      response.on('error', (error) => finish(undefined, error.message))
      response.on('end', () => finish(response.statusCode))
      response.resume()
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    outgoing.on('error', (error) => finish(undefined, error.message))
    outgoing.end(body)
  })
}
