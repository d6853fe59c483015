import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LogDoor } from '../../aggregator/logs/log-routes.ts'
import { LogSearch } from '../../aggregator/logs/log-search.ts'
import { createStoreSource } from '../../aggregator/logs/store-source.ts'
import { batchOf, originOf } from '../../collector/logs/store/fixture.ts'
import { createLogStore, type LogStore } from '../../collector/logs/store/store.ts'
import type { AlertRow, EventRow } from '../../dashboards/web/model.ts'
import { createWeb, type Web } from '../../dashboards/web/app.ts'
import { systemClock } from '../../lib/clock.ts'
import type { Entity } from '../../aggregator/window.ts'
import { silentLog } from '../../lib/log.ts'
import { FakeWindow } from '../../aggregator/fake-window.ts'

const hostile = `<img src=x onerror="document.title='forged'">`
/** What Chromium says when an interface of the machine comes or goes, as containers' do; it is no fault of the page. */
const networkChanged = 'ERR_NETWORK_CHANGED'
const window = new FakeWindow()
const alerts: AlertRow[] = []
const events: EventRow[] = [
  {
    time: Date.now() - 5000,
    type: 'Warning',
    reason: 'BackOff',
    namespace: 'default',
    object: 'Pod/busy-fghij',
    message: `back-off ${hostile}`,
    count: 3,
  },
  {
    time: Date.now() - 90_000,
    type: 'Normal',
    reason: 'Started',
    namespace: 'default',
    object: 'Pod/steady-abcde',
    message: 'started',
    count: 1,
  },
]
let web: Web
let logStore: LogStore
let logFolder: string
let lastPosition = 0
let browser: Browser
let page: Page
const problems: string[] = []
const history: { name: string; tags: Readonly<Record<string, string>> }[] = []

function fill(): void {
  const now = Date.now()
  const times = Array.from({ length: 60 }, (_, index) => now - (60 - index) * 5000)
  const curve = (base: number) => times.map((time, index) => [time, base * (1 + Math.sin(index / 6) / 2)] as const)
  const put = (entity: Entity, scale: number) => {
    const add = (metric: string, points: readonly (readonly [number, number])[]) => {
      for (const [timestamp, value] of points) window.add(metric, entity, { timestamp, value })
    }
    add('cpu/usage_rate', curve(100 * scale))
    add(
      'cpu/request',
      curve(200 * scale).map(([time]) => [time, 200 * scale] as const),
    )
    add('memory/working_set', curve(64 * 1024 * 1024 * scale))
    add('network/rx_rate', curve(2000 * scale))
  }
  put({ key: 'cluster', type: 'cluster', labels: { type: 'cluster' } }, 4)
  const node = { key: 'node:ship', type: 'node', labels: { type: 'node', nodename: 'ship' } } as const
  put(node, 4)
  window.add('cpu/node_allocatable', node, { timestamp: now, value: 2000 })
  window.add('memory/node_allocatable', node, { timestamp: now, value: 1024 * 1024 * 1024 })
  const busy = { workload_kind: 'Deployment', workload_name: 'busy' }
  const workload = { type: 'workload', namespace_name: 'default', workload_kind: 'Deployment', workload_name: 'busy' }
  put({ key: 'namespace:default', type: 'ns', labels: { type: 'ns', namespace_name: 'default' } }, 3)
  put({ key: 'namespace:default/workload:Deployment/busy', type: 'workload', labels: workload }, 2)
  const container = { type: 'pod_container', namespace_name: 'default', pod_name: 'busy-fghij', container_name: 'main', nodename: 'ship' }
  const main = { key: 'namespace:default/pod:busy-fghij/container:main', type: 'pod_container', labels: container } as const
  put(main, 2)
  window.add('cpu/cfs_throttled_share', main, { timestamp: now, value: 0.5 })
  window.add('memory/oom_kills', main, { timestamp: now, value: 2 })
  const monitor = { key: 'monitor:alpha', type: 'monitor', labels: { type: 'monitor', monitor_name: 'alpha' } } as const
  window.add('monitor/nodes', monitor, { timestamp: now, value: 41, resource: 'healthy' })
  window.add('monitor/memory_rss', monitor, { timestamp: now, value: 2 ** 27 })
  for (const [index, name] of ['steady-abcde', 'busy-fghij', hostile].entries()) {
    put(
      {
        key: `namespace:default/pod:${name}`,
        type: 'pod',
        labels: { type: 'pod', namespace_name: 'default', pod_name: name, nodename: 'ship', ...(index === 1 ? busy : {}) },
      },
      1 + index,
    )
  }
}

/** What a pod writes now. */
async function write(pod: string, text: string, level = 3): Promise<void> {
  const line = { time: BigInt(Date.now()) * 1_000_000n, text, level, position: (lastPosition += 10_000) }
  await logStore.sink.deliver(batchOf(originOf(pod), [line]), new AbortController().signal)
}

beforeAll(async () => {
  logFolder = mkdtempSync(join(tmpdir(), 'binnacle-page-logs-'))
  const shared = { folder: logFolder, clock: systemClock, log: silentLog }
  logStore = createLogStore(shared)
  await logStore.sink.start()
  const source = createStoreSource({ kind: 'container', ...shared })
  web = createWeb({
    window,
    logs: new LogDoor({
      search: new LogSearch({ sources: { list: () => [source], onAdded: () => () => {} }, clock: systemClock }),
      accounts: async () => [],
      clock: systemClock,
    }),
    listAlerts: async () => alerts,
    listEvents: async () => events,
    readHistory: async ({ metric: { name }, tags, since, until, stepMs }) => {
      history.push({ name, tags })
      if (name === 'cpu/load') return []
      return [
        [since, 7],
        [until - stepMs, 77_777],
      ]
    },
    clock: systemClock,
    log: silentLog,
    http: { host: '127.0.0.1', port: 0 },
  })
  await web.start()
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
  page = await browser.newPage({ viewport: { width: 1300, height: 900 } })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => message.type() === 'error' && !message.text().includes(networkChanged) && problems.push(message.text()))
  page.on(
    'request',
    (sent) =>
      !sent.url().startsWith(`http://127.0.0.1:${web.address.port}/`) &&
      !sent.url().startsWith('data:') &&
      problems.push(`asked ${sent.url()}`),
  )
})

afterAll(async () => {
  await browser?.close()
  await web?.stop()
  await logStore?.sink.stop()
  rmSync(logFolder, { recursive: true, force: true })
})

/** Opens a page; once more where the browser broke off because the machine got a network meanwhile. */
async function open(path: string): Promise<void> {
  await page.goto(`http://127.0.0.1:${web.address.port}${path}`)
  const isThere = await page
    .locator('main')
    .waitFor({ timeout: 5000 })
    .then(
      () => true,
      () => false,
    )
  if (!isThere) await page.reload()
}

describe('the page in a browser', () => {
  // Samples go stale after a minute, which a slow machine may take for all of this.
  beforeEach(() => {
    window.clear()
    fill()
  })

  it('shows totals, charts and the busiest pods', async () => {
    await open('/')
    await page.getByText('Nothing is wrong').waitFor()
    await page.getByText('busy-fghij').waitFor()
    await page.locator('.chart canvas').nth(2).waitFor()
    expect(await page.locator('.figure').count()).toBe(3)
    // The legend tells the newest values without a cursor on the chart.
    await page.locator('.u-legend').first().getByText('800m').waitFor()
  })

  it('writes hostile names as text', async () => {
    await page.getByText(hostile).first().waitFor()
    expect(await page.title()).toBe('Binnacle')
  })

  it('searches, sorts and keeps both in the address', async () => {
    await open('/?view=pods')
    await page.getByText('steady-abcde').waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('steady')
    await expect.poll(() => page.locator('tbody tr').count(), { timeout: 10_000 }).toBe(1)
    expect(page.url()).toContain('q=steady')
    await open('/?view=pods&sort=name')
    await page.getByText('busy-fghij').waitFor()
    await expect.poll(() => page.locator('tbody tr').last().textContent()).toContain('steady-abcde')
  })

  it('opens a pod with its charts', async () => {
    await open('/?view=pods')
    await page.getByText('busy-fghij').click()
    await page.getByRole('heading', { name: 'default/busy-fghij' }).waitFor()
    await page.locator('.chart canvas').nth(2).waitFor()
    expect(page.url()).toContain('view=entity')
    await page.getByText(`back-off ${hostile}`).waitFor()
  })

  it('leads from a namespace over a workload and a pod to the container, and back', async () => {
    await open('/?view=namespaces')
    await page.locator('tbody').getByText('default').click()
    await page.locator('tbody').getByText('Deployment').click()
    await page.getByRole('heading', { name: 'busy' }).waitFor()
    await page.locator('tbody').getByText('busy-fghij').click()
    await page.locator('tbody').getByText('50%').waitFor()
    await page.locator('tbody tr', { hasText: 'main' }).last().click()
    await page.getByText('container of default/busy-fghij, on ship').waitFor()
    await page.getByText('Throttled periods').waitFor()
    await page.getByRole('button', { name: 'Deployment/busy' }).click()
    await page.getByText('Deployment, 1 pods').waitFor()
    expect(page.url()).toContain(encodeURIComponent('workload:Deployment/busy'))
  })

  it('lists containers, workloads and events, hostile messages as text', async () => {
    await open('/?view=containers')
    await page.locator('tbody .hot', { hasText: '2' }).first().waitFor()
    await open('/?view=workloads')
    await page.getByText('Deployment').waitFor()
    await open('/?view=events')
    await page.getByText(`back-off ${hostile}`).waitFor()
    expect(await page.locator('tbody tr').first().textContent()).toContain('BackOff')
    await open('/?view=events&q=started')
    await expect.poll(() => page.locator('tbody tr').count(), { timeout: 10_000 }).toBe(1)
    expect(await page.title()).toBe('Binnacle')
  })

  it('shows what pods write, as it comes, hostile lines as text', async () => {
    await write('busy-fghij', 'the first line')
    await write('busy-fghij', `disk full ${hostile}`, 5)
    await write('busy-fghij', '\u001b[31mred\u001b[0m bell\u0007 \u202egnp.exe')
    await write('steady-abcde', 'another pod')
    await open('/?view=entity&key=namespace:default/pod:busy-fghij')
    await page.getByRole('button', { name: 'Logs' }).click()
    await page.locator('.line.error', { hasText: `disk full ${hostile}` }).waitFor()
    expect(await page.locator('.line').count()).toBe(3)
    await page.getByText('red bell\\x07 \\u202egnp.exe').waitFor()
    expect(await page.locator('.line time').first().getAttribute('title')).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z$/)
    expect(page.url()).toContain('pod=busy-fghij')
    await write('busy-fghij', 'written while somebody looks')
    await page.locator('.line', { hasText: 'written while somebody looks' }).waitFor()
    await open('/?view=logs&q=line')
    await expect.poll(() => page.locator('.line').count(), { timeout: 10_000 }).toBe(1)
    expect(await page.locator('mark').textContent()).toBe('line')
    expect(await page.title()).toBe('Binnacle')
  })

  it('shows how the monitor itself does', async () => {
    await open('/?view=monitor')
    await page.getByRole('heading', { name: 'alpha' }).waitFor()
    await page.locator('.table tbody tr', { hasText: 'monitor/nodes' }).getByText('41').waitFor()
    await page.locator('.table tbody').getByText('128 Mi').waitFor()
    expect(await page.locator('.table tbody tr').count()).toBe(2)
  })

  it('asks the database for what is before the memory window', async () => {
    const reply = await fetch(`http://127.0.0.1:${web.address.port}/api/series?key=node:ship&metrics=cpu/usage_rate&minutes=1440`)
    const [line] = (await reply.json()) as { values: number[]; times: number[] }[]
    expect(line!.values.slice(0, 2)).toEqual([7, 77_777])
    expect(line!.times).toEqual([...line!.times].sort((a, b) => a - b))
    expect(history).toContainEqual({ name: 'cpu/usage_rate', tags: { type: 'node', nodename: 'ship' } })
    await fetch(
      `http://127.0.0.1:${web.address.port}/api/series?key=namespace:default/pod:busy-fghij&metrics=memory/working_set&minutes=1440`,
    )
    const { tags } = history.at(-1)!
    expect(tags).not.toHaveProperty('nodename')
    expect(tags).toMatchObject({ type: 'pod', namespace_name: 'default', pod_name: 'busy-fghij' })
  })

  it('follows new samples and alerts without a reload', async () => {
    await open('/')
    await page.getByText('Nothing is wrong').waitFor()
    alerts.push({
      name: 'NodeDiskFull',
      state: 'active',
      severity: 'critical',
      labels: { node: 'ship' },
      summary: 'disk of ship is full in 4 h',
      startsAt: Date.now(),
    })
    window.announce(Date.now())
    await page.getByText('critical: disk of ship is full in 4 h').waitFor({ timeout: 10_000 })
    expect(await page.locator('.badge').textContent()).toBe('1')
  })

  it('asks no other host, breaks no policy and logs no error', () => {
    expect(problems).toEqual([])
  })
})

describe('the page’s server', () => {
  const get = (path: string, host: string) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: web.address.port, path, headers: { host } }, (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString()))
        response.on('end', () => resolve({ status: response.statusCode!, text }))
      })
      sent.on('error', reject)
      sent.end()
    })

  it('answers only requests that name this machine', async () => {
    expect((await get('/api/snapshot', 'evil.example.com')).status).toBe(403)
    expect((await get('/api/snapshot', `localhost:${web.address.port}`)).status).toBe(200)
  })

  it.each([
    ['/api/series', 'key: missing'],
    ['/api/series?key=cluster&metrics=cpu/nonsense', 'metrics: "cpu/nonsense" is not in the catalogue'],
    ['/api/series?key=cluster&metrics=cpu/load&minutes=-1', 'minutes: "-1" is not a number from 0 to 10080'],
  ])('refuses %s by name', async (path, message) => {
    const { status, text } = await get(path, 'localhost')
    expect(status).toBe(400)
    expect((JSON.parse(text) as { error: string }).error).toContain(message)
  })

  it('thins long series and keeps their peaks', async () => {
    const entity = { key: 'node:long', type: 'node', labels: { type: 'node', nodename: 'long' } } as const
    const now = Date.now()
    for (let index = 0; index < 3000; index++)
      window.add('cpu/load', entity, { timestamp: now - (3000 - index) * 1000, value: index === 1501 ? 999 : 1 })
    const [line] = JSON.parse((await get('/api/series?key=node:long&metrics=cpu/load&minutes=60', 'localhost')).text) as {
      values: number[]
    }[]
    expect(line!.values.length).toBeLessThanOrEqual(720)
    expect(Math.max(...line!.values)).toBe(999)
  })
})
