import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Destination, Outcome } from './destination.ts'
import { createEncodedSink } from './encoded-sink.ts'
import { metricPath, plainNumber } from './metric-path.ts'
import { outsideLabels } from './points.ts'
import type { Point } from './points.ts'
import type { SinkDeclaration } from './sinks.ts'
import type { Payload } from '../../lib/delivery/spool.ts'
import { createTextEncoder } from './text-encoder.ts'

const defaultPort = 8125
/** What fits into one packet of an Ethernet with room for tunnels. */
const maxDatagramBytes = 1400
const pointsPerRequest = 1000

/** `statsd:udp://host:8125?protocolType=etsystatsd|influxstatsd&prefix=…`: every value as a gauge; Heapster's two dialects. */
export const statsd: SinkDeclaration = {
  kind: 'statsd',
  example: 'udp://localhost:8125',
  read(uri) {
    const url = uri.address(['udp'], 'udp://localhost:8125')
    const prefix = uri.text('prefix', { default: '', pattern: /^[\w.-]+$/, allowed: 'letters, digits, "_", "-" and "."' })
    const dialect = uri.oneOf('protocolType', ['etsystatsd', 'influxstatsd'], 'etsystatsd')
    const target = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || defaultPort) }
    return {
      create: (name, context) => {
        // StatsD has no times: what waits is old before it arrives, so nothing goes to a disk.
        const { spoolDir: _, ...withoutSpool } = context
        const nameOf =
          dialect === 'etsystatsd'
            ? (point: Point) => metricPath(prefix, point)
            : (point: Point) => taggedName(prefix, point, context.clusterName)
        return createEncodedSink(name, withoutSpool, {
          encoder: createTextEncoder({ point: (point) => formatGauge(nameOf(point), point.value), join: (lines) => lines.join('') }),
          destination: new StatsdDestination(target),
          concurrency: 1,
          pointsPerRequest,
        })
      },
    }
  },
}

/** A sign would mean a change of the gauge, so a negative value is set by way of zero. */
function formatGauge(name: string, value: number): string {
  return value < 0 ? `${name}:0|g\n${name}:${plainNumber(value)}|g\n` : `${name}:${plainNumber(value)}|g\n`
}

/** `name,tag=value,…` as InfluxDB's and Telegraf's StatsD reads it. */
function taggedName(prefix: string, point: Point, clusterName: string): string {
  const clean = (text: string) => text.slice(0, 200).replaceAll(/[^a-zA-Z0-9_./-]/g, '_')
  const labels = outsideLabels(point, clusterName)
  const tags = Object.keys(labels)
    .sort()
    .map((name) => `,${clean(name)}=${clean(labels[name]!)}`)
  return `${clean(prefix === '' ? point.name : `${prefix}.${point.name}`)}${tags.join('')}`
}

/** UDP to one address. Nobody says what arrived; a host that cannot be found or refuses is noticed, and what was sent to it is lost. */
class StatsdDestination implements Destination {
  readonly #target: { readonly host: string; readonly port: number }
  #socket: Socket | undefined
  #error: Error | undefined

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target
  }

  async send({ body, items }: Payload): Promise<Outcome> {
    try {
      const socket = (this.#socket ??= await this.#open())
      for (const datagram of datagrams(body)) await sendDatagram(socket, datagram)
      const error = this.#error
      this.#error = undefined
      if (error !== undefined) throw error
      return {}
    } catch (error) {
      this.close()
      return { refusals: [{ reason: 'unreachable', message: (error as Error).message, items, samples: [] }] }
    }
  }

  close(): void {
    this.#socket?.close()
    this.#socket = undefined
    this.#error = undefined
  }

  async #open(): Promise<Socket> {
    const { host, port } = this.#target
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    socket.unref()
    socket.connect(port, host)
    await once(socket, 'connect')
    socket.on('error', (error) => (this.#error = error))
    return socket
  }
}

function sendDatagram(socket: Socket, datagram: Buffer): Promise<void> {
  return new Promise((resolve, reject) => socket.send(datagram, (error) => (error === null ? resolve() : reject(error))))
}

/** Whole lines, as many as fit. */
function* datagrams(body: Buffer): Iterable<Buffer> {
  for (let start = 0; start < body.length;) {
    let end = body.length
    if (end - start > maxDatagramBytes) {
      const last = body.lastIndexOf(10, start + maxDatagramBytes - 1)
      end = last > start ? last + 1 : body.indexOf(10, start) + 1 || body.length
    }
    yield body.subarray(start, body[end - 1] === 10 ? end - 1 : end)
    start = end
  }
}
