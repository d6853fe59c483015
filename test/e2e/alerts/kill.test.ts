import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { seededRandom } from '../../../lib/random.ts'
import { startMailServer, startWebhook } from './collectors.ts'
import type { Collector, Taken } from './collectors.ts'
import { startAlerts } from './process-control.ts'
import type { AlertsProcess } from './process-control.ts'

const kills = 6
/** Deliveries at the same time to one receiver: what a kill can leave open. */
const concurrency = 8
/** More alerts would show nothing more. */
const betweenPostsMs = 15
const random = seededRandom(20300101)

let folder: string
let webhook: Collector
let mail: Collector
let configFile: string
let running: AlertsProcess

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-alerts-kill-'))
  webhook = await startWebhook(() => {
    const dice = random.fraction()
    return dice < 0.1 ? '503' : dice < 0.15 ? '429' : dice < 0.2 ? 'hang up' : 'none'
  })
  mail = await startMailServer(() => random.fraction() < 0.1)
  configFile = join(folder, 'alertmanager.yml')
  writeFileSync(
    configFile,
    `global: {smtp_smarthost: '127.0.0.1:${mail.port}', smtp_from: alerts@example.com, smtp_require_tls: false}
route: {receiver: all, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}
receivers:
- name: all
  email_configs: [{to: oncall@example.com, send_resolved: true}]
  webhook_configs: [{url: 'http://127.0.0.1:${webhook.port}/'}]
`,
  )
})

afterEach(async () => {
  await running.end('SIGKILL')
  await Promise.all([webhook.close(), mail.close()])
  rmSync(folder, { recursive: true, force: true })
})

/** Posts one alert; whether it was acknowledged. */
async function post(number: number, more: object = {}): Promise<boolean> {
  const body = JSON.stringify([{ labels: { alertname: 'Numbered', number: String(number) }, ...more }])
  try {
    const response = await fetch(`${running.url}/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    return response.ok
  } catch {
    return false
  }
}

/** The IDs under which each collector took a number in a state. */
function idsOf(taken: readonly Taken[], number: number, status: Taken['status']): string[] {
  return taken.filter((found) => found.number === String(number) && found.status === status).map((found) => found.id)
}

it('loses nothing and repeats nothing but what was under way, over kills at any moment', async () => {
  const acknowledged: number[] = []
  let next = 0
  for (let round = 0; round < kills; round++) {
    running = await startAlerts(folder, configFile)
    const victim = running
    const killed = sleep(200 + random.fraction() * 800).then(() => victim.end('SIGKILL'))
    let isAlive = true
    void killed.then(() => (isAlive = false))
    while (isAlive) {
      const number = next++
      if (await post(number)) acknowledged.push(number)
      await sleep(betweenPostsMs)
    }
    await killed
  }
  expect(acknowledged.length).toBeGreaterThan(kills)

  running = await startAlerts(folder, configFile)
  const endsAt = new Date().toISOString()
  const untold = (collector: Collector, status: Taken['status']) =>
    acknowledged.filter((number) => idsOf(collector.taken, number, status).length === 0)
  await expect.poll(() => [...untold(webhook, 'firing'), ...untold(mail, 'firing')], { timeout: 60_000, interval: 200 }).toEqual([])
  for (const number of acknowledged) expect(await post(number, { startsAt: '2020-01-01T00:00:00Z', endsAt })).toBe(true)
  await expect.poll(() => [...untold(webhook, 'resolved'), ...untold(mail, 'resolved')], { timeout: 60_000, interval: 200 }).toEqual([])

  for (const collector of [webhook, mail]) {
    const repeated = acknowledged.flatMap((number) =>
      (['firing', 'resolved'] as const).flatMap((status) => {
        const ids = idsOf(collector.taken, number, status)
        expect(new Set(ids).size, `number ${number} was told as ${status} under different IDs`).toBe(1)
        return ids.slice(1)
      }),
    )
    expect(repeated.length).toBeLessThanOrEqual(kills * concurrency)
  }
})
