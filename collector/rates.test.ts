import { expect, test } from 'vitest'
import { column, fieldIndex } from './metrics.ts'
import { ratesOf } from './rates.ts'
import { StatsStore } from './stats-store.ts'

function makeContainer() {
  const description = {
    name: '/a',
    id: 'a',
    aliases: [],
    namespace: '',
    labels: {},
    image: '',
    createdMs: 0,
    startedMs: 0,
    hasNetwork: true,
  }
  return new StatsStore({ capacity: 60, maxBytes: 1e9 }).upsert(description, 0)!
}

test('rates are over the samples that fit into the window, which is told', () => {
  const container = makeContainer()
  const { ring } = container
  expect(ratesOf(container)).toBeUndefined()
  for (let second = 0; second < 30; second++) {
    ring.begin(1e6 + second * 1000, second * 1000)
    ring.set(column.cpuUsage, second < 20 ? 0 : (second - 19) * 5e8)
    ring.set(column.cfsPeriods, second * 10)
    ring.set(column.cfsThrottledPeriods, second * 4)
  }
  expect(ratesOf(container, 10_000)).toMatchObject({
    timestampMs: 1e6 + 29_000,
    windowSeconds: 10,
    values: { cpu_usage_cores: 0.5, cpu_throttled_percent: 40 },
  })
  expect(ratesOf(container, 20_000)?.values.cpu_usage_cores).toBeCloseTo(0.25, 9)
  expect(ratesOf(container, 1)?.windowSeconds).toBe(1)
})

test('a counter’s reset adds nothing and is never negative, and what is unknown is absent', () => {
  const container = makeContainer()
  const { ring } = container
  for (const [second, value] of [10, 20, 5, 15].entries()) {
    ring.begin(second * 1000, second * 1000)
    ring.set(column.cpuUsage, value * 1e9)
  }
  expect(ratesOf(container)?.values.cpu_usage_cores).toBeCloseTo(20 / 3, 9)
  expect(ratesOf(container)?.values).not.toHaveProperty('memory_usage_bytes')
  expect(ratesOf(container)?.values).not.toHaveProperty('network_receive_bytes_per_second')
})

test('shares are of the nearest limit, whoever sets it', () => {
  const container = makeContainer()
  const { ring } = container
  container.nearest = { memory: { bytes: 1000, freeBytes: 750, of: '/parent' }, cpu: { cores: 0.5, of: '/parent' } }
  for (let second = 0; second < 2; second++) {
    ring.begin(second * 1000, second * 1000)
    ring.set(column.cpuUsage, second * 1e8)
    ring.set(column.memoryWorkingSet, 250)
  }
  expect(ratesOf(container)?.values).toMatchObject({ cpu_limit_percent: 20, memory_limit_percent: 25 })
})

test('network and disk are summed over interfaces and disks, those that come later included', () => {
  const container = makeContainer()
  const { ring } = container
  const eth0 = new TextEncoder().encode('eth0')
  const eth1 = new TextEncoder().encode('eth1')
  const receive = (name: Uint8Array, value: number) =>
    ring.setInstance('network', ring.instance('network', name, 0, 4)!, fieldIndex('network', 'rxBytes'), value)
  for (let second = 0; second < 4; second++) {
    ring.begin(second * 1000, second * 1000)
    receive(eth0, second * 100)
    if (second >= 2) receive(eth1, second * 1000)
  }
  expect(ratesOf(container, 1000)?.values.network_receive_bytes_per_second).toBe(1100)
  expect(ratesOf(container, 3000)?.values.network_receive_bytes_per_second).toBeCloseTo(1300 / 3, 9)
})
