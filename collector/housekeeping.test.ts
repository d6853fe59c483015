import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../lib/fake-clock.ts'
import { detectHierarchy } from './cgroup/hierarchy.ts'
import type { ContainerDescription } from './container.ts'
import { cgroupV1, makeMachineFolder } from './fixtures/machine-tree.ts'
import type { MachineFolder } from './fixtures/machine-tree.ts'
import { Housekeeping } from './housekeeping.ts'
import { column } from './metrics.ts'
import { createCgroupReaders } from './readers/readers.ts'
import { StatsStore } from './stats-store.ts'
import { defaultSubjects } from './subjects.ts'

let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

function setUp(clock = new FakeClock()) {
  const made = makeMachineFolder({ ...cgroupV1('/docker/a'), ...cgroupV1('/plain') })
  folder = made
  const faults: string[] = []
  const intervals: (string | undefined)[] = []
  const store = new StatsStore({ capacity: 60, maxBytes: 1e7 })
  const housekeeping = new Housekeeping({
    clock,
    store,
    hierarchy: detectHierarchy(made.cgroupRoot),
    procRoot: made.procRoot,
    intervalMs: 1000,
    everyPass: [],
    readers: createCgroupReaders(defaultSubjects, []),
    subjects: defaultSubjects,
    machineReaders: [],
    onInterval: ({ reason }) => intervals.push(reason),
    onGone: () => {},
    onFault: (container) => faults.push(container.description.name),
  })
  const add = (name: string, id: string) => {
    const description: ContainerDescription = {
      name,
      id,
      aliases: [],
      namespace: '',
      labels: {},
      image: '',
      createdMs: 0,
      startedMs: 0,
      hasNetwork: false,
    }
    const container = store.upsert(description, clock.now())!
    housekeeping.watch(container)
    return container
  }
  return { clock, store, housekeeping, add, faults, intervals }
}

test('containers are read on a fixed grid, plain cgroups once in ten passes', async () => {
  const { clock, housekeeping, add } = setUp()
  const container = add('/docker/a', 'a')
  const plain = add('/plain', '')
  const abort = new AbortController()
  const startedAt = clock.now()
  const running = housekeeping.run(abort.signal)
  await clock.advance(20_000)
  expect(container.ring.count).toBe(21)
  expect(container.ring.timestamp(0)).toBe(startedAt + 20_000)
  expect([0, 5, 10].map((ago) => container.ring.intervalMs(ago))).toEqual([1000, 1000, 1000])
  expect(plain.ring.count).toBe(3)
  abort.abort()
  await running
  expect(housekeeping.cost()).toMatchObject({ openFiles: 0, skippedTicks: 0 })
})

test('passes that come too late are left out and counted, and the grid stays', async () => {
  class SlowClock extends FakeClock {
    #isHeldUp = false
    override monotonic(): number {
      return super.monotonic() + (this.#isHeldUp ? 2_300 : 0)
    }
    holdUp(): void {
      this.#isHeldUp = true
    }
  }
  const clock = new SlowClock()
  const { housekeeping, add } = setUp(clock)
  add('/docker/a', 'a')
  const abort = new AbortController()
  const running = housekeeping.run(abort.signal)
  await clock.settle()
  clock.holdUp()
  await clock.advance(1000)
  expect(housekeeping.cost()).toMatchObject({ passes: 2, skippedTicks: 2 })
  await clock.advance(700)
  expect(housekeeping.cost().passes).toBe(3)
  abort.abort()
  await running
})

test('passes that cost too much come less often, which is told once', () => {
  class CostlyClock extends FakeClock {
    #spentMs = 0
    override monotonic(): number {
      return super.monotonic() + (this.#spentMs += 100)
    }
  }
  const { housekeeping, add, intervals } = setUp(new CostlyClock())
  add('/docker/a', 'a')
  for (let pass = 0; pass < 10; pass++) housekeeping.pass()
  expect(housekeeping.cost()).toMatchObject({ intervalMs: 2000, stretches: 1 })
  expect(intervals).toHaveLength(1)
  expect(intervals[0]).toMatch(/^passes took \d+ % of the interval, 25 % are allowed$/)
})

test('what bounds a container is known after its first pass', () => {
  const { housekeeping, add } = setUp()
  const container = add('/docker/a', 'a')
  housekeeping.pass()
  expect(container.nearest).toEqual({
    memory: { bytes: 100663296, freeBytes: 100663296 - 44457984, of: '/docker/a' },
    cpu: { cores: 0.3, of: '/docker/a' },
  })
})

test('an unwatched container is not read, and its files are closed', () => {
  const { housekeeping, add } = setUp()
  const container = add('/docker/a', 'a')
  housekeeping.pass()
  expect(container.ring.get(column.memoryUsage)).toBe(44457984)
  expect(housekeeping.cost().openFiles).toBeGreaterThan(10)
  housekeeping.unwatch('/docker/a')
  housekeeping.pass()
  expect(container.ring.count).toBe(1)
  expect(housekeeping.cost().openFiles).toBe(0)
})

test('watching a container again does not leak descriptors', () => {
  const { housekeeping, add } = setUp()
  const container = add('/docker/a', 'a')
  const { openFiles } = housekeeping.cost()
  for (let index = 0; index < 20; index++) housekeeping.watch(container)
  expect(housekeeping.cost().openFiles).toBe(openFiles)
})

test('an error in reading one container is told once and keeps no other from being read', () => {
  const { housekeeping, add, faults } = setUp()
  const broken = add('/docker/a', 'a')
  const healthy = add('/plain', '')
  broken.ring.begin = () => {
    throw new Error('broken')
  }
  housekeeping.pass()
  housekeeping.pass()
  expect(faults).toEqual(['/docker/a'])
  expect(healthy.ring.count).toBeGreaterThan(0)
})
