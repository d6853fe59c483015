import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { columnOf } from '../catalog.ts'
import type { MetricName } from '../catalog.ts'
import type { MetricSet } from '../metric-set.ts'
import { readResourceMetrics } from './resource-reader.ts'
import { readSummary } from './summary-reader.ts'

const folder = new URL('fixtures/', import.meta.url)
const now = Date.parse('2030-01-01T00:00:00Z')
const readFixture = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const versionsOf = (prefix: string) =>
  readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .sort()
const value = (set: MetricSet | undefined, name: MetricName) => set?.values[columnOf(name)]
const labelled = (set: MetricSet, name: MetricName) =>
  Object.fromEntries(set.labelled.flatMap(({ column, resource, value: held }) => (column === columnOf(name) ? [[resource, held]] : [])))

describe('the answers of kubelets of several versions', () => {
  it.each(versionsOf('summary-'))('%s parses without a rejected field', (name) => {
    const { sets, rejected } = readSummary(readFixture(name), 'worker-1', now)
    expect(rejected).toBe(0)
    const node = sets.get('node:worker-1')!
    expect(value(node, 'cpu/usage')).toBeGreaterThan(1e11)
    expect(value(node, 'memory/working_set')).toBeGreaterThan(1e9)
    expect(value(node, 'network/rx')).toBeGreaterThan(1e6)
    expect(labelled(node, 'filesystem/limit')).toEqual({ '/': 42_927_177_728 })
    expect(sets.has('node:worker-1/container:kubelet')).toBe(true)
    const containers = [...sets.values()].filter(({ entity }) => entity.type === 'pod_container')
    expect(containers.length).toBeGreaterThan(0)
    for (const container of containers) {
      expect(value(container, 'cpu/usage')).toBeGreaterThanOrEqual(0)
      expect(container.measuredAt.cpu).toBeGreaterThan(Date.parse('2018-01-01'))
      expect(container.startedAt).toBeGreaterThan(Date.parse('2018-01-01'))
    }
  })

  it('1.11 names system containers as Heapster does, and has accelerators and volumes', () => {
    const { sets } = readSummary(readFixture('summary-1.11.json'), 'worker-1', now)
    expect([...sets.keys()]).toEqual(
      expect.arrayContaining([
        'node:worker-1/container:docker-daemon',
        'node:worker-1/container:system',
        'namespace:kube-system/pod:kube-proxy-worker-1',
      ]),
    )
    const web = sets.get('namespace:default/pod:web-7d5c8f9d6-x2x4z/container:web')!
    expect(labelled(web, 'accelerator/duty_cycle')).toEqual({ 'nvidia/tesla-p100/GPU-deadbeef-1234-5678-90ab-feedfacecafe': 42 })
    expect(labelled(sets.get('namespace:default/pod:web-7d5c8f9d6-x2x4z')!, 'filesystem/usage')).toEqual({
      'Volume:default-token-abcde': 12_288,
      'Volume:data': 2_147_483_648,
    })
  })

  it('1.25 counts processes, 1.29 has swap, 1.35 has pressure', () => {
    const read = (version: string) => readSummary(readFixture(`summary-${version}.json`), 'worker-1', now).sets
    const pod = 'namespace:default/pod:web-6f8f4b5b9d-qk2lp'
    expect(value(read('1.25').get(pod), 'process/count')).toBe(9)
    expect(value(read('1.29').get(`${pod}/container:web`), 'memory/swap')).toBe(4096)
    expect(value(read('1.29').get('node:worker-1'), 'memory/swap_limit')).toBe(1_048_576 + 2_147_483_648)
    const container = read('1.35').get(`${pod}/container:web`)
    expect(['cpu/pressure', 'memory/pressure_full', 'disk/io_pressure'].map((name) => value(container, name as MetricName))).toEqual([
      1.5, 0.1, 1.5,
    ])
    expect(container!.measuredAt.cpu % 1000).toBeCloseTo(123.456789, 3)
  })

  it.each(versionsOf('resource-'))('%s parses without a rejected sample', (name) => {
    const { sets, rejected } = readResourceMetrics(readFixture(name), 'worker-1', now)
    expect(rejected).toBe(0)
    const container = sets.get('namespace:default/pod:web-6f8f4b5b9d-qk2lp/container:web')!
    expect(value(container, 'cpu/usage')).toBeCloseTo(4710.169948e9, -2)
    expect(value(container, 'memory/working_set')).toBe(27_475_968)
    expect(container.measuredAt.cpu).toBe(1_893_456_000_000)
    expect(value(sets.get('node:worker-1'), 'cpu/usage')).toBeCloseTo(357.35491e9, -2)
  })

  it('resource metrics bring starts and swap where the version has them', () => {
    const container = (version: string) =>
      readResourceMetrics(readFixture(`resource-${version}.txt`), 'worker-1', now).sets.get(
        'namespace:default/pod:web-6f8f4b5b9d-qk2lp/container:web',
      )!
    expect(container('1.18').startedAt).toBeNaN()
    expect(container('1.35').startedAt).toBe(1_893_452_400_125)
    expect(value(container('1.35'), 'uptime')).toBeGreaterThan(0)
    expect(value(container('1.35'), 'memory/swap_limit')).toBe(1_048_576)
  })
})
