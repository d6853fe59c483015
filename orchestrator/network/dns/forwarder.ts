import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import { headerBytes } from './message.ts'
import { createReplyCache } from './reply-cache.ts'
import type { Query } from './message.ts'
import { createFrameReader, frameOf } from './stream-frames.ts'

export type Transport = 'udp' | 'tcp'

/** Asks the host's resolvers. */
export interface Forwarder {
  /**
   * The reply of the first upstream that answers in time, with the query's own id; `undefined` where none does, there is none, or
   * too many queries are under way.
   */
  forward(query: Query, transport: Transport): Promise<Buffer | undefined>
  /** Whether this query is one of our own that came back: an upstream asks us. */
  isOwnQuery(query: Query): boolean
}

export interface Upstream {
  readonly address: string
  readonly port: number
}

export interface ForwarderOptions {
  readonly upstreams: readonly Upstream[]
  readonly clock: Clock
  readonly random: Random
  /** Queries under way at most. */
  readonly maxInFlight?: number
  readonly timeoutMs?: number
  readonly maxCachedReplies?: number
}

const rounds = 2

/** A forwarder; the query's bytes go out as they came but for the id, so that any record type and option passes. */
export function createForwarder(options: ForwarderOptions): Forwarder {
  const { upstreams, clock, random, maxInFlight = 500, timeoutMs = 2_000, maxCachedReplies = 4_096 } = options
  const cache = createReplyCache({ maxEntries: maxCachedReplies })
  const inFlight = new Set<string>()
  const ask = { udp: askOverUdp, tcp: askOverTcp }

  async function askAll(query: Query, transport: Transport): Promise<Buffer | undefined> {
    const id = Math.floor(random.fraction() * 0x1_0000)
    const mark = markOf(id, query)
    if (inFlight.size >= maxInFlight || inFlight.has(mark)) return undefined
    inFlight.add(mark)
    try {
      const bytes = Buffer.from(query.bytes)
      bytes.writeUInt16BE(id, 0)
      for (let round = 0; round < rounds; round++) {
        for (const upstream of upstreams) {
          const reply = await ask[transport]({ upstream, bytes, clock, timeoutMs, isReply: (candidate) => answers(candidate, id, query) })
          if (reply !== undefined) return reply
        }
      }
      return undefined
    } finally {
      inFlight.delete(mark)
    }
  }

  return {
    isOwnQuery: (query) => inFlight.has(markOf(query.id, query)),
    async forward(query, transport) {
      const known = cache.find(query, clock.monotonic(), transport === 'tcp' ? Number.POSITIVE_INFINITY : undefined)
      if (known !== undefined) return known
      const reply = await askAll(query, transport)
      if (reply === undefined) return undefined
      cache.store(query, reply, clock.monotonic())
      reply.writeUInt16BE(query.id, 0)
      return reply
    },
  }
}

function markOf(id: number, query: Query): string {
  return `${id} ${query.question.toString('latin1').toLowerCase()}`
}

/** Whether a message is the response to our query and not a forged or late one: same id, same question. */
function answers(candidate: Buffer, id: number, query: Query): boolean {
  const end = headerBytes + query.question.length
  return (
    candidate.length >= end &&
    candidate.readUInt16BE(0) === id &&
    (candidate.readUInt16BE(2) & 0x8000) !== 0 &&
    candidate.toString('latin1', headerBytes, end).toLowerCase() === query.question.toString('latin1').toLowerCase()
  )
}

interface Exchange {
  readonly upstream: Upstream
  readonly bytes: Buffer
  readonly clock: Clock
  readonly timeoutMs: number
  readonly isReply: (candidate: Buffer) => boolean
}

/** One socket per query: its own port makes a forged answer hard, and connected it takes answers of the upstream only. */
function askOverUdp({ upstream, bytes, clock, timeoutMs, isReply }: Exchange): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    let isDone = false
    const finish = (reply?: Buffer) => {
      if (isDone) return
      isDone = true
      timer.cancel()
      socket.close()
      resolve(reply)
    }
    const timer = clock.setTimer(timeoutMs, finish)
    socket.on('error', () => finish())
    socket.on('message', (message) => {
      if (isReply(message)) finish(message)
    })
    // Told of what is in the way (no route), too, though Node's types do not say so; that is told here only, as no error of the socket.
    const connected = (problem?: Error) => {
      if (problem !== undefined) finish()
      else if (!isDone) socket.send(bytes)
    }
    socket.connect(upstream.port, upstream.address, connected)
  })
}

function askOverTcp({ upstream, bytes, clock, timeoutMs, isReply }: Exchange): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: upstream.address, port: upstream.port })
    const finish = (reply?: Buffer) => {
      timer.cancel()
      socket.destroy()
      resolve(reply)
    }
    const timer = clock.setTimer(timeoutMs, finish)
    const read = createFrameReader((frame) => {
      if (isReply(frame)) finish(frame)
    })
    socket.on('error', () => finish())
    socket.on('close', () => finish())
    socket.on('data', read)
    socket.write(frameOf(bytes))
  })
}
