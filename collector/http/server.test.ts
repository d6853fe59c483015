import { request as plainRequest } from 'node:http'
import { request } from 'node:https'
import { gunzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import { PrometheusPages } from '../prometheus/pages.ts'
import { ConditionWatch } from '../events/conditions.ts'
import { History } from '../history/history.ts'
import { parseExposition } from '../prometheus/strict-parser.ts'
import { createSimulatedSource } from '../simulated.ts'
import type { UsageReport } from '../usage.ts'
import { createServer } from './server.ts'
import type { CollectorServer, ServerOptions } from './server.ts'

let server: CollectorServer | undefined
afterEach(async () => {
  await server?.stop()
})

const hostileName = `<script>alert(1)</script>"'&`

function report(timeMs: number): UsageReport {
  const pods = Array.from({ length: 8 }, (_, index) => ({
    name: index === 0 ? hostileName : `pod-${index}`,
    namespace: 'shop',
    uid: `u${index}`,
    startedAtMs: 0,
    containers: [{ name: 'app', startedAtMs: 0, cpuNanoseconds: timeMs * 1000, workingSetBytes: 100 }],
  }))
  return { nodeName: 'n1', timeMs, startedAtMs: 0, memoryCapacityBytes: 1000, pods }
}

async function start(changes: Partial<ServerOptions> = {}): Promise<string> {
  let now = 10_000
  const source = createSimulatedSource({ report: () => report(now), capacity: 60 })
  for (; now < 19_000; now += 1000) source.refresh()
  source.refresh()
  const clock = new FakeClock(now)
  const { store } = source
  const history = new History({ clock, store, maxBytes: 1e9, conditions: new ConditionWatch({ clock, store, kernelLog: undefined }) })
  history.pass()
  server = createServer({
    clock,
    log: silentLog,
    source,
    history,
    nodeName: 'n1',
    version: '1.2.3',
    hosts: ['127.0.0.1'],
    port: 0,
    pages: new PrometheusPages({ source, version: '1.2.3', processFigures: () => ({ cpuSeconds: 1, residentBytes: 2 }) }),
    ...changes,
  })
  return (await server.start())[0]!
}

const get = async (url: string, init?: RequestInit) => {
  const response = await fetch(url, init)
  return { status: response.status, text: await response.text(), headers: response.headers }
}

test('health, pages and metrics answer, and every page is valid', async () => {
  const address = await start()
  expect(await get(`${address}/healthz`)).toMatchObject({ status: 200, text: 'ok' })
  for (const path of ['/metrics', '/metrics/cadvisor', '/metrics/resource']) {
    const { status, text, headers } = await get(address + path)
    expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
    expect(parseExposition(text).length).toBeGreaterThan(10)
  }
  expect((await get(`${address}/validate/`)).text).toContain('all figures come from a load model')
  expect((await get(`${address}/nothing`)).status).toBe(404)
})

test('the page is one document, whose policy allows nothing from elsewhere', async () => {
  const address = await start()
  for (const path of ['/', '/containers/simulated/u0/app', '/containers/', '/docker/', '/docker/any']) {
    const { status, text, headers } = await get(address + path)
    expect([path, status]).toEqual([path, 200])
    expect(text).toContain('src="/client/main.ts"')
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self' 'sha256-[^']+'; style-src 'self';/)
  }
  expect((await get(`${address}/containers/none`)).status).toBe(404)
  const script = await get(`${address}/client/main.ts`)
  expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
  expect(script.text).not.toMatch(/https?:/)
  const etag = script.headers.get('etag')!
  expect((await get(`${address}/client/main.ts`, { headers: { 'if-none-match': etag } })).status).toBe(304)
})

test('behind a prefix the page asks for everything there', async () => {
  const address = await start({ pathPrefix: '/collector' })
  const { text } = await get(`${address}/collector/`)
  expect(text).toContain('content="/collector/"')
  expect(text).toContain('"preact":"/collector/assets/preact.js"')
  expect((await get(`${address}/collector/assets/preact.js`)).status).toBe(200)
})

test('what can not be read is told to programs too', async () => {
  const address = await start()
  expect(JSON.parse((await get(`${address}/validate/?format=json`)).text)).toMatchObject({
    node: 'n1',
    problems: 0,
    findings: [{ level: 'ok', subject: 'simulated' }],
  })
})

test('the summary can be cut to CPU and memory', async () => {
  const address = await start()
  const full = JSON.parse((await get(`${address}/stats/summary`)).text)
  expect(full.pods).toHaveLength(8)
  expect(full.pods[0]).toHaveProperty('process_stats')
  const slim = JSON.parse((await get(`${address}/stats/summary?only_cpu_and_memory=true`, { method: 'POST' })).text)
  expect(Object.keys(slim.pods[0])).toEqual(['podRef', 'startTime', 'containers', 'cpu', 'memory'])
})

test('large answers are compressed for clients that accept it, and only for them', async () => {
  const address = await start()
  const { hostname, port } = new URL(address)
  const raw = (encoding: string) =>
    new Promise<{ encoding: string | undefined; body: Buffer }>((resolve, reject) => {
      plainRequest({ hostname, port, path: '/metrics', headers: { 'accept-encoding': encoding } }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve({ encoding: response.headers['content-encoding'], body: Buffer.concat(chunks) }))
      })
        .on('error', reject)
        .end()
    })
  const zipped = await raw('deflate, gzip')
  expect(zipped.encoding).toBe('gzip')
  expect(parseExposition(gunzipSync(zipped.body).toString()).length).toBeGreaterThan(10)
  expect((await raw('identity')).encoding).toBeUndefined()
  expect((await raw('gzip;q=0')).encoding).toBeUndefined()
})

test('who asks for OpenMetrics gets it, everybody else the text format', async () => {
  const address = await start()
  const open = await get(`${address}/metrics`, { headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' } })
  expect(open.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
  expect(open.text.endsWith('\n# EOF\n')).toBe(true)
  expect(open.text).toContain('# TYPE container_cpu_usage_seconds counter\n# UNIT container_cpu_usage_seconds seconds\n')
  const plain = await get(`${address}/metrics`)
  expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(plain.text).not.toContain('# EOF')
})

test('with a token every path asks for it', async () => {
  const address = await start({ bearerToken: 'secret' })
  for (const path of ['/', '/metrics', '/healthz', '/api/v1.3/containers/']) {
    expect((await get(address + path)).status).toBe(401)
    expect((await get(address + path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401)
    expect((await get(address + path, { headers: { authorization: 'Bearer secret' } })).status).toBe(200)
  }
})

test('a browser, which has no bearer tokens, may give the token as the password', async () => {
  const address = await start({ bearerToken: 'sec:rét' })
  const basic = (text: string) => ({ headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` } })
  // Chromium takes one challenge from a line.
  const lines = await new Promise<readonly string[]>((resolve, reject) => {
    plainRequest(address, (response) => resolve(response.resume().rawHeaders))
      .on('error', reject)
      .end()
  })
  const challenges = lines.filter((_, index) => lines[index - 1]?.toLowerCase() === 'www-authenticate')
  expect(challenges).toEqual(['Bearer', 'Basic realm="collector", charset="UTF-8"'])
  expect((await get(address, basic('anyone:sec:rét'))).status).toBe(200)
  expect((await get(address, basic(':sec:rét'))).status).toBe(200)
  for (const wrong of ['anyone:sec', 'sec:rét', 'sec:rét:', 'anyone:', '', '\0'])
    expect((await get(address, basic(wrong))).status).toBe(401)
  expect((await get(address, { headers: { authorization: 'Basic !!!' } })).status).toBe(401)
  expect((await get(`${address}/metrics`, { headers: { authorization: 'bearer x' } })).status).toBe(401)
})

test('with a client authority every path asks for a certificate of it', async () => {
  const now = systemClock.now()
  const authority = await createAuthority('collector-ca', now)
  const stranger = await createAuthority('other-ca', now)
  const { cert: certificate, key } = await issueCertificate(authority, {
    commonName: 'collector',
    hosts: ['127.0.0.1'],
    isServer: true,
    now,
  })
  const address = await start({ tls: { certificate, key, clientCa: authority.cert } })
  const statusWith = (client: { cert?: string; key?: string }) =>
    new Promise<number | undefined>((resolve, reject) => {
      request(`${address}/metrics`, { ca: authority.cert, ...client }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })
  expect(address).toMatch(/^https:/)
  expect(await statusWith({})).toBe(401)
  expect(await statusWith(await issueCertificate(stranger, { commonName: 'monitor', isClient: true, now }))).toBe(401)
  expect(await statusWith(await issueCertificate(authority, { commonName: 'monitor', isClient: true, now }))).toBe(200)
})

test('a port in use rejects the start and leaves nothing listening', async () => {
  const address = await start()
  const first = server
  const port = Number(new URL(address).port)
  await expect(start({ hosts: ['127.0.0.2', '127.0.0.1'], port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await expect(fetch(`http://127.0.0.2:${port}/healthz`)).rejects.toThrow('fetch failed')
  await first?.stop()
})

test('the versions of the API offer what upstream’s do, and errors have its codes', async () => {
  const address = await start()
  const status = async (path: string) => (await get(address + path)).status
  expect(await get(`${address}/api`)).toMatchObject({ status: 400, text: 'Supported API versions: v1.0,v1.1,v1.2,v1.3,v2.0,v2.1\n' })
  expect(await status('/api/v1.0/containers/')).toBe(200)
  expect(await status('/api/v1.0/subcontainers/')).toBe(500)
  expect(await status('/api/v1.1/subcontainers/')).toBe(200)
  expect(await status('/api/v1.1/docker/')).toBe(500)
  expect(await status('/api/v1.2/docker/')).toBe(200)
  expect(await status('/api/v1.3/events/?all_events=true')).toBe(200)
  expect(await status('/api/v2.0/machinestats')).toBe(500)
  expect(await status('/api/v2.1/machinestats')).toBe(200)
  expect(await status('/api/v2.0/ps/')).toBe(501)
  expect(await status('/api/v2.0/stats/?type=podman')).toBe(501)
  expect(await get(`${address}/api/v2.0/appmetrics/`)).toMatchObject({ status: 200, text: '{"/":{}}' })
  expect(await status('/api/v1.3/containers/none')).toBe(500)
  expect(await status('/api/v3.0/containers/')).toBe(500)
  expect(await status('/api/__proto__/constructor')).toBe(500)
  expect(await status('/api/v1.3/constructor')).toBe(500)
})

test('a v1 request says in its body how many samples or which span', async () => {
  const address = await start()
  const post = async (body: string) => get(`${address}/api/v1.3/containers/`, { method: 'POST', body })
  const timesOf = async (body: string) =>
    (JSON.parse((await post(body)).text).stats as { timestamp: string }[]).map(({ timestamp }) => Date.parse(timestamp))
  expect(await timesOf('')).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((seconds) => seconds * 1000))
  expect(await timesOf('{"num_stats":2}')).toEqual([18_000, 19_000])
  expect(await timesOf('{"start":"1970-01-01T00:00:12Z","end":"1970-01-01T00:00:14Z"}')).toEqual([12_000, 13_000, 14_000])
  expect(await timesOf('{"num_stats":-1,"start":"0001-01-01T00:00:00Z","end":"0001-01-01T00:00:00Z"}')).toHaveLength(10)
  for (const body of ['{', '[]', '{"num_stats":"x"}', '{"num_stats":-2}', '{"start":"yesterday"}'])
    expect((await post(body)).status).toBe(500)
})

test('a v2 request says in its query how many samples, and what is not allowed', async () => {
  const address = await start()
  const stats = JSON.parse((await get(`${address}/api/v2.0/stats/simulated/u1/app?count=3`)).text)
  expect(stats['/simulated/u1/app']).toHaveLength(3)
  expect(stats['/simulated/u1/app'][0]).not.toHaveProperty('cpu_inst')
  expect(stats['/simulated/u1/app'][1]).toMatchObject({
    has_cpu: true,
    cpu: { usage: { total: 18_000_000 } },
    cpu_inst: { usage: { total: 1_000_000 } },
  })
  const all = JSON.parse((await get(`${address}/api/v2.1/stats/?recursive=true`)).text)
  expect(all).not.toHaveProperty('/')
  expect(Object.keys(all)).toHaveLength(8)
  for (const query of [
    'count=x',
    'count=-2',
    'type=rkt',
    'recursive=maybe',
    'max_age=soon',
    'start=yesterday',
    'start=5m&end=10m',
    'step=-1s',
  ])
    expect((await get(`${address}/api/v2.0/stats/?${query}`)).status).toBe(500)
})

test('an unlimited limit is the largest 64-bit number, digit for digit', async () => {
  const address = await start()
  expect((await get(`${address}/api/v1.3/containers/simulated/u1/app`)).text).toContain('"limit":18446744073709551615')
})

test('the derived statistics say how much of their span they cover', async () => {
  const address = await start()
  const summary = JSON.parse((await get(`${address}/api/v2.0/summary/simulated/u1/app`)).text)['/simulated/u1/app']
  expect(summary.latest_usage).toEqual({ cpu: 1, memory: 100 })
  expect(summary.minute_usage).toMatchObject({
    percent_complete: 15,
    cpu: { present: true, max: 1, count: 9 },
    memory: { mean: 100, ninetyfive: 100 },
  })
})

test('a v2 request can ask for a span and a step', async () => {
  const address = await start()
  const timesOf = async (query: string) => {
    const { text } = await get(`${address}/api/v2.0/stats/simulated/u1/app?${query}`)
    return (Object.values(JSON.parse(text))[0] as { timestamp: string }[]).map(({ timestamp }) => Date.parse(timestamp) / 1000)
  }
  expect(await timesOf('start=4s&end=2s')).toEqual([15, 16, 17])
  expect(await timesOf('start=1970-01-01T00:00:12Z&end=14')).toEqual([12, 13, 14])
  expect(await timesOf('start=10&step=3s')).toEqual([10, 13, 16, 19])
})

test('rates, percentiles and courses come with unit and window', async () => {
  const address = await start()
  const json = async (path: string) => JSON.parse((await get(`${address}/api/v2.1/${path}`)).text)
  const name = '/simulated/u1/app'
  expect((await json(`rates${name}?window=5s`))[name]).toMatchObject({
    window_seconds: 5,
    figures: { cpu_usage_cores: 0.001, memory_working_set_bytes: 100 },
    pod: { name: 'pod-1', container: 'app' },
  })
  const { minute } = (await json(`percentiles${name}?figures=memory_working_set_bytes`))[name]
  expect(minute).toEqual({
    percent_complete: 15,
    figures: { memory_working_set_bytes: { unit: 'bytes', count: 10, mean: 100, std: 0, max: 100, p50: 100, p90: 100, p95: 100 } },
  })
  const course = (await json(`history${name}?start=3s&figures=memory_working_set_bytes`))[name]
  expect(course).toMatchObject({ step_seconds: 1, resolution_seconds: 0, times: [16, 17, 18, 19] })
  expect(course.figures.memory_working_set_bytes).toEqual({ unit: 'bytes', mean: [100, 100, 100, 100], max: [100, 100, 100, 100] })
  const csv = await get(`${address}/api/v2.1/history${name}?start=1s&format=csv&figures=memory_working_set_bytes`)
  expect(csv.text).toBe('time,memory_working_set_bytes\n1970-01-01T00:00:18.000Z,100\n1970-01-01T00:00:19.000Z,100\n')
  for (const path of [`history${name}?figures=nonsense`, `rates${name}?window=x`, 'history/?recursive=true&format=csv'])
    expect((await get(`${address}/api/v2.1/${path}`)).status).toBe(500)
  const { samples, ready_made: readyMade } = await json('catalog')
  expect(samples.find(({ name: figure }: { name: string }) => figure === 'memoryUsage')).toMatchObject({ type: 'gauge', unit: 'bytes' })
  expect(readyMade.length).toBeGreaterThan(30)
})

test('events stream as they come, and a client goes on where it was', async () => {
  const address = await start()
  const reader = async (path: string, headers: Record<string, string>) => {
    const abort = new AbortController()
    const response = await fetch(address + path, { headers, signal: abort.signal })
    const body = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    return {
      type: response.headers.get('content-type'),
      until: async (part: string) => {
        while (!text.includes(part)) text += (await body.read()).value ?? ''
        return text
      },
      close: () => abort.abort(),
    }
  }
  const path = '/api/v1.3/events/?stream=true&subcontainers=true&creation_events=true'
  const sse = await reader(path, { accept: 'text/event-stream', 'last-event-id': '1' })
  const first = await sse.until('/simulated/u0/app')
  expect(sse.type).toBe('text/event-stream; charset=utf-8')
  const ids = [...first.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
  const later = await reader(path, { accept: 'application/x-ndjson', 'last-event-id': String(ids[0]) })
  expect(JSON.parse((await later.until('\n')).split('\n')[0]!)).toMatchObject({ event_type: 'containerCreation' })
  sse.close()
  later.close()
  expect((await get(`${address}${path}`, { headers: { 'last-event-id': 'x' } })).status).toBe(500)
  expect((await get(`${address}/api/v1.3/events/?types=nonsense`)).status).toBe(500)
})
