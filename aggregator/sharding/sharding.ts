import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { keyOf } from '../../orchestrator/api/object.ts'
import type { KubeObject } from '../../orchestrator/api/object.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { Batch } from '../metric-set.ts'
import type { NodeMetrics, PodMetrics } from '../metrics-api/kinds.ts'
import { Membership } from './membership.ts'
import type { Member } from './membership.ts'
import { encodePartial, mergePartials } from './partial-totals.ts'
import type { PartialTotals } from './partial-totals.ts'
import { PeerClient } from './peer-client.ts'
import type { PeerCredentials } from './peer-client.ts'
import { PeerServer } from './peer-server.ts'
import { ownerOf } from './rendezvous.ts'

/** How an aggregator shares the nodes of a cluster with others. */
export interface ShardingSettings {
  /** Tells this member from the others; the same over restarts. */
  readonly name: string
  /** Members of one group share nodes. Default `default`. */
  readonly group?: string
  /** Where the others reach this member. `port` 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number }
  /** The host under which the others reach it. Default: that of `listen`. */
  readonly advertisedHost?: string
  readonly credentials: PeerCredentials
  /** The common names of the members' certificates. */
  readonly allowedNames: readonly string[]
  /** After this time without a sign of life a member's nodes go to the others. Default 10 s. */
  readonly leaseDurationMs?: number
}

export interface ShardingOptions extends ShardingSettings {
  readonly client: Client
  /** What this member has: asked by itself and for its peers. */
  readonly local: LocalShard
  /** Called when other nodes than before are to be scraped here. */
  readonly onChange: () => void
  readonly resolutionMs: number
  /** How long the last partial totals of a peer count while it gives no answer. */
  readonly holdMs: number
  readonly clock: Clock
  readonly log: Log
}

/** What one member knows by itself. */
export interface LocalShard {
  /** Totals over those of its nodes that `isCounted` wants. */
  partialTotals(isCounted: (nodeName: string) => boolean): Batch
  nodes(): readonly NodeMetrics[]
  pods(namespace?: string): readonly PodMetrics[]
  /** The answer of its own HTTP interface to a GET; `undefined` unless it is a success. */
  answer(path: string): Promise<unknown>
}

/** The key whose owner adds up the totals. */
const totalsKey = 'totals'

/**
 * One aggregator's place among those that share a cluster's nodes. Promises: each node belongs to exactly one member of a list, by the same
 * rule everywhere; totals over nodes are added up by one member from each member's sums over the nodes that the *adding* member's list
 * gives it, so a node that two of them scrape for a moment counts once; what a member does not have it asks its peers for, each with a
 * deadline. A member that ends takes its Lease away and the others take over within a third of the lease duration; one that dies is
 * noticed after a lease duration and a third.
 */
export class Sharding {
  readonly #options: ShardingOptions
  readonly #server: PeerServer
  readonly #peers: PeerClient
  readonly #lastPartials = new Map<string, { readonly partial: PartialTotals; readonly at: number }>()
  #membership: Membership | undefined

  constructor(options: ShardingOptions) {
    this.#options = options
    this.#peers = new PeerClient({ credentials: options.credentials, timeoutMs: options.resolutionMs / 2, clock: options.clock })
    this.#server = new PeerServer({ ...options, answer: (url) => this.#answer(url) })
  }

  /** Resolves when the others can reach this member and it knows of them. Rejects when the port cannot be had. */
  async start(): Promise<void> {
    const { listen, advertisedHost = listen.host, name, leaseDurationMs = 10_000, group = 'default', onChange, log } = this.#options
    const port = await this.#server.listen(listen)
    const host = advertisedHost.includes(':') ? `[${advertisedHost}]` : advertisedHost
    this.#membership = new Membership({
      ...this.#options,
      self: { name, address: `${host}:${port}` },
      group,
      leaseDurationMs,
      onChange: (members) => {
        log.info({ members: members.map((member) => member.name) }, 'the aggregators that share the nodes are others than before')
        onChange()
      },
    })
    await this.#membership.start()
  }

  async stop(): Promise<void> {
    await this.#membership?.stop()
    this.#peers.close()
    await this.#server.close()
  }

  /** The living members, this one included; none before `start`. */
  members(): readonly Member[] {
    return this.#membership?.members() ?? []
  }

  /** The member that scrapes a node. */
  ownerOfNode(nodeName: string): string | undefined {
    return ownerOf(nodeName, this.#names())
  }

  isOwn(nodeName: string): boolean {
    return this.ownerOfNode(nodeName) === this.#options.name
  }

  /** The member that adds up the totals. */
  get totalsOwner(): string | undefined {
    return ownerOf(totalsKey, this.#names())
  }

  /**
   * The totals over all nodes, or `undefined` where another member adds them up, or where the others must take this one for dead. The sums
   * of a peer that gives no answer are those of its last one for a while, then left out.
   */
  async combineTotals(): Promise<Batch | undefined> {
    const { name, local, clock } = this.#options
    if (this.totalsOwner !== name || this.#membership?.isSeen !== true) return undefined
    const members = this.members()
    const others = members.filter((member) => member.name !== name)
    const partials = await Promise.all(others.map((member) => this.#partialOf(member, members)))
    const own = encodePartial(local.partialTotals((node) => this.isOwn(node)))
    return mergePartials([own, ...partials.filter((partial) => partial !== undefined)], clock.now())
  }

  /** NodeMetrics of every member. Rejects with a `PeerError` when one gives no answer: half a list would pass for a whole one. */
  async nodes(): Promise<readonly NodeMetrics[]> {
    const others = await this.#askAll<readonly NodeMetrics[]>('/v1/nodes')
    return [this.#options.local.nodes(), ...others].flat().sort(byKey)
  }

  /** PodMetrics of every member, as `nodes`. */
  async pods(namespace?: string): Promise<readonly PodMetrics[]> {
    const query = namespace === undefined ? '' : `?namespace=${encodeURIComponent(namespace)}`
    const others = await this.#askAll<readonly PodMetrics[]>(`/v1/pods${query}`)
    return [this.#options.local.pods(namespace), ...others].flat().sort(byKey)
  }

  /** What each member answers at a path of the HTTP interface; what one refuses is left out. Rejects when a peer gives no answer. */
  async askEverybody(path: string): Promise<readonly unknown[]> {
    const others = await this.#askAll<{ readonly answer?: unknown }>(forwarded(path))
    const all = [await this.#options.local.answer(path), ...others.map(({ answer }) => answer)]
    return all.filter((answer) => answer !== undefined)
  }

  /** What one member answers at a path of the HTTP interface. */
  async ask(member: string, path: string): Promise<unknown> {
    if (member === this.#options.name) return this.#options.local.answer(path)
    const peer = this.members().find(({ name }) => name === member)
    return peer === undefined ? undefined : (await this.#peers.get<{ readonly answer?: unknown }>(peer, forwarded(path))).answer
  }

  #names(): readonly string[] {
    return this.members().map(({ name }) => name)
  }

  #askAll<T>(path: string): Promise<readonly T[]> {
    const others = this.members().filter(({ name }) => name !== this.#options.name)
    return Promise.all(others.map((peer) => this.#peers.get<T>(peer, path)))
  }

  async #partialOf(peer: Member, members: readonly Member[]): Promise<PartialTotals | undefined> {
    const { clock, holdMs, log } = this.#options
    const query = members.map(({ name }) => `member=${encodeURIComponent(name)}`).join('&')
    try {
      const partial = await this.#peers.get<PartialTotals>(peer, `/v1/totals?${query}`)
      this.#lastPartials.set(peer.name, { partial, at: clock.monotonic() })
      return partial
    } catch (error) {
      log.warn({ err: (error as Error).message }, 'the sums of another aggregator are missing')
      const last = this.#lastPartials.get(peer.name)
      return last !== undefined && clock.monotonic() - last.at < holdMs ? last.partial : undefined
    }
  }

  /** What peers ask for. */
  async #answer({ pathname, searchParams }: URL): Promise<unknown> {
    const { local, name } = this.#options
    if (pathname === '/v1/nodes') return local.nodes()
    if (pathname === '/v1/pods') return local.pods(searchParams.get('namespace') ?? undefined)
    if (pathname === '/v1/answer') return { answer: await local.answer(searchParams.get('path') ?? '/') }
    if (pathname !== '/v1/totals') return undefined
    const members = searchParams.getAll('member')
    return encodePartial(local.partialTotals((node) => ownerOf(node, members) === name))
  }
}

function byKey(a: KubeObject, b: KubeObject): number {
  const [first, second] = [keyOf(a), keyOf(b)]
  return first < second ? -1 : first > second ? 1 : 0
}

const forwarded = (path: string) => `/v1/answer?path=${encodeURIComponent(path)}`
