import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import type { WebSocket } from 'ws'
import { createAlerts, readFiles } from '../app.ts'
import type { Alerts, AlertsOptions } from '../app.ts'
import type { RequestHandler } from '../api/server.ts'
import { openThreadJournal } from '../state/thread-journal.ts'
import { Election } from './election.ts'
import { Follower } from './follower.ts'
import { statusPath } from './frames.ts'
import type { LeaseRecord, LeaseStore } from './lease.ts'
import { LeaderProxy, answer, createPeerDoor, isReachable, peerAddress } from './peer-door.ts'
import type { PeerTls } from './peer-door.ts'
import { Replication } from './replication.ts'

export interface ClusteredAlertsOptions extends Omit<AlertsOptions, 'http' | 'journal' | 'cluster' | 'mayAttempt'> {
  readonly http: { readonly host: string; readonly port: number }
  /** Tells the servers apart; the same at each start. */
  readonly name: string
  readonly peers: {
    readonly host: string
    readonly port: number
    /** Where the others reach this one, if not at `host`. */
    readonly advertise?: string
    readonly tls?: PeerTls
  }
  readonly leases: LeaseStore
  readonly leaseDurationMs: number
  readonly takeOverAfterMs?: number
}

/** One of several servers of which one leads. */
export interface ClusteredAlerts {
  /** Throws `FileError` for a bad file. */
  start(): Promise<void>
  /** Hands over before it ends. */
  stop(): Promise<void>
  readonly address: string
  readonly isLeading: boolean
}

interface Term {
  readonly alerts: Alerts
  readonly replication: Replication
  handle: RequestHandler | undefined
  readonly ended: Promise<void>
}

/**
 * Several servers as one: one leads, evaluates and delivers; the others keep its journal on their own disks, which it waits for, and pass
 * requests on to it. Whoever takes over goes on with the same alerts, silences, groups and undelivered notifications under the same IDs.
 */
export function createClusteredAlerts(options: ClusteredAlertsOptions): ClusteredAlerts {
  return new Member(options)
}

class Member implements ClusteredAlerts {
  readonly #options: ClusteredAlertsOptions
  readonly #journal
  readonly #election: Election
  readonly #proxy: LeaderProxy
  readonly #door
  readonly #server
  readonly #abort = new AbortController()
  readonly #collectedSince: number
  #follower: Follower
  #term: Term | undefined
  #leader = ''
  /** An address in the lease that was not used. */
  #refused = ''
  /** Beginning and end of leading, one after the other. */
  #changing: Promise<void> = Promise.resolve()
  #electing: Promise<void> = Promise.resolve()

  constructor(options: ClusteredAlertsOptions) {
    this.#options = options
    const { name, peers, leases, leaseDurationMs, clock, log, takeOverAfterMs } = options
    this.#collectedSince = clock.now()
    this.#journal = openThreadJournal(join(options.dataDir, 'alerts.db'))
    this.#follower = this.#createFollower()
    this.#proxy = new LeaderProxy(peers.tls)
    this.#door = createPeerDoor({
      ...peers,
      tls: peers.tls,
      handle: (...both) => this.#answerPeer(...both),
      join: (...all) => this.#join(...all),
    })
    this.#server = process.getBuiltinModule('node:http').createServer((...both) => this.#answer(...both))
    this.#election = new Election({
      name,
      address: () => this.#address(),
      leases,
      leaseDurationMs,
      clock,
      log,
      ...(takeOverAfterMs !== undefined && { takeOverAfterMs }),
      hasPromised: () => this.#follower.hasPromised(),
      isPromised: () => this.#term?.replication.isPromised() ?? false,
      onLead: () => this.#change(() => this.#begin()),
      onLost: () => this.#change(() => this.#end()),
      onLeader: (lease) => this.#meetLeader(lease),
    })
  }

  async start(): Promise<void> {
    try {
      await this.#start()
    } catch (err) {
      // Half a start leaves nothing running.
      await this.stop()
      throw err
    }
  }

  async #start(): Promise<void> {
    const { http } = this.#options
    // A mistake is told now, not by the take-over that it would prevent.
    readFiles(this.#options)
    await this.#journal.load()
    await this.#door.listen()
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(http.port, http.host, resolve)
    })
    this.#electing = this.#election.run(this.#abort.signal)
  }

  async stop(): Promise<void> {
    if (this.#abort.signal.aborted) return
    this.#abort.abort()
    await this.#electing
    // What is under way ends and is on every disk before the next one begins.
    await this.#changing
    await this.#end()
    await this.#election.release()
    await this.#follower.stop()
    await this.#door.close()
    this.#proxy.close()
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    await this.#journal.close()
  }

  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return peerAddress(address, port)
  }

  get isLeading(): boolean {
    return this.#term?.handle !== undefined && this.#election.isHeld()
  }

  #createFollower(): Follower {
    const { name, clock, log, leaseDurationMs, peers } = this.#options
    return new Follower({ name, journal: this.#journal, clock, log, leaseDurationMs, tls: peers.tls })
  }

  #change(action: () => Promise<void>): void {
    this.#changing = this.#changing
      .then(action)
      .catch((err: unknown) => this.#options.log.error({ err }, 'this server could not begin or end to lead'))
  }

  #meetLeader({ holder, address }: LeaseRecord): void {
    const { log, peers } = this.#options
    const isUsable = address !== '' && isReachable(address, peers.tls)
    if (!isUsable && address !== this.#refused)
      log.warn({ leader: holder, address }, 'the leader of the alerts is where none is called without certificates: not on loopback')
    this.#refused = isUsable ? '' : address
    this.#leader = isUsable ? address : ''
    if (isUsable && this.#term === undefined) this.#follower.follow(address)
  }

  async #begin(): Promise<void> {
    if (this.#abort.signal.aborted || this.#term !== undefined) return
    const { clock, log, leaseDurationMs, sources } = this.#options
    await this.#follower.stop()
    const replication = new Replication({
      journal: this.#journal,
      clock,
      log,
      leaseDurationMs,
      isHeld: () => this.#election.isHeld(),
      setInSync: (change) => this.#election.setInSync(change),
      onBroken: () => this.#election.stepDown('a change is not known to be everywhere'),
    })
    const alerts = createAlerts({
      ...this.#options,
      // Figures come in whoever leads.
      sources: { collectedSince: this.#collectedSince, ...sources },
      http: 'none',
      journal: replication.journal,
      mayAttempt: () => this.#election.isHeld(),
      cluster: () => this.#view(),
    })
    const ended = Promise.withResolvers<void>()
    const term: Term = { alerts, replication, handle: undefined, ended: ended.promise }
    this.#term = term
    try {
      await alerts.start()
      term.handle = await alerts.handler()
    } catch (err) {
      await this.#end()
      await this.#election.release()
      throw err
    }
  }

  async #end(): Promise<void> {
    const term = this.#term
    if (term === undefined) return
    term.handle = undefined
    await term.alerts.stop().catch((err: unknown) => this.#options.log.warn({ err }, 'the alerts did not end cleanly'))
    await term.replication.close()
    this.#term = undefined
    this.#leader = ''
    if (!this.#abort.signal.aborted) this.#follower = this.#createFollower()
  }

  #join(name: string, socket: WebSocket, since: number): void {
    const term = this.#term
    if (term?.handle === undefined || name === this.#options.name) return socket.terminate()
    term.replication.join(name, socket, since)
  }

  #view() {
    const { name } = this.#options
    const inSync = this.#election.lease?.inSync ?? []
    return { name, peers: [...inSync].sort().map((peer) => ({ name: peer, address: peer === name ? this.#address() : '' })) }
  }

  #address(): string {
    const { peers } = this.#options
    return peerAddress(peers.advertise ?? peers.host, this.#door.port)
  }

  /** A request from anybody: answered here by the leader, passed on by the others. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url?.split('?')[0]
    if (path === statusPath) return this.#answerStatus(response)
    if (this.isLeading) return this.#term!.handle!(request, response)
    if (path === '/-/healthy' || path === '/-/ready') return void response.writeHead(200, { 'Content-Type': 'text/plain' }).end('OK')
    if (this.#leader === '' || this.#term !== undefined)
      return answer(response, 503, 'there is no leader of the alert servers at the moment')
    this.#proxy.forward(this.#leader, request, response)
  }

  /** A request that a follower passes on: never passed on again. */
  #answerPeer(request: IncomingMessage, response: ServerResponse): void {
    if (this.isLeading) return this.#term!.handle!(request, response)
    answer(response, 503, 'this server does not lead the alerts')
  }

  #answerStatus(response: ServerResponse): void {
    const { name } = this.#options
    const { term, inSync } = this.#election.lease ?? {}
    const status = { name, isLeading: this.isLeading, leader: this.isLeading ? this.#address() : this.#leader, term, inSync }
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(status))
  }
}
