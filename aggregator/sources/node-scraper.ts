import { Agent, request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../../lib/clock.ts'

/** Where a node's kubelet (or our collector behind the node agent) listens. */
export interface NodeAddress {
  readonly host: string
  readonly port: number
}

/** Credentials towards kubelets, PEM. */
export interface KubeletCredentials {
  readonly cert: string
  readonly key: string
  /** The authority of the kubelets' serving certificates. */
  readonly ca: string
  /** For clusters whose kubelets have certificates of their own making. */
  readonly insecureSkipTlsVerify?: boolean
}

/** The step of a scrape that failed, in the order in which they happen. */
export type ScrapeStage =
  | 'address'
  | 'dns'
  | 'connect'
  | 'tls'
  | 'authentication'
  | 'authorization'
  | 'status'
  | 'timeout'
  | 'size'
  | 'parse'

/** A scrape that gave nothing: the step that failed, and what to look at. */
export class ScrapeError extends Error {
  readonly code: ScrapeStage

  constructor(code: ScrapeStage, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ScrapeError'
    this.code = code
  }

  /** What a person should look at. */
  get advice(): string {
    return advice[this.code]
  }
}

const advice: Record<ScrapeStage, string> = {
  address: 'the Node object has no InternalIP or no kubelet port: is its node agent running?',
  dns: "the node's address is a name that does not resolve here",
  connect: 'nothing listens there, or a firewall is in between: is the node agent running?',
  tls: "the certificates do not fit: is the node's serving certificate from the given authority and does it name this address?",
  authentication: 'the node does not accept our client certificate: is it from the authority that the node trusts?',
  authorization: 'our user may not get nodes/stats: bind it to a role that may',
  status: 'the node answered, but not with a summary',
  timeout: 'the node takes too long: is it overloaded?',
  size: 'the summary is larger than anything sensible',
  parse: 'the node answered with something that is no summary of this node',
}

/** The largest summary that is read. A node of 110 pods answers with about 300 KiB. */
const maxBodyBytes = 32 << 20

export interface NodeScraperOptions extends KubeletCredentials {
  readonly clock: Clock
  readonly timeoutMs: number
}

/** Gets summaries over HTTPS with our client certificate, keeping one connection per node open. */
export class NodeScraper {
  readonly #agent: Agent
  readonly #clock: Clock
  readonly #timeoutMs: number

  constructor({ cert, key, ca, insecureSkipTlsVerify = false, clock, timeoutMs }: NodeScraperOptions) {
    // Made once: reading the certificates anew for each connection costs more than the handshake.
    const secureContext = createSecureContext({ cert, key, ca })
    this.#agent = new Agent({ keepAlive: true, secureContext, rejectUnauthorized: !insecureSkipTlsVerify, maxCachedSessions: 0 })
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /** The text of `/stats/summary`. Rejects with a `ScrapeError` that names the stage. */
  async scrape({ host, port }: NodeAddress, signal: AbortSignal): Promise<string> {
    const late = new AbortController()
    const deadline = this.#clock.setTimer(this.#timeoutMs, () => late.abort())
    try {
      const response = await this.#request(host, port, AbortSignal.any([signal, late.signal]))
      return await readBody(response)
    } catch (error) {
      if (error instanceof ScrapeError) throw error
      if (late.signal.aborted)
        throw new ScrapeError('timeout', `no answer from ${host}:${port} within ${this.#timeoutMs} ms`, { cause: error })
      throw new ScrapeError(stageOf(error as NodeJS.ErrnoException), `${host}:${port}: ${(error as Error).message}`, { cause: error })
    } finally {
      deadline.cancel()
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #request(host: string, port: number, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = { accept: 'application/json' }
      const outgoing = request({ host, port, path: '/stats/summary', agent: this.#agent, headers, signal })
      outgoing.on('error', reject)
      outgoing.on('response', resolve)
      outgoing.end()
    })
  }
}

async function readBody(response: IncomingMessage): Promise<string> {
  const status = response.statusCode ?? 0
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBodyBytes) throw new ScrapeError('size', `the summary is over ${maxBodyBytes} bytes`)
    chunks.push(chunk)
  }
  const body = Buffer.concat(chunks).toString()
  if (status === 200) return body
  const stage = status === 401 ? 'authentication' : status === 403 ? 'authorization' : 'status'
  throw new ScrapeError(stage, `HTTP ${status}: ${body.slice(0, 200)}`)
}

function stageOf({ code = '', message }: NodeJS.ErrnoException): ScrapeStage {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'dns'
  const isTls = /^ERR_TLS|^ERR_SSL|CERT|UNABLE_TO|SIGNATURE|^EPROTO$/.test(code) || message.includes('before secure TLS connection')
  return isTls ? 'tls' : 'connect'
}
