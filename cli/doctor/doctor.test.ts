import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createFakePod } from '../../aggregator/fake-cluster.ts'
import { aggregatorExamination, examineSources } from './aggregator.ts'
import { examineRules } from './alerts.ts'
import { examineClock, examinePods } from './api-server.ts'
import { formatFinding, ok, problem, shorten, warn } from './finding.ts'
import { influxdbExamination } from './influxdb.ts'
import { formatBytes } from './installation.ts'
import { examineLogs } from './logs.ts'
import { complaintOf, probe, samplesOf } from './probe.ts'
import type { Subject } from './subject.ts'
import { examineWaitingPods } from './waiting-pods.ts'

const now = Date.parse('2030-01-01T00:00:00Z')
const noUrls = { aggregator: undefined, alerts: undefined, page: undefined, influxdb: undefined }
const subject: Subject = {
  installation: undefined,
  isNodeAlone: false,
  access: undefined,
  urls: noUrls,
  database: 'k8s',
  resolutionMs: 5000,
  now,
}
const source = { node: 'n1', isHealthy: true, scrapes: 9, consecutiveFailures: 0, lastSuccess: '2029-12-31T23:59:58Z', rejected: 0 }

describe('the doctor', () => {
  let server: Server | undefined
  afterEach(() => void server?.close())

  /** Answers by path; what is not there is a 404. */
  const serve = async (answers: Readonly<Record<string, string>>): Promise<string> => {
    server = createServer((request, response) => {
      const answer = answers[request.url!.split('?')[0]!]
      response.statusCode = answer === undefined ? 404 : answer === '' ? 204 : 200
      response.end(answer ?? '{"message":"not here"}')
    })
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it('writes a finding as one line, with what to do behind an arrow', () => {
    expect(formatFinding(ok('page', 'is served'))).toBe('ok      page: is served')
    expect(formatFinding(problem('node n1', 'is away', 'start it'))).toBe('problem node n1: is away → start it')
    expect(formatBytes(0)).toBe('0 bytes')
    expect(formatBytes(1536)).toBe('1.5 KiB')
  })

  it('says how many findings it does not show', () => {
    const many = Array.from({ length: 5 }, (_, index) => warn(`pod ${index}`, 'has no figures', 'wait'))
    expect(shorten(many, 5)).toHaveLength(5)
    expect(shorten(many, 3).at(-1)).toEqual({ level: 'warn', where: 'and more', what: '2 like the ones above', advice: 'wait' })
  })

  it('names the stage at which a node cannot be scraped, and the advice', () => {
    const lastError = { stage: 'tls', message: '10.0.0.1:10250: expired', advice: 'renew it' }
    const findings = examineSources(
      { sources: [source, { ...source, node: 'n2', isHealthy: false, consecutiveFailures: 3, lastError }] },
      subject,
    )
    expect(findings.map(formatFinding)).toEqual([
      'ok      scrapes: 1 of 2 nodes give figures',
      'problem scrape of node n2: fails at stage tls (3 times): 10.0.0.1:10250: expired → renew it',
    ])
  })

  it('sees figures that are old though no scrape has failed', () => {
    const [, finding] = examineSources({ sources: [{ ...source, lastSuccess: '2029-12-31T23:59:30Z' }] }, subject)
    expect(finding).toMatchObject({ level: 'problem', what: 'its newest figures are 30 s old' })
  })

  it('tells why pods wait, once for all that wait for the same', () => {
    const waiting = (name: string, changes: object, createdAt = '2029-12-31T23:00:00Z') => {
      const pod = createFakePod(name)
      pod.metadata.creationTimestamp = createdAt
      pod.status = { phase: 'Pending', ...changes }
      return pod
    }
    const conditions = [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available: 3 Insufficient cpu.' }]
    const unbound = ['a', 'b'].map((name) => {
      const pod = waiting(name, { conditions })
      delete pod.spec.nodeName
      return pod
    })
    const state = { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } }
    const unpulled = waiting('c', { containerStatuses: [{ name: 'main', state }] })
    const young = waiting('d', {}, '2029-12-31T23:59:45Z')
    const findings = examineWaitingPods([...unbound, unpulled, young, createFakePod('fine')], now)
    expect(findings.map(formatFinding)).toEqual([
      'warn    2 pods: waiting: 0/3 nodes are available: 3 Insufficient cpu. → kubectl -n default describe pod a says more',
      'warn    pod default/c: waiting: ImagePullBackOff: no such image → kubectl -n default describe pod c says more',
    ])
  })

  it('takes an answer that was long under way for no difference of clocks', () => {
    expect(examineClock({ date: now + 5000, tookMs: 4000 }, now)).toEqual([])
    expect(examineClock({ date: now + 5000, tookMs: 10 }, now)).toHaveLength(1)
    expect(examineClock({ date: now - 5000, tookMs: 10_000 }, now)).toHaveLength(1)
  })

  it('explains why a running pod has no figures', () => {
    const young = createFakePod('young')
    young.status!.containerStatuses![0]!.state = { running: { startedAt: '2029-12-31T23:59:55Z' } }
    const crashing = createFakePod('crashing')
    crashing.status!.containerStatuses![0]!.state = { waiting: { reason: 'CrashLoopBackOff' } }
    const pods = [createFakePod('fine'), createFakePod('lost'), young, crashing, createFakePod('far', { node: 'n9' })]
    const findings = examinePods(pods, [createFakePod('fine')], { troubled: new Set(['n9']), subject })
    expect(findings.map(({ level, where }) => `${level} ${where}`)).toEqual([
      'problem pod default/lost',
      'warn pod default/young',
      'warn pod default/crashing',
      'problem pod default/far',
    ])
    expect(examinePods([createFakePod('fine')], [createFakePod('fine')], { troubled: new Set(), subject })).toEqual([
      ok('pods', 'all 1 that run have figures'),
    ])
  })

  it('tells rules that are not evaluated from rules that fail', () => {
    const rule = { name: 'NodeAbsent', health: 'ok' }
    const group = { name: 'nodes', interval: 5, lastEvaluation: '2029-12-31T23:59:58Z', rules: [rule] }
    const levels = (groups: readonly (typeof group)[]) => examineRules({ data: { groups } }, now).map(({ level }) => level)
    expect(levels([group])).toEqual(['ok'])
    expect(levels([{ ...group, lastEvaluation: '2029-12-31T23:00:00Z' }])).toEqual(['problem'])
    expect(levels([{ ...group, lastEvaluation: '0001-01-01T00:00:00Z' }])).toEqual(['warn'])
    expect(levels([{ ...group, rules: [{ ...rule, health: 'query failed' }] }])).toEqual(['problem'])
    expect(levels([])).toEqual(['warn'])
  })

  it('finds the sink that takes no points, and what it has lost', async () => {
    const metrics = [
      'binnacle_aggregator_sink_up{sink="influxdb"} 0',
      'binnacle_aggregator_sink_waiting{sink="influxdb"} 70',
      'binnacle_aggregator_spool_points{sink="influxdb"} 50',
      'binnacle_aggregator_spool_bytes{sink="influxdb"} 2048',
      'binnacle_aggregator_sink_lost_total{sink="influxdb",reason="spool full"} 9',
    ]
    const aggregator = await serve({
      '/readyz': 'ok',
      '/api/v1/sources': JSON.stringify({ sources: [source] }),
      '/metrics': metrics.join('\n'),
    })
    const findings = await aggregatorExamination.examine({ ...subject, urls: { ...noUrls, aggregator } })
    expect(findings.filter(({ level }) => level !== 'ok').map(formatFinding)).toEqual([
      'problem sink influxdb: takes no points; 70 points wait, 50 of them on disk (2.0 KiB) → is it running? The points are sent when it is back',
      'warn    sink influxdb: 9 points lost: spool full → make room for the spool, or let it have more',
    ])
  })

  it('tells lines that were lost from those that a rule was to keep back', () => {
    const sink = { name: 'store', isHealthy: true, waitingLines: 0, dropped: {} }
    const fine = { readLines: 5, safeLines: 5, behindBytes: 0, unacknowledgedBytes: 0, cutLines: 0, goneFiles: 0, problems: [], losers: [] }
    const wanted = { ...fine, sinks: [sink], lost: [{ reason: 'limit', lines: 3, bytes: 30 }] }
    const away = { node: 'n2', problem: 'it keeps no logs' }
    expect(examineLogs([{ node: 'n1', accounts: wanted }, away])).toEqual([ok('logs', '5 lines are safe on 1 of 2 nodes, none is lost')])
    expect(examineLogs([away])).toEqual([])
    const losing = {
      ...fine,
      lost: [{ reason: 'held', lines: 0, bytes: 2048 }],
      sinks: [{ ...sink, isHealthy: false, lastError: 'disk full', waitingLines: 4, dropped: { disk: 9 } }],
    }
    expect(examineLogs([{ node: 'n1', accounts: losing }]).map(({ level, what }) => `${level} ${what}`)).toEqual([
      'problem the sink store takes no lines: disk full; 4 wait',
      'warn 2.0 KiB lost: held',
      'warn 9 lines lost by the sink store: disk',
    ])
  })

  it('says of an InfluxDB that it is away, or lacks the database', async () => {
    const influxdb = await serve({ '/ping': '', '/query': '{"results":[{"series":[{"columns":["name"],"values":[["_internal"]]}]}]}' })
    const examine = () => influxdbExamination.examine({ ...subject, urls: { ...noUrls, influxdb } })
    expect(await examine()).toMatchObject([{ level: 'problem', what: 'there is no database "k8s"' }])
    await new Promise((resolve) => server!.close(resolve))
    expect(await examine()).toMatchObject([{ level: 'problem', what: `${influxdb}: nothing listens there` }])
  })

  it('reads answers of any kind without failing itself', async () => {
    expect(complaintOf(await probe('http://127.0.0.1:1/'))).toBe('nothing listens there')
    expect((await probe('nonsense')).error).toContain('Invalid URL')
    expect(complaintOf(await probe(`${await serve({})}/x`))).toBe('HTTP 404: not here')
    expect(samplesOf('a_total{sink="x"} 3\na_total_more 4\na_total 5\n', 'a_total')).toEqual([
      { labels: { sink: 'x' }, value: 3 },
      { labels: {}, value: 5 },
    ])
  })
})
