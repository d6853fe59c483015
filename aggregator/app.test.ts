import { createServer } from 'node:https'
import type { RequestListener, Server } from 'node:http'
import { Agent, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { CoreV1Node, CoreV1Pod } from '../orchestrator/api/generated/kinds.ts'
import { FakeClock } from '../lib/fake-clock.ts'
import { silentLog } from '../lib/log.ts'
import { createAuthority, issueCertificate } from '../lib/pki.ts'
import type { KeyPair } from '../lib/pki.ts'
import { seededRandom } from '../lib/random.ts'
import { createAggregator } from './app.ts'
import type { Aggregator } from './app.ts'
import type { AggregatorOptions } from './options.ts'
import { createFakeClient, createFakeNode, createFakePod, createFakeSummary, FakeInformers } from './fake-cluster.ts'

/** A cluster of one node with a real HTTPS kubelet, certificates of its own, and an aggregator on a clock that stands still. */
class Cluster {
  readonly clock = new FakeClock()
  readonly informers = new FakeInformers()
  readonly client = createFakeClient((user) => user !== 'mallory')
  readonly pod = createFakePod('web', { owner: { kind: 'ReplicationController', name: 'web' } })
  cpuNanoseconds = 1e9
  authority!: KeyPair
  proxyAuthority!: KeyPair
  aggregator!: Aggregator
  #kubelet!: Server

  async start(more: Partial<AggregatorOptions> = {}): Promise<void> {
    const now = Date.now()
    this.authority = await createAuthority('cluster', now)
    this.proxyAuthority = await createAuthority('front-proxy', now)
    const server = await issueCertificate(this.authority, { commonName: 'n1', hosts: ['127.0.0.1', 'localhost'], isServer: true, now })
    const monitor = await issueCertificate(this.authority, { commonName: 'system:binnacle:monitor', isClient: true, now })
    const answer: RequestListener = (request, response) => {
      if (request.url !== '/stats/summary') response.statusCode = 404
      response.end(JSON.stringify(createFakeSummary('n1', this.clock.now(), [{ pod: this.pod, cpuNanoseconds: this.cpuNanoseconds }])))
    }
    this.#kubelet = createServer({ cert: server.cert, key: server.key, ca: this.authority.cert, requestCert: true }, answer)
    await new Promise<void>((resolve) => this.#kubelet.listen(0, '127.0.0.1', resolve))
    this.informers.informer(CoreV1Node).put(createFakeNode('n1', '127.0.0.1', (this.#kubelet.address() as AddressInfo).port))
    this.aggregator = createAggregator({
      client: this.client,
      informers: this.informers,
      clock: this.clock,
      random: seededRandom(1),
      log: silentLog,
      kubelet: { cert: monitor.cert, key: monitor.key, ca: this.authority.cert },
      http: { host: '127.0.0.1', port: 0 },
      metricsApi: {
        hosts: ['127.0.0.1'],
        port: 0,
        tls: server,
        authorities: {
          clientCa: this.authority.cert,
          requestHeaderCa: this.proxyAuthority.cert,
          allowedNames: ['front-proxy-client'],
        },
      },
      ...more,
    })
    this.informers.informer(CoreV1Pod).put(this.pod)
    await this.aggregator.start()
  }

  async stop(): Promise<void> {
    await this.aggregator.stop()
    this.#kubelet.closeAllConnections()
    await new Promise((resolve) => this.#kubelet.close(resolve))
  }

  /** Lets time pass until the next scrape is in; totals come with it. */
  async scrape(): Promise<void> {
    const scraped = new Promise<void>((resolve) => {
      const unsubscribe = this.aggregator.window.onBatch(({ entityKeys }) => {
        if (!entityKeys.includes('cluster')) return
        unsubscribe()
        resolve()
      })
    })
    this.cpuNanoseconds += 1e9
    await this.clock.advance(5000)
    await scraped
    await this.clock.settle()
  }

  async getText(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(this.aggregator.addresses.http + path)
    return { status: response.status, body: await response.text() }
  }

  async getJson(path: string): Promise<unknown> {
    return JSON.parse((await this.getText(path)).body)
  }

  async getMetrics(
    path: string,
    as: KeyPair | undefined,
    headers: Record<string, string | string[]> = {},
  ): Promise<{ status: number; body: any }> {
    const agent = new Agent({ ca: this.authority.cert, ...as })
    return new Promise((resolve, reject) => {
      const request = get(new URL(path, this.aggregator.addresses.metricsApi[0]), { agent, headers }, async (response) => {
        let body = ''
        for await (const chunk of response) body += chunk
        agent.destroy()
        resolve({ status: response.statusCode!, body: body.startsWith('{') ? JSON.parse(body) : body })
      })
      request.on('error', reject)
    })
  }

  frontProxy(): Promise<KeyPair> {
    return issueCertificate(this.proxyAuthority, { commonName: 'front-proxy-client', isClient: true, now: Date.now() })
  }
}

describe('the aggregator', () => {
  let cluster: Cluster
  beforeEach(async () => {
    cluster = new Cluster()
    await cluster.start()
  })
  afterEach(() => cluster.stop())

  it('scrapes the nodes that the API knows and serves their metrics at the paths of Heapster', async () => {
    await cluster.scrape()
    await cluster.scrape()
    expect(await cluster.getJson('/api/v1/model/nodes/')).toEqual(['n1'])
    expect(await cluster.getJson('/api/v1/model/namespaces/default/pods/')).toEqual(['web'])
    const rate = (await cluster.getJson('/api/v1/model/namespaces/default/pods/web/metrics/cpu/usage_rate')) as {
      metrics: { value: number }[]
    }
    expect(rate.metrics.map(({ value }) => value)).toEqual([50, 200])
    expect(await cluster.getJson('/api/v1/model/namespaces/default/metrics/memory/working_set')).toMatchObject({
      metrics: [{ value: 1 << 26 }, { value: 1 << 26 }],
    })
    expect(await cluster.getJson('/api/v1/model/nodes/n1/metrics/cpu/node_reservation')).toMatchObject({
      metrics: [{ value: 0.05, floatValue: 0.05 }, { value: 0.05 }],
    })
    expect(await cluster.getJson('/api/v1/model/nodes/nobody/metrics/cpu/usage_rate')).toEqual({
      metrics: [],
      latestTimestamp: '0001-01-01T00:00:00Z',
    })
    expect(
      await cluster.getJson('/api/v1/model/namespaces/default/workloads/ReplicationController/web/metrics/cpu/usage_rate'),
    ).toMatchObject({ metrics: [{ value: 50 }, { value: 200 }] })
    expect(await cluster.getJson('/api/v1/model/nodes/n1/metrics/filesystem/usage?labels=resource_id:/')).toMatchObject({
      metrics: [{ value: 1e9 }, { value: 1e9 }],
    })
    expect(await cluster.getJson('/api/v1/model/metrics/')).toContain('cpu/usage_rate')
    expect(await cluster.getText('/api/v1/model/nodes/n1/metrics/cpu/usage_rate?start=yesterday')).toEqual({
      status: 400,
      body: 'start: "yesterday" is not an RFC 3339 time such as "2026-01-02T15:04:05Z"\n',
    })
  })

  it('lists what is served below a path that is none itself', async () => {
    const list = async (path: string) => {
      const response = await fetch(cluster.aggregator.addresses.http + path)
      return { status: response.status, text: await response.text() }
    }
    const model = await list('/api/v1/model/')
    expect(model.status).toBe(200)
    expect((JSON.parse(model.text) as { paths: string[] }).paths).toContain('/api/v1/model/namespaces/:namespace/workloads/:kind')
    expect((JSON.parse((await list('/')).text) as { paths: string[] }).paths).toEqual(expect.arrayContaining(['/healthz', '/metrics']))
    expect(await list('/api/v1/mod')).toEqual({ status: 404, text: 'nothing is served at /api/v1/mod; / lists what is\n' })
    expect((await list('/api/v1/model/__proto__')).status).toBe(404)
  })

  it('offers pod metrics to a front proxy in the name of its user, with the window that was measured', async () => {
    await cluster.scrape()
    await cluster.scrape()
    const answer = await cluster.getMetrics(
      '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dweb',
      await cluster.frontProxy(),
      {
        'x-remote-user': 'alice',
        'x-remote-group': ['dev', 'ops, all'],
      },
    )
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({
      kind: 'PodMetricsList',
      items: [{ metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } } }],
    })
    expect(answer.body.items[0]).toMatchObject({
      window: '5s',
      containers: [{ name: 'main', usage: { cpu: '200000000n', memory: '65536Ki' } }],
    })
    expect(JSON.parse(cluster.client.reviews[0]!)).toMatchObject({
      user: 'alice',
      groups: ['dev', 'ops, all', 'system:authenticated'],
      resourceAttributes: { verb: 'list', resource: 'pods' },
    })
  })

  it('refuses strangers, users without a right, and user headers from anybody but a front proxy', async () => {
    await cluster.scrape()
    const path = '/apis/metrics.k8s.io/v1beta1/nodes'
    expect((await cluster.getMetrics(path, undefined, { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters' })).status).toBe(401)
    const mallory = await issueCertificate(cluster.authority, { commonName: 'mallory', isClient: true, now: Date.now() })
    const refused = await cluster.getMetrics(path, mallory, { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters' })
    expect(refused.body).toMatchObject({ kind: 'Status', code: 403, reason: 'Forbidden' })
    expect(refused.body.message).toContain('User "mallory" cannot list resource "nodes"')
    const otherProxy = await issueCertificate(cluster.proxyAuthority, { commonName: 'someone', isClient: true, now: Date.now() })
    expect((await cluster.getMetrics(path, otherProxy, { 'x-remote-user': 'admin' })).status).toBe(401)
    const admin = await issueCertificate(cluster.authority, {
      commonName: 'admin',
      organization: 'system:masters',
      isClient: true,
      now: Date.now(),
    })
    expect((await cluster.getMetrics(path, admin)).body.items).toHaveLength(1)
  })

  it('prints tables, answers 404 in words of the API, and tells what it serves', async () => {
    await cluster.scrape()
    const admin = await issueCertificate(cluster.authority, {
      commonName: 'admin',
      organization: 'system:masters',
      isClient: true,
      now: Date.now(),
    })
    const table = await cluster.getMetrics('/apis/metrics.k8s.io/v1beta1/nodes', admin, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
    })
    expect(table.body).toMatchObject({ kind: 'Table', rows: [{ cells: ['n1', '50000000n', '1048576Ki', '1s'] }] })
    const missing = await cluster.getMetrics('/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/nobody', admin)
    expect(missing.body).toMatchObject({ code: 404, message: 'pods.metrics.k8s.io "default/nobody" not found' })
    const resources = await cluster.getMetrics('/apis/metrics.k8s.io/v1beta1', admin)
    expect(resources.body.resources.map(({ name }: { name: string }) => name)).toEqual(['nodes', 'pods'])
    expect((await cluster.getMetrics('/apis/metrics.k8s.io/v1beta1/pods?labelSelector=%3D%3D', admin)).status).toBe(400)
  })

  it('streams a change per scrape to watchers', async () => {
    await cluster.scrape()
    const admin = await issueCertificate(cluster.authority, {
      commonName: 'admin',
      organization: 'system:masters',
      isClient: true,
      now: Date.now(),
    })
    const agent = new Agent({ ca: cluster.authority.cert, ...admin })
    const frames: { type: string; object: { timestamp: string } }[] = []
    let changed = () => {}
    const response = await new Promise<AsyncIterable<Buffer>>((resolve) => {
      get(new URL('/apis/metrics.k8s.io/v1beta1/pods?watch=true', cluster.aggregator.addresses.metricsApi[0]), { agent }, resolve)
    })
    const reading = (async () => {
      for await (const chunk of response) {
        for (const line of chunk.toString().trim().split('\n')) frames.push(JSON.parse(line))
        changed()
      }
    })()
    const frame = (count: number) =>
      new Promise<void>((resolve) => {
        changed = () => frames.length >= count && resolve()
        changed()
      })
    await frame(1)
    await cluster.scrape()
    await frame(2)
    expect(frames.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED'])
    await cluster.aggregator.stop()
    await reading.catch(() => {})
    agent.destroy()
  })

  it('says how its sources and its window are', async () => {
    expect((await cluster.getText('/readyz')).status).toBe(503)
    await cluster.scrape()
    expect((await cluster.getText('/readyz')).status).toBe(200)
    expect(await cluster.getJson('/api/v1/sources')).toMatchObject({ sources: [{ node: 'n1', isHealthy: true, failures: 0 }] })
    expect((await cluster.getText('/metrics')).body).toContain('binnacle_aggregator_source_up{node="n1"} 1')
    const schema = (await cluster.getJson('/api/v1/metric-export-schema')) as { metrics: { name: string }[] }
    expect(schema.metrics.map(({ name }) => name)).toContain('cpu/usage_rate')
    expect(await cluster.getJson('/api/v1/metric-export')).toContainEqual(
      expect.objectContaining({ labels: expect.objectContaining({ type: 'node', container_name: 'machine' }) }),
    )
  })

  it('is ready with a remark while its window has no room for every entity', async () => {
    const narrow = new Cluster()
    await narrow.start({ windowMaxBytes: 10_000 })
    onTestFinished(() => narrow.stop())
    await narrow.clock.advance(5000)
    const full = { status: 200, body: expect.stringMatching(/^ok\nthe memory window is full/) }
    await vi.waitFor(async () => expect(await narrow.getText('/readyz')).toMatchObject(full))
  })
})
