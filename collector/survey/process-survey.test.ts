import { symlinkSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { detectHierarchy } from '../cgroup/hierarchy.ts'
import { makeMachineFolder } from '../fixtures/machine-tree.ts'
import type { MachineFolder, Tree } from '../fixtures/machine-tree.ts'
import { readRecording, recorded } from '../fixtures/recording.ts'
import { column } from '../metrics.ts'
import { ReadBuffer } from '../readers/kept-file.ts'
import { StatsStore } from '../stats-store.ts'
import { defaultSubjects, subjects } from '../subjects.ts'
import type { Subject } from '../subjects.ts'
import { ProcessSurvey } from './process-survey.ts'
import { parseLimits } from './task-files.ts'

let folder: MachineFolder | undefined
afterEach(() => folder?.dispose())

function setUp(files: Tree, wanted: ReadonlySet<Subject> = defaultSubjects, filesPerStep = 1000) {
  const made = makeMachineFolder({ ...readRecording('kernel-6.1-cgroup-v2'), ...files })
  folder = made
  const clock = new FakeClock()
  const store = new StatsStore({ capacity: 10, maxBytes: 1e7 })
  const survey = new ProcessSurvey({
    clock,
    hierarchy: detectHierarchy(made.cgroupRoot),
    procRoot: made.procRoot,
    subjects: wanted,
    buffer: new ReadBuffer(),
    filesPerStep,
    maxStepMs: 100,
    intervalMs: 10_000,
  })
  const add = (name: string) => {
    const described = { aliases: [], namespace: '', labels: {}, image: '', createdMs: 0, startedMs: 0, hasNetwork: false }
    const container = store.upsert({ ...described, name, id: name }, 0)!
    container.ring.begin(0, 0)
    return container
  }
  return { made, clock, store, survey, add, step: () => survey.step(store.all()) }
}

test('load of a real container is its running tasks, smoothed over 10 s', async () => {
  const { add, step, clock, made } = setUp({})
  const { ring } = add(recorded.busy)
  step()
  expect([ring.get(column.tasksRunning), ring.get(column.tasksSleeping)]).toEqual([2, 2])
  expect(ring.get(column.cpuLoadAverage)).toBe(2)
  made.write({ 'proc/131/stat': '131 (a) b) S 1', 'proc/132/stat': '132 (x) D 1' })
  await clock.advance(10_000)
  step()
  expect([ring.get(column.tasksRunning), ring.get(column.tasksUninterruptible)]).toEqual([0, 1])
  expect(ring.get(column.cpuLoadAverage)).toBeCloseTo(2 * Math.exp(-1))
  expect(ring.get(column.cpuLoadDAverage)).toBeCloseTo(1 - Math.exp(-1))
})

test('figures are taken again only when they are old', () => {
  const { add, step, survey } = setUp({})
  add(recorded.busy)
  step()
  const { files } = survey
  step()
  expect(survey.files).toBe(files)
})

test('a step looks at no more files than it may, and the next goes on', () => {
  const { add, step, survey } = setUp({}, defaultSubjects, 4)
  const { ring } = add(recorded.busy)
  step()
  expect([survey.files, ring.get(column.tasksRunning)]).toEqual([4, Number.NaN])
  step()
  expect(ring.get(column.tasksRunning)).toBe(2)
})

test('tasks in cgroups below count', () => {
  const { add, step } = setUp({ [`cgroup${recorded.killed}/inner/cgroup.threads`]: '7\n', 'proc/7/stat': '7 (x) R 1' })
  const { ring } = add(recorded.killed)
  step()
  expect(ring.get(column.tasksRunning)).toBe(1)
})

test('processes have their descriptors, sockets, limits and scheduling times, which stay counted when a task ends', async () => {
  const { add, step, made, clock } = setUp({ 'proc/163/fd/0': '', 'proc/163/schedstat': '500 60 7\n' }, new Set(subjects))
  symlinkSync('socket:[123]', `${made.procRoot}/163/fd/3`)
  const { ring, details } = add(recorded.killed)
  step()
  expect([ring.get(column.processCount), ring.get(column.fileDescriptors), ring.get(column.sockets)]).toEqual([1, 2, 1])
  expect(details.ulimits?.find(({ name }) => name === 'max_open_files')).toEqual({ name: 'max_open_files', soft: 1024, hard: 4096 })
  expect(ring.get(column.referencedMemory)).toBeGreaterThan(0)
  made.write({ [`cgroup${recorded.killed}/cgroup.threads`]: '164\n', 'proc/164/schedstat': '11 2 3\n', 'proc/164/stat': '164 (x) S 1' })
  await clock.advance(10_000)
  step()
  expect([column.schedRunTime, column.schedRunqueueTime, column.schedRunPeriods].map((index) => ring.get(index))).toEqual([511, 62, 10])
})

test('sockets of a container with a network of its own are counted, those of others are not', () => {
  const listening = 'sl\n 0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1 0 100 0 0 10 0\n'
  const { add, step } = setUp({ 'proc/163/net/tcp': listening }, new Set<Subject>(['tcp', 'udp']))
  const [own, other] = [add(recorded.killed), add(recorded.busy)]
  own.description = { ...own.description, pid: 163, hasNetwork: true }
  step()
  expect([own.details.tcp?.Listen, own.details.udp?.Listen, other.details.tcp]).toEqual([1, 0, undefined])
})

test('with everything off nothing is looked at', () => {
  const { add, step, survey } = setUp({}, new Set<Subject>(['cpu']))
  add(recorded.busy)
  step()
  expect([survey.isOn, survey.files]).toEqual([false, 0])
})

test('limits of a process are read by column', () => {
  const text =
    'Limit                     Soft Limit           Hard Limit           Units     \nMax cpu time              unlimited            unlimited            seconds   \nMax nice priority         0                    5                    \nnonsense\n'
  expect(parseLimits(text)).toEqual([
    { name: 'max_cpu_time', soft: -1, hard: -1 },
    { name: 'max_nice_priority', soft: 0, hard: 5 },
  ])
})
