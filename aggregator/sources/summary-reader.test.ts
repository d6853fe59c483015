import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnOf } from '../catalog.ts'
import type { MetricName } from '../catalog.ts'
import { createFakePod, createFakeSummary } from '../fake-cluster.ts'
import { readSummary, SummaryError, timeOf } from './summary-reader.ts'

const now = Date.UTC(2030, 0, 1)
const read = (summary: unknown) => readSummary(typeof summary === 'string' ? summary : JSON.stringify(summary), 'n1', now)
const valueOf = (summary: unknown, key: string, name: MetricName) => read(summary).sets.get(key)!.values[columnOf(name)]

/** As a kubelet 1.31 answers, shortened: no cache, no packets, fields that we do not know. */
const kubelet = {
  node: {
    nodeName: 'n1',
    systemContainers: [
      {
        name: 'runtime',
        startTime: '2029-12-31T00:00:00Z',
        cpu: { time: '2029-12-31T23:59:55Z', usageNanoCores: 5, usageCoreNanoSeconds: 7 },
      },
    ],
    startTime: '2029-12-31T00:00:00Z',
    cpu: {
      time: '2029-12-31T23:59:55.123456789Z',
      usageNanoCores: 100,
      usageCoreNanoSeconds: 9e15,
      psi: { some: { total: 1, avg10: 0.5, avg60: 0, avg300: 0 } },
    },
    memory: {
      time: '2029-12-31T23:59:55Z',
      availableBytes: 1,
      usageBytes: 2,
      workingSetBytes: 3,
      rssBytes: 4,
      pageFaults: 5,
      majorPageFaults: 6,
    },
    network: {
      time: '2029-12-31T23:59:55Z',
      name: 'eth0',
      rxBytes: 1,
      txBytes: 2,
      interfaces: [
        { name: 'eth0', rxBytes: 1, txBytes: 2 },
        { name: 'eth1', rxBytes: 10, txBytes: 20 },
      ],
    },
    fs: { time: '2029-12-31T23:59:55Z', availableBytes: 1, capacityBytes: 2, usedBytes: 3, inodesFree: 4, inodes: 5, inodesUsed: 6 },
    runtime: { imageFs: {}, containerFs: null },
    rlimit: { time: '2029-12-31T23:59:55Z', maxpid: 100, curproc: 42 },
    swap: { time: '2029-12-31T23:59:55Z', swapAvailableBytes: 0, swapUsageBytes: 11 },
  },
  pods: [
    {
      podRef: { name: 'p', namespace: 'ns', uid: 'u' },
      startTime: '2029-12-31T23:00:00Z',
      containers: [
        {
          name: 'c',
          startTime: '2029-12-31T23:00:00Z',
          cpu: { time: '2029-12-31T23:59:55Z', usageNanoCores: 0, usageCoreNanoSeconds: 0 },
          memory: { time: '2029-12-31T23:59:55Z', workingSetBytes: 0 },
          userDefinedMetrics: null,
        },
      ],
      volume: [{ time: '2029-12-31T23:59:55Z', usedBytes: 8, name: 'data', pvcRef: { name: 'x', namespace: 'ns' } }],
    },
  ],
}

describe('a summary', () => {
  it('of a real kubelet is read with names and units of Heapster', () => {
    expect([...read(kubelet).sets.keys()]).toEqual([
      'node:n1',
      'node:n1/container:docker-daemon',
      'namespace:ns/pod:p',
      'namespace:ns/pod:p/container:c',
    ])
    expect(read(kubelet).rejected).toBe(0)
    expect(valueOf(kubelet, 'node:n1', 'network/rx')).toBe(11)
    expect(valueOf(kubelet, 'node:n1', 'memory/swap')).toBe(11)
    expect(valueOf(kubelet, 'node:n1', 'process/count')).toBe(42)
    expect(valueOf(kubelet, 'node:n1', 'cpu/pressure')).toBe(0.5)
    expect(valueOf(kubelet, 'node:n1', 'uptime')).toBe(86_400_000)
    expect(valueOf(kubelet, 'namespace:ns/pod:p/container:c', 'cpu/usage')).toBe(0)
    expect(read(kubelet).sets.get('namespace:ns/pod:p')!.labelled).toEqual([
      { column: columnOf('filesystem/usage'), resource: 'Volume:data', value: 8 },
    ])
  })

  it('of another node, or of no node, is refused', () => {
    expect(() => read({ node: { nodeName: 'n2' } })).toThrow('speaks for node "n2", not for "n1"')
    expect(() => read({ pods: [] })).toThrow('no object "node"')
    expect(() => read('<html>')).toThrow(SummaryError)
    expect(() => read('null')).toThrow('not a JSON object')
  })

  it('loses what is malformed, counts it, and keeps the rest', () => {
    const damaged = {
      node: { ...kubelet.node, cpu: { time: 'soon', usageCoreNanoSeconds: -1 }, memory: { ...kubelet.node.memory, usageBytes: '2' } },
      pods: [
        ...kubelet.pods,
        { podRef: { name: '', namespace: 'ns', uid: 'u' } },
        { podRef: { name: 'x'.repeat(300), namespace: 'ns', uid: 'u' } },
        7,
        null,
      ],
    }
    expect(read(damaged).rejected).toBe(7)
    expect(valueOf(damaged, 'node:n1', 'memory/working_set')).toBe(3)
    expect(valueOf(damaged, 'node:n1', 'cpu/usage')).toBeNaN()
  })

  it('with more entries than anything sensible is cut', () => {
    const pods = Array.from({ length: 2500 }, (_, index) => ({ podRef: { name: `p${index}`, namespace: 'ns', uid: 'u' }, containers: [] }))
    expect(read({ node: kubelet.node, pods })).toMatchObject({ rejected: 500 })
  })

  it('that names a pod twice keeps the one that started last', () => {
    const pod = createFakePod('p')
    const old = { pod, cpuNanoseconds: 1, startTime: '2029-12-31T22:00:00Z', containers: ['gone', 'main'] }
    const young = { pod, cpuNanoseconds: 2, startTime: '2029-12-31T23:30:00Z' }
    for (const uses of [
      [old, young],
      [young, old],
    ]) {
      const summary = createFakeSummary('n1', now, uses)
      expect(valueOf(summary, 'namespace:default/pod:p/container:main', 'cpu/usage')).toBe(2)
      expect(read(summary).sets.has('namespace:default/pod:p/container:gone')).toBe(false)
    }
  })

  it('of any JSON never breaks the reader in any other way than by a SummaryError', () => {
    fc.assert(
      fc.property(fc.json(), fc.jsonValue(), fc.jsonValue(), (text, node, pods) => {
        try {
          read(text)
        } catch (error) {
          expect(error).toBeInstanceOf(SummaryError)
        }
        read({ node: { ...(node as object), nodeName: 'n1' }, pods: [pods, { podRef: pods, containers: [node] }] })
      }),
    )
  })

  it('keeps nanoseconds of times, and takes nothing else for a time', () => {
    expect(timeOf('2030-01-01T00:00:00.123456789Z')).toBeCloseTo(now + 123.456789, 3)
    expect(timeOf('2030-01-01T01:00:00+01:00')).toBe(now)
    for (const wrong of ['2030-01-01', 'now', 5, null, '0001-01-01T00:00:00Z', '2030-13-01T00:00:00Z'])
      expect(timeOf(wrong), String(wrong)).toBeNaN()
  })
})
