import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { systemClock } from '../../lib/clock.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import { ServerGroup, callServer as call } from '../testing/server-group.ts'
import type { ClusteredAlerts } from './app.ts'
import { createPeerDoor } from './peer-door.ts'
import type { PeerTls } from './peer-door.ts'

let servers: ServerGroup

beforeEach(async () => {
  servers = new ServerGroup({ clock: systemClock, leaseDurationMs: 800 })
  await servers.open(`{receiver: r, group_by: ['...'], group_wait: 0s}`)
})

afterEach(() => servers.close())

async function leaderInSync(count: number): Promise<ClusteredAlerts> {
  await expect.poll(() => servers.leases.record?.inSync.length, { timeout: 10_000 }).toBe(count)
  await expect.poll(() => [...servers.members.values()].some((member) => member.isLeading), { timeout: 10_000 }).toBe(true)
  return [...servers.members.values()].find((member) => member.isLeading)!
}

const told = (): string[] =>
  servers.collector.received.map(
    ({ body }) => (JSON.parse(body) as { alerts: { labels: { alertname: string } }[] }).alerts[0]!.labels.alertname,
  )

describe('several alert servers', () => {
  it('answer at each of them, and go on where the leader ended', async () => {
    const a = await servers.start('a')
    const b = await servers.start('b')
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
    await servers.stop(leader === a ? 'a' : 'b')
    await expect.poll(() => follower.isLeading, { timeout: 10_000 }).toBe(true)
    expect((await call(follower, '/api/v2/alerts')).body).toMatchObject([{ labels: { alertname: 'First' } }])
    expect((await call(follower, '/api/v2/silences')).body).toHaveLength(1)
    await call(follower, '/api/v2/alerts', [{ labels: { alertname: 'Second' } }])
    await expect.poll(told).toEqual(['First', 'Second'])
    const { entries } = (await call(follower, '/api/v1/journal?alert=First')).body as { entries: { kind: string }[] }
    expect(entries.map(({ kind }) => kind)).toEqual(['received', 'grouped', 'enqueued', 'delivered'])
  })

  it('find each other at addresses of IPv6, too', async () => {
    const peers = { host: '::1', port: 0 }
    const [a, b] = [await servers.start('a', { peers }), await servers.start('b', { peers })]
    const leader = await leaderInSync(2)
    expect(servers.leases.record?.address).toMatch(/^\[::1\]:\d+$/)
    expect((await call(leader === a ? b : a, '/api/v2/status')).status).toBe(200)
  })

  it('do not let one take over that has missed something', async () => {
    await servers.start('a')
    await leaderInSync(1)
    servers.leases.cutOff('b')
    const b = await servers.start('b')
    await call(servers.members.get('a')!, '/api/v2/alerts', [{ labels: { alertname: 'Known' } }])
    await servers.stop('a')
    servers.leases.restore('b')
    await new Promise((resolve) => setTimeout(resolve, 2000))
    expect(b.isLeading).toBe(false)
    expect((await call(b, '/api/v2/alerts')).status).toBe(503)
    await servers.start('a')
    await leaderInSync(2)
    expect((await call(b, '/api/v2/alerts')).body).toMatchObject([{ labels: { alertname: 'Known' } }])
  })

  it('go on without a follower that is away, and give it everything when it is back', async () => {
    await servers.start('a')
    await leaderInSync(1)
    await servers.start('b')
    await leaderInSync(2)
    await servers.stop('b')
    const started = performance.now()
    expect((await call(servers.members.get('a')!, '/api/v2/alerts', [{ labels: { alertname: 'Meanwhile' } }])).status).toBe(200)
    expect(performance.now() - started).toBeLessThan(5000)
    await expect.poll(() => servers.leases.record?.inSync).toEqual(['a'])
    const b = await servers.start('b')
    await leaderInSync(2)
    await servers.stop('a')
    await expect.poll(() => b.isLeading, { timeout: 10_000 }).toBe(true)
    expect((await call(b, '/api/v2/alerts')).body).toMatchObject([{ labels: { alertname: 'Meanwhile' } }])
    expect(told()).toEqual(['Meanwhile'])
  })
})

describe('a lease that somebody else has written', () => {
  it('leads no request and no journal to where a peer would not be let in without a certificate', async () => {
    const a = await servers.start('a')
    await leaderInSync(1)
    const { port } = servers.collector
    servers.leases.record = { ...servers.leases.record!, version: 'x', holder: 'evil', address: `localhost.example:${port}`, term: 9 }
    await expect.poll(() => a.isLeading).toBe(false)
    await expect.poll(async () => (await call(a, '/api/v2/alerts')).status).toBe(503)
    servers.leases.record = { ...servers.leases.record, version: 'y', address: servers.collector.url.replace('http://', '') }
    await expect.poll(async () => (await call(a, '/api/v2/status')).status).toBe(200)
    expect(servers.collector.received.map(({ path }) => path)).toContain('/api/v2/status')
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
