import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Container } from '../../../collector/container.ts'
import { ConditionWatch } from '../../../collector/events/conditions.ts'
import { History } from '../../../collector/history/history.ts'
import { createServer, type CollectorServer } from '../../../collector/http/server.ts'
import { column } from '../../../collector/metrics.ts'
import { ProcessTable } from '../../../collector/processes/process-table.ts'
import { PrometheusPages } from '../../../collector/prometheus/pages.ts'
import { createSimulatedSource } from '../../../collector/simulated.ts'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/log.ts'

const hostile = `<img src=x onerror="document.title='forged'">`
const hourMs = 60 * 60_000
const source = createSimulatedSource({
  report: () => ({ nodeName: 'n1', timeMs: 0, startedAtMs: 0, memoryCapacityBytes: 8e9, pods: [] }),
  capacity: 120,
})
const { store } = source
const conditions = new ConditionWatch({ clock: systemClock, store, kernelLog: undefined })
const history = new History({ clock: systemClock, store, maxBytes: 1e8, conditions })
let server: CollectorServer
let address: string
let browser: Browser
let page: Page
const problems: string[] = []

function describeDocker(name: string, alias: string, image: string) {
  return {
    name,
    id: alias,
    aliases: [alias],
    namespace: 'docker',
    labels: { note: hostile },
    image,
    createdMs: Date.now() - hourMs,
    startedMs: Date.now() - hourMs,
    hasNetwork: true,
  }
}

/** An hour of samples of three containers below /docker, of which one is throttled. */
function fill(): void {
  source.refresh()
  const now = Date.now()
  const add = (container: Container, cores: number, memory: number) => ({ container, cores, memory })
  const docker = { ...describeDocker('/docker', '', ''), id: '', aliases: [], namespace: '', image: '', hasNetwork: false }
  store.upsert(docker, now)
  const all = [
    add(store.upsert(describeDocker('/docker/aaa', 'busy', 'shop/web:1'), now)!, 0.8, 300e6),
    add(store.upsert(describeDocker('/docker/bbb', 'idle', 'shop/db:1'), now)!, 0.01, 900e6),
    add(store.upsert(describeDocker('/docker/ccc', hostile, hostile), now)!, 0.1, 1e6),
  ]
  const seconds = hourMs / 1000
  for (let second = 0; second < seconds; second++) {
    for (const { container, cores, memory } of [...all, add(store.get('/docker')!, 1, 2e9), add(store.get('/')!, 1.5, 3e9)]) {
      const { ring } = container
      ring.begin(now - (seconds - second) * 1000, second * 1000)
      ring.set(column.cpuUsage, (second + Math.sin(second / 60) * 20) * cores * 1e9)
      ring.set(column.memoryWorkingSet, memory * (1 + Math.sin(second / 300) / 4))
      ring.set(column.cfsPeriods, second * 10)
      ring.set(column.cfsThrottledPeriods, cores > 0.5 ? second * 5 : 0)
    }
    if (second % 60 === 0) history.pass()
  }
  history.pass()
  store.reportExit('busy', now, 137)
}

beforeAll(async () => {
  fill()
  server = createServer({
    clock: systemClock,
    log: silentLog,
    source,
    history,
    processes: new ProcessTable({ clock: systemClock, procRoot: '/proc', etcRoot: '/etc' }),
    pages: new PrometheusPages({ source, version: '1', processFigures: () => ({ cpuSeconds: 1, residentBytes: 2 }) }),
    nodeName: 'n1',
    version: '1',
    hosts: ['127.0.0.1'],
    port: 0,
  })
  address = (await server.start())[0]!
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
  page = await browser.newPage({ viewport: { width: 1400, height: 900 }, colorScheme: 'light' })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => message.type() === 'error' && !message.text().includes(networkChanged) && problems.push(message.text()))
  page.on(
    'request',
    (sent) => !sent.url().startsWith(address) && !/^(?:data|blob):/.test(sent.url()) && problems.push(`asked ${sent.url()}`),
  )
})

afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

/** The browser drops what it loads when the machine gets or loses an interface, as it does with every container that starts elsewhere. */
const networkChanged = 'ERR_NETWORK_CHANGED'

/** Opens a page, again where the browser dropped a part of it. */
async function open(path: string): Promise<void> {
  for (let tries = 0; tries < 5; tries++) {
    const isThere = await page.goto(address + path).then(
      () =>
        page
          .locator('header')
          .waitFor({ timeout: 3000 })
          .then(
            () => true,
            () => false,
          ),
      (error: unknown) => {
        if (!String(error).includes(networkChanged)) throw error
        return false
      },
    )
    if (isThere) return
  }
  throw new Error(`${path} does not open`)
}

const names = () => page.locator('tbody tr td.name a').allTextContents()

describe('the collector’s page in a browser', () => {
  it('lists containers by CPU, and sorts by what is clicked, in the address too', async () => {
    await open('/')
    await page.getByText('busy').waitFor()
    expect(await names()).toEqual(['the machine', '/docker', 'busy', hostile, 'idle'])
    await page.getByRole('button', { name: 'Memory' }).click()
    expect(await names()).toEqual(['the machine', '/docker', 'idle', 'busy', hostile])
    expect(page.url()).toContain('sort=-memory_working_set_bytes')
    expect(await page.locator('strong.hot').first().textContent()).toBe('50 %')
  })

  it('writes hostile names as text', async () => {
    await page.getByText(hostile).first().waitFor()
    expect(await page.title()).toBe('Collector')
  })

  it('searches, and shows the tree of cgroups', async () => {
    await open('/?tree=1')
    await page.getByText('busy').waitFor()
    await page.locator('button.fold[aria-label=fold]').first().click()
    expect(await names()).toEqual(['the machine'])
    await open('/')
    await page.getByText('busy').waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('shop db')
    await expect.poll(names).toEqual(['idle'])
    expect(page.url()).toContain('q=shop+db')
  })

  it('a link to a container shows an hour of charts, what happened, and what is below', async () => {
    await open('/docker/busy')
    await page.getByRole('heading', { name: 'busy' }).waitFor()
    await page.locator('.chart canvas').nth(2).waitFor()
    const titles = await page.locator('figcaption').allTextContents()
    expect(titles).toEqual(expect.arrayContaining(['CPU, cores', 'Memory', 'Throttled periods']))
    await page.getByText('exit code 137').waitFor()
    const points = await page.evaluate(async () => {
      const response = await fetch('/api/v2.1/history/docker/aaa?start=60m')
      const { figures } = ((await response.json()) as Record<string, { figures: Record<string, { mean: (number | null)[] }> }>)[
        '/docker/aaa'
      ]!
      return figures['cpu_usage_cores']!.mean.filter((value) => value !== null).length
    })
    expect(points).toBeGreaterThan(350)
    await open('/containers/docker')
    await page.getByText('Below it').waitFor()
    expect((await names()).toSorted()).toEqual([hostile, 'busy', 'idle'].toSorted())
  })

  it('the colours follow the system and can be chosen', async () => {
    const background = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    const light = await background()
    await page.emulateMedia({ colorScheme: 'dark' })
    await expect.poll(background).not.toBe(light)
    await page.getByRole('button', { name: 'Colours: auto' }).click()
    await expect.poll(background).toBe(light)
    await open('/')
    await page.getByRole('button', { name: 'Colours: light' }).waitFor()
    expect(await background()).toBe(light)
  })

  it('gives the list and the charts as tables', async () => {
    await open('/')
    await page.getByText('busy').waitFor()
    const waiting = page.waitForEvent('download')
    await page.getByRole('button', { name: 'CSV' }).click()
    const download = await waiting
    expect(download.suggestedFilename()).toBe('containers.csv')
    const stream = await download.createReadStream()
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    expect(text.split('\n')[0]).toMatch(/^cgroup,name,image,cpu_usage_cores,/)
    expect(text).toContain('/docker/aaa,busy,shop/web:1,')
  })

  it('asks no other host, breaks no policy and logs no error', () => {
    expect(problems).toEqual([])
  })
})
