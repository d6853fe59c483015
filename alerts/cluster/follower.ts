import type { WebSocket } from 'ws'
import type { Clock } from '../../lib/clock.ts'
import { lazyPackage } from '../../lib/lazy-package.ts'
import type { Log } from '../../lib/log.ts'
import type { EntryDraft, Journal, Put, Removal, TableName } from '../state/journal.ts'
import { momentOf } from './election.ts'
import type { Moment } from './election.ts'
import { maxFrameBytes, parseFrame, replicationPath } from './frames.ts'
import type { FollowerFrame, LeaderFrame } from './frames.ts'
import type { PeerTls } from './peer-door.ts'

const ws = lazyPackage<typeof import('ws')>('ws')

/** A leader that says nothing for this long, or for one lease, is left, and looked for again. */
const leastSilenceMs = 10_000
const reconnectMs = 500

export interface FollowerOptions {
  readonly name: string
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Log
  readonly leaseDurationMs: number
  readonly tls: PeerTls | undefined
}

/**
 * Keeps the journal of a leader: first everything, then each change, each on disk before it is acknowledged. While it does, it promises, one
 * lease duration at a time, not to take the leader's place.
 */
export class Follower {
  readonly #options: FollowerOptions
  readonly #abort = new AbortController()
  #promisedAt: Moment | undefined
  #running: Promise<void> = Promise.resolve()
  #socket: WebSocket | undefined
  address = ''

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  /** Whether a promise not to take over still holds. */
  hasPromised(): boolean {
    const { clock, leaseDurationMs } = this.#options
    return this.#promisedAt !== undefined && clock.monotonic() - this.#promisedAt.monotonic < leaseDurationMs
  }

  /** Follows the leader at an address; does nothing where it does so already. */
  follow(address: string): void {
    if (address === this.address || this.#abort.signal.aborted) return
    this.address = address
    this.#socket?.terminate()
    const before = this.#running
    this.#running = before.then(() => this.#keepFollowing(address))
  }

  /** Ends the connection and everything that is being written. A promise that was given holds on. */
  async stop(): Promise<void> {
    this.#abort.abort()
    this.#socket?.terminate()
    await this.#running
  }

  async #keepFollowing(address: string): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#abort
    while (!signal.aborted && this.address === address) {
      await this.#followOnce(address).catch((err: unknown) =>
        log.warn({ err, leader: address }, 'the leader of the alerts cannot be followed'),
      )
      await clock.sleep(reconnectMs, signal)
    }
  }

  async #followOnce(address: string): Promise<void> {
    const { name, journal, tls, clock, leaseDurationMs } = this.#options
    const silenceMs = Math.max(leastSilenceMs, leaseDurationMs)
    const [newest] = await journal.entries({ limit: 1 })
    const url = `${tls === undefined ? 'ws' : 'wss'}://${address}${replicationPath}?name=${encodeURIComponent(name)}&since=${newest?.time ?? 0}`
    const socket = new (ws().WebSocket)(url, { maxPayload: maxFrameBytes, handshakeTimeout: 5000, perMessageDeflate: false, ...tls })
    this.#socket = socket
    const copy = new Copy(journal, (frame) => socket.send(JSON.stringify(frame)))
    const closed = Promise.withResolvers<void>()
    let alarm = clock.setTimer(silenceMs, () => socket.terminate())
    socket.on('message', (data: Buffer) => {
      alarm.cancel()
      alarm = clock.setTimer(silenceMs, () => socket.terminate())
      const frame = parseFrame(data) as LeaderFrame | undefined
      if (frame === undefined) return socket.terminate()
      if (frame.kind === 'ping') {
        this.#promisedAt = momentOf(clock)
        socket.send(JSON.stringify({ kind: 'promise', id: frame.id } satisfies FollowerFrame))
      } else {
        copy.take(frame).catch((err: unknown) => {
          closed.reject(err)
          socket.terminate()
        })
      }
    })
    socket.on('error', (err) => closed.reject(err))
    socket.on('close', () => closed.resolve())
    try {
      await closed.promise
    } finally {
      alarm.cancel()
      socket.terminate()
      await copy.settled()
    }
  }
}

/** Writes a leader's frames to the own disk, in order. */
class Copy {
  readonly #journal: Journal
  readonly #answer: (frame: FollowerFrame) => void
  readonly #puts: Put[] = []
  #pending: Promise<unknown> = Promise.resolve()
  #isReplaced = false

  constructor(journal: Journal, answer: (frame: FollowerFrame) => void) {
    this.#journal = journal
    this.#answer = answer
  }

  async settled(): Promise<void> {
    await this.#pending
  }

  async take(frame: Exclude<LeaderFrame, { kind: 'ping' }>): Promise<void> {
    if (frame.kind === 'prune') return this.#journal.prune(frame.time)
    if (frame.kind === 'change') {
      // The journal takes changes in the order of the calls, and several with one flush.
      const write = this.#isReplaced ? this.#journal.commit(frame.change) : this.#pending.then(() => this.#journal.commit(frame.change))
      return this.#note(write, frame.index)
    }
    this.#puts.push(...frame.put)
    if (frame.last !== undefined) await this.#note(this.#replace(frame.entries), frame.last.index)
  }

  async #note(write: Promise<void>, index: number): Promise<void> {
    this.#pending = write.catch(() => {})
    await write
    this.#answer({ kind: 'ack', index })
  }

  /** What there was gives way to what the leader has, all at once. */
  async #replace(entries: readonly EntryDraft[]): Promise<void> {
    const put = this.#puts.splice(0)
    const kept = new Set(put.map(({ table, key }) => `${table}\0${key}`))
    const old = await this.#journal.load()
    const remove: Removal[] = (Object.keys(old) as TableName[]).flatMap((table) =>
      [...old[table].keys()].filter((key) => !kept.has(`${table}\0${key}`)).map((key) => ({ table, key })),
    )
    await this.#journal.commit({ remove, put, entries })
    this.#isReplaced = true
  }
}
