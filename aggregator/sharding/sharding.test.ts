import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import type { KeyPair } from '../../lib/pki.ts'
import { seededRandom } from '../../lib/random.ts'
import { CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { createFakeTransport } from '../../orchestrator/client/fake-transport.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { createAggregator } from '../app.ts'
import type { Aggregator } from '../app.ts'
import { parseConfiguration } from '../configuration.ts'
import { createFakeNode, createFakePod, createFakeSummary, FakeInformers } from '../fake-cluster.ts'
import { pendingIndex } from '../processors/pending-pods.ts'

const nodeNames = Array.from({ length: 12 }, (_, index) => `node-${index}`)
const memberNames = ['a', 'b', 'c']
const resolutionMs = 5000
const leaseDurationMs = 6000
/** What a fake node uses, and so what all of them use together. */
const nodeBytes = 2 ** 31

/** Three aggregators over real sockets that share twelve nodes, on a clock that stands still. */
class Fleet {
  readonly clock = new FakeClock()
  readonly informers = new FakeInformers()
  readonly members = new Map<string, Aggregator>()
  /** Every value of the cluster's memory that any member has told. */
  readonly totals: number[] = []
  readonly #transport = createFakeTransport({ clock: this.clock, random: seededRandom(1) })
  readonly #dead = new Set<string>()
  readonly #kubelets: Server[] = []
  #authority!: KeyPair
  #certificate!: KeyPair

  async start(): Promise<void> {
    const now = Date.now()
    this.#authority = await createAuthority('cluster', now)
    this.#certificate = await issueCertificate(this.#authority, {
      commonName: 'system:binnacle:monitor',
      hosts: ['127.0.0.1'],
      isServer: true,
      isClient: true,
      now,
    })
    for (const name of nodeNames) await this.#addNode(name)
    for (const name of memberNames) await this.#addMember(name)
  }

  async stop(): Promise<void> {
    for (const member of this.members.values()) await member.stop()
    for (const kubelet of this.#kubelets) kubelet.close()
  }

  /** Ends a member without a word to the others, as a crash does. */
  async kill(name: string): Promise<void> {
    this.#dead.add(name)
    await this.members.get(name)!.stop()
    this.members.delete(name)
  }

  /** Lets time pass until something holds; rejects after `withinMs` of it. */
  async until(what: () => Promise<boolean> | boolean, withinMs: number): Promise<void> {
    const end = this.clock.now() + withinMs
    while (!(await what())) {
      if (this.clock.now() >= end) throw new Error(`not within ${withinMs} ms`)
      await this.clock.advance(250)
      // Sockets need turns of the event loop that no clock gives.
      await Promise.all([...this.members.values()].map(({ addresses }) => fetch(`${addresses.http}/healthz`)))
    }
  }

  async get(member: string, path: string): Promise<any> {
    const response = await fetch(this.members.get(member)!.addresses.http + path)
    return response.status === 200 ? response.json() : response.text()
  }

  /** The nodes that a member scrapes, by its own word. */
  async nodesOf(member: string): Promise<string[]> {
    const { sources } = await this.#local(member)
    return sources.filter(({ isHealthy }) => isHealthy).map(({ node }) => node)
  }

  /** The pods whose own metrics a member reads. */
  podsOf(member: string): Promise<readonly string[]> {
    return this.#local(member).then(({ pods }) => pods.map(({ pod }) => pod))
  }

  async #local(member: string): Promise<LocalSources> {
    const response = await fetch(`${this.members.get(member)!.addresses.http}/api/v1/sources`, { headers: { 'x-binnacle-local': '1' } })
    return (await response.json()) as LocalSources
  }

  async isWhole(): Promise<boolean> {
    const nodes = await Promise.all([...this.members.keys()].map((member) => this.nodesOf(member)))
    return JSON.stringify(nodes.flat().sort()) === JSON.stringify(nodeNames.toSorted())
  }

  get lastTotal(): number | undefined {
    return this.totals.at(-1)
  }

  async #addNode(name: string): Promise<void> {
    const pod = createFakePod(`pod-of-${name}`, { node: name })
    // Asks to be read, and is refused before anything goes over the wire.
    Object.assign(pod.metadata, { annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/scheme': 'none' } })
    const kubelet = createServer((_, response) => {
      const { clock } = this
      response.end(JSON.stringify(createFakeSummary(name, clock.now(), [{ pod, cpuNanoseconds: clock.monotonic() * 1e6 }])))
    })
    this.#kubelets.push(kubelet)
    await new Promise<void>((resolve) => kubelet.listen(0, '127.0.0.1', resolve))
    this.informers.informer(CoreV1Node).put(createFakeNode(name, '127.0.0.1', (kubelet.address() as AddressInfo).port))
    this.informers.informer(CoreV1Pod, { indexes: { node: ({ spec }) => [spec.nodeName!], pending: pendingIndex } }).put(pod)
  }

  async #addMember(name: string): Promise<void> {
    const { clock, informers } = this
    const credentials = { ca: this.#authority.cert, ...this.#certificate }
    const aggregator = createAggregator({
      client: createClient({
        ...this.#transport,
        request: (request) => (this.#dead.has(name) ? Promise.reject(new Error('killed')) : this.#transport.request(request)),
      }),
      informers,
      clock,
      random: seededRandom(name.charCodeAt(0)),
      log: silentLog,
      resolutionMs,
      kubelet: credentials,
      configuration: parseConfiguration('test', 'sources: { kubelet: { scheme: http }, events: { enabled: false } }'),
      http: { host: '127.0.0.1', port: 0 },
      metricsApi: {
        hosts: ['127.0.0.1'],
        port: 0,
        tls: this.#certificate,
      },
      sharding: { name, listen: { host: '127.0.0.1', port: 0 }, credentials, allowedNames: ['system:binnacle:monitor'], leaseDurationMs },
    })
    aggregator.window.onBatch(({ entityKeys }) => {
      if (entityKeys.includes('cluster')) this.totals.push(aggregator.window.latest('memory/usage', 'cluster')!.value)
    })
    this.members.set(name, aggregator)
    await aggregator.start()
  }
}

interface LocalSources {
  readonly sources: readonly { readonly node: string; readonly isHealthy: boolean }[]
  readonly pods: readonly { readonly pod: string }[]
}

describe('aggregators that share the nodes', () => {
  let fleet: Fleet
  beforeEach(async () => {
    fleet = new Fleet()
    await fleet.start()
  })
  afterEach(() => fleet.stop())

  it('scrape each node once, make the totals once, and answer for all nodes whichever is asked', async () => {
    await fleet.until(() => fleet.isWhole(), 30_000)
    await fleet.until(() => fleet.lastTotal === nodeNames.length * nodeBytes, 30_000)
    for (const member of memberNames) {
      expect((await fleet.nodesOf(member)).length).toBeGreaterThan(0)
      expect(await fleet.get(member, '/api/v1/model/nodes/')).toEqual(nodeNames.toSorted())
      expect((await fleet.get(member, '/api/v1/sources')).sources).toHaveLength(nodeNames.length)
      for (const node of nodeNames) {
        expect((await fleet.get(member, `/api/v1/model/nodes/${node}/metrics/memory/usage`)).metrics.length).toBeGreaterThan(0)
        const path = `/api/v1/model/namespaces/default/pods/pod-of-${node}/metrics/memory/usage`
        expect((await fleet.get(member, path)).metrics.length, `${member} ${path}`).toBeGreaterThan(0)
      }
      expect((await fleet.get(member, '/api/v1/model/metrics/memory/usage')).metrics.at(-1).value).toBe(nodeNames.length * nodeBytes)
    }
    const writers = memberNames.filter((member) => fleet.members.get(member)!.window.latest('memory/usage', 'cluster') !== undefined)
    expect(writers).toHaveLength(1)
  })

  it("read each pod's own metrics once, where its node is scraped", async () => {
    await fleet.until(() => fleet.isWhole(), 30_000)
    for (const member of memberNames) {
      const nodes = await fleet.nodesOf(member)
      expect(await fleet.podsOf(member)).toEqual(nodes.map((node) => `pod-of-${node}`).sort())
    }
  })

  it('take over the nodes of one that is killed, and never count a node twice', async () => {
    await fleet.until(() => fleet.isWhole(), 30_000)
    await fleet.until(() => fleet.lastTotal === nodeNames.length * nodeBytes, 30_000)
    for (const victim of ['a', 'b']) {
      await fleet.kill(victim)
      const killedAt = fleet.clock.now()
      await fleet.until(() => fleet.isWhole(), leaseDurationMs + leaseDurationMs / 3 + resolutionMs)
      expect(fleet.clock.now() - killedAt).toBeLessThanOrEqual(leaseDurationMs * 2 + resolutionMs)
      fleet.totals.push(0)
      await fleet.until(() => fleet.lastTotal === nodeNames.length * nodeBytes, 3 * resolutionMs)
    }
    expect(Math.max(...fleet.totals)).toBe(nodeNames.length * nodeBytes)
    expect(await fleet.nodesOf('c')).toHaveLength(nodeNames.length)
  })
})
