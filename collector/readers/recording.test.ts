import { afterEach, expect, test } from 'vitest'
import { detectHierarchy } from '../cgroup/hierarchy.ts'
import { ContainerFiles } from '../container-files.ts'
import { emptySpec } from '../container.ts'
import { emptyDetails } from '../details.ts'
import { makeMachineFolder } from '../fixtures/machine-tree.ts'
import type { MachineFolder } from '../fixtures/machine-tree.ts'
import { readRecording, recorded } from '../fixtures/recording.ts'
import { column, fieldIndex, scalars } from '../metrics.ts'
import type { ScalarName } from '../metrics.ts'
import { SampleRing } from '../sample-ring.ts'
import { defaultSubjects, subjects } from '../subjects.ts'
import { ReadBuffer } from './kept-file.ts'
import { createMachineReader } from './machine.ts'
import { createCgroupReaders } from './readers.ts'
import { Scanner } from './scanner.ts'

const folders: MachineFolder[] = []
const opened: ContainerFiles[] = []
afterEach(() => {
  for (const files of opened.splice(0)) files.close()
  for (const folder of folders.splice(0)) folder.dispose()
})

/** Files of a real kernel, read at both moments that were recorded. */
function read(name: string, wanted = defaultSubjects) {
  const made = makeMachineFolder({ ...readRecording('kernel-6.1-cgroup-v2'), ...readRecording('kernel-6.1-cgroup-v2-earlier') })
  folders.push(made)
  const target = { ring: new SampleRing(10), spec: emptySpec(), details: emptyDetails() }
  const files = new ContainerFiles({
    hierarchy: detectHierarchy(made.cgroupRoot),
    procRoot: made.procRoot,
    description: { ...described, name, id: name === '/' ? '' : 'x' },
    readers: createCgroupReaders(wanted, ['2MB']),
    subjects: wanted,
    extraReaders: name === '/' ? [createMachineReader({ wholeDisks: new Set(['vda']), networkFolder: '1/net' })] : [],
  })
  opened.push(files)
  const context = { buffer: new ReadBuffer(), scanner: new Scanner(), monotonic: () => 0, isSlowPass: true }
  target.ring.begin(0, 0)
  files.read(target, context)
  made.write(readRecording('kernel-6.1-cgroup-v2'))
  target.ring.begin(5000, 5000)
  files.read(target, context)
  return { ...target, files }
}

const described = { aliases: [], namespace: '', labels: {}, image: '', createdMs: 0, startedMs: 0, hasNetwork: false }

function figures(ring: SampleRing): Partial<Record<ScalarName, number>> {
  const names = Object.keys(scalars) as ScalarName[]
  return Object.fromEntries(names.map((name) => [name, ring.get(column[name])]).filter(([, value]) => !Number.isNaN(value)))
}

test('a throttled container on a real v2 kernel has its CPU, memory, kills and pressure', () => {
  const { ring, spec } = read(recorded.busy)
  expect(figures(ring)).toMatchObject({
    cpuUsage: 14_230_854_000,
    cpuUser: 11_159_329_000,
    cfsPeriods: 286,
    cfsThrottledPeriods: 281,
    cfsThrottledTime: 13_760_911_000,
    cfsBursts: 1,
    cfsBurstTime: 10_000_000,
    memoryUsage: 65_941_504,
    memoryMaxUsage: 134_217_728,
    memorySwap: 0,
    memoryEventsHigh: 171,
    memoryEventsMax: 35,
    memoryEventsOom: 1,
    memoryOomKills: 1,
    memoryOomGroupKills: 0,
    processes: 6,
    processLimitHits: 0,
    cpuPressureSome: 28_383_837,
    cpuPressureFullAvg10: 45.89,
    memoryPressureSomeAvg60: 1.3,
  })
  expect(ring.get(column.memorySlabReclaimable)).toBeGreaterThan(0)
  expect(spec).toEqual({
    cpuShares: 2 + Math.floor((78 * 262_142) / 9999),
    cpuQuotaUs: 50_000,
    cpuPeriodUs: 100_000,
    cpuMask: '0',
    memoryLimitBytes: 134_217_728,
    memoryReservationBytes: 8_388_608,
    memoryHighBytes: 104_857_600,
    swapLimitBytes: undefined,
    processesLimit: 64,
  })
})

test('half a core allowed is half a core used between the two recordings', () => {
  const { ring } = read(recorded.busy)
  const growthNs = ring.get(column.cpuUsage) - ring.get(column.cpuUsage, 1)
  const periods = ring.get(column.cfsPeriods) - ring.get(column.cfsPeriods, 1)
  expect(growthNs / (periods * 100_000_000)).toBeCloseTo(0.5, 1)
})

test('disk traffic of a real io.stat comes with what the cost controller says', () => {
  const { ring } = read(recorded.busy)
  const [disk] = ring.instances('disk')
  const of = (field: 'readBytes' | 'writeBytes' | 'reads' | 'writes') => ring.instanceValue('disk', disk!, fieldIndex('disk', field))
  expect([disk?.name, of('readBytes'), of('writeBytes'), of('reads'), of('writes')]).toEqual(['254:0', 8_388_608, 25_165_824, 16, 24])
  const [cost] = ring.instances('diskCost')
  expect(ring.instanceValue('diskCost', cost!, fieldIndex('diskCost', 'usage'))).toBe(192_220)
})

test('a killed group and a refused fork are counted', () => {
  const { ring } = read(recorded.killed)
  expect(figures(ring)).toMatchObject({ memoryOomKills: 3, memoryOomGroupKills: 1, processLimitHits: 1, memoryMaxUsage: 33_554_432 })
})

test('kills below a pod are counted at the pod too', () => {
  expect(figures(read(recorded.pod).ring)).toMatchObject({ memoryOomKills: 1 })
})

test('subjects that are on bring huge pages and memory per node', () => {
  const { details } = read(recorded.busy, new Set(subjects))
  expect(details.hugetlb).toEqual([
    {
      pageSize: '2MB',
      usageBytes: 4_194_304,
      maxUsageBytes: undefined,
      limitBytes: 4_194_304,
      failures: 1,
      reservedBytes: 4_194_304,
      reservedMaxBytes: undefined,
      reservedFailures: undefined,
    },
  ])
  expect(details.numa).toEqual([
    { node: 0, container: undefined, hierarchical: { file: 16_000, anon: 25, unevictable: 0 } },
    { node: 1, container: undefined, hierarchical: { file: 0, anon: 0, unevictable: 0 } },
  ])
})

test('subjects that are off open no files', () => {
  const count = (wanted: ReadonlySet<(typeof subjects)[number]>) => {
    const { files, details } = read(recorded.busy, wanted)
    const open = files.openCount
    files.close()
    return { open, details }
  }
  const [none, standard, all] = [count(new Set()), count(defaultSubjects), count(new Set(subjects))]
  expect(none.open).toBeLessThan(standard.open)
  expect(standard.open).toBeLessThan(all.open)
  expect(standard.details).toEqual(emptyDetails())
})

test('the root of a v2 tree has its memory from memory.stat and the machine from /proc', () => {
  const { ring } = read('/')
  const usage = ring.get(column.memoryUsage)
  expect(usage).toBe(ring.get(column.memoryRss) + ring.get(column.memoryCache))
  expect(figures(ring)).toMatchObject({ cpuUsage: 20_412_000_000 })
  expect(ring.get(column.tasksRunning)).toBeGreaterThanOrEqual(1)
  expect(ring.get(column.cpuLoadAverage)).toBeGreaterThanOrEqual(1)
  const [times] = ring.instances('diskTimes')
  expect(ring.instanceValue('diskTimes', times!, fieldIndex('diskTimes', 'ioTime'))).toBeGreaterThan(0)
})

test('what a v2 kernel of that version lacks is named with its figures', () => {
  const missing = read(recorded.busy)
    .files.missing()
    .map(({ path, problem, isOptional }) => [path.slice(path.lastIndexOf('/') + 1), problem, isOptional])
  expect(missing).toEqual([['memory.swap.peak', 'ENOENT', true]])
})
