import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { renderPage } from './page.ts'
import { createDemoServer } from './server.ts'
import { burnCpu } from './work.ts'

const server = createDemoServer({
  title: 'Demo',
  colour: '#2b6cb0',
  version: '0.1',
  env: { KUBERNETES_SERVICE_HOST: '10.96.0.1', WEB_SERVICE_PORT: '80', SECRET: 'hidden' },
  cpuMillisecondsPerPage: 2,
})
let base: string

beforeEach(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

describe('the demo server', () => {
  test('shows title, version and facts of the container, and no other environment', async () => {
    const page = await (await fetch(base)).text()
    for (const part of ['<h1>Demo 0.1</h1>', 'Container host name', '10.96.0.1', 'WEB_SERVICE_PORT', '#2b6cb0'])
      expect(page).toContain(part)
    expect(page).not.toContain('hidden')
  })

  test('gives the facts as JSON, and counts pages only', async () => {
    await fetch(`${base}/json`)
    const before = (await (await fetch(`${base}/json`)).json()) as Record<string, string>
    await fetch(base)
    const after = (await (await fetch(`${base}/json`)).json()) as Record<string, string>
    expect(before['version']).toBe('0.1')
    expect(Number(after['Requests served here'])).toBe(Number(before['Requests served here']) + 1)
  })

  test('is healthy, and knows no other path', async () => {
    expect(await (await fetch(`${base}/healthz`)).text()).toBe('ok\n')
    expect((await fetch(`${base}/nothing`)).status).toBe(404)
  })
})

test('the work of a page uses the processor time that it is given', () => {
  const before = process.cpuUsage()
  expect(burnCpu(5)).toBeGreaterThan(0)
  const { user, system } = process.cpuUsage(before)
  expect(user + system).toBeGreaterThanOrEqual(5_000)
})

test('facts on a page are escaped, and a colour that is none is not used', () => {
  const page = renderPage({ title: '<b>', colour: 'red;}', version: '"', rows: [['<i>', "&'"]] })
  expect(page).toContain('&lt;b&gt; &quot;')
  expect(page).toContain('<th>&lt;i&gt;</th><td>&amp;&#39;</td>')
  expect(page).not.toContain('red;}')
})
