import { afterEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { DocumentReader } from '../../lib/document.ts'
import { parseLabelSelector } from '../../orchestrator/api/labels.ts'
import { FakeWindow, nodeEntity, podEntity } from '../fake-window.ts'
import { readExternalMetrics } from './external-metrics.ts'
import { ExternalValues } from './external-values.ts'
import type { InfluxSeries } from './external-values.ts'
import { createLocalReadings } from './readings.ts'

function read(text: string) {
  const reader = new DocumentReader('monitor.yaml', text)
  const metrics = readExternalMetrics(reader, reader.root)
  reader.finish()
  return metrics
}

describe('the section externalMetrics', () => {
  it('defines metrics by a query or by a metric of the catalogue', () => {
    const metrics = read(`
- name: jobs_waiting
  namespaces: [default, batch]
  query: SELECT last(value) FROM jobs WHERE namespace = $namespace AND time > now() - 5m GROUP BY queue
  emptyValue: 0
  cache: 500ms
  timeout: 2s
- name: busiest_node
  metric: cpu/usage_rate
  entity: node
  labels: { nodename: n1 }
  aggregation: max
`)
    expect(metrics).toMatchObject([
      {
        name: 'jobs_waiting',
        namespaces: ['default', 'batch'],
        source: { type: 'influxql', usesNamespace: true, column: undefined },
        cacheMs: 500,
        timeoutMs: 2000,
        emptyValue: 0,
      },
      {
        name: 'busiest_node',
        namespaces: [],
        source: { type: 'catalogue', row: { name: 'cpu/usage_rate' }, entity: 'node', labels: { nodename: 'n1' }, aggregation: 'max' },
        cacheMs: 5000,
        timeoutMs: 5000,
        emptyValue: undefined,
      },
    ])
    expect(read('[]')).toEqual([])
  })

  it.each([
    ['- query: SELECT a FROM b WHERE time > 0', 'monitor.yaml:1:3: [0]: a mapping: field name is missing'],
    ['- name: a/b\n  metric: cpu/usage_rate', '1:9: [0].name: "a/b": must be letters, digits'],
    ['- name: a', 'must have either query (InfluxQL) or metric (a name of the catalogue)'],
    ['- name: a\n  query: x\n  metric: y', 'must have either query'],
    ['- name: a\n  query: DROP DATABASE k8s', '2:10: [0].query: "DROP DATABASE k8s": must be one SELECT statement'],
    ['- name: a\n  metric: cpu/nothing', '[0].metric: "cpu/nothing": must be a metric of the catalogue'],
    ['- name: a\n  metric: cpu/node_capacity\n  entity: pod', 'cpu/node_capacity is not known of pod; allowed: '],
    ['- name: a\n  metric: cpu/usage_rate\n  entity: house', 'allowed: cluster, node, ns'],
    ['- name: a\n  metric: cpu/usage_rate\n  column: x', '[0].column: "x": column has no meaning beside metric'],
    ['- name: a\n  metric: cpu/usage_rate\n  timeout: 1h', '[0].timeout: "1h": must be a duration such as 500ms or 5s, from 0.1s to 25s'],
    ['- { name: a, metric: cpu/usage_rate }\n- { name: a, metric: cpu/usage_rate }', 'name: "a" is there already'],
    ['- { name: a, metric: cpu/usage_rate, colour: red }', 'unknown field; allowed here: name, namespaces, query'],
  ])('refuses a mistake with its place: %s', (text, problem) => {
    expect(() => read(text)).toThrow(problem)
  })
})

describe('values of external metrics', () => {
  const clock = new FakeClock()
  const window = new FakeWindow()
  let answers: InfluxSeries[] = []
  let asked: [string, Readonly<Record<string, string>>][] = []
  let hang = false
  afterEach(() => {
    window.clear()
    ;[answers, asked, hang] = [[], [], false]
  })

  const readings = createLocalReadings({ window, exported: undefined, holdMs: 15_000, resolutionMs: 5000, clock })
  const valuesOf = (text: string, hasInflux = true) =>
    new ExternalValues({
      metrics: read(text),
      readings: (request) => Promise.resolve(readings(request)),
      query: hasInflux
        ? (statement, placeholders) => {
            asked.push([statement, placeholders])
            return hang ? new Promise(() => {}) : Promise.resolve(answers)
          }
        : undefined,
      clock,
    })
  const query = (more = '') => `[{ name: q, query: "SELECT last(value) FROM jobs WHERE time > 0 GROUP BY queue"${more} }]`
  const all = parseLabelSelector('')

  it('are the newest number of each series with its tags as labels, narrowed by the selector', async () => {
    answers = [
      { tags: { queue: 'a' }, columns: ['time', 'last'], values: [[1000, 3], [2000, 4], [3000, null]] }, // prettier-ignore
      { tags: { queue: 'b' }, columns: ['time', 'last'], values: [[0, 0.5]] },
      { tags: { queue: 'c' }, columns: ['time', 'last'], values: [] },
    ]
    const values = valuesOf(query())
    expect(await values.read('q', 'default', all)).toEqual([
      { labels: { queue: 'a' }, value: 4, timestamp: 2000 },
      { labels: { queue: 'b' }, value: 0.5, timestamp: clock.now() },
    ])
    expect(await values.read('q', 'default', parseLabelSelector('queue in (b,c)'))).toMatchObject([{ value: 0.5 }])
    expect(asked).toHaveLength(1)
    expect(await values.read('nothing', 'default', all)).toBeUndefined()
  })

  it('are asked for once per cache time, and once per namespace only where the query knows the namespace', async () => {
    const values = valuesOf(query(', cache: 2s'))
    await Promise.all([values.read('q', 'a', all), values.read('q', 'b', all)])
    await clock.advance(1999)
    await values.read('q', 'a', all)
    expect(asked).toHaveLength(1)
    await clock.advance(1)
    await values.read('q', 'a', all)
    expect(asked).toHaveLength(2)
    const own = valuesOf(`[{ name: q, query: 'SELECT last(v) FROM j WHERE ns = $namespace AND time > 0' }]`)
    await Promise.all([own.read('q', 'a', all), own.read('q', 'b', all)])
    expect(asked.slice(2).map(([, placeholders]) => placeholders)).toEqual([{ namespace: 'a' }, { namespace: 'b' }])
  })

  it('are offered to the named namespaces alone', async () => {
    const values = valuesOf(query(', namespaces: [default]'))
    expect(await values.read('q', 'default', all)).toEqual([])
    expect(await values.read('q', 'other', all)).toBeUndefined()
  })

  it('are the empty value where there is nothing', async () => {
    expect(await valuesOf(query(', emptyValue: 0')).read('q', 'default', all)).toEqual([{ labels: {}, value: 0, timestamp: clock.now() }])
  })

  it.each([
    [query(), [{ columns: ['time', 'a', 'b'], values: [] }], 'gives several columns (a, b); name one with "column"'],
    [query(', column: c'), [{ columns: ['time', 'a', 'b'], values: [] }], 'gives no column "c"; it gives a, b'],
    [query(), [{ columns: ['time', 'a'], values: [[1, 'x']] }], 'column "a" is no number'],
  ])('fail with a ServiceUnavailable that says why', async (text, series, reason) => {
    answers = series
    await expect(valuesOf(text).read('q', 'default', all)).rejects.toMatchObject({
      status: { code: 503 },
      message: expect.stringContaining(reason),
    })
  })

  it('fail when there is no InfluxDB, or no answer in time, and are asked for again', async () => {
    await expect(valuesOf(query(), false).read('q', 'default', all)).rejects.toThrow('external metric "q": there is no InfluxDB to ask')
    hang = true
    const values = valuesOf(query(', timeout: 1s'))
    const late = expect(values.read('q', 'default', all)).rejects.toThrow('external metric "q": InfluxDB did not answer within 1000 ms')
    await clock.advance(1000)
    await late
    hang = false
    expect(await values.read('q', 'default', all)).toEqual([])
  })

  it('of the catalogue are aggregated over the entities that have a recent figure, CPU in cores', async () => {
    const now = clock.now()
    window.add('cpu/usage_rate', nodeEntity('n1'), { timestamp: now - 1000, value: 500 })
    window.add('cpu/usage_rate', nodeEntity('n2'), { timestamp: now - 2000, value: 1500 })
    window.add('cpu/usage_rate', nodeEntity('gone'), { timestamp: now - 60_000, value: 9000 })
    window.add('cpu/usage_rate', podEntity('p'), { timestamp: now, value: 700 })
    const readAs = async (aggregation: string) =>
      valuesOf(`[{ name: m, metric: cpu/usage_rate, entity: node, aggregation: ${aggregation} }]`).read('m', 'default', all)
    expect(await readAs('sum')).toEqual([{ labels: {}, value: 2, timestamp: now - 2000 }])
    expect(await readAs('mean')).toMatchObject([{ value: 1 }])
    expect(await readAs('max')).toMatchObject([{ value: 1.5 }])
    expect(await readAs('min')).toMatchObject([{ value: 0.5 }])
    expect(await readAs('count')).toMatchObject([{ value: 2 }])
    expect(await readAs('each')).toMatchObject([
      { labels: { nodename: 'n1' }, value: 0.5 },
      { labels: { nodename: 'n2' }, value: 1.5 },
    ])
    const one = valuesOf('[{ name: m, metric: cpu/usage_rate, entity: pod, labels: { pod_name: p } }]')
    expect(await one.read('m', 'default', all)).toMatchObject([{ value: 0.7 }])
  })
})
