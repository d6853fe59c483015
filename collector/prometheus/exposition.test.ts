import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Container, ContainerDescription } from '../container.ts'
import { column, fieldIndex } from '../metrics.ts'
import { ratesOf } from '../rates.ts'
import { StatsStore } from '../stats-store.ts'
import { defaultSubjects } from '../subjects.ts'
import { buildSummary } from '../kubelet/summary-builder.ts'
import { containerFamilies } from './container-families.ts'
import { Exposition, negotiateFormat } from './exposition.ts'
import { InstanceLabels, type FamilyContext } from './family.ts'
import { noLabels, renderLabels, SeriesLabels } from './labels.ts'
import { rateFamilies } from './rate-families.ts'
import { renderContainers } from './render.ts'
import { renderResourceMetrics } from './resource-metrics.ts'
import { parseExposition } from './strict-parser.ts'

/** Names as an attacker would choose them, lone surrogates and control characters included. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }).map((text) => `${text}"} 1\nforged{a="`),
  fc.constantFrom('a"b', 'a\\', 'a\nb', '\\n', 'a\\"', '# TYPE x counter', 'a,b="c"', '\ud800', '\r\n\u2028', '', '}'),
)

const context: FamilyContext = {
  storageCapacityBytes: 1000,
  fileSystems: [],
  hasCores: false,
  ratesOf,
  instanceLabels: new InstanceLabels(),
}

function storeWith(names: readonly { name: string; image: string; pod: string; network: string }[]): StatsStore {
  const store = new StatsStore({ capacity: 3, maxBytes: 1e8 })
  for (const [index, { name, image, pod, network }] of names.entries()) {
    const description: ContainerDescription = {
      name: `/docker/${index}${name}`,
      id: `${index}`,
      aliases: [name],
      namespace: 'docker',
      labels: { [name]: image },
      image,
      createdMs: 1000,
      startedMs: 2000,
      hasNetwork: true,
      pod: { name: pod, namespace: name, uid: `${index}`, container: image, isSandbox: false },
    }
    const { ring } = store.upsert(description, 0)!
    for (const at of [1000, 2000]) {
      ring.begin(at, at)
      ring.set(column.cpuUsage, at * 1e6)
      ring.set(column.memoryUsage, 5)
      ring.set(column.memoryWorkingSet, 4)
      const bytes = Buffer.from(network)
      const eth = ring.instance('network', bytes, 0, bytes.length)!
      ring.setInstance('network', eth, fieldIndex('network', 'rxBytes'), at)
    }
  }
  return store
}

const hostileNames = fc.array(fc.record({ name: hostile, image: hostile, pod: hostile, network: hostile }), { minLength: 1, maxLength: 4 })

test('hostile names never break or forge a line, and come back as they were', () => {
  fc.assert(
    fc.property(hostileNames, (names) => {
      const store = storeWith(names)
      const text = new Exposition()
      const series = new SeriesLabels({ hasUnion: false, allowed: [] })
      const labelsOf = (container: Container) => series.kubelet(container)
      renderContainers(text, [...store.all()], {
        context,
        families: [...containerFamilies, ...rateFamilies],
        subjects: defaultSubjects,
        isKubelet: true,
        withTimestamps: true,
        labelsOf,
      })
      const samples = parseExposition(text.finish())
      const known = new Set([...containerFamilies, ...rateFamilies].map(({ name }) => name))
      expect(samples.every(({ name }) => known.has(name))).toBe(true)
      const usage = samples.filter(({ name }) => name === 'container_memory_usage_bytes')
      expect(usage).toHaveLength(names.length)
      expect(usage.map(({ labels }) => [labels['name'], labels['image'], labels['pod'], labels['namespace']])).toEqual(
        names.map(({ name, image, pod }) => [name, image, pod, name].map((value) => value.toWellFormed())),
      )
    }),
    { numRuns: 300 },
  )
})

test('hostile names never break JSON or the resource metrics', () => {
  fc.assert(
    fc.property(hostileNames, (names) => {
      // Two pods of the same name can't be told apart by labels; a real API server has none.
      const unique = names.map((entry, index) => ({ ...entry, pod: `${index}${entry.pod}` }))
      const summary = buildSummary(storeWith(unique), { nodeName: 'n', bootedAtMs: 0, memoryCapacityBytes: 1, swapCapacityBytes: 0 }, 3000)
      expect(JSON.parse(JSON.stringify(summary)).pods).toHaveLength(unique.length)
      const samples = parseExposition(renderResourceMetrics(summary))
      expect(samples.filter(({ name }) => name === 'pod_cpu_usage_seconds_total')).toHaveLength(unique.length)
    }),
    { numRuns: 200 },
  )
})

test('every family has a name once, help, and a counter is called so', () => {
  const all = [...containerFamilies, ...rateFamilies]
  const names = all.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const { name, help, type } of all) {
    expect(name).toMatch(/^container_[a-z0-9_]+$/)
    if (type !== 'untyped') expect({ name, isCounter: type === 'counter' }).toEqual({ name, isCounter: name.endsWith('_total') })
    expect(help).not.toBe('')
  }
})

test('labels are cut at a bound', () => {
  expect(renderLabels({ a: 'x'.repeat(5000) })).toHaveLength(1024 + 4)
})

test('families without a value leave no trace', () => {
  const text = new Exposition()
  text.family({ name: 'a', help: 'h', type: 'gauge' })
  text.sample(noLabels, Number.NaN)
  expect(text.finish().toString()).toBe('')
})

test('values, infinities and times are written as the format has them', () => {
  const text = new Exposition()
  text.family({ name: 'a', help: 'line\nfeed \\', type: 'gauge' })
  text.sample(renderLabels({ x: '1' }), Number.POSITIVE_INFINITY, 12.4)
  text.sample(renderLabels({ x: '2' }), 1e21)
  expect(text.finish().toString()).toBe('# HELP a line\\nfeed \\\\\n# TYPE a gauge\na{x="1"} +Inf 12\na{x="2"} 1e+21\n')
})

test('OpenMetrics: counters lose their suffix in the head, units are named, times are seconds, and the page has an end', () => {
  const text = new Exposition({ format: 'openmetrics' })
  text.family({ name: 'cpu_seconds_total', help: 'say "hi"', type: 'counter' })
  text.sample(renderLabels({ x: '1' }), 1.5, 1234)
  text.family({ name: 'odd', help: 'h', type: 'untyped' })
  text.sample(noLabels, 1)
  text.family({ name: 'build_info', help: 'h', type: 'info' })
  text.sample(renderLabels({ version: '1' }), 1)
  expect(text.finish().toString().split('\n')).toEqual([
    '# TYPE cpu_seconds counter',
    '# UNIT cpu_seconds seconds',
    '# HELP cpu_seconds say \\"hi\\"',
    'cpu_seconds_total{x="1"} 1.5 1.234',
    '# TYPE odd unknown',
    '# HELP odd h',
    'odd 1',
    '# TYPE build info',
    '# HELP build h',
    'build_info{version="1"} 1',
    '# EOF',
    '',
  ])
})

test('every number is written so that it reads back as it was', () => {
  const written = (value: number, decimals: number) => {
    const text = new Exposition()
    text.family({ name: 'a', help: 'h', type: 'gauge' })
    text.add({ labels: noLabels, timestampMs: undefined }, undefined, value, decimals)
    return text.finish().toString().split('\n')[2]!.slice(2)
  }
  expect(written(1_500_000_001, 9)).toBe('1.500000001')
  expect(written(7, 9)).toBe('0.000000007')
  expect(written(-20, 1)).toBe('-2')
  expect(written(Number.MAX_SAFE_INTEGER, 0)).toBe(String(Number.MAX_SAFE_INTEGER))
  expect(written(2 ** 63, 0)).toBe('9223372036854776000')
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => written(value, 0) === String(value)))
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => Math.abs(Number(written(value, 9)) - value / 1e9) <= Math.abs(value / 1e9) * 1e-15))
  fc.assert(fc.property(fc.double({ noNaN: true }), (value) => Number(written(value, 0).replace('Inf', 'Infinity')) === value))
})

test.each([
  ['', 'text'],
  ['text/plain;version=0.0.4;q=0.5,*/*;q=0.1', 'text'],
  ['application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5', 'openmetrics'],
  ['application/openmetrics-text;version=1.0.0;q=0, text/plain', 'text'],
])('Accept: %j is answered in %s', (accept, format) => {
  expect(negotiateFormat(accept)).toBe(format)
})

function described(changes: Partial<ContainerDescription>): Container {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e6 })
  return store.upsert(
    {
      name: '/docker/1',
      id: '1',
      aliases: ['web'],
      namespace: 'docker',
      labels: {},
      image: 'i',
      createdMs: 0,
      startedMs: 0,
      hasNetwork: false,
      ...changes,
    },
    0,
  )!
}

test('labels of containers are on container_info alone, as far as they are allowed', () => {
  const series = new SeriesLabels({ hasUnion: false, allowed: ['team'] })
  const container = described({ labels: { team: 'a', secret: 'b' }, envs: { app_version: '1' } })
  series.prepare([container])
  expect(series.own(container).toString()).toBe('id="/docker/1",image="i",name="web"')
  expect(series.info(container).toString()).toBe(
    'id="/docker/1",image="i",name="web",container_label_team="a",container_env_app_version="1"',
  )
})

test('as upstream, every series can have the union of all labels, with names that Prometheus takes, bounded and counted', () => {
  const series = new SeriesLabels({ hasUnion: true, allowed: [] })
  const first = described({ labels: { 'a.b': '1', a_b: '2' } })
  const second = described({ name: '/docker/2', labels: { c: '3' } })
  series.prepare([first])
  expect(series.own(first).toString()).toBe('id="/docker/1",image="i",name="web",container_label_a_b="1"')
  series.prepare([first, second])
  expect(series.own(first).toString()).toBe('id="/docker/1",image="i",name="web",container_label_a_b="1",container_label_c=""')
  expect(series.own(second).toString()).toContain('container_label_a_b="",container_label_c="3"')
  expect(series.cut.labels).toBeGreaterThan(0)
  const many = described({ name: '/docker/3', labels: Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`n${index}`, 'v'])) })
  series.prepare([many])
  expect(parseExposition(`# HELP a h\n# TYPE a gauge\na{${series.own(many).toString()}} 1\n`)[0]!.labels).toHaveProperty(
    'container_label_n1',
  )
  expect(Object.keys(parseExposition(`# HELP a h\n# TYPE a gauge\na{${series.own(many).toString()}} 1\n`)[0]!.labels)).toHaveLength(67)
})
