import { request as plainRequest } from 'node:http'
import { request } from 'node:https'
import { gunzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import { PrometheusPages } from '../prometheus/pages.ts'
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
  server = createServer({
    clock: new FakeClock(now),
    log: silentLog,
    source,
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

test('pages escape what containers call themselves', async () => {
  const address = await start()
  for (const path of ['/', '/containers/simulated/u0/app']) {
    const { status, text } = await get(address + path)
    expect(status).toBe(200)
    expect(text).not.toContain('<script>')
    expect(text).toContain('&lt;script&gt;')
  }
  expect((await get(`${address}/containers/none`)).status).toBe(404)
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

test('with a token every path asks for it', async () => {
  const address = await start({ bearerToken: 'secret' })
  for (const path of ['/', '/metrics', '/healthz', '/api/v1.3/containers/']) {
    expect((await get(address + path)).status).toBe(401)
    expect((await get(address + path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401)
    expect((await get(address + path, { headers: { authorization: 'Bearer secret' } })).status).toBe(200)
  }
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
  expect(stats['/simulated/u1/app'][0]).toMatchObject({
    has_cpu: true,
    cpu: { usage: { total: 17_000_000 } },
    cpu_inst: { usage: { total: 1_000_000 } },
  })
  const all = JSON.parse((await get(`${address}/api/v2.1/stats/?recursive=true`)).text)
  expect(all).not.toHaveProperty('/')
  expect(Object.keys(all)).toHaveLength(8)
  for (const query of ['count=x', 'count=-2', 'type=rkt', 'recursive=maybe'])
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
