import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock } from '../../lib/clock.ts'
import type { Destination, Outcome } from './destination.ts'
import { createEncodedSink } from './encoded-sink.ts'
import type { TlsSettings } from '../../lib/http-poster.ts'
import { metricPath, plainNumber } from './metric-path.ts'
import { readTls } from './sink-tls.ts'
import type { SinkDeclaration } from './sinks.ts'
import type { Payload } from '../../lib/delivery/spool.ts'
import { createTextEncoder } from './text-encoder.ts'

const defaultPort = 2003
const timeoutMs = 15_000
const pointsPerRequest = 5000

/** `graphite:tcp://host:2003?prefix=kubernetes`: carbon's plaintext protocol, over TLS with `tls://`. */
export const graphite: SinkDeclaration = {
  kind: 'graphite',
  example: 'tcp://carbon:2003',
  read(uri) {
    const url = uri.address(['tcp', 'tls'], 'tcp://carbon:2003')
    const prefix = uri.text('prefix', {
      default: 'kubernetes',
      pattern: /^[\w-]+(\.[\w-]+)*$/,
      allowed: 'letters, digits, "_" and "-" with dots between',
    })
    const tls = readTls(uri)
    const target = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || defaultPort), isSecure: url.protocol === 'tls:' }
    return {
      create: (name, context) =>
        createEncodedSink(name, context, {
          encoder: createTextEncoder({
            point: (point) => `${metricPath(prefix, point)} ${plainNumber(point.value)} ${Math.floor(point.timestamp / 1000)}\n`,
            join: (lines) => lines.join(''),
          }),
          destination: new GraphiteDestination({ ...target, tls, clock: context.clock }),
          concurrency: 1,
          pointsPerRequest,
        }),
    }
  },
}

interface GraphiteOptions {
  readonly host: string
  readonly port: number
  readonly isSecure: boolean
  readonly tls: TlsSettings
  readonly clock: Clock
}

/**
 * The plaintext protocol has no answer. So each payload has a connection of its own that is closed for writing at its end: that the other side
 * closes it too, without an error, says that it has read everything. Carbon keeps the last of several values of a second, so sending again is harmless.
 */
class GraphiteDestination implements Destination {
  readonly #options: GraphiteOptions

  constructor(options: GraphiteOptions) {
    this.#options = options
  }

  send({ body }: Payload, signal: AbortSignal): Promise<Outcome> {
    const { host, port, isSecure, tls, clock } = this.#options
    return new Promise((resolve, reject) => {
      const { ca, cert, key, isUnverified } = tls
      const socket = isSecure
        ? connectTls({ host, port, servername: host, ca, cert, key, rejectUnauthorized: isUnverified !== true })
        : connect({ host, port })
      let isTaken = false
      const deadline = clock.setTimer(timeoutMs, () =>
        socket.destroy(new Error(`${host}:${port} did not take everything within ${timeoutMs} ms`)),
      )
      const abort = () => socket.destroy(new Error('stopped'))
      signal.addEventListener('abort', abort, { once: true })
      socket.on('error', reject)
      // What it says does not matter, but has to be read for its end to be seen.
      socket.resume()
      socket.on('end', () => (isTaken = socket.writableFinished))
      socket.on('close', () => {
        deadline.cancel()
        signal.removeEventListener('abort', abort)
        if (isTaken) resolve({})
        else reject(new Error(`${host}:${port} closed the connection before everything was sent`))
      })
      if (signal.aborted) abort()
      else socket.end(body)
    })
  }

  close(): void {}
}
