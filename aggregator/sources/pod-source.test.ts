import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { defaultConfiguration } from '../configuration.ts'
import { createFakePod, FakeInformers } from '../fake-cluster.ts'
import { CustomMetricsStore } from './custom-metrics-store.ts'
import { endpointOf, isScrapeWanted } from './pod-endpoint.ts'
import { createPageReader, PodSource } from './pod-source.ts'
import type { PageReader } from './pod-source.ts'
import { ScrapeError } from './scrape-error.ts'

function createAnnotatedPod(name: string, annotations: Readonly<Record<string, string>> = {}, podIP = '10.0.0.7'): CoreV1Pod {
  const pod = createFakePod(name)
  const prefixed = Object.fromEntries(
    Object.entries({ scrape: 'true', port: '8080', ...annotations }).map(([key, text]) => [`prometheus.io/${key}`, text]),
  )
  return { ...pod, metadata: { ...pod.metadata, annotations: prefixed }, status: { ...pod.status, podIP } }
}

describe('the endpoint of a pod', () => {
  it('is what its annotations say, at its own address', () => {
    expect(endpointOf(createAnnotatedPod('a'))).toEqual({ scheme: 'http', host: '10.0.0.7', port: 8080, path: '/metrics' })
    expect(endpointOf(createAnnotatedPod('a', { scheme: 'https', path: '/probe?target=x' }, 'fd00::7'))).toEqual({
      scheme: 'https',
      host: 'fd00::7',
      port: 8080,
      path: '/probe?target=x',
    })
  })

  it('has the first port that a container declares where no annotation names one', () => {
    const pod = createAnnotatedPod('a')
    const { 'prometheus.io/port': _, ...annotations } = pod.metadata.annotations!
    const ports = [{ containerPort: 53, protocol: 'UDP' }, { containerPort: 9100 }]
    const declared = {
      ...pod,
      metadata: { ...pod.metadata, annotations },
      spec: { ...pod.spec, containers: [{ name: 'a', image: 'a', ports }] },
    }
    expect(endpointOf(declared).port).toBe(9100)
    expect(() => endpointOf({ ...declared, spec: pod.spec })).toThrow('neither an annotation prometheus.io/port nor a declared port')
  })

  it.each([
    '',
    '127.0.0.1',
    '0.0.0.0',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    '::ffff:127.0.0.1',
    'ff02::1',
    'metadata.internal',
  ])('is refused at %j: that is never a pod', (podIP) => {
    expect(() => endpointOf(createAnnotatedPod('a', {}, podIP))).toThrow(ScrapeError)
  })

  it.each([
    [{ port: '0' }, 'prometheus.io/port: "0": allowed are numbers from 1 to 65535'],
    [{ port: '80a' }, 'prometheus.io/port: "80a"'],
    [{ port: '70000' }, 'prometheus.io/port: "70000"'],
    [{ scheme: 'file' }, 'prometheus.io/scheme: "file": allowed are http and https'],
    [{ path: 'metrics' }, 'prometheus.io/path: "metrics"'],
    [{ path: '//x\r\nHost: y' }, 'prometheus.io/path:'],
    [{ path: '/a#b' }, 'prometheus.io/path:'],
    [{ path: `/${'a'.repeat(2000)}` }, 'prometheus.io/path:'],
  ])('is refused with annotations that are no endpoint (%#)', (annotations, message) => {
    expect(() => endpointOf(createAnnotatedPod('a', annotations as Record<string, string>))).toThrow(message)
  })

  it('is wanted of pods that run and ask for it', () => {
    const pod = createAnnotatedPod('a')
    expect(isScrapeWanted(pod)).toBe(true)
    expect(isScrapeWanted(createAnnotatedPod('a', { scrape: 'false' }))).toBe(false)
    expect(isScrapeWanted({ ...pod, status: { ...pod.status, phase: 'Pending' } })).toBe(false)
    expect(isScrapeWanted({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } })).toBe(false)
    expect(isScrapeWanted(createFakePod('a'))).toBe(false)
  })
})

describe('the source of custom metrics', () => {
  const settings = { ...defaultConfiguration().prometheus, maxSeries: 3 }

  function createSource(readPage: PageReader, isNodeWanted: (node: string) => boolean = () => true, namespaces: readonly string[] = []) {
    const clock = new FakeClock()
    const pods = new FakeInformers().informer(CoreV1Pod)
    const store = new CustomMetricsStore({ holdMs: 45_000, maxSeries: 100, clock })
    const all = { ...settings, namespaces }
    const source = new PodSource({ pods, settings: all, store, readPage, isNodeWanted, clock, random: seededRandom(1), log: silentLog })
    return { clock, pods, store, source }
  }
  const page = (body: string, contentType = 'text/plain') => Promise.resolve({ body, contentType })

  it('reads each pod once per round and tells how it goes', async () => {
    let count = 0
    const { clock, pods, store, source } = createSource(() => page(`# TYPE n_total counter\nn_total ${(count += 30)}\na 1\nb 1\nc 1\n`))
    pods.put(createAnnotatedPod('web'))
    pods.put(createFakePod('silent'))
    source.start()
    await clock.advance(61_000)
    expect(count / 30).toBeGreaterThanOrEqual(4)
    expect(count / 30).toBeLessThanOrEqual(6)
    expect(store.samples('n_total', 'default')[0]!.value).toBeCloseTo(2, 5)
    expect(source.statuses()).toMatchObject([
      { namespace: 'default', pod: 'web', node: 'n1', isHealthy: true, series: 3, rejected: 1, address: 'http://10.0.0.7:8080/metrics' },
    ])
    pods.remove('default/web')
    expect([source.statuses(), store.stats().pods]).toEqual([[], 0])
    source.stop()
  })

  it('names the stage that failed, and keeps the last figures for three rounds', async () => {
    let answer: () => ReturnType<PageReader> = () => page('a 1\n')
    const { clock, pods, store, source } = createSource(() => answer())
    pods.put(createAnnotatedPod('web'))
    source.start()
    await clock.advance(1000)
    answer = () => page('<html>')
    await clock.advance(30_000)
    expect(source.statuses()[0]).toMatchObject({
      isHealthy: false,
      lastError: { stage: 'parse', advice: expect.stringContaining('text format') },
    })
    expect(store.names()).toEqual(['a'])
    await clock.advance(30_000)
    expect(store.names()).toEqual([])
    source.stop()
  })

  it('scrapes no pod of a node or a namespace that is not wanted here', async () => {
    let isWanted = false
    const { clock, pods, source } = createSource(
      () => page('a 1\n'),
      () => isWanted,
      ['default'],
    )
    const other = createAnnotatedPod('other')
    pods.put(createAnnotatedPod('web'))
    pods.put({ ...other, metadata: { ...other.metadata, namespace: 'elsewhere' } })
    source.start()
    await clock.advance(1000)
    expect(source.statuses()).toEqual([])
    isWanted = true
    source.review()
    await clock.advance(1000)
    expect(source.statuses().map(({ pod }) => pod)).toEqual(['web'])
    source.stop()
  })
})

describe('the reader of pages', () => {
  let server: Server | undefined
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })
  async function listen(answer: RequestListener): Promise<number> {
    server = createServer(answer)
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }
  const read = (port: number) =>
    createPageReader({ ...defaultConfiguration().prometheus, maxBytes: 2000 }, new FakeClock())(
      { scheme: 'http', host: '127.0.0.1', port, path: '/metrics' },
      new AbortController().signal,
    )

  it('sends no credentials and follows no redirect', async () => {
    const headers: string[][] = []
    const port = await listen((request, response) => {
      headers.push(Object.keys(request.headers))
      response.writeHead(301, { location: '/elsewhere' }).end()
    })
    await expect(read(port)).rejects.toMatchObject({ code: 'status', message: 'HTTP 301, a redirect, which is not followed' })
    expect(headers.map((names) => names.sort())).toEqual([['accept', 'connection', 'host']])
  })

  it('does not repeat what an endpoint says, and stops at the bound', async () => {
    await expect(read(await listen((_, response) => response.writeHead(403).end('secret')))).rejects.toMatchObject({
      code: 'authorization',
      message: 'HTTP 403',
    })
    server!.close()
    await expect(read(await listen((_, response) => response.end('a'.repeat(3000))))).rejects.toMatchObject({ code: 'size' })
  })
})
