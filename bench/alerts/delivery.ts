import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '../../lib/random.ts'
import type { Random } from '../../lib/random.ts'
import { startMailServer, startWebhook } from '../../test/e2e/alerts/collectors.ts'
import type { Collector } from '../../test/e2e/alerts/collectors.ts'
import type { Measurement } from '../measurement.ts'

/** How often our process is killed; the peer, which loses something at nearly each of them, less often. */
const kills = Number(process.env['KILLS'] ?? 1000)
const peerKills = Math.min(kills, 200)

/** How long the last run may take to tell what is left: it includes the pauses that receivers asked for. */
const settleMs = 240_000
const betweenPostsMs = 30

interface Server {
  readonly url: string
  readonly child: ChildProcess
}

interface Subject {
  readonly name: string
  /** Resolves once it listens; rejects when it was killed before. `began` is given the process at once. */
  start(folder: string, configFile: string, began: (child: ChildProcess) => void): Promise<Server>
}

interface Result {
  readonly acknowledged: number
  readonly lost: { readonly webhook: number; readonly mail: number }
  readonly repeated: number
  readonly seconds: number
}

const ours: Subject = {
  name: 'ours',
  start: async (folder, configFile, began) => {
    const program = fileURLToPath(new URL('../../test/e2e/alerts/alerts-process.ts', import.meta.url))
    const environment = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') }
    const child = spawn(process.execPath, [program, folder, configFile], { stdio: ['ignore', 'pipe', 'ignore'], env: environment })
    began(child)
    const [data] = (await Promise.race([once(child.stdout, 'data'), endOf(child)])) as [Buffer]
    return { url: `http://${data.toString().trim()}`, child }
  },
}

const debian: Subject = {
  name: "Debian's alertmanager",
  start: async (folder, configFile, began) => {
    const port = await freePort()
    const flags = [
      `--config.file=${configFile}`,
      `--storage.path=${folder}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ]
    const child = spawn('prometheus-alertmanager', flags, { stdio: 'ignore' })
    began(child)
    const ended = endOf(child)
    ended.catch(() => {})
    const url = `http://127.0.0.1:${port}`
    const isReady = () =>
      fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      )
    while (!(await Promise.race([isReady(), ended]))) await sleep(10)
    return { url, child }
  },
}

/**
 * Kills the alert server with SIGKILL at random instants, while numbered alerts are posted and a webhook and a mail server fail, hang and put
 * off; then counts at the receivers what of the acknowledged was never told, and what was told again.
 */
export async function measureAlertsKills(): Promise<readonly Measurement[]> {
  const mine = await run(ours, kills)
  const theirs = await run(debian, peerKills)
  const describe = ({ acknowledged, lost, repeated }: Result) =>
    `${lost.webhook + lost.mail} lost (webhook ${lost.webhook}, mail ${lost.mail}), ${repeated} told again, of ${2 * acknowledged}`
  return [
    {
      what: `notifications over ${kills} kill -9 at random instants, receivers that fail, hang, answer 429 and 451`,
      value: `${describe(mine)} (${Math.round(mine.seconds)} s)`,
      peer: `Debian's alertmanager 0.25, ${peerKills} kills: ${describe(theirs)}`,
      aim: '0 lost',
    },
  ]
}

async function run(subject: Subject, count: number): Promise<Result> {
  const startedAt = performance.now()
  const random = seededRandom(20300103)
  const folder = mkdtempSync(join(tmpdir(), 'binnacle-alerts-bench-'))
  const webhook = await startWebhook(() => {
    const dice = random.fraction()
    return dice < 0.05 ? '503' : dice < 0.08 ? '429' : dice < 0.11 ? 'hang up' : dice < 0.12 ? 'hang' : 'none'
  })
  const mail = await startMailServer(() => random.fraction() < 0.1)
  const configFile = join(folder, 'alertmanager.yml')
  writeFileSync(configFile, configuration(webhook, mail))
  // What the mail server looks for, in both programs' mails.
  writeFileSync(join(folder, 'number.tmpl'), '{{ define "number" }}[FIRING:1]\n  number: {{ .CommonLabels.number }}\n{{ end }}')
  try {
    const acknowledged: number[] = []
    for (let round = 0; round < count; round++) {
      await killOnce(subject, { folder, configFile, random, acknowledged })
      if (round % 100 === 99)
        console.error(
          `${subject.name}: ${round + 1} kills, ${acknowledged.length} alerts, ${Math.round((performance.now() - startedAt) / 1000)} s`,
        )
    }
    const last = await subject.start(folder, configFile, () => {})
    const untold = (collector: Collector) => {
      const told = new Set(collector.taken.map(({ number }) => number))
      return acknowledged.filter((number) => !told.has(String(number))).length
    }
    // What the peer has not told within its retries it never will.
    const deadline = performance.now() + (subject === ours ? settleMs : 60_000)
    while (untold(webhook) + untold(mail) > 0 && performance.now() < deadline) await sleep(200)
    last.child.kill('SIGKILL')
    const known = new Set(acknowledged.map(String))
    const repeated = [webhook, mail].reduce((sum, { taken }) => {
      const told = taken.filter(({ number }) => known.has(number)).map(({ number }) => number)
      return sum + told.length - new Set(told).size
    }, 0)
    const lost = { webhook: untold(webhook), mail: untold(mail) }
    return { acknowledged: acknowledged.length, lost, repeated, seconds: (performance.now() - startedAt) / 1000 }
  } finally {
    await Promise.all([webhook.close(), mail.close()])
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Round {
  readonly folder: string
  readonly configFile: string
  readonly random: Random
  readonly acknowledged: number[]
}

let nextNumber = 0

/** One life: half of them end while the process starts, the others while alerts come in. */
async function killOnce(subject: Subject, { folder, configFile, random, acknowledged }: Round): Promise<void> {
  let child: ChildProcess | undefined
  let isAlive = true
  const kill = () => {
    isAlive = false
    child?.kill('SIGKILL')
  }
  const dice = random.fraction()
  const early = dice < 0.25 ? sleep(dice * 4 * 600).then(kill) : undefined
  try {
    const { url } = await subject.start(folder, configFile, (began) => (child = began))
    void sleep(random.fraction() * 400).then(kill)
    while (isAlive) {
      const number = nextNumber++
      if (await post(url, number)) acknowledged.push(number)
      await sleep(betweenPostsMs)
    }
  } catch {
    // Killed before it listened.
  }
  await early
  if (child !== undefined && child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

function post(url: string, number: number): Promise<boolean> {
  const body = JSON.stringify([{ labels: { alertname: 'Numbered', number: String(number) }, endsAt: '2099-01-01T00:00:00Z' }])
  return fetch(`${url}/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body }).then(
    ({ ok }) => ok,
    () => false,
  )
}

function configuration(webhook: Collector, mail: Collector): string {
  return `global: {smtp_smarthost: '127.0.0.1:${mail.port}', smtp_from: alerts@example.com, smtp_require_tls: false, resolve_timeout: 24h}
route: {receiver: all, group_by: ['...'], group_wait: 0s, group_interval: 5m, repeat_interval: 24h}
receivers:
- name: all
  email_configs: [{to: oncall@example.com, html: '', text: '{{ template "number" . }}', headers: {Subject: 'numbered'}}]
  webhook_configs: [{url: 'http://127.0.0.1:${webhook.port}/'}]
templates: [number.tmpl]
`
}

function endOf(child: ChildProcess): Promise<never> {
  return once(child, 'exit').then(([code]) => Promise.reject(new Error(`ended with ${String(code)}`)))
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
