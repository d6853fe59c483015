import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { FakeWindow } from '../../aggregator/fake-window.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import { systemRandom } from '../../lib/random.ts'
import { HttpCollector } from '../testing/http-collector.ts'
import { createClusteredAlerts } from './app.ts'
import type { ClusteredAlerts, ClusteredAlertsOptions } from './app.ts'
import { FakeLeases } from './fake-leases.ts'
import { createPeerDoor } from './peer-door.ts'
import type { PeerTls } from './peer-door.ts'

let folder: string
let collector: HttpCollector
let leases: FakeLeases
let members: Map<string, ClusteredAlerts>

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-cluster-'))
  collector = new HttpCollector()
  await collector.start()
  leases = new FakeLeases()
  members = new Map()
  const text = `route: {receiver: r, group_by: ['...'], group_wait: 0s}\nreceivers: [{name: r, webhook_configs: [{url: '${collector.url}/'}]}]\n`
  writeFileSync(join(folder, 'am.yml'), text)
})

afterEach(async () => {
  await Promise.all([...members.values()].map((member) => member.stop()))
  await collector.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function startMember(name: string, more: Partial<ClusteredAlertsOptions> = {}): Promise<ClusteredAlerts> {
  const member = createClusteredAlerts({
    window: new FakeWindow(),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    dataDir: join(folder, name),
    rulesFiles: [],
    configFile: join(folder, 'am.yml'),
    http: { host: '127.0.0.1', port: 0 },
    externalUrl: 'http://x',
    name,
    peers: { host: '127.0.0.1', port: 0 },
    leases: leases.for(name),
    leaseDurationMs: 800,
    ...more,
  })
  members.set(name, member)
  await member.start()
  return member
}

async function leaderInSync(count: number): Promise<ClusteredAlerts> {
  await expect.poll(() => leases.record?.inSync.length, { timeout: 10_000 }).toBe(count)
  await expect.poll(() => [...members.values()].some((member) => member.isLeading), { timeout: 10_000 }).toBe(true)
  return [...members.values()].find((member) => member.isLeading)!
}

async function call(member: ClusteredAlerts, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const given = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(`http://${member.address}${path}`, given)
  const text = await response.text()
  return { status: response.status, body: text === '' ? '' : (JSON.parse(text) as unknown) }
}

const told = (): string[] =>
  collector.received.map(({ body }) => (JSON.parse(body) as { alerts: { labels: { alertname: string } }[] }).alerts[0]!.labels.alertname)

describe('several alert servers', () => {
  it('answer at each of them, and go on where the leader ended', async () => {
    const a = await startMember('a')
    const b = await startMember('b')
    const leader = await leaderInSync(2)
    const follower = leader === a ? b : a
    expect((await call(follower, '/api/v2/alerts', [{ labels: { alertname: 'First' } }])).status).toBe(200)
    const silence = {
      matchers: [{ name: 'x', value: 'y', isRegex: false }],
      startsAt: '2020-01-01T00:00:00Z',
      endsAt: '2099-01-01T00:00:00Z',
      createdBy: 'me',
      comment: 'c',
    }
    expect((await call(follower, '/api/v2/silences', silence)).status).toBe(200)
    await expect.poll(told).toEqual(['First'])
    await leader.stop()
    members.delete(leader === a ? 'a' : 'b')
    await expect.poll(() => follower.isLeading, { timeout: 10_000 }).toBe(true)
    expect((await call(follower, '/api/v2/alerts')).body).toMatchObject([{ labels: { alertname: 'First' } }])
    expect((await call(follower, '/api/v2/silences')).body).toHaveLength(1)
    await call(follower, '/api/v2/alerts', [{ labels: { alertname: 'Second' } }])
    await expect.poll(told).toEqual(['First', 'Second'])
    const { entries } = (await call(follower, '/api/v1/journal?alert=First')).body as { entries: { kind: string }[] }
    expect(entries.map(({ kind }) => kind)).toEqual(['received', 'grouped', 'enqueued', 'delivered'])
  })

  it('do not let one take over that has missed something', async () => {
    await startMember('a')
    await leaderInSync(1)
    leases.cutOff('b')
    const b = await startMember('b')
    await call(members.get('a')!, '/api/v2/alerts', [{ labels: { alertname: 'Known' } }])
    await members.get('a')!.stop()
    members.delete('a')
    leases.restore('b')
    await new Promise((resolve) => setTimeout(resolve, 2000))
    expect(b.isLeading).toBe(false)
    expect((await call(b, '/api/v2/alerts')).status).toBe(503)
    await startMember('a')
    await leaderInSync(2)
    expect((await call(b, '/api/v2/alerts')).body).toMatchObject([{ labels: { alertname: 'Known' } }])
  })

  it('go on without a follower that is away, and give it everything when it is back', async () => {
    await startMember('a')
    await leaderInSync(1)
    await startMember('b')
    await leaderInSync(2)
    await members.get('b')!.stop()
    members.delete('b')
    const started = performance.now()
    expect((await call(members.get('a')!, '/api/v2/alerts', [{ labels: { alertname: 'Meanwhile' } }])).status).toBe(200)
    expect(performance.now() - started).toBeLessThan(5000)
    await expect.poll(() => leases.record?.inSync).toEqual(['a'])
    const b = await startMember('b')
    await leaderInSync(2)
    await members.get('a')!.stop()
    members.delete('a')
    await expect.poll(() => b.isLeading, { timeout: 10_000 }).toBe(true)
    expect((await call(b, '/api/v2/alerts')).body).toMatchObject([{ labels: { alertname: 'Meanwhile' } }])
    expect(told()).toEqual(['Meanwhile'])
  })
})

describe('the door for peers', () => {
  const options = { host: '127.0.0.1', port: 0, handle: () => {}, join: () => {} }

  it('is open without certificates on loopback only', () => {
    expect(() => createPeerDoor({ ...options, host: '0.0.0.0', tls: undefined })).toThrow(/with certificates only/)
  })

  it('lets in whoever has a certificate of the authority, and nobody else', async () => {
    const identityOf = async (): Promise<PeerTls> => {
      const now = Date.now()
      const authority = await createAuthority('peers', now)
      const { cert, key } = await issueCertificate(authority, {
        commonName: 'peer',
        hosts: ['127.0.0.1'],
        isClient: true,
        isServer: true,
        now,
      })
      return { ca: authority.cert, cert, key }
    }
    const [own, other] = [await identityOf(), await identityOf()]
    const names: string[] = []
    const door = createPeerDoor({
      ...options,
      tls: own,
      join: (name, socket) => {
        names.push(name)
        socket.close()
      },
    })
    await door.listen()
    const connect = (tls: Partial<PeerTls>) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(`wss://127.0.0.1:${door.port}/cluster/v1/replicate?name=n`, { ...tls, ca: own.ca })
        socket.on('error', (err) => resolve(err.message))
        socket.on('close', () => resolve('closed'))
      })
    expect(await connect(own)).toBe('closed')
    expect(await connect({})).toMatch(/certificate|ECONNRESET|hang up/i)
    expect(await connect({ cert: other.cert, key: other.key })).toMatch(/unknown ca|certificate|ECONNRESET|hang up/i)
    expect(names).toEqual(['n'])
    await door.close()
  })
})
