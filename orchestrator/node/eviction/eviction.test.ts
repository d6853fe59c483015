import { afterEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { testContainer, testPod } from '../pod/pod-fixtures.ts'
import { evictionMessage, metThresholds, rankVictims } from './eviction.plan.ts'
import { EvictionManager } from './eviction-manager.ts'
import { signalsIn, usageIn } from './node-figures.ts'
import { defaultThresholds, parseThresholds } from './thresholds.ts'

const mebi = 1024 ** 2
const pod = (
  name: string,
  requestMi: number,
  more: { priority?: number; annotations?: Record<string, string>; phase?: string } = {},
): CoreV1Pod => ({
  ...testPod(
    {
      containers: [testContainer('main', requestMi === 0 ? {} : { resources: { requests: { memory: `${requestMi}Mi` } } })],
      ...(more.priority === undefined ? {} : { priority: more.priority }),
    },
    { name, uid: name, ...(more.annotations === undefined ? {} : { annotations: more.annotations }) },
  ),
  ...(more.phase === undefined ? {} : { status: { phase: more.phase } }),
})
const usage = (name: string, mi: number) => ({
  podRef: { uid: name },
  containers: [{ name: 'main', memory: { workingSetBytes: mi * mebi } }],
})
const figures = (availableMi: number, ...pods: ReturnType<typeof usage>[]) => ({
  node: { memory: { availableBytes: availableMi * mebi, workingSetBytes: 1000 * mebi }, fs: { availableBytes: 50, capacityBytes: 100 } },
  pods,
})

describe('thresholds of eviction', () => {
  it('are read from the text that the kubelet takes', () => {
    expect(parseThresholds(defaultThresholds)).toHaveLength(5)
    expect(parseThresholds('')).toEqual([])
    expect(parseThresholds('pid.available<10%,memory.available<1Gi')).toEqual([
      { signal: 'pid.available', value: { fraction: 0.1 } },
      { signal: 'memory.available', value: { amount: 1024 ** 3 } },
    ])
  })

  it.each([
    'memory<1',
    'memory.available',
    'memory.available<',
    'memory.available<%',
    'memory.available<101%',
    'memory.available<1<2',
    'memory.available<-1',
  ])('refuse %s by name', (text) => {
    expect(() => parseThresholds(text)).toThrow(`"${text}"`)
  })

  it('are met below their amount or part, and never where there are no figures', () => {
    const thresholds = parseThresholds('nodefs.available<60%,memory.available<100Mi,imagefs.available<99%')
    expect(metThresholds(thresholds, signalsIn(figures(99))).map(({ signal }) => signal)).toEqual(['memory.available', 'nodefs.available'])
    expect(metThresholds(thresholds, signalsIn(figures(100))).map(({ signal }) => signal)).toEqual(['nodefs.available'])
    expect(metThresholds(thresholds, signalsIn({}))).toEqual([])
  })
})

describe('victims of eviction', () => {
  const rank = (pods: readonly CoreV1Pod[], ...used: ReturnType<typeof usage>[]) =>
    rankVictims(pods, 'memory', usageIn({ pods: used }, 'memory')).map(({ metadata }) => metadata.name)

  it('are over their request first, then of low priority, then by how far over', () => {
    const pods = [pod('within', 100), pod('far', 10), pod('near', 10), pod('important', 10, { priority: 5 })]
    expect(rank(pods, usage('within', 90), usage('far', 90), usage('near', 20), usage('important', 95))).toEqual([
      'far',
      'near',
      'important',
      'within',
    ])
  })

  it('are never static, critical or over', () => {
    const mark = { annotations: { 'kubernetes.io/config.source': 'file' } }
    expect(
      rank([pod('file', 0, mark), pod('critical', 0, { priority: 2_000_001_000 }), pod('done', 0, { phase: 'Failed' }), pod('a', 0)]),
    ).toEqual(['a'])
  })

  it('are told why in the words of the kubelet', () => {
    const [met] = metThresholds(parseThresholds('memory.available<100Mi'), signalsIn(figures(50)))
    expect(evictionMessage(pod('a', 10), met!, usageIn({ pods: [usage('a', 90)] }, 'memory').get('a'))).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
        'Container main was using 90Mi, request is 10Mi, has larger consumption of memory. ',
    )
  })
})

describe('a node under pressure', () => {
  const clock = new FakeClock()
  let manager: EvictionManager
  afterEach(() => manager.stop())

  it('gives up one pod per look, and tells its condition until some time after', async () => {
    let availableMi = 500
    const evicted: string[] = []
    const told: string[] = []
    const workers = ['a', 'b'].map((name) => ({
      pod: pod(name, 10),
      get isEvicted() {
        return evicted.includes(name)
      },
      evict: () => void evicted.push(name),
    }))
    manager = new EvictionManager({
      clock,
      log: silentLog,
      recorder: { event: (_about, type, reason) => void told.push(`${type} ${reason}`) },
      thresholds: parseThresholds('memory.available<100Mi'),
      transitionMs: 60_000,
      figures: async () => figures(availableMi, usage('a', 20), usage('b', 90)),
      workers: () => workers,
      reclaimDisk: async () => {},
      onPressure: (pressures) => void told.push([...pressures].join()),
    })
    manager.start()
    await clock.advance(10_000)
    expect(evicted).toEqual([])
    availableMi = 50
    await clock.advance(10_000)
    expect(evicted).toEqual(['b'])
    expect(told.slice(-2)).toEqual(['MemoryPressure', 'Warning Evicted'])
    availableMi = 500
    await clock.advance(50_000)
    expect(told.at(-1)).toBe('MemoryPressure')
    await clock.advance(20_000)
    expect(told.at(-1)).toBe('')
    expect(evicted).toEqual(['b'])
  })
})
