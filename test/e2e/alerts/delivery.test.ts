import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startMailServer, startWebhook } from './collectors.ts'
import type { Collector } from './collectors.ts'
import { startAlerts } from './process-control.ts'
import type { AlertsProcess } from './process-control.ts'

let folder: string
let webhook: Collector
let mail: Collector
let running: AlertsProcess

/** Both receivers, on the same ports as before if they have had some. */
async function startReceivers(): Promise<void> {
  webhook = await startWebhook(() => 'none', webhook?.port)
  mail = await startMailServer(() => false, mail?.port)
}

async function stopReceivers(): Promise<void> {
  await Promise.all([webhook.close(), mail.close()])
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-alerts-delivery-'))
  await startReceivers()
  writeFileSync(
    join(folder, 'alertmanager.yml'),
    `global: {smtp_smarthost: '127.0.0.1:${mail.port}', smtp_from: alerts@example.com, smtp_require_tls: false}
route: {receiver: all, group_by: ['...'], group_wait: 0s, group_interval: 1s}
receivers:
- name: all
  email_configs: [{to: oncall@example.com, send_resolved: true}]
  webhook_configs: [{url: 'http://127.0.0.1:${webhook.port}/'}]
`,
  )
  running = await startAlerts(folder, join(folder, 'alertmanager.yml'))
})

afterEach(async () => {
  await running.end('SIGKILL')
  await stopReceivers()
  rmSync(folder, { recursive: true, force: true })
})

async function post(more: object = {}): Promise<void> {
  const body = JSON.stringify([{ labels: { alertname: 'Down', number: '1' }, ...more }])
  const response = await fetch(`${running.url}/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  expect(response.status).toBe(200)
}

const told = () => [webhook, mail].map((collector) => collector.taken.map((taken) => taken.status))

/** The kinds of entries that the journal has, without repetitions. */
async function journalKinds(): Promise<string[]> {
  const response = await fetch(`${running.url}/api/v1/journal?alert=Down`)
  const { entries } = (await response.json()) as { entries: { kind: string }[] }
  return [...new Set(entries.map((entry) => entry.kind))].sort()
}

it('delivers firing and resolved once each, to mail and webhook', async () => {
  await post()
  await expect.poll(told, { timeout: 10_000 }).toEqual([['firing'], ['firing']])
  await post({ startsAt: '2020-01-01T00:00:00Z', endsAt: new Date().toISOString() })
  await expect.poll(told, { timeout: 10_000 }).toEqual([
    ['firing', 'resolved'],
    ['firing', 'resolved'],
  ])
})

it('delivers once receivers are back that were away, over a restart in between', async () => {
  await stopReceivers()
  await post()
  await expect.poll(journalKinds, { timeout: 10_000 }).toEqual(['enqueued', 'grouped', 'received', 'retried'])
  await running.end('SIGTERM')
  running = await startAlerts(folder, join(folder, 'alertmanager.yml'))
  await post({ startsAt: '2020-01-01T00:00:00Z', endsAt: new Date().toISOString() })
  await startReceivers()
  await expect.poll(told, { timeout: 30_000 }).toEqual([
    ['firing', 'resolved'],
    ['firing', 'resolved'],
  ])
  expect(await journalKinds()).toEqual(['delivered', 'enqueued', 'grouped', 'received', 'retried'])
})
