import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClusterEvent } from '../../aggregator/events.ts'
import { FakeWindow, podEntity } from '../../aggregator/fake-window.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { EventWindow } from '../evaluation/event-window.ts'
import { ServerGroup, callServer } from '../testing/server-group.ts'
import type { ClusteredAlerts } from './app.ts'

const second = 1000
const minute = 60 * second

const rules = `
groups:
  - name: g
    rules:
      - { alert: Busy, metric: cpu/usage_rate, entity: { type: pod }, aggregation: avg, window: 1m, condition: '> 100' }
      - { alert: Slow, metric: memory/working_set, entity: { type: pod }, window: 10s, condition: '> 100', for: 2m }
      - { alert: Sum, metric: memory/working_set, entity: { type: pod }, groupBy: [namespace], window: 10s, condition: '> 250' }
      - { alert: Gone, metric: uptime, entity: { type: pod }, window: 10s, condition: absent }
      - { alert: Loops, events: { reason: BackOff }, groupBy: [reason], window: 3m, condition: '> 2' }
`

interface Monitor {
  readonly window: FakeWindow
  readonly events: EventWindow
  readonly server: ClusteredAlerts
}

let clock: FakeClock
let servers: ServerGroup

beforeEach(async () => {
  clock = new FakeClock()
  servers = new ServerGroup({ clock, leaseDurationMs: 10 * second })
  writeFileSync(join(servers.folder, 'rules.yaml'), rules)
  await servers.open(
    `{receiver: r, group_by: ['...'], group_wait: 0s, group_interval: 5s, repeat_interval: 4h, routes: [{receiver: nobody, matchers: ['alertname=Tick']}]}`,
    ['{name: nobody}'],
  )
})

afterEach(() => servers.close())

async function startMonitor(name: string): Promise<Monitor> {
  const window = new FakeWindow()
  const events = new EventWindow({ windowMs: 60 * minute })
  const server = await servers.start(name, { window, sources: { events }, rulesFiles: [join(servers.folder, 'rules.yaml')] })
  return { window, events, server }
}

interface Shown {
  readonly fingerprint: string
  readonly startsAt: string
  readonly labels: Readonly<Record<string, string>>
}

const alertsOf = async (monitor: Monitor) =>
  ((await callServer(monitor.server, '/api/v2/alerts?receiver=r')).body as Shown[]).map(({ fingerprint, startsAt, labels }) => ({
    name: labels['alertname'],
    fingerprint,
    startsAt,
  }))

/** Five seconds pass, in which `see` says what comes in; no clock goes on while something is on its way to a disk. */
async function step(see: () => void): Promise<void> {
  see()
  for (let passed = 0; passed < 5 * second; passed += second) {
    await clock.advance(second)
    const leader = [...servers.members.values()].find(({ isLeading }) => isLeading)
    // Changes are taken in order: when this one is everywhere, those before it are.
    if (leader !== undefined) await callServer(leader, '/api/v2/alerts', [{ labels: { alertname: 'Tick' } }])
  }
}

async function pass(ms: number, see: () => void): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5 * second) await step(see)
}

const told = () =>
  servers.collector.received.map(({ body }) => {
    const { status, alerts } = JSON.parse(body) as { status: string; alerts: { labels: { alertname: string } }[] }
    return `${status} ${alerts[0]!.labels.alertname}`
  })

/** What a monitor scrapes of a pod. */
function sample({ window }: Monitor, pod: string, { cpu, memory }: { readonly cpu?: number; readonly memory?: number }): void {
  const timestamp = clock.now()
  if (cpu !== undefined) window.add('cpu/usage_rate', podEntity(pod), { timestamp, value: cpu })
  if (memory !== undefined) window.add('memory/working_set', podEntity(pod), { timestamp, value: memory })
}

function backOff({ events }: Monitor, times: number): void {
  const object = { kind: 'Pod', namespace: 'default', name: 'a', uid: '' }
  const base = { uid: 'u', namespace: 'default', type: 'Warning', reason: 'BackOff', message: '', object, component: '', host: '' }
  events.addEvents([{ ...base, count: times, added: times, firstSeen: clock.now(), lastSeen: clock.now() } satisfies ClusterEvent])
}

describe('rules of several servers', () => {
  it(
    'go on firing, waiting and missing where the leader was killed, though the next one has seen nothing of it',
    { timeout: 30_000 },
    async () => {
      const a = await startMonitor('a')
      await expect.poll(() => a.server.isLeading).toBe(true)
      a.window.add('uptime', podEntity('lost'), { timestamp: clock.now(), value: 1 })
      backOff(a, 5)
      const scrape = (monitor: Monitor) => () => {
        sample(monitor, 'a', { cpu: 600, memory: 200 })
        sample(monitor, 'b', { cpu: 1, memory: 90 })
      }
      await pass(30 * second, scrape(a))
      const b = await startMonitor('b')
      await step(scrape(a))
      await expect.poll(() => servers.leases.record?.inSync).toEqual(['a', 'b'])
      await step(scrape(a))
      const before = await alertsOf(a)
      expect(new Set(before.map(({ name }) => name))).toEqual(new Set(['Busy', 'Gone', 'Loops', 'Sum']))
      await expect.poll(told).toHaveLength(4)

      await servers.kill('a')
      for (let waited = 0; servers.leases.record?.holder !== 'b' && waited < minute; waited += 5 * second) await step(() => {})
      await expect.poll(() => b.server.isLeading).toBe(true)
      expect(await alertsOf(b)).toEqual(before)
      // Nodes come in one after the other, and the first samples are none of the worst.
      await pass(20 * second, () => sample(b, 'a', { cpu: 90, memory: 200 }))
      expect(await alertsOf(b)).toEqual(before)
      await pass(minute, scrape(b))
      const after = await alertsOf(b)
      expect(after.filter(({ name }) => name !== 'Slow')).toEqual(before)
      const slow = after.find(({ name }) => name === 'Slow')!
      expect(Date.parse(slow.startsAt) - Date.parse(before.find(({ name }) => name === 'Sum')!.startsAt)).toBe(2 * minute)
      expect(told().sort()).toEqual(['firing Busy', 'firing Gone', 'firing Loops', 'firing Slow', 'firing Sum'])

      await pass(3 * minute, () => {
        sample(b, 'a', { cpu: 1, memory: 1 })
        sample(b, 'b', { cpu: 1, memory: 1 })
      })
      expect((await alertsOf(b)).map(({ name }) => name)).toEqual(['Gone'])
      await expect.poll(() => told().slice(5).sort()).toEqual(['resolved Busy', 'resolved Loops', 'resolved Slow', 'resolved Sum'])
    },
  )

  it('are read when a server starts, so that a mistake is not found by its take-over', async () => {
    writeFileSync(join(servers.folder, 'rules.yaml'), 'groups: 5')
    await expect(startMonitor('a')).rejects.toThrow('must be a list')
  })
})
