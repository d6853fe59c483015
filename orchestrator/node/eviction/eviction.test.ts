import { afterEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { testContainer, testPod } from '../pod/pod-fixtures.ts'
import { evictionMessage, exceededStorage, metThresholds, rankVictims } from './eviction.plan.ts'
import { EvictionManager } from './eviction-manager.ts'
import { signalsIn, usageIn } from './node-figures.ts'
import type { Eviction } from '../pod/pod-view.ts'
import { defaultThresholds, evictionThresholds, parseThresholds } from './thresholds.ts'
import type { EvictionTexts } from './thresholds.ts'

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

describe('soft thresholds', () => {
  it('have their grace periods and what they want reclaimed', () => {
    const texts = {
      evictionSoft: 'memory.available<1Gi',
      evictionSoftGracePeriod: 'memory.available=1m30s',
      evictionMinimumReclaim: 'memory.available=10%',
    }
    expect(evictionThresholds(texts, 'memory.available<100Mi')).toEqual([
      { signal: 'memory.available', value: { amount: 100 * mebi }, minimumReclaim: { fraction: 0.1 } },
      { signal: 'memory.available', value: { amount: 1024 * mebi }, gracePeriodMs: 90_000, minimumReclaim: { fraction: 0.1 } },
    ])
  })

  it.each<[EvictionTexts, string]>([
    [{ evictionSoft: 'memory.available<1Gi' }, 'needs a grace period'],
    [{ evictionSoftGracePeriod: 'memory.available=1m' }, 'no soft threshold'],
    [{ evictionSoft: 'memory.available<1Gi', evictionSoftGracePeriod: 'memory.available=soon' }, 'needs a duration'],
    [{ evictionMinimumReclaim: 'swap=1' }, '"swap=1" is not SIGNAL=VALUE'],
  ])('%o are refused', (texts, message) => {
    expect(() => evictionThresholds(texts, '')).toThrow(message)
  })
})

describe('what a pod may write to the node’s disk', () => {
  const limited = (limits: readonly (string | undefined)[], sizeLimit?: string): CoreV1Pod =>
    testPod({
      containers: limits.map((limit, index) =>
        testContainer(`c${index}`, limit === undefined ? {} : { resources: { limits: { 'ephemeral-storage': limit } } }),
      ),
      volumes: [{ name: 'scratch', emptyDir: sizeLimit === undefined ? {} : { sizeLimit } }],
    })
  const use = (scratchMi: number, ...containersMi: number[]) => ({
    byContainer: new Map(containersMi.map((mi, index) => [`c${index}`, mi * mebi])),
    byEmptyDir: new Map([['scratch', scratchMi * mebi]]),
  })

  it.each([
    ['an emptyDir within its limit', limited([undefined], '2Mi'), use(2, 5), undefined],
    ['an emptyDir over its limit', limited([undefined], '1Mi'), use(2), 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". '],
    [
      'a container over its limit',
      limited(['1Mi', undefined]),
      use(0, 2, 9),
      'Container c0 exceeded its local ephemeral storage limit "1Mi". ',
    ],
    [
      'all containers with the volumes over all limits',
      limited(['2Mi', '2Mi']),
      use(2, 2, 1),
      'Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. ',
    ],
    ['a pod without limits', limited([undefined]), use(900, 900), undefined],
  ])('%s', (_, pod, used, message) => {
    expect(exceededStorage(pod, used)).toBe(message)
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
      maxPodGraceSeconds: 0,
      emptyDirUse: async () => new Map(),
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

  const worker = (one: CoreV1Pod, evictions: Eviction[]) => ({
    pod: one,
    get isEvicted() {
      return evictions.length > 0
    },
    evict: (eviction: Eviction) => void evictions.push(eviction),
  })
  const start = (texts: EvictionTexts, workers: ReturnType<typeof worker>[], availableMi: () => number, scratchMi = 0) => {
    manager = new EvictionManager({
      clock,
      log: silentLog,
      recorder: { event: () => {} },
      thresholds: evictionThresholds(texts, ''),
      maxPodGraceSeconds: 20,
      transitionMs: 0,
      figures: async () => figures(availableMi(), usage('a', 20)),
      workers: () => workers,
      emptyDirUse: async () => new Map([['scratch', scratchMi * mebi]]),
      reclaimDisk: async () => {},
      onPressure: () => {},
    })
    manager.start()
  }

  it('waits for a soft threshold to last, and then gives the pod time to end', async () => {
    const evictions: Eviction[] = []
    let availableMi = 50
    const soft = { evictionSoft: 'memory.available<100Mi', evictionSoftGracePeriod: 'memory.available=1m' }
    start(
      soft,
      [worker({ ...pod('a', 10), spec: { ...pod('a', 10).spec, terminationGracePeriodSeconds: 30 } }, evictions)],
      () => availableMi,
    )
    await clock.advance(50_000)
    availableMi = 150
    await clock.advance(10_000)
    availableMi = 50
    await clock.advance(60_000)
    expect(evictions).toEqual([])
    await clock.advance(20_000)
    expect(evictions).toMatchObject([{ graceSeconds: 20, isNodesDoing: true }])
  })

  it('goes on until as much as is wanted has been reclaimed', async () => {
    const [first, second]: [Eviction[], Eviction[]] = [[], []]
    let availableMi = 50
    const texts = { evictionHard: 'memory.available<100Mi', evictionMinimumReclaim: 'memory.available=100Mi' }
    start(texts, [worker(pod('a', 10), first), worker(pod('b', 10), second)], () => availableMi)
    await clock.advance(1)
    expect(first).toMatchObject([{ graceSeconds: 1 }])
    availableMi = 150
    await clock.advance(10_000)
    expect(second).toHaveLength(1)
  })

  it('gives up a pod that fills its own volume, without any threshold', async () => {
    const evictions: Eviction[] = []
    const one = { ...pod('a', 10), spec: { ...pod('a', 10).spec, volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '1Mi' } }] } }
    start({}, [worker(one, evictions)], () => 500, 2)
    await clock.advance(1)
    expect(evictions).toEqual([
      { message: 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". ', graceSeconds: 1, isNodesDoing: false },
    ])
  })
})
