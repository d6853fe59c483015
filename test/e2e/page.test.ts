import { request } from 'node:http'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AlertRow } from '../../dashboards/web/model.ts'
import { createWeb, type Web } from '../../dashboards/web/app.ts'
import { systemClock } from '../../lib/clock.ts'
import type { Entity } from '../../aggregator/window.ts'
import { silentLog } from '../../lib/log.ts'
import { FakeWindow } from '../../aggregator/fake-window.ts'

const hostile = `<img src=x onerror="document.title='forged'">`
const window = new FakeWindow()
const alerts: AlertRow[] = []
let web: Web
let browser: Browser
let page: Page
const problems: string[] = []

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
  for (const [index, name] of ['steady-abcde', 'busy-fghij', hostile].entries()) {
    put(
      {
        key: `namespace:default/pod:${name}`,
        type: 'pod',
        labels: { type: 'pod', namespace_name: 'default', pod_name: name, nodename: 'ship' },
      },
      1 + index,
    )
  }
}

beforeAll(async () => {
  fill()
  web = createWeb({ window, listAlerts: async () => alerts, clock: systemClock, log: silentLog, http: { host: '127.0.0.1', port: 0 } })
  await web.start()
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
  page = await browser.newPage({ viewport: { width: 1300, height: 900 } })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
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
})

const open = (path: string) => page.goto(`http://127.0.0.1:${web.address.port}${path}`)

describe('the page in a browser', () => {
  it('shows totals, charts and the busiest pods', async () => {
    await open('/')
    await page.getByText('Nothing is wrong').waitFor()
    await page.getByText('busy-fghij').waitFor()
    await page.locator('.chart canvas').nth(2).waitFor()
    expect(await page.locator('.figure').count()).toBe(3)
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
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1)
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
    ['/api/series?key=cluster&metrics=cpu/load&minutes=-1', 'minutes: "-1" is not a number from 0 to 1440'],
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
