import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ContainerDescription } from '../container.ts'
import { column, fieldIndex } from '../metrics.ts'
import { StatsStore } from '../stats-store.ts'
import { buildSummary } from '../kubelet/summary-builder.ts'
import { containerFamilies } from './container-families.ts'
import { Exposition, formatLabels } from './exposition.ts'
import { renderContainers } from './render.ts'
import { renderResourceMetrics } from './resource-metrics.ts'
import { parseExposition } from './strict-parser.ts'

/** Names as an attacker would choose them, lone surrogates and control characters included. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }).map((text) => `${text}"} 1\nforged{a="`),
  fc.constantFrom('a"b', 'a\\', 'a\nb', '\\n', 'a\\"', '# TYPE x counter', 'a,b="c"', '\ud800', '\r\n\u2028', '', '}'),
)

const context = { nowMs: 0, storageCapacityBytes: 1000, storageInodes: 10, storageInodesFree: 5, diskName: () => '/dev/vda' }

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
      renderContainers(text, [...store.all()], context, true)
      const samples = parseExposition(text.toString())
      const known = new Set(containerFamilies.map(({ name }) => name))
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
  const names = containerFamilies.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const { name, help, type } of containerFamilies) {
    expect(name).toMatch(/^container_[a-z0-9_]+$/)
    if (type !== 'untyped') expect({ name, isCounter: type === 'counter' }).toEqual({ name, isCounter: name.endsWith('_total') })
    expect(help).not.toBe('')
  }
})

test('labels are cut at a bound', () => {
  expect(formatLabels({ a: 'x'.repeat(5000) })).toHaveLength(1024 + 4)
})

test('families without a value leave no trace', () => {
  const text = new Exposition()
  text.family({ name: 'a', help: 'h', type: 'gauge' })
  text.sample('', Number.NaN)
  expect(text.toString()).toBe('')
})

test('values, infinities and times are written as the format has them', () => {
  const text = new Exposition()
  text.family({ name: 'a', help: 'line\nfeed \\', type: 'gauge' })
  text.sample('x="1"', Number.POSITIVE_INFINITY, 12.4)
  text.sample('x="2"', 1e21)
  expect(text.toString()).toBe('# HELP a line\\nfeed \\\\\n# TYPE a gauge\na{x="1"} +Inf 12\na{x="2"} 1e+21\n')
})
