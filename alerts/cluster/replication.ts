import type { WebSocket } from 'ws'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { NotLeadingError, elapsedSince, momentOf } from './election.ts'
import type { Moment } from './election.ts'
import type { Change, Journal, Put, Snapshot, TableName } from '../state/journal.ts'
import { parseFrame } from './frames.ts'
import type { FollowerFrame, LeaderFrame } from './frames.ts'

/** A follower that has not acknowledged for this long is left behind. */
const ackTimeoutMs = 3000
const pingsPerDuration = 4
const usedShare = 0.9
/** Records in one message of a snapshot. */
const snapshotStep = 500
/** History that a follower which comes back is given. */
const maxHistory = 5000
/** What may wait in a follower's connection before it is left behind. */
const maxBufferedBytes = 256 * 1024 * 1024

export interface ReplicationOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Log
  readonly leaseDurationMs: number
  readonly isHeld: () => boolean
  /** Called when a change is on the own disk that was reported as failed: only the disk can tell then what is true. */
  readonly onBroken: () => void
  /** Agrees with everybody on who has everything. Rejects where this one does not lead any more. */
  readonly setInSync: (change: (inSync: readonly string[]) => readonly string[]) => Promise<void>
}

interface Waiting {
  readonly index: number
  readonly resolve: () => void
  readonly reject: (err: unknown) => void
  readonly timer: Timer
}

/** One connected follower. */
interface Session {
  readonly name: string
  readonly socket: WebSocket
  /** The last change that is on its disk. */
  acknowledged: number
  /** Changes wait for its acknowledgement. */
  isRequired: boolean
  readonly waiting: Waiting[]
  promisedSince: Moment | undefined
  readonly pings: Map<number, Moment>
  /** Set while it is being taken off the list. */
  leaving: Promise<void> | undefined
}

/**
 * The leader's journal: a change counts once it is on the own disk and on that of every follower on the list. A follower that does not
 * acknowledge is taken off the list first, which everybody agrees on, so it cannot take over without what it does not have.
 */
export class Replication {
  readonly #options: ReplicationOptions
  readonly #sessions = new Map<string, Session>()
  /** Changes that wait for a snapshot to go first. */
  readonly #held = new Map<Session, string[]>()
  readonly #pinger = new AbortController()
  #index = 0
  #pingId = 0
  #isClosed = false

  constructor(options: ReplicationOptions) {
    this.#options = options
    void this.#ping()
  }

  /** The journal for everything that the leader does. `close` leaves the one underneath open. */
  get journal(): Journal {
    const { journal } = this.#options
    return {
      load: () => journal.load(),
      entries: (query) => journal.entries(query),
      prune: (time) => {
        const text = JSON.stringify({ kind: 'prune', time } satisfies LeaderFrame)
        for (const session of this.#sessions.values()) this.#send(session, text)
        return journal.prune(time)
      },
      commit: (change) => this.#commit(change),
      close: async () => {},
    }
  }

  /** Names of the followers that have everything. */
  get followers(): string[] {
    return [...this.#sessions.values()].filter(({ isRequired }) => isRequired).map(({ name }) => name)
  }

  /** Whether every follower that could take over has promised not to. Without one, nobody could. */
  isPromised(): boolean {
    const { clock, leaseDurationMs } = this.#options
    return [...this.#sessions.values()].every(
      ({ isRequired, promisedSince }) =>
        !isRequired || (promisedSince !== undefined && elapsedSince(promisedSince, clock) < leaseDurationMs * usedShare),
    )
  }

  /** Takes a follower in: sends everything, then every change. */
  join(name: string, socket: WebSocket, since: number): void {
    const old = this.#sessions.get(name)
    old?.socket.terminate()
    const session: Session = {
      name,
      socket,
      acknowledged: -1,
      isRequired: false,
      waiting: [],
      promisedSince: undefined,
      pings: new Map(),
      leaving: undefined,
    }
    this.#sessions.set(name, session)
    socket.on('message', (data: Buffer) => this.#receive(session, data))
    socket.on('error', () => socket.terminate())
    socket.on('close', () => void this.#leave(session))
    this.#held.set(session, [])
    void this.#admit(session, old, since)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#pinger.abort()
    for (const { socket, waiting } of this.#sessions.values()) {
      for (const { timer, reject } of waiting.splice(0)) {
        timer.cancel()
        reject(new NotLeadingError())
      }
      socket.terminate()
    }
  }

  async #commit(change: Change): Promise<void> {
    const { journal, isHeld } = this.#options
    if (this.#isClosed || !isHeld()) throw new NotLeadingError()
    const index = ++this.#index
    const local = journal.commit(change)
    const text = JSON.stringify({ kind: 'change', index, change } satisfies LeaderFrame)
    const sent = [...this.#sessions.values()]
    for (const session of sent) this.#send(session, text)
    const acknowledgements = sent.filter(({ isRequired }) => isRequired).map((session) => this.#acknowledged(session, index))
    const results = await Promise.allSettled([local, ...acknowledgements])
    const [own] = results
    if (own.status === 'rejected') {
      // What the followers have now is more than there is: they begin anew.
      for (const { socket } of sent) socket.terminate()
      throw own.reason
    }
    const failed = results.find((result) => result.status === 'rejected')
    if (failed === undefined && isHeld()) return
    this.#options.onBroken()
    throw failed === undefined ? new NotLeadingError() : failed.reason
  }

  #acknowledged(session: Session, index: number): Promise<void> {
    if (session.acknowledged >= index) return Promise.resolve()
    if (session.leaving !== undefined) return session.leaving
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.setTimer(ackTimeoutMs, () => session.socket.terminate())
      session.waiting.push({ index, resolve, reject, timer })
    })
  }

  #receive(session: Session, data: Buffer): void {
    const frame = parseFrame(data) as FollowerFrame | undefined
    if (frame === undefined) return session.socket.terminate()
    if (frame.kind === 'promise') {
      session.promisedSince = session.pings.get(frame.id) ?? session.promisedSince
      for (const id of session.pings.keys()) if (id <= frame.id) session.pings.delete(id)
      return
    }
    session.acknowledged = Math.max(session.acknowledged, frame.index)
    while (session.waiting[0] !== undefined && session.waiting[0].index <= session.acknowledged) {
      const { timer, resolve } = session.waiting.shift()!
      timer.cancel()
      resolve()
    }
    if (!session.isRequired && session.acknowledged >= this.#index && session.acknowledged >= 0) void this.#list(session)
  }

  /** Everything there is goes first; changes that come meanwhile are sent behind it, since the connection keeps the order. */
  async #admit(session: Session, old: Session | undefined, since: number): Promise<void> {
    const { journal, log } = this.#options
    const send = (text: string) => session.socket.send(text)
    try {
      if (old !== undefined) await this.#leave(old)
      // Changes from here on go behind the snapshot: reading waits for those before.
      const index = this.#index
      const later: string[] = []
      this.#held.set(session, later)
      const [snapshot, history] = await Promise.all([journal.load(), journal.entries({ limit: maxHistory, since: since + 1 })])
      const puts = putsOf(snapshot)
      for (let at = 0; at < puts.length; at += snapshotStep) {
        send(JSON.stringify({ kind: 'snapshot', put: puts.slice(at, at + snapshotStep), entries: [] } satisfies LeaderFrame))
      }
      const entries = history.map(({ sequence: _sequence, ...entry }) => entry)
      send(JSON.stringify({ kind: 'snapshot', put: [], entries, last: { index } } satisfies LeaderFrame))
      for (const text of later) send(text)
    } catch (err) {
      log.warn({ err, follower: session.name }, 'a follower could not be given what there is')
      session.socket.terminate()
    }
    this.#held.delete(session)
  }

  #send(session: Session, text: string): void {
    const held = this.#held.get(session)
    if (held !== undefined) held.push(text)
    else if (session.socket.readyState === session.socket.OPEN) session.socket.send(text)
    if (session.socket.bufferedAmount > maxBufferedBytes) session.socket.terminate()
  }

  /** From now on changes wait for it; then everybody is told that it has everything. */
  async #list(session: Session): Promise<void> {
    const { setInSync, log } = this.#options
    session.isRequired = true
    this.#pingOne(session)
    try {
      await setInSync((inSync) => [...inSync, session.name])
      if (session.leaving !== undefined) await this.#strike(session)
      else log.info({ follower: session.name }, 'a follower has everything')
    } catch (err) {
      log.warn({ err, follower: session.name }, 'a follower could not be put on the list')
      session.socket.terminate()
    }
  }

  async #leave(session: Session): Promise<void> {
    if (session.leaving !== undefined || this.#isClosed) return session.leaving
    const { log } = this.#options
    log.warn({ follower: session.name }, 'a follower is away')
    const waiting = session.waiting.splice(0)
    for (const { timer } of waiting) timer.cancel()
    session.leaving = session.isRequired ? this.#strike(session) : Promise.resolve()
    try {
      await session.leaving
      for (const { resolve } of waiting) resolve()
    } catch (err) {
      log.warn({ err, follower: session.name }, 'a follower could not be taken off the list')
      for (const { reject } of waiting) reject(err)
    }
    if (this.#sessions.get(session.name) === session) this.#sessions.delete(session.name)
  }

  /** Takes a follower off the list. Until that is agreed it is waited for: it could still take over. */
  async #strike(session: Session): Promise<void> {
    const { setInSync, clock, isHeld } = this.#options
    for (;;) {
      try {
        await setInSync((inSync) => inSync.filter((name) => name !== session.name))
        session.isRequired = false
        return
      } catch (err) {
        if (this.#isClosed || !isHeld() || err instanceof NotLeadingError) throw err
        await clock.sleep(500)
      }
    }
  }

  async #ping(): Promise<void> {
    const { clock, leaseDurationMs } = this.#options
    while (!this.#pinger.signal.aborted) {
      for (const session of this.#sessions.values()) this.#pingOne(session)
      await clock.sleep(leaseDurationMs / pingsPerDuration, this.#pinger.signal)
    }
  }

  #pingOne(session: Session): void {
    if (session.socket.readyState !== session.socket.OPEN) return
    const id = ++this.#pingId
    session.pings.set(id, momentOf(this.#options.clock))
    session.socket.send(JSON.stringify({ kind: 'ping', id } satisfies LeaderFrame))
  }
}

function putsOf(snapshot: Snapshot): Put[] {
  return (Object.keys(snapshot) as TableName[]).flatMap((table) =>
    [...(snapshot[table] as ReadonlyMap<string, unknown>)].map(([key, value]) => ({ table, key, value }) as Put),
  )
}
