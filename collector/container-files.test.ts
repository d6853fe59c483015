import { afterEach, expect, test } from 'vitest'
import { detectHierarchy } from './cgroup/hierarchy.ts'
import { ContainerFiles } from './container-files.ts'
import { emptySpec } from './container.ts'
import type { ContainerDescription } from './container.ts'
import { emptyDetails } from './details.ts'
import {
  cgroupV1,
  cgroupV2,
  containerId,
  containerPid,
  machineFiles,
  makeMachineFolder,
  netDev,
  processFiles,
} from './fixtures/machine-tree.ts'
import type { MachineFolder, Tree } from './fixtures/machine-tree.ts'
import { column, fieldIndex, scalars } from './metrics.ts'
import type { ScalarName } from './metrics.ts'
import { ReadBuffer } from './readers/kept-file.ts'
import { createMachineReader } from './readers/machine.ts'
import { createCgroupReaders } from './readers/readers.ts'
import { Scanner } from './readers/scanner.ts'
import { SampleRing } from './sample-ring.ts'
import { defaultSubjects } from './subjects.ts'

const path = `/docker/${containerId}`
let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

const description: ContainerDescription = {
  name: path,
  id: containerId,
  aliases: [],
  namespace: 'docker',
  labels: {},
  image: '',
  pid: containerPid,
  createdMs: 0,
  startedMs: 0,
  hasNetwork: true,
}

function open(files: Tree, changes: Partial<ContainerDescription> = {}) {
  const made = makeMachineFolder({ ...machineFiles, ...processFiles(containerPid, [`0::${path}`]), ...files })
  folder = made
  const extraReaders = changes.name === '/' ? [createMachineReader({ wholeDisks: new Set(['vda']), networkFolder: '1/net' })] : []
  const opened = new ContainerFiles({
    hierarchy: detectHierarchy(made.cgroupRoot),
    procRoot: made.procRoot,
    description: { ...description, ...changes },
    readers: createCgroupReaders(defaultSubjects, []),
    subjects: defaultSubjects,
    extraReaders,
  })
  const target = { ring: new SampleRing(10), spec: emptySpec(), details: emptyDetails() }
  const context = { buffer: new ReadBuffer(), scanner: new Scanner(), monotonic: () => 0 }
  const read = (isSlowPass = true) => {
    target.ring.begin(1, 1)
    return opened.read(target, { ...context, isSlowPass })
  }
  return { ...target, opened, read, made }
}

function figures(ring: SampleRing): Partial<Record<ScalarName, number>> {
  const names = Object.keys(scalars) as ScalarName[]
  return Object.fromEntries(names.map((name) => [name, ring.get(column[name])]).filter(([, value]) => !Number.isNaN(value)))
}

const common = {
  memoryUsage: 44457984,
  memoryMaxUsage: 45703168,
  memoryWorkingSet: 44457984 - 348160,
  memoryRss: 65536,
  memoryCache: 42573824,
  memorySwap: 12288,
  memoryMappedFile: 262144,
  memoryKernel: 270336,
  memoryActiveFile: 42225664,
  memoryInactiveFile: 348160,
  memoryFileDirty: 4096,
  memoryFileWriteback: 8192,
  memoryFailcnt: 7,
  memoryOomKills: 3,
  memoryPageFaultsTotal: 1500,
  memoryMajorPageFaultsTotal: 2,
  memoryRefaultsFile: 154,
  memoryRefaultsAnon: 0,
  processes: 2,
}

test('every figure of a cgroup v1 container is read', () => {
  const { ring, spec, read } = open(cgroupV1(path))
  expect(read()).toBe('read')
  expect(figures(ring)).toEqual({
    ...common,
    cpuUsage: 1223195848 + 24681184,
    cpuUser: 1_230_000_000,
    cpuSystem: 10_000_000,
    cfsPeriods: 41,
    cfsThrottledPeriods: 40,
    cfsThrottledTime: 2767799607,
    cfsBursts: 0,
    cfsBurstTime: 0,
    memoryPageFaults: 1434,
    memoryMajorPageFaults: 1,
  })
  expect(ring.instances('perCpu').map((core) => [core.name, ring.instanceValue('perCpu', core, 0)])).toEqual([
    ['cpu00', 1223195848],
    ['cpu01', 24681184],
  ])
  expect(spec).toEqual({
    cpuShares: 1024,
    cpuQuotaUs: 30000,
    cpuPeriodUs: 100000,
    cpuMask: '0-1',
    memoryLimitBytes: 100663296,
    memoryReservationBytes: undefined,
    swapLimitBytes: 201326592,
    processesLimit: undefined,
  })
})

test('every figure of a cgroup v2 container is read', () => {
  const { ring, spec, read } = open({ ...cgroupV2('/'), ...cgroupV2(path) })
  expect(read()).toBe('read')
  expect(figures(ring)).toMatchObject({
    ...common,
    cpuUsage: 1_247_877_000,
    cpuUser: 1_230_000_000,
    cpuSystem: 17_877_000,
    cfsPeriods: 41,
    cfsThrottledPeriods: 40,
    cfsThrottledTime: 2_767_799_000,
    cfsBursts: 2,
    cfsBurstTime: 500_000,
    memoryEventsHigh: 5,
    memoryEventsMax: 7,
    memoryPageScans: 11,
    memoryPageSteals: 10,
    cpuPressureSome: 4045,
    cpuPressureSomeAvg10: 12.5,
    cpuPressureSomeAvg60: 3.05,
    cpuPressureSomeAvg300: 0.38,
    cpuPressureFull: 1029,
    cpuPressureFullAvg10: 0.01,
    memoryPressureSome: 11,
    memoryPressureFull: 5,
    ioPressureSome: 21,
    ioPressureFull: 15,
  })
  expect(spec).toEqual({
    cpuShares: 2597,
    cpuQuotaUs: 30000,
    cpuPeriodUs: 100000,
    cpuMask: '0-1',
    memoryLimitBytes: 100663296,
    memoryReservationBytes: 0,
    swapLimitBytes: undefined,
    processesLimit: 100,
  })
})

test.each([
  ['v1', cgroupV1(path)],
  ['v2', { ...cgroupV2('/'), ...cgroupV2(path) }],
])('disk traffic is read per device on cgroup %s', (_, files) => {
  const { ring, read } = open(files)
  read()
  const [disk] = ring.instances('disk')
  const of = (field: 'readBytes' | 'writeBytes' | 'reads' | 'writes') => ring.instanceValue('disk', disk!, fieldIndex('disk', field))
  expect([disk!.name, of('readBytes'), of('writeBytes'), of('reads'), of('writes')]).toEqual(['254:0', 4096, 41943040, 1, 40])
})

test('where a unified tree is mounted beside v1 trees, pressure comes from it', () => {
  const unified = Object.fromEntries(
    Object.entries({ ...cgroupV2('/'), ...cgroupV2(path) }).map(([name, text]) => [name.replace('cgroup/', 'cgroup/unified/'), text]),
  )
  const { ring, read } = open({ ...cgroupV1(path), ...unified })
  read()
  expect(ring.get(column.cpuPressureSome)).toBe(4045)
  expect(ring.get(column.cpuUsage)).toBe(1247877032)
})

test('the network of a container leaves out loopback, veth pairs and bridges', () => {
  const { ring, read, made } = open(cgroupV1(path))
  made.write({ [`proc/${containerPid}/net/dev`]: netDev({ lo: 1, eth0: 516, veth1: 2, docker0: 3, 'bnc-0123abcd': 4, ens5: 7 }) })
  read()
  const [first, second] = ring.instances('network')
  expect(ring.instances('network').map(({ name }) => name)).toEqual(['eth0', 'ens5'])
  const values = (['rxBytes', 'rxPackets', 'rxErrors', 'rxDropped', 'txBytes', 'txPackets', 'txErrors', 'txDropped'] as const).map(
    (field) => ring.instanceValue('network', first!, fieldIndex('network', field)),
  )
  expect(values).toEqual([516, 517, 518, 519, 520, 521, 522, 523])
  expect(ring.instanceValue('network', second!, 0)).toBe(7)
})

test('limits and failure counts are read in slow passes only', () => {
  const { ring, spec, read, made } = open(cgroupV1(path))
  read(true)
  made.write({
    'cgroup/memory/docker/x': '',
    [`cgroup/memory${path}/memory.limit_in_bytes`]: '1\n',
    [`cgroup/memory${path}/memory.usage_in_bytes`]: '9\n',
  })
  read(false)
  expect([spec.memoryLimitBytes, ring.get(column.memoryUsage)]).toEqual([100663296, 9])
  read(true)
  expect(spec.memoryLimitBytes).toBe(1)
})

test('files of a tree in which the cgroup is made a little later are found', () => {
  const { ring, read, made } = open({ ...cgroupV1('/docker'), ...cgroupV1(path) })
  made.remove(`cgroup/cpuacct${path}`)
  const late = new ContainerFiles({
    hierarchy: detectHierarchy(made.cgroupRoot),
    procRoot: made.procRoot,
    description,
    readers: createCgroupReaders(defaultSubjects, []),
    subjects: defaultSubjects,
  })
  made.write(cgroupV1(path))
  const target = { ring, spec: emptySpec(), details: emptyDetails() }
  read()
  ring.begin(2, 2)
  late.read(target, { buffer: new ReadBuffer(), scanner: new Scanner(), monotonic: () => 0, isSlowPass: false })
  expect(ring.get(column.cpuUser)).toBe(1_230_000_000)
  late.close()
})

test('a file that is not there leaves its figures absent and is named with them', () => {
  const { 'cgroup/cpu/docker/x': _, ...files } = cgroupV1(path)
  const { ring, read, opened, made } = open(files)
  read()
  opened.close()
  made.remove(`cgroup/cpu${path}/cpu.stat`)
  const again = new ContainerFiles({
    hierarchy: detectHierarchy(made.cgroupRoot),
    procRoot: made.procRoot,
    description,
    readers: createCgroupReaders(defaultSubjects, []),
    subjects: defaultSubjects,
  })
  const missing = again.missing().find((file) => file.path.endsWith('cpu.stat'))
  expect(missing).toMatchObject({ problem: 'ENOENT', isOptional: false })
  expect(missing?.missing).toContain('cfsThrottledTime')
  again.close()
  expect(ring.get(column.cfsPeriods)).toBe(41)
})

test('the machine has its disks, network and load from /proc, its CPU and memory from the root cgroup', () => {
  const { ring, read } = open(cgroupV1('/'), { name: '/', id: '', hasNetwork: false })
  read()
  expect(ring.get(column.cpuUsage)).toBe(1247877032)
  expect(ring.get(column.memoryUsage)).toBe(44457984)
  expect(ring.get(column.memorySwap)).toBe((1048576 - 1000000) * 1024)
  expect(ring.get(column.load)).toBe(0.25)
  expect(ring.instances('network').map(({ name }) => name)).toEqual(['eth0'])
  const disks = ring.instances('disk')
  expect(disks.map(({ name }) => name)).toEqual(['254:0'])
  expect(ring.instanceValue('disk', disks[0]!, fieldIndex('disk', 'readBytes'))).toBe(4753234 * 512)
  expect(ring.instanceValue('disk', disks[0]!, fieldIndex('disk', 'writes'))).toBe(33157)
})

test('without any cgroup the machine still has CPU and memory', () => {
  const { ring, read } = open({ 'cgroup/x': '' }, { name: '/', id: '', hasNetwork: false })
  read()
  expect(ring.get(column.cpuUsage)).toBe((5949 + 4279 + 102) * 10_000_000)
  expect(ring.get(column.memoryUsage)).toBe((24684092 - 23686552) * 1024)
  expect(ring.get(column.memoryWorkingSet)).toBe((24684092 - 24185736) * 1024)
})

test('the figures of /proc follow its files over the passes', () => {
  const { ring, read, made } = open({ 'cgroup/x': '' }, { name: '/', id: '', hasNetwork: false })
  read()
  made.write({ 'proc/stat': 'cpu  9000 0 1000 0 0 0 0 0 0 0\n' })
  read()
  expect(ring.get(column.cpuUsage)).toBe(10_000 * 10_000_000)
})
