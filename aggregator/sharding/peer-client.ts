import { Agent, request } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../../lib/clock.ts'
import type { Member } from './membership.ts'

/** What members show each other, PEM: a certificate of one authority, good for serving and for asking. */
export interface PeerCredentials {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** A peer that gave no answer, or none that can be used; the message names it. */
export class PeerError extends Error {
  readonly code = 'PEER'
}

export interface PeerClientOptions {
  readonly credentials: PeerCredentials
  readonly timeoutMs: number
  readonly clock: Clock
}

/** The largest answer of a peer that is read: totals of thousands of workloads, or the metrics of some ten thousand pods. */
const maxBodyBytes = 256 << 20

/** Asks other members over HTTPS, one connection per member kept open. */
export class PeerClient {
  readonly #options: PeerClientOptions
  readonly #agent: Agent

  constructor(options: PeerClientOptions) {
    this.#options = options
    this.#agent = new Agent({ keepAlive: true, secureContext: createSecureContext(options.credentials) })
  }

  /** The JSON answer of a path. Rejects with a `PeerError` when there is none in time. */
  async get<T>(peer: Member, path: string): Promise<T> {
    const { clock, timeoutMs } = this.#options
    const late = new AbortController()
    const deadline = clock.setTimer(timeoutMs, () => late.abort())
    try {
      const { status, body } = await this.#request(peer, path, late.signal)
      if (status !== 200) throw new Error(`HTTP ${status}: ${body.slice(0, 200)}`)
      return JSON.parse(body) as T
    } catch (cause) {
      const why = late.signal.aborted ? `no answer within ${timeoutMs} ms` : (cause as Error).message
      throw new PeerError(`aggregator ${peer.name} at ${peer.address}: ${why}`, { cause })
    } finally {
      deadline.cancel()
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #request({ address }: Member, path: string, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, `https://${address}`), { agent: this.#agent, signal })
      outgoing.on('error', reject)
      outgoing.on('response', (response) => {
        const chunks: Buffer[] = []
        let length = 0
        response.on('error', reject)
        response.on('data', (chunk: Buffer) => {
          length += chunk.length
          if (length > maxBodyBytes) outgoing.destroy(new Error(`the answer is over ${maxBodyBytes} bytes`))
          else chunks.push(chunk)
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
      })
      outgoing.end()
    })
  }
}
