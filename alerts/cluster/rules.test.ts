import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClusterEvent } from '../../aggregator/events.ts'
import { FakeWindow, podEntity } from '../../aggregator/fake-window.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { EventWindow } from '../evaluation/event-window.ts'
import { HttpCollector } from '../testing/http-collector.ts'
import { createClusteredAlerts } from './app.ts'
import type { ClusteredAlerts } from './app.ts'
import { FakeLeases } from './fake-leases.ts'

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
  readonly name: string
  readonly window: FakeWindow
  readonly events: EventWindow
  readonly server: ClusteredAlerts
}

let folder: string
let clock: FakeClock
let collector: HttpCollector
let leases: FakeLeases
let monitors: Monitor[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-cluster-rules-'))
  clock = new FakeClock()
  collector = new HttpCollector()
  await collector.start()
  leases = new FakeLeases()
  monitors = []
  writeFileSync(join(folder, 'rules.yaml'), rules)
  const route = `{receiver: r, group_by: ['...'], group_wait: 0s, group_interval: 5s, repeat_interval: 4h, routes: [{receiver: nobody, matchers: ['alertname=Tick']}]}`
  const receivers = `[{name: r, webhook_configs: [{url: '${collector.url}/'}]}, {name: nobody}]`
  writeFileSync(join(folder, 'am.yml'), `route: ${route}\nreceivers: ${receivers}\n`)
})

afterEach(async () => {
  await Promise.all(monitors.map(({ server }) => server.stop()))
  await collector.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function startMonitor(name: string): Promise<Monitor> {
  const window = new FakeWindow()
  const events = new EventWindow({ windowMs: 60 * minute })
  const server = createClusteredAlerts({
    window,
    sources: { events },
    clock,
    random: systemRandom,
    log: silentLog,
    dataDir: join(folder, name),
    rulesFiles: [join(folder, 'rules.yaml')],
    configFile: join(folder, 'am.yml'),
    http: { host: '127.0.0.1', port: 0 },
    externalUrl: 'http://x',
    name,
    peers: { host: '127.0.0.1', port: 0 },
    leases: leases.for(name),
    leaseDurationMs: 10 * second,
  })
  const monitor = { name, window, events, server }
  monitors.push(monitor)
  await server.start()
  return monitor
}

/** As a killed process: the Lease stays as it is. */
async function kill(monitor: Monitor): Promise<void> {
  leases.cutOff(monitor.name)
  await monitor.server.stop()
  monitors.splice(monitors.indexOf(monitor), 1)
}

async function get<T>({ server }: Monitor, path: string): Promise<T> {
  const response = await fetch(`http://${server.address}${path}`)
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

interface Shown {
  readonly fingerprint: string
  readonly startsAt: string
  readonly labels: Readonly<Record<string, string>>
}

const alertsOf = async (monitor: Monitor) =>
  (await get<Shown[]>(monitor, '/api/v2/alerts?receiver=r')).map(({ fingerprint, startsAt, labels }) => ({
    name: labels['alertname'],
    fingerprint,
    startsAt,
  }))

/** Five seconds pass, in which `see` says what comes in; no clock goes on while something is on its way to a disk. */
async function step(see: () => void): Promise<void> {
  see()
  for (let passed = 0; passed < 5 * second; passed += second) {
    await clock.advance(second)
    const leader = monitors.find(({ server }) => server.isLeading)
    if (leader === undefined) continue
    // Changes are taken in order: when this one is everywhere, those before it are.
    const body = JSON.stringify([{ labels: { alertname: 'Tick' } }])
    await fetch(`http://${leader.server.address}/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  }
}

async function pass(ms: number, see: () => void): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5 * second) await step(see)
}

const told = () =>
  collector.received.map(({ body }) => {
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
      await expect.poll(() => leases.record?.inSync).toEqual(['a', 'b'])
      await step(scrape(a))
      const before = await alertsOf(a)
      expect(new Set(before.map(({ name }) => name))).toEqual(new Set(['Busy', 'Gone', 'Loops', 'Sum']))
      await expect.poll(told).toHaveLength(4)

      await kill(a)
      for (let waited = 0; leases.record?.holder !== 'b' && waited < minute; waited += 5 * second) await step(() => {})
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
    writeFileSync(join(folder, 'rules.yaml'), 'groups: 5')
    await expect(startMonitor('a')).rejects.toThrow('must be a list')
  })
})
