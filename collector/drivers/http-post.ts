import { HttpAgent, httpRequest } from '../../lib/http.ts'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

export interface Answer {
  readonly status: number
  /** The body, as far as it fits. */
  readonly text: string
}

/** POSTs to one server over connections that are kept. Rejects when there is no answer. */
export interface Poster {
  post(url: string, headers: OutgoingHttpHeaders, body: Buffer, signal: AbortSignal): Promise<Answer>
  close(): void
}

const timeoutMs = 20_000
/** What is read of an answer; a bulk answer has a few bytes per document. */
const maxAnswerBytes = 4 << 20

/** A poster that says who it is, where a user is configured. */
export function createPoster({ user, password = '' }: { readonly user?: string; readonly password?: string }): Poster {
  const agents = { http: new HttpAgent({ keepAlive: true, maxSockets: 2 }), https: new HttpsAgent({ keepAlive: true, maxSockets: 2 }) }
  const authorization = user === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
  return {
    post: (url, headers, body, signal) =>
      new Promise((resolve, reject) => {
        const isSecure = url.startsWith('https:')
        const request = (isSecure ? httpsRequest : httpRequest)(url, {
          method: 'POST',
          agent: isSecure ? agents.https : agents.http,
          headers: { ...headers, ...authorization, 'content-length': body.length },
          timeout: timeoutMs,
          signal,
        })
        request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)))
        request.on('error', reject)
        request.on('response', (response) => readAnswer(response).then(resolve, reject))
        request.end(body)
      }),
    close: () => {
      agents.http.destroy()
      agents.https.destroy()
    },
  }
}

/** Whether a request may do better later: the server is overloaded, on its way up, or does not know us yet. */
export function isTemporary(status: number): boolean {
  return status === 401 || status === 403 || status === 408 || status === 429 || status >= 500
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= maxAnswerBytes) chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }
}
