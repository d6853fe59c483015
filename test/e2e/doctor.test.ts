import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, startCluster } from '../support/cluster.ts'
import type { Outcome, TestCluster } from '../support/cluster.ts'

interface Finding {
  readonly level: string
  readonly where: string
  readonly what: string
}

let cluster: TestCluster
beforeAll(async () => {
  cluster = await startCluster(['--runtime=simulated', '--nodes=2'], 37)
}, 120_000)
afterAll(() => cluster.remove(), 60_000)

const examine = async (): Promise<Outcome & { readonly findings: readonly Finding[] }> => {
  const outcome = await cluster.binnacle('doctor', '--json')
  return { ...outcome, findings: JSON.parse(outcome.stdout) as Finding[] }
}
const problemsOf = (findings: readonly Finding[]) => findings.filter(({ level }) => level === 'problem').map(({ where }) => where)

/** Asks until the problems are those; the processes have their own pace. */
const untilProblems = (what: string, isRight: (where: readonly string[]) => boolean) =>
  eventually(what, async () => {
    const { findings, code } = await examine()
    const problems = problemsOf(findings)
    return isRight(problems) && code === (problems.length === 0 ? 0 : 1) ? findings : undefined
  })

it('finds nothing wrong with a cluster that has just come up, and says what it has looked at', { timeout: 90_000 }, async () => {
  const findings = await untilProblems('a healthy cluster', (problems) => problems.length === 0)
  const seen = findings.map(({ where }) => where)
  for (const part of [
    'process monitor',
    'API server',
    'APIService v1beta1.metrics.k8s.io',
    'aggregator',
    'InfluxDB',
    'sink influxdb',
    'notifications',
    'page',
  ])
    expect(seen).toContain(part)
})

it('names the InfluxDB that hangs and the sink that waits for it', { timeout: 90_000 }, async () => {
  const { influxd } = cluster.pids()
  process.kill(influxd!, 'SIGSTOP')
  try {
    const findings = await untilProblems(
      'InfluxDB and sink',
      (problems) => problems.includes('InfluxDB') && problems.includes('sink influxdb'),
    )
    expect(findings.find(({ where }) => where === 'sink influxdb')!.what).toContain('takes no points')
  } finally {
    process.kill(influxd!, 'SIGCONT')
  }
  await untilProblems('all well again', (problems) => problems.length === 0)
})

it('names every node whose agent hangs, with the stage at which its scrape fails', { timeout: 90_000 }, async () => {
  const node = cluster.pids()['node-0']!
  process.kill(node, 'SIGSTOP')
  try {
    const findings = await untilProblems(
      'both scrapes',
      (problems) => problems.filter((where) => where.startsWith('scrape of node')).length === 2,
    )
    expect(findings.find(({ where }) => where.startsWith('scrape of node'))!.what).toContain('stage timeout')
  } finally {
    process.kill(node, 'SIGCONT')
  }
  await untilProblems('all well again', (problems) => problems.length === 0)
})

it('says in one line what is wrong with its own arguments', async () => {
  const nothing = await cluster.binnacle('doctor', '--kubeconfig=/nowhere')
  expect(nothing.code).toBe(2)
  expect(nothing.stderr.trim().split('\n')).toHaveLength(1)
})
