import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FakeWindow } from '../../../aggregator/fake-window.ts'
import { createInfluxDriver, ensureDatabase } from '../../../aggregator/influx/database.ts'
import { InfluxHistory } from '../../../aggregator/influx/history.ts'
import type { InfluxOptions } from '../../../aggregator/influx/options.ts'
import { ReadOnlyQueries } from '../../../aggregator/influx/read-only.ts'
import { readSelect } from '../../../aggregator/metrics-api/influxql.ts'
import { createAlerts } from '../../../alerts/app.ts'
import type { Alerts } from '../../../alerts/app.ts'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { systemRandom } from '../../../lib/random.ts'
import { createInfluxServer } from '../influx-server.ts'
import type { InfluxServer } from '../influx-server.ts'

const minute = 60_000
const hour = 60 * minute
const week = 168 * hour
const admin = { username: 'admin', password: "it's secret" }

const rules = `
groups:
  - name: history
    interval: 1s
    rules:
      - alert: QueueDeep
        query: >-
          SELECT mean("value") FROM "queue/depth" WHERE "queue" =~ /^orders/ AND "shard" != $skipped AND time > now() - 5m
          GROUP BY time(1m), "queue", "namespace_name"
        parameters: { skipped: 'x''y' }
        ingest_delay: 0s
        timeout: 2s
        condition: '> 10'
      - alert: Elsewhere
        query: SELECT last("value") FROM "_internal".."runtime" WHERE time > now() - 5m
        condition: '> 0'
      - alert: MemoryHighAllDay
        metric: memory/working_set
        entity: { type: pod, labels: { namespace: default } }
        aggregation: avg
        window: 6h
        condition: '> 50'
      - { alert: ErrorsAllDay, metric: custom/http_errors, entity: { labels: { namespace: shop } }, aggregation: max, window: 6h, condition: '> 50' }
      - alert: DiskFullSoon
        metric: filesystem/usage
        of: limit
        entity: { type: node }
        window: 6h
        forecast: { reaches: '100%' }
        condition: '< 12h'
      - alert: Unusual
        metric: cpu/usage_rate
        entity: { type: node }
        window: 2h
        aggregation: avg
        baseline: { weeks: 3, min_weeks: 2 }
        condition: '> 4'
`

let server: InfluxServer
let influx: InfluxOptions
let alerts: Alerts
let folder: string
let now: number

async function send(path: string, body: string | URLSearchParams): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${admin.username}:${admin.password}`).toString('base64')}`
  const answer = await fetch(`${server.url}${path}`, { method: 'POST', body, headers: { authorization } })
  const text = await answer.text()
  if (!answer.ok || text.includes('"error"')) throw new Error(`${path}: ${text}`)
}

/** A sample every minute of `spanMs` up to `until`. */
function lines(series: string, value: (time: number) => number, spanMs: number, until = now): string {
  const points: string[] = []
  for (let time = until - spanMs; time <= until; time += minute) points.push(`${series} value=${value(time)} ${time}000000`)
  return points.join('\n')
}

async function writePoints(): Promise<void> {
  const node = 'type=node,cluster_name=default,nodename='
  const pod = 'type=pod,cluster_name=default,namespace_name=default,nodename=n1,pod_name='
  const past = [1, 2, 3].map((weeks) =>
    lines(`cpu/usage_rate,${node}n1`, (time) => 100 + ((time / minute) % 5), 3 * hour, now - weeks * week + 2 * hour),
  )
  const rising = (time: number) => 1000 - ((now - time) / hour) * 50
  const points = [
    lines('queue/depth,queue=orders-eu,namespace_name=shop,shard=a', () => 40, 10 * minute),
    lines('queue/depth,queue=orders-us,namespace_name=shop,shard=a', () => 3, 10 * minute),
    lines("queue/depth,queue=orders-xx,namespace_name=shop,shard=x'y", () => 99, 10 * minute),
    lines('queue/depth,queue=mails,namespace_name=shop,shard=a', () => 99, 10 * minute),
    lines(`memory/working_set,${pod}big`, () => 80, 7 * hour),
    lines(`memory/working_set,${pod}small`, () => 8, 7 * hour),
    // Was high for three hours, yesterday.
    lines(
      `memory/working_set,${pod}yesterday`,
      (time) => (now - time > 20 * hour && now - time < 23 * hour ? 500 : 5),
      30 * hour,
      now - 10 * hour,
    ),
    ...[500, 404].map((code) =>
      lines(`custom/http_errors,type=pod,cluster_name=default,namespace_name=shop,pod_name=web,code=${code}`, () => code / 5, 7 * hour),
    ),
    lines(`filesystem/usage,${node}n1,resource_id=/`, (time) => rising(time), 7 * hour),
    lines(`filesystem/limit,${node}n1,resource_id=/`, () => 1500, 7 * hour),
    lines(`cpu/usage_rate,${node}n1`, () => 900, 3 * hour),
    lines(`cpu/usage_rate,${node}n2`, () => 900, 3 * hour),
    ...past,
  ]
  await send('/write?db=k8s&rp=default', points.join('\n'))
}

beforeAll(async () => {
  server = await createInfluxServer('influxd', { hasAccounts: true })
  await server.start()
  now = Math.floor(systemClock.now() / minute) * minute
  await send('/query', new URLSearchParams({ q: `CREATE USER admin WITH PASSWORD 'it\\'s secret' WITH ALL PRIVILEGES` }))
  influx = { url: server.url, ...admin }
  const driver = createInfluxDriver(influx)
  await ensureDatabase(driver, influx, systemClock)
  await writePoints()
  folder = mkdtempSync(join(tmpdir(), 'binnacle-rules-'))
  const rulesFile = join(folder, 'rules.yaml')
  writeFileSync(rulesFile, rules)
  const history = new InfluxHistory({ driver, influx, clusterName: 'default', clock: systemClock })
  const queries = new ReadOnlyQueries({ influx, clock: systemClock, log: silentLog })
  alerts = createAlerts({
    window: new FakeWindow(),
    sources: { windowMs: hour, history: { series: (request) => history.series(request), select: (request) => queries.ask(request) } },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    dataDir: folder,
    rulesFiles: [rulesFile],
    http: { host: '127.0.0.1', port: 0 },
    externalUrl: 'http://127.0.0.1:9093',
    evaluationIntervalMs: 1000,
  })
  await alerts.start()
})

afterAll(async () => {
  await alerts?.stop()
  await server?.remove()
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

interface ShownRule {
  readonly name: string
  readonly health: string
  readonly lastError?: string
  readonly lateness: number
  readonly lastEvaluation: string
  readonly alerts: readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly value: string
    readonly annotations: Readonly<Record<string, string>>
  }[]
}

async function ruleNamed(name: string): Promise<ShownRule> {
  const answer = await fetch(`http://${alerts.address}/api/v1/rules`)
  const { data } = (await answer.json()) as { data: { groups: { rules: ShownRule[] }[] } }
  return data.groups[0]!.rules.find((rule) => rule.name === name)!
}

/** The rule once `isReady`. */
async function waitFor(name: string, isReady: (rule: ShownRule) => boolean): Promise<ShownRule> {
  return expect
    .poll(() => ruleNamed(name), { timeout: 15_000, interval: 100 })
    .toSatisfy(isReady)
    .then(() => ruleNamed(name))
}

async function trial(body: object): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const answer = await fetch(`http://${alerts.address}/api/v1/rules/test`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = (await answer.json()) as { data?: Record<string, unknown> }
  return { status: answer.status, body: text.data ?? { error: text } }
}

describe('rules on InfluxDB', () => {
  it('ask a query under an account that can only read, and label alerts by its tags', async () => {
    const rule = await waitFor('QueueDeep', ({ alerts: found }) => found.length > 0)
    expect(rule.alerts.map(({ labels, value }) => [labels, value])).toEqual([
      [{ alertname: 'QueueDeep', queue: 'orders-eu', namespace: 'shop' }, '40'],
    ])
    const driver = createInfluxDriver(influx)
    const grants = await driver.query<{ database: string; privilege: string }>('SHOW GRANTS FOR "binnacle_reader"')
    expect(grants.map(({ database, privilege }) => [database, privilege])).toEqual([['k8s', 'READ']])
  })

  it('cannot read another database, nor write', async () => {
    const rule = await waitFor('Elsewhere', ({ health }) => health === 'query failed')
    expect(rule.lastError).toBe('must not read the database "_internal"; allowed: k8s')
    // Even past the parser the account refuses.
    const queries = new ReadOnlyQueries({ influx, clock: systemClock, log: silentLog })
    const select = readSelect('SELECT last("value") FROM "queue/depth" WHERE time > 0', { placeholders: [] })
    const forged = { ...select, at: () => 'DROP MEASUREMENT "queue/depth"' }
    await expect(queries.ask({ select: forged, parameters: {}, at: now, timeoutMs: 5000 })).rejects.toThrow(/not authorized|requires admin/)
  })

  it('read windows that are longer than the memory window, and the same hour of weeks before', async () => {
    const memory = await waitFor('MemoryHighAllDay', ({ alerts: found }) => found.length > 0)
    expect(memory.alerts.map(({ labels, value }) => [labels['pod'], Number(value)])).toEqual([['big', 80]])
    const errors = await waitFor('ErrorsAllDay', ({ alerts: found }) => found.length > 0)
    expect(errors.alerts.map(({ labels, value }) => [labels, value])).toEqual([
      [{ alertname: 'ErrorsAllDay', namespace: 'shop', pod: 'web', code: '404' }, '80.8'],
      [{ alertname: 'ErrorsAllDay', namespace: 'shop', pod: 'web', code: '500' }, '100'],
    ])
    const disk = await waitFor('DiskFullSoon', ({ alerts: found }) => found.length > 0)
    expect(Number(disk.alerts[0]!.value)).toBeCloseTo(10, 0)
    expect(disk.alerts[0]!.labels).toEqual({ alertname: 'DiskFullSoon', node: 'n1', resource: '/' })
    const unusual = await waitFor('Unusual', ({ alerts: found }) => found.length > 0)
    // Node n2 has no history, and so no score.
    expect(unusual.alerts.map(({ labels }) => labels['node'])).toEqual(['n1'])
    expect(unusual.alerts[0]!.annotations['explanation']).toMatch(
      /^observed 900, expected 102 ± [\d.]+ \(the median of 36 values of this hour in 3 weeks\), score/,
    )
  })

  it('say when they would have fired', async () => {
    const rule = (fields: string) =>
      `groups: [{name: g, interval: 1m, rules: [{alert: High, metric: memory/working_set, entity: {type: pod}, window: 10m, aggregation: avg, condition: '> 100', ${fields}}]}]`
    const range = { start: new Date(now - 26 * hour).toISOString(), end: new Date(now - 15 * hour).toISOString() }
    const { status, body } = await trial({ rules: rule('for: 5m'), ...range })
    expect({ status, source: body['source'], evaluations: body['evaluations'] }).toEqual({
      status: 200,
      source: 'influxdb',
      evaluations: 661,
    })
    const [alert, ...others] = body['alerts'] as { labels: object; startsAt: string; endsAt: string }[]
    expect(others).toEqual([])
    expect(alert!.labels).toMatchObject({ alertname: 'High', pod: 'yesterday' })
    const startsAfter = (Date.parse(alert!.startsAt) - (now - 23 * hour)) / minute
    expect(startsAfter).toBeGreaterThan(5)
    expect(startsAfter).toBeLessThan(12)
    expect((Date.parse(alert!.endsAt) - (now - 20 * hour)) / minute).toBeGreaterThan(5)
    const queue = await trial({ rule: 'history/QueueDeep', start: new Date(now - 5 * minute).toISOString(), interval: '1m' })
    expect(queue.body['alerts']).toHaveLength(1)
    expect((await trial({ rules: rule('for: 1s'), start: '2020-01-01T00:00:00Z' })).status).toBe(422)
    expect((await trial({ rules: 'groups: 5' })).status).toBe(400)
    expect((await trial({ rule: 'no/such' })).status).toBe(404)
  })

  it('say so when InfluxDB does not answer, go on by themselves, and make up what they missed', async () => {
    const thaw = server.freeze()
    const isSilent = ({ health, lastError }: { health: string; lastError?: string }) =>
      health === 'query failed' && lastError?.includes('did not answer within 2000 ms') === true
    const failed = await waitFor('QueueDeep', isSilent).finally(thaw)
    expect(failed.alerts).toHaveLength(1)
    const healed = await waitFor('QueueDeep', ({ health, lateness }) => health === 'ok' && lateness < 2)
    expect(healed.alerts).toHaveLength(1)
  })
})
