import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { LeaseRecord, LeaseStore } from './lease.ts'

/** A lease is renewed and read this often while it lasts. */
const looksPerDuration = 4

/** Of a lease, the leader uses so much: what its clock may be wrong by is left. */
const usedShare = 0.9

export interface ElectionOptions {
  readonly name: string
  /** Where the others reach this one. */
  readonly address: () => string
  readonly leases: LeaseStore
  readonly leaseDurationMs: number
  readonly clock: Clock
  readonly log: Log
  /** Whether this one has promised the leader not to take its place for now. */
  readonly hasPromised: () => boolean
  /** Whether those who could take over have all promised not to. */
  readonly isPromised: () => boolean
  /** Without anybody in sync for this long, whoever is there takes over; `undefined` is never. */
  readonly takeOverAfterMs?: number
  /** Called when this one begins to lead. */
  readonly onLead: (term: number) => void
  /** Called when it does not lead any more. */
  readonly onLost: () => void
  /** Called with each look at the lease of somebody else. */
  readonly onLeader: (lease: LeaseRecord) => void
}

/**
 * Who leads, by one lease. The leader counts on it only for as long as nobody else can have taken it, by clocks that are not compared with
 * anybody's: from before a renewal was sent until shortly before the others, who begin to count when they see it, may give it up. Only
 * servers in `inSync` take over. A leader whose followers all promise to stay followers goes on while the lease cannot be reached.
 */
export class Election {
  readonly #options: ElectionOptions
  readonly #abort = new AbortController()
  #held: LeaseRecord | undefined
  #heldSince: Moment
  #seen: { readonly version: string; readonly at: Moment } | undefined
  #writing: Promise<unknown> = Promise.resolve()
  #hasComplained = false

  constructor(options: ElectionOptions) {
    this.#options = options
    this.#heldSince = momentOf(options.clock)
  }

  /** Whether nobody else can lead at this moment. */
  isHeld(): boolean {
    const { leaseDurationMs, clock, isPromised } = this.#options
    if (this.#held === undefined) return false
    return elapsedSince(this.#heldSince, clock) < leaseDurationMs * usedShare || isPromised()
  }

  get lease(): LeaseRecord | undefined {
    return this.#held
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, leaseDurationMs } = this.#options
    const stop = AbortSignal.any([signal, this.#abort.signal])
    while (!stop.aborted) {
      await this.#look().catch((err: unknown) => log.warn({ err }, 'the lease of the alert servers cannot be read or renewed'))
      if (this.#held !== undefined && !this.isHeld()) this.#lose('it could not be renewed in time')
      await clock.sleep(leaseDurationMs / looksPerDuration, stop)
    }
  }

  /** Changes who is in sync; resolves once that is agreed. Rejects where this one does not lead any more, or cannot know. */
  setInSync(change: (inSync: readonly string[]) => readonly string[]): Promise<void> {
    return this.#write((held) => ({ ...held, inSync: [...new Set(change(held.inSync))] }))
  }

  /** Begins anew: what is in memory may not be what is on the disks. */
  stepDown(reason: string): void {
    if (this.#held !== undefined) this.#lose(reason)
  }

  /** Gives the lease up, so that the next one need not wait. */
  async release(): Promise<void> {
    if (this.#held === undefined) return
    await this.#write((held) => ({ ...held, holder: '' })).catch(() => {})
    this.#held = undefined
  }

  #lose(reason: string): void {
    this.#options.log.warn({ reason }, 'this server does not lead any more')
    this.#held = undefined
    this.#options.onLost()
  }

  async #look(): Promise<void> {
    if (this.#held !== undefined) return this.#write((held) => held)
    const { leases, name, onLeader } = this.#options
    const lease = await leases.read()
    if (lease !== undefined && lease.holder !== '' && lease.holder !== name) onLeader(lease)
    if (this.#mayTake(lease)) await this.#take(lease)
  }

  #mayTake(lease: LeaseRecord | undefined): boolean {
    const { clock, name, leaseDurationMs, hasPromised, takeOverAfterMs, log } = this.#options
    if (lease === undefined) return true
    if (this.#seen?.version !== lease.version) {
      this.#seen = { version: lease.version, at: momentOf(clock) }
      this.#hasComplained = false
    }
    // Whoever gave the lease up delivers nothing any more: no promise binds.
    const isFree = lease.holder === '' || lease.holder === name || (elapsedAtLeast(this.#seen.at, leaseDurationMs, clock) && !hasPromised())
    if (!isFree) return false
    if (lease.inSync.length === 0 || lease.inSync.includes(name)) return true
    if (!this.#hasComplained) log.error({ inSync: lease.inSync }, 'nobody leads: only a server that has everything may take over')
    this.#hasComplained = true
    return takeOverAfterMs !== undefined && elapsedAtLeast(this.#seen.at, takeOverAfterMs, clock)
  }

  async #take(lease: LeaseRecord | undefined): Promise<void> {
    const { leases, name, address, clock, onLead, log } = this.#options
    const since = momentOf(clock)
    const term = (lease?.term ?? 0) + 1
    const taken = await leases.write(lease, { holder: name, address: address(), term, inSync: [name] })
    if (taken === undefined) return
    this.#held = taken
    this.#heldSince = since
    log.info({ term }, 'this server leads')
    onLead(term)
  }

  /** One write after the other, each on top of what the one before has written. */
  #write(change: (held: LeaseRecord) => LeaseRecord): Promise<void> {
    const write = this.#writing.then(async () => {
      const { leases, clock } = this.#options
      const held = this.#held
      if (held === undefined) throw new NotLeadingError()
      const since = momentOf(clock)
      const { version: _version, renewTime: _renewTime, ...next } = change(held)
      const written = await leases.write(held, next)
      if (written === undefined) {
        // A write whose answer was lost has gone through all the same.
        const current = await leases.read()
        if (current?.term === held.term && current.holder === held.holder) {
          // Of the rest nobody but the leader knows better.
          this.#held = { ...held, version: current.version }
          throw new Error('the lease has changed meanwhile')
        }
        if (this.#held !== undefined) this.#lose('another server has taken the lease')
        throw new NotLeadingError()
      }
      if (this.#held === undefined) throw new NotLeadingError()
      this.#held = written
      this.#heldSince = since
    })
    this.#writing = write.catch(() => {})
    return write
  }
}

/** Thrown for what only the leader can do. */
export class NotLeadingError extends Error {
  readonly code = 'EALERTSNOTLEADING'

  constructor() {
    super('this server does not lead the alerts any more')
  }
}

/** A moment by both clocks: one does not go on while a virtual machine stands still, the other can be set back. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

export function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() }
}

/** Milliseconds since a moment by the clock that went further: for what must not be believed too long. */
export function elapsedSince(moment: Moment, clock: Clock): number {
  return Math.max(clock.monotonic() - moment.monotonic, clock.now() - moment.wall)
}

/** Whether so much time has passed for sure. */
function elapsedAtLeast(moment: Moment, ms: number, clock: Clock): boolean {
  return clock.monotonic() - moment.monotonic >= ms
}
