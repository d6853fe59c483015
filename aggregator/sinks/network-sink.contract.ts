import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { columnOf } from '../catalog.ts'
import { createEntity } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { Batch } from '../metric-set.ts'
import type { Sink } from './sink.ts'
import { parseSink } from './sinks.ts'

/** How a receiver behaves. `garbage`: bytes that are no answer; `hang`: none at all; `unavailable`: its protocol's way to say "not now". */
export type Behaviour = 'good' | 'unavailable' | 'hang' | 'garbage'

/** The other end of a sink, in this process. */
export interface Receiver {
  /** A URI for `parseSink`. */
  readonly uri: string
  behaviour: Behaviour
  /** Says whether an item is refused for good, where the protocol can. */
  isRefused: (text: string) => boolean
  /** A text per point that was taken, in which pod name and value are found. */
  readonly taken: string[]
  close(): Promise<void>
}

/** What of hostile names a receiver sees. */
export interface SinkCase {
  readonly open: () => Promise<Receiver>
  /** How the pod's name is found in a taken text. */
  readonly shownName: (name: string) => string
  /** Whether the protocol tells what it refuses. */
  readonly tellsRefusals: boolean
}

export const hostileNames = [
  'a\nb 1 2',
  'x|g\ny:1',
  '"},{"index":{}}\n',
  "'; DROP",
  '\\',
  'é😀',
  '\u0000',
  'a.b/c:d=e,f g',
  '../../etc',
  '</script>',
]

/** A batch of pods whose one value is their place in the list, and the same place on a labelled one. */
export function podBatch(names: readonly string[], timestamp: number): Batch {
  const sets = names.map((name, index) => {
    const set = createMetricSet(
      createEntity('pod', `namespace:d/pod:${name}`, { namespace_name: 'd', pod_name: name, nodename: 'n1', pod_id: 'uid' }),
    )
    set.values[columnOf('memory/usage')] = index
    return set
  })
  return { nodeName: 'n1', timestamp, sets: new Map(sets.map((set) => [set.entity.key, set])) }
}

const patienceMs = 5000

/** What every network sink keeps to, whatever its protocol. */
export function describeNetworkSink(kind: string, { open, shownName, tellsRefusals }: SinkCase): void {
  describe(`the ${kind} sink`, () => {
    let receiver: Receiver
    let clock: FakeClock
    let sink: Sink
    beforeEach(async () => {
      receiver = await open()
      clock = new FakeClock()
      sink = parseSink(receiver.uri).create({ clusterName: 'c', clock, random: seededRandom(1), log: silentLog })
      await sink.start()
    })
    afterEach(async () => {
      const stopping = sink.stop()
      await clock.advance(5000)
      await stopping
      await receiver.close()
    })

    /** Lets simulated time pass, and real time for sockets, until a condition holds. */
    async function until(condition: () => boolean): Promise<void> {
      const deadline = performance.now() + patienceMs
      while (!condition() && performance.now() < deadline) await clock.advance(50)
      expect(condition()).toBe(true)
    }
    const names = Array.from({ length: 20 }, (_, index) => `pod-${index}`)
    const isEmpty = () => sink.stats().waiting === 0 && sink.stats().accepted > 0

    it('delivers every point with its name and value, and says so', async () => {
      sink.add(podBatch(names, clock.now()))
      await until(isEmpty)
      expect(sink.stats()).toMatchObject({ accepted: 20, delivered: 20, lost: {}, isHealthy: true })
      expect(receiver.taken).toHaveLength(20)
      for (const name of names) expect(receiver.taken.filter((text) => text.includes(shownName(name))).length).toBeGreaterThan(0)
    })

    it.each(['unavailable', 'hang', 'garbage'] as const)(
      'keeps points while the receiver is %s, and delivers them afterwards',
      async (behaviour) => {
        receiver.behaviour = behaviour
        sink.add(podBatch(names, clock.now()))
        await until(() => sink.stats().failedRequests >= 2)
        expect(sink.stats()).toMatchObject({ accepted: 20, delivered: 0, waiting: 20, isHealthy: false })
        receiver.behaviour = 'good'
        await until(isEmpty)
        expect(sink.stats()).toMatchObject({ delivered: 20, lost: {}, isHealthy: true })
        expect(new Set(receiver.taken).size).toBe(20)
      },
    )

    it('delivers samples of metrics that pods export, with their labels', async () => {
      const samples = ['a', 'b'].map((queue) => ({
        name: 'queue_length',
        type: 'gauge' as const,
        namespace: 'd',
        pod: 'web',
        labels: { queue },
        value: 1.5,
        timestamp: clock.now(),
      }))
      sink.addCustomSamples?.(samples)
      await until(isEmpty)
      expect(sink.stats()).toMatchObject({ accepted: 2, delivered: 2, lost: {} })
      expect(new Set(receiver.taken).size).toBe(2)
      for (const text of receiver.taken) expect(text).toMatch(/queue/)
    })

    it('never lets a name be anything but a name', async () => {
      sink.add(podBatch(hostileNames, clock.now()))
      await until(isEmpty)
      expect(sink.stats()).toMatchObject({ delivered: hostileNames.length, lost: {} })
      expect(receiver.taken).toHaveLength(hostileNames.length)
    })

    if (!tellsRefusals) return

    it('counts what is refused for good, and delivers the rest', async () => {
      receiver.isRefused = (text) => text.includes('pod-7')
      sink.add(podBatch(names, clock.now()))
      await until(isEmpty)
      const { delivered, lost } = sink.stats()
      expect([delivered, Object.values(lost)]).toEqual([19, [1]])
    })
  })
}

/** An HTTP receiver; `answer` is called while its behaviour is good, and says which texts it has taken. */
export async function openHttpReceiver(
  uriOf: (url: string) => string,
  answer: (body: Buffer, request: IncomingMessage, isRefused: (text: string) => boolean) => HttpReply,
): Promise<Receiver> {
  const held = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      switch (receiver.behaviour) {
        case 'hang':
          return void held.add(response)
        case 'garbage':
          return void request.socket.end('\x00\x01 garbage\r\n\r\n')
        case 'unavailable':
          return void response.writeHead(503).end('not now')
        case 'good': {
          const { status = 200, body = '', taken } = answer(Buffer.concat(chunks), request, receiver.isRefused)
          receiver.taken.push(...taken)
          response.writeHead(status).end(body)
        }
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const receiver: Receiver = {
    uri: uriOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    behaviour: 'good',
    isRefused: () => false,
    taken: [],
    close: async () => {
      for (const response of held) response.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}

export interface HttpReply {
  readonly status?: number
  readonly body?: string
  readonly taken: readonly string[]
}

/** A receiver of lines over TCP that closes when the other side has. */
export async function openTcpReceiver(uriOf: (address: string) => string): Promise<Receiver> {
  const sockets = new Set<Socket>()
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    const { behaviour } = receiver
    if (behaviour === 'unavailable') return void socket.resetAndDestroy()
    if (behaviour === 'garbage') return void socket.write('?', () => socket.resetAndDestroy())
    if (behaviour === 'hang') return
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.on('end', () => {
      receiver.taken.push(...text.split('\n').slice(0, -1))
      socket.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const receiver: Receiver = {
    uri: uriOf(`127.0.0.1:${(server.address() as AddressInfo).port}`),
    behaviour: 'good',
    isRefused: () => false,
    taken: [],
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}
