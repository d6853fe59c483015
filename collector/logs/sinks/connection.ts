import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock } from '../../../lib/clock.ts'
import { loadTls } from './http-options.ts'
import type { TlsOptions } from './http-options.ts'
import { SendError } from './sink.ts'

/** The other end of a connection. */
export interface Place {
  readonly host: string
  readonly port: number
  readonly isSecure: boolean
}

/** Host and port of `tcp://host:port` or `tls://host:port`. */
export function placeOf(address: string, defaultPort: number): Place {
  const { protocol, hostname, port } = new URL(address)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? defaultPort : Number(port), isSecure: protocol === 'tls:' }
}

export interface ConnectionOptions {
  readonly place: Place
  readonly tls: TlsOptions
  readonly clock: Clock
}

const maxRoundTripMs = 500

/** Bytes to and from one peer. Any error ends it; `signal` of the request under way does, too. */
export class Connection {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #openedInMs: number
  readonly #received: Buffer[] = []
  #isEnded = false
  #error: Error | undefined
  #notify: (() => void) | undefined

  private constructor(socket: Socket, clock: Clock, openedInMs: number) {
    this.#socket = socket
    this.#clock = clock
    this.#openedInMs = openedInMs
    const end = (error?: Error) => {
      this.#isEnded = true
      this.#error ??= error
      this.#notify?.()
    }
    // Read at once, so that it shows in `isOpen` when the peer has closed in between.
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk)
      socket.pause()
      this.#notify?.()
    })
    socket.on('end', () => end())
    socket.on('close', () => end())
    socket.on('error', end)
  }

  /** Connects, over TLS with a certificate that is valid for the host or `server_name`. */
  static async open({ place, tls, clock }: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted()
    const { host, port, isSecure } = place
    const begun = clock.monotonic()
    const { ca, cert, key, isUnverified, serverName } = loadTls(tls)
    const isName = /[a-z]/i.test(host) && !host.includes(':')
    const name = serverName ?? (isName ? host : undefined)
    const socket = isSecure
      ? connectTls({
          host,
          port,
          ca,
          cert,
          key,
          rejectUnauthorized: isUnverified !== true,
          ...(name === undefined ? {} : { servername: name }),
        })
      : connectTcp({ host, port })
    try {
      await once(socket, isSecure ? 'secureConnect' : 'connect', { signal })
    } catch (error) {
      socket.on('error', () => {})
      socket.destroy()
      throw signal.aborted ? signal.reason : error
    }
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    return new Connection(socket, clock, clock.monotonic() - begun)
  }

  /** Whether it can still be written to, as far as is known. */
  get isOpen(): boolean {
    return this.#socket.writable && !this.#isEnded
  }

  /** Runs one exchange; whatever goes wrong in it, the abortion of `signal` included, closes the connection. */
  async during<T>(signal: AbortSignal, exchange: () => Promise<T>): Promise<T> {
    const destroy = () => this.#socket.destroy(signal.reason instanceof Error ? signal.reason : undefined)
    signal.addEventListener('abort', destroy, { once: true })
    try {
      signal.throwIfAborted()
      return await exchange()
    } catch (error) {
      this.#socket.destroy()
      throw error
    } finally {
      signal.removeEventListener('abort', destroy)
    }
  }

  /** Resolves when the system has taken all bytes. */
  write(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }

  /** The next bytes; rejects when the peer has closed. */
  async read(): Promise<Buffer> {
    const chunk = await this.#next()
    if (chunk === undefined) throw this.#error ?? new SendError('the receiver closed the connection')
    return chunk
  }

  /** Says that nothing more comes, and resolves when the peer has said so, too: it has then read everything. */
  async finish(): Promise<void> {
    // One that closes on its own has not read what is on its way; word of that takes a round trip at most.
    await this.#clock.sleep(Math.min(2 + this.#openedInMs, maxRoundTripMs))
    if (this.#isEnded) throw this.#error ?? new SendError('the receiver closed the connection before it had read everything')
    this.#socket.end()
    while ((await this.#next()) !== undefined) {
      // What the peer says does not matter here.
    }
    if (this.#error !== undefined) throw this.#error
    this.#socket.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** The next bytes; `undefined` when there will be none. */
  async #next(): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = this.#received.shift()
      if (chunk !== undefined) return chunk
      if (this.#isEnded) return undefined
      this.#socket.resume()
      await new Promise<void>((resolve) => (this.#notify = resolve))
    }
  }
}
