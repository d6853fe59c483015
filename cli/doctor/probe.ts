import type { IncomingMessage } from 'node:http'
import { request as requestSecure } from 'node:https'
import { systemClock } from '../../lib/clock.ts'
import { httpRequest } from '../../lib/http.ts'

/** What a URL answered, or why it did not. */
export type Answer = {
  /** From the question to the whole answer. */
  readonly tookMs: number
} & (
  | {
      readonly status: number
      readonly text: string
      /** The header `date`, ms; NaN where there is none. */
      readonly date: number
      readonly error?: undefined
    }
  | { readonly status: 0; readonly text: ''; readonly date: number; readonly error: string }
)

export interface ProbeOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly token?: string
  readonly isInsecure?: boolean
  readonly tlsServerName?: string
}

const timeoutMs = 4000
const maxTextBytes = 64 << 20

/** GETs a URL once. Never rejects: whatever goes wrong is the answer. */
export function probe(url: string, options: ProbeOptions = {}): Promise<Answer> {
  return new Promise((resolve) => {
    const startedAt = systemClock.monotonic()
    const tookMs = () => systemClock.monotonic() - startedAt
    const fail = (error: NodeJS.ErrnoException) =>
      resolve({ status: 0, text: '', date: Number.NaN, error: describe(error), tookMs: tookMs() })
    const { ca, cert, key, token, isInsecure = false, tlsServerName } = options
    const request = url.startsWith('https:') ? requestSecure : httpRequest
    try {
      const outgoing = request(url, {
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
        rejectUnauthorized: !isInsecure,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert, key }),
        ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
        headers: { accept: 'application/json, text/plain, */*', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      })
      outgoing.on('error', fail)
      outgoing.on('response', (response) => void collect(response).then((answer) => resolve({ ...answer, tookMs: tookMs() }), fail))
      outgoing.end()
    } catch (error) {
      fail(error as Error)
    }
  })
}

async function collect(response: IncomingMessage): Promise<{ readonly status: number; readonly text: string; readonly date: number }> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxTextBytes) throw new Error(`the answer is over ${maxTextBytes} bytes`)
    chunks.push(chunk)
  }
  const date = Date.parse(response.headers.date ?? '')
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString(), date }
}

function describe({ name, code, message }: NodeJS.ErrnoException): string {
  if (name === 'AbortError' || name === 'TimeoutError' || code === 'ABORT_ERR') return `no answer within ${timeoutMs / 1000} s`
  if (code === 'ECONNREFUSED') return 'nothing listens there'
  return message || code || name
}

/** The answer's JSON, or `undefined` where it is none or no success. */
export function jsonOf(answer: Answer): unknown {
  if (answer.status !== 200) return undefined
  try {
    return JSON.parse(answer.text) as unknown
  } catch {
    return undefined
  }
}

/** Why an answer is not what was wanted. */
export function complaintOf(answer: Answer): string {
  if (answer.error !== undefined) return answer.error
  const { message } = statusOf(answer.text)
  return `HTTP ${answer.status}: ${(message ?? answer.text.trim().split('\n')[0]!).slice(0, 200)}`
}

/** The API server's own form of an error. */
function statusOf(text: string): { readonly message?: string } {
  try {
    return JSON.parse(text) as { message?: string }
  } catch {
    return {}
  }
}

/** The samples of a family in Prometheus' text, as our own pages write them: label values without escapes. */
export function samplesOf(
  text: string,
  family: string,
): readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[] {
  const samples = []
  for (const line of text.split('\n')) {
    if (!line.startsWith(family) || !/^[ {]/.test(line.slice(family.length))) continue
    const labels = Object.fromEntries([...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!]))
    samples.push({ labels, value: Number(line.slice(line.lastIndexOf(' ') + 1)) })
  }
  return samples
}
