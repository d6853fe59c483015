import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfiguration } from '../../../alerts/routing/configuration.ts'
import { routesFor } from '../../../alerts/routing/route.ts'
import { startAlerts } from './process-control.ts'
import type { AlertsProcess } from './process-control.ts'

const configuration = `
global: {resolve_timeout: 1h}
route:
  receiver: default
  group_by: [alertname]
  routes:
  - receiver: db
    matchers: ['team="db"']
    continue: true
    routes:
    - {receiver: db-night, matchers: ['hour=~"2[0-3]|0[0-6]"'], group_by: ['...']}
  - receiver: page
    match_re: {severity: critical|page}
    group_wait: 5s
  - receiver: web
    match: {team: web}
    matchers: ['env!="test"', env!~"dev.*"]
receivers: [{name: default}, {name: db}, {name: db-night}, {name: page}, {name: web}]
inhibit_rules:
- source_matchers: [severity="critical"]
  target_matchers: [severity="warning"]
  equal: [node]
`

/** Every kind of receiver, with what amtool's version does not know. */
const everyReceiver = `
global: {smtp_smarthost: 'h:25', smtp_from: a@b.c, slack_api_url_file: f, opsgenie_api_key: secret-o, telegram_bot_token: secret-t,
  http_config: {proxy_url: 'http://127.0.0.1:3128', no_proxy: localhost, http_headers: {X-A: {values: [secret-h]}}}}
route: {receiver: all, routes: [{receiver: all, matchers: ['team=~"a|b"'], mute_time_intervals: [w]}]}
time_intervals: [{name: w, time_intervals: [{weekdays: [saturday], location: Europe/Berlin}]}]
inhibit_rules: [{name: n, source_matchers: [a="b"], target_matchers: [c="d"], equal: [x]}]
binnacle: {fallback_receiver: all}
receivers:
- name: all
  email_configs: [{to: x@y.z, threading: {enabled: true}, dkim: {domain: d, selector: s, private_key_file: f}}]
  webhook_configs: [{url: 'http://u:secret-p@h/secret-path', timeout: 5s, hmac_secret: secret-m}, {url_file: f}]
  slack_configs: [{channel: '#x', fields: [{title: t, value: v}], actions: [{type: button, text: t, url: 'http://x'}]}]
  pagerduty_configs: [{routing_key_file: f, links: [{href: 'http://x', text: y}]}, {routing_key: secret-r, source: s}]
  opsgenie_configs: [{responders: [{name: x, type: team}], priority: P2}]
  msteams_configs: [{webhook_url: 'http://x/secret-w'}]
  msteamsv2_configs: [{webhook_url_file: f}]
  victorops_configs: [{api_key: secret-v, routing_key: secret-team}]
  discord_configs: [{webhook_url: 'https://x/secret-d'}, {webhook_url_file: f}]
  telegram_configs: [{chat_id: -5, message_thread_id: 1}]
  pushover_configs: [{user_key: secret-u, token: secret-k, retry: 1m}, {user_key_file: f, token_file: f}]
  webex_configs: [{room_id: secret-room, http_config: {authorization: {credentials: secret-c}}}]
  template_configs: [{url: 'http://x/secret-x', body: x}]
`

interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

let folder: string
let ours: AlertsProcess
let theirs: { readonly process: ChildProcess; readonly url: string }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-amtool-'))
  const configFile = join(folder, 'alertmanager.yml')
  writeFileSync(configFile, configuration)
  ours = await startAlerts(join(folder, 'ours'), configFile)
  theirs = await startAlertmanager(configFile)
})

afterAll(async () => {
  await ours?.end('SIGTERM')
  if (theirs !== undefined) {
    theirs.process.kill('SIGTERM')
    await once(theirs.process, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
})

/** Debian's Alertmanager, the one that amtool belongs to. */
async function startAlertmanager(configFile: string) {
  const port = await freePort()
  const flags = [
    `--config.file=${configFile}`,
    `--storage.path=${folder}/theirs`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ]
  const child = spawn('prometheus-alertmanager', flags, { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  const isReady = () =>
    fetch(`${url}/-/ready`).then(
      (response) => response.ok,
      () => false,
    )
  const failed = once(child, 'error').then(([err]) => Promise.reject(err as Error))
  failed.catch(() => {})
  while (!(await Promise.race([isReady(), failed]))) await sleep(50)
  return { process: child, url }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

function amtool(url: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    execFile('amtool', [`--alertmanager.url=${url}`, ...args], { timeout: 20_000 }, (err, out, error) => {
      if (err !== null && typeof err.code !== 'number') return reject(err)
      resolve({ code: typeof err?.code === 'number' ? err.code : 0, out, err: error })
    })
  })
}

/** Runs one command against both servers and gives both outputs without what must differ: IDs, times, receivers' pointers. */
async function both(args: readonly string[], ids: readonly [string, string] = ['', '']): Promise<[Outcome, Outcome]> {
  const fill = (id: string) => args.map((arg) => arg.replace('ID', id))
  const outcomes = await Promise.all([amtool(ours.url, fill(ids[0])), amtool(theirs.url, fill(ids[1]))])
  return outcomes.map((outcome) => ({ ...outcome, out: normalize(outcome.out), err: normalize(outcome.err) })) as [Outcome, Outcome]
}

function normalize(text: string): string {
  const plain = text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>')
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?: UTC|Z)/g, '<time>')
    .replaceAll(/ +/g, ' ')
  if (!plain.startsWith('[{') && !plain.startsWith('[]')) return plain
  return JSON.stringify(JSON.parse(plain), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value,
  )
}

async function expectSame(args: readonly string[], code = 0): Promise<string> {
  const [mine, other] = await both(args)
  expect(mine.out, args.join(' ')).toBe(other.out)
  expect([mine.code, other.code], `${args.join(' ')}: ${mine.err}${other.err}`).toEqual([code, code])
  return mine.out
}

/** Adds the same silence to both and gives the two IDs. */
async function silence(...matchers: readonly string[]): Promise<[string, string]> {
  const args = ['silence', 'add', '--comment=why', '--author=me', '--duration=1h', ...matchers]
  const outcomes = await Promise.all([amtool(ours.url, args), amtool(theirs.url, args)])
  return outcomes.map((outcome) => outcome.out.trim()) as [string, string]
}

describe('amtool', () => {
  it('adds alerts and finds them, as on its own server', async () => {
    await expectSame([
      'alert',
      'add',
      'DiskFull',
      'node=n1',
      'severity=warning',
      '--annotation=summary=Disk is full',
      '--generator-url=http://x/y',
    ])
    await expectSame(['alert', 'add', 'alertname=NodeDown', 'node=n1', 'severity=critical'])
    await expectSame(['alert', 'add', 'Slow', 'node=n2', 'team=db', 'hour=23'])
    await expectSame(['alert', 'add', 'Old', '--start=2020-01-01T00:00:00Z', '--end=2020-01-02T00:00:00Z'])
    for (const state of [[], ['--active'], ['--silenced'], ['--inhibited'], ['--active', '--inhibited', '--silenced']]) {
      for (const format of ['simple', 'extended', 'json']) await expectSame(['alert', 'query', ...state, `--output=${format}`])
    }
    expect(await expectSame(['alert', 'query', '--inhibited'])).toContain('DiskFull')
    for (const filter of ['Slow', 'node=~n.*', 'node!=n1', 'severity=', 'team!~"d.*"']) {
      await expectSame(['alert', 'query', '--active', '--inhibited', filter, '--output=json'])
    }
    await expectSame(['alert', 'query', '--receiver=db.*', '--output=json'])
    await expectSame(['alert', 'query', '--unprocessed'])
    await expectSame(['alert', 'query', '--receiver=('], 1)
    await expectSame(['alert', 'query', 'a~b'])
    await expectSame(['alert', 'add'], 1)
    await expectSame(['alert', 'add', 'a-b=c'])
    await expectSame(['alert', 'add', 'Late', '--start=2030-01-02T00:00:00Z', '--end=2030-01-01T00:00:00Z'], 1)
  })

  it('makes, shows, changes and ends silences, as on its own server', async () => {
    const ids = await silence('alertname=Slow', 'node=~n.*')
    await silence('alertname!=Nothing', 'team="db"')
    for (const format of ['simple', 'extended', 'json']) await expectSame(['silence', 'query', `--output=${format}`])
    await expectSame(['alert', 'query', '--silenced'])
    await expectSame(['silence', 'query', '--quiet', 'alertname=Slow'])
    const [updated, theirUpdated] = await both(['silence', 'update', '--duration=2h', '--comment=longer', 'ID'], ids)
    expect([updated.code, updated.out]).toEqual([theirUpdated.code, theirUpdated.out])
    const [expired, theirExpired] = await both(['silence', 'expire', 'ID'], ids)
    expect([expired.code, theirExpired.code]).toEqual([0, 0])
    await expectSame(['silence', 'query', '--output=json'])
    await expectSame(['silence', 'query', '--expired', '--within=1h', '--output=extended'])
    const [again, theirAgain] = await both(['silence', 'expire', 'ID'], ids)
    expect([again.code, theirAgain.code]).toEqual([0, 0])
    const [unknown, theirUnknown] = await both(['silence', 'expire', '00000000-0000-4000-8000-000000000000'])
    expect([unknown.code, theirUnknown.code]).toEqual([1, 1])
    await expectSame(['silence', 'add', '--comment=c', 'alertname=~.*'], 1)
    await silence('team!=db')
    await expectSame(['silence', 'add', 'alertname=x'], 1)
    await expectSame(['silence', 'add', '--comment=c'], 1)
    await expectSame(['silence', 'add', '--comment=c', '--duration=0s', 'alertname=x'], 1)
    await expectSame([
      'silence',
      'add',
      '--comment=c',
      '--start=2099-01-01T00:00:00Z',
      '--end=2099-01-02T00:00:00Z',
      '--author=future',
      'alertname=x',
    ])
    await expectSame(['silence', 'query', '--created-by=future', '--output=json'])
    await expectSame(['silence', 'query', '--within=2h', '--output=simple'])
    await expectSame(['silence', 'query', '--expired', '--output=json'])
    await expectSame(['silence', 'update', '--comment=c', '00000000-0000-4000-8000-000000000000'], 1)
    await expectSame(['silence', 'update', '--comment=c', 'nonsense'], 1)
    await expectSame(['silence', 'expire', 'nonsense'], 1)
  })

  it('imports silences', async () => {
    const exported = await amtool(ours.url, ['silence', 'query', '--output=json'])
    const file = join(folder, 'silences.json')
    writeFileSync(file, exported.out)
    await expectSame(['silence', 'import', '--force', file])
    expect(await expectSame(['silence', 'query', '--output=json'])).toContain('team')
  })

  it('shows the configuration and the cluster', async () => {
    const { code, out } = await amtool(ours.url, ['config', 'show'])
    expect([code, out]).toEqual([0, expect.stringContaining('receiver: db-night')])
    expect(await expectSame(['config', 'routes', 'show'])).toContain('db-night')
    expect((await amtool(ours.url, ['cluster', 'show'])).out).toMatch(/Cluster Status: +disabled/)
    await expectSame(['config', 'routes', '--output=extended'])
    await expectSame(['config', 'routes', 'test', '--tree', 'team=db', 'hour=23'])
    await expectSame(['config', 'routes', 'test', '--verify.receivers=db,db-night', 'team=db', 'hour=23'], 1)
    await expectSame(['config', 'routes', 'test', '--verify.receivers=db-night', 'team=db', 'hour=23'])
    expect((await amtool(ours.url, ['check-config', join(folder, 'alertmanager.yml')])).code).toBe(0)
  })

  it('can read what is shown of every kind of receiver, and finds no secret in it', async () => {
    const { redacted } = parseConfiguration('am.yml', everyReceiver, () => '')
    expect(redacted).not.toContain('secret-')
    const file = join(folder, 'shown.yml')
    writeFileSync(file, redacted)
    const { code, out } = await amtool(ours.url, ['--no-version-check', 'config', 'routes', 'test', `--config.file=${file}`, 'team=a'])
    expect([code, out.trim()]).toEqual([0, 'all'])
  })

  it('agrees with us on where alerts go', async () => {
    const { route } = parseConfiguration('am.yml', readFileSync(join(folder, 'alertmanager.yml'), 'utf8'), () => '')
    const values = {
      team: ['', 'db', 'web'],
      hour: ['', '03', '12'],
      severity: ['', 'critical', 'pager'],
      env: ['', 'test', 'dev1', 'prod'],
    }
    const sets = cross(Object.entries(values))
    for (const labels of sets.filter((_, index) => index % 3 === 0)) {
      const args = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
      const { out } = await amtool(ours.url, ['--no-version-check', 'config', 'routes', 'test', ...args])
      expect(out.trim(), args.join(' ')).toBe(
        routesFor(route, labels)
          .map((found) => found.receiver)
          .join(','),
      )
    }
  })
})

function cross([first, ...rest]: [string, string[]][]): Record<string, string>[] {
  if (first === undefined) return [{}]
  const [name, values] = first
  return values.flatMap((value) => cross(rest).map((others) => (value === '' ? others : { [name]: value, ...others })))
}
