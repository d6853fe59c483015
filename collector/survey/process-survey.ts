import { join } from 'node:path'
import type { Clock } from '../../lib/clock.ts'
import { folderOf } from '../cgroup/hierarchy.ts'
import type { Hierarchy } from '../cgroup/hierarchy.ts'
import type { Container } from '../container.ts'
import { column } from '../metrics.ts'
import type { ReadBuffer } from '../readers/kept-file.ts'
import { Scanner } from '../readers/scanner.ts'
import { socketFiles } from '../readers/sockets.ts'
import type { Subject } from '../subjects.ts'
import { smoothLoad } from './load-average.ts'
import { descriptorsOf, foldersBelow, isSocket, parseLimits, readIds, readOnce, readWhole, taskState } from './task-files.ts'

export interface ProcessSurveyOptions {
  readonly clock: Clock
  readonly hierarchy: Hierarchy
  readonly procRoot: string
  readonly subjects: ReadonlySet<Subject>
  readonly buffer: ReadBuffer
  /** Files of processes that are looked at per step, and the time that it may take. */
  readonly filesPerStep: number
  readonly maxStepMs: number
  /** A container is looked at again when its figures are this old. */
  readonly intervalMs: number
}

/** What is remembered of a container between two looks. */
interface Memory {
  surveyedAtMs: number
  /** Last schedstat of each task, so that what a task used stays counted when it has ended. */
  tasks: Map<number, readonly [number, number, number]>
  run: number
  wait: number
  periods: number
}

const surveyed: readonly Subject[] = ['cpuLoad', 'sched', 'process', 'referenced_memory', 'tcp', 'udp', 'advtcp']

/** Cgroups within one container that are looked at. */
const maxFolders = 64

const stateColumns = {
  S: column.tasksSleeping,
  I: column.tasksSleeping,
  R: column.tasksRunning,
  T: column.tasksStopped,
  t: column.tasksStopped,
  D: column.tasksUninterruptible,
} as const

/**
 * Figures that only the processes themselves tell: states of tasks and the load made of them, scheduling times, descriptors, limits,
 * referenced memory, sockets (a kernel goes through all of the machine's to list those of one network). Containers are gone through one after the other, a bounded number of files per step, so a container with
 * thousands of threads takes several steps and holds up nobody.
 */
export class ProcessSurvey {
  /** Files of processes looked at. */
  files = 0
  /** Why descriptors can't be counted. */
  problem: { readonly path: string; readonly errno: string } | undefined
  readonly #options: ProcessSurveyOptions
  readonly #known = new WeakMap<Container, Memory>()
  readonly #scanner = new Scanner()
  #running: Generator<void> | undefined

  constructor(options: ProcessSurveyOptions) {
    this.#options = options
  }

  /** Whether anything is wanted of it. */
  get isOn(): boolean {
    const { subjects } = this.#options
    return surveyed.some((subject) => subjects.has(subject))
  }

  /** Goes on for `filesPerStep` files, with the containers whose figures are oldest. */
  step(containers: Iterable<Container>): void {
    if (!this.isOn) return
    const { filesPerStep, maxStepMs, clock } = this.#options
    const startedAtMs = clock.monotonic()
    for (let files = 0; files < filesPerStep;) {
      this.#running ??= this.#begin(containers)
      if (this.#running === undefined) return
      if (this.#running.next().done === true) this.#running = undefined
      else {
        files++
        this.files++
        if (clock.monotonic() - startedAtMs > maxStepMs) return
      }
    }
  }

  #begin(containers: Iterable<Container>): Generator<void> | undefined {
    const { clock, intervalMs } = this.#options
    const now = clock.monotonic()
    let oldest: Container | undefined
    let oldestAtMs = now - intervalMs
    for (const container of containers) {
      if (container.description.id === '' || container.ring.count === 0) continue
      const surveyedAtMs = this.#known.get(container)?.surveyedAtMs ?? Number.NEGATIVE_INFINITY
      if (surveyedAtMs > oldestAtMs) continue
      oldest = container
      oldestAtMs = surveyedAtMs
      if (surveyedAtMs === Number.NEGATIVE_INFINITY) break
    }
    return oldest === undefined ? undefined : this.#survey(oldest, now)
  }

  *#survey(container: Container, nowMs: number): Generator<void> {
    const memory = this.#known.get(container) ?? { surveyedAtMs: Number.NaN, tasks: new Map(), run: 0, wait: 0, periods: 0 }
    const elapsedMs = nowMs - memory.surveyedAtMs
    memory.surveyedAtMs = nowMs
    this.#known.set(container, memory)
    const root = this.#folderOf(container)
    if (root === undefined) return
    const { subjects } = this.#options
    const folders = foldersBelow(root, maxFolders)
    yield
    if (subjects.has('cpuLoad') || subjects.has('sched')) yield* this.#surveyTasks(container, folders, memory, elapsedMs)
    if (subjects.has('process') || subjects.has('referenced_memory')) yield* this.#surveyProcesses(container, folders)
    if (container.description.hasNetwork) yield* this.#surveySockets(container)
  }

  *#surveySockets(container: Container): Generator<void> {
    const { procRoot, subjects, buffer } = this.#options
    for (const reader of socketFiles) {
      const { file, subject } = reader
      if (subject !== undefined && !subjects.has(subject)) continue
      const length = readWhole(`${procRoot}/${container.description.pid}/${file}`, buffer)
      if (length !== undefined) {
        this.#scanner.reset(buffer.bytes, length)
        reader.parse(this.#scanner, container)
      }
      yield
    }
  }

  *#surveyTasks({ ring }: Container, folders: readonly string[], memory: Memory, elapsedMs: number): Generator<void> {
    const { procRoot, hierarchy, subjects, buffer } = this.#options
    const file = hierarchy.version === 'v2' ? 'cgroup.threads' : 'tasks'
    const ids = folders.flatMap((folder) => readIds(join(folder, file), buffer))
    yield
    const counts = new Map<number, number>()
    const tasks: Memory['tasks'] = new Map()
    for (const id of ids) {
      const stat = subjects.has('cpuLoad') ? readOnce(`${procRoot}/${id}/stat`, buffer) : undefined
      const state = stat === undefined ? undefined : stateColumns[taskState(stat) as keyof typeof stateColumns]
      if (state !== undefined) counts.set(state, (counts.get(state) ?? 0) + 1)
      yield
      if (!subjects.has('sched')) continue
      const times = readOnce(`${procRoot}/${id}/schedstat`, buffer)?.toString('latin1').trim().split(' ').map(Number)
      if (times?.length === 3) tasks.set(id, times as [number, number, number])
      yield
    }
    if (subjects.has('cpuLoad') && counts.size > 0) {
      for (const target of Object.values(stateColumns)) ring.set(target, counts.get(target) ?? 0)
      const smooth = (average: number, state: number) => ring.set(average, smoothLoad(ring.get(average), counts.get(state) ?? 0, elapsedMs))
      smooth(column.cpuLoadAverage, column.tasksRunning)
      smooth(column.cpuLoadDAverage, column.tasksUninterruptible)
    }
    if (tasks.size > 0) addSchedule(memory, tasks, ring)
  }

  *#surveyProcesses({ ring, details }: Container, folders: readonly string[]): Generator<void> {
    const { procRoot, subjects, buffer } = this.#options
    const ids = folders.flatMap((folder) => readIds(join(folder, 'cgroup.procs'), buffer))
    yield
    let [descriptors, sockets, referencedKb] = [0, 0, 0]
    for (const id of ids) {
      if (subjects.has('process')) {
        const folder = `${procRoot}/${id}/fd`
        const names = descriptorsOf(folder)
        if (typeof names === 'string') {
          this.problem = { path: folder, errno: names }
          descriptors = Number.NaN
          sockets = Number.NaN
          continue
        }
        for (const name of names) {
          descriptors++
          if (isSocket(`${folder}/${name}`)) sockets++
          yield
        }
      }
      if (subjects.has('referenced_memory')) referencedKb += referencedOf(readOnce(`${procRoot}/${id}/smaps_rollup`, buffer))
      yield
    }
    if (ids.length === 0) return
    if (subjects.has('referenced_memory')) ring.set(column.referencedMemory, referencedKb * 1024)
    if (!subjects.has('process')) return
    const limits = readOnce(`${procRoot}/${ids[0]}/limits`, buffer)
    details.ulimits = limits === undefined ? undefined : parseLimits(limits.toString('latin1'))
    ring.set(column.processCount, ids.length)
    ring.set(column.fileDescriptors, descriptors)
    ring.set(column.sockets, sockets)
  }

  /** A container's folder in a tree that holds its processes. */
  #folderOf({ description }: Container): string | undefined {
    const { hierarchy } = this.#options
    const controller = hierarchy.version === 'v2' ? '' : ['memory', 'pids', 'cpu'].find((name) => hierarchy.controllers.has(name))
    if (controller === undefined) return undefined
    return folderOf(hierarchy, controller, description.controllerPaths?.[controller] ?? description.name)
  }
}

/** Adds what each task ran and waited since the last look; the sum never goes back when tasks end. */
function addSchedule(memory: Memory, tasks: Memory['tasks'], ring: Container['ring']): void {
  for (const [id, [run, wait, periods]] of tasks) {
    const known = memory.tasks.get(id)
    // A number that fell is another task's that was given the same id.
    const [runBefore, waitBefore, periodsBefore] = known !== undefined && known[0] <= run ? known : [0, 0, 0]
    memory.run += run - runBefore
    memory.wait += wait - waitBefore
    memory.periods += periods - periodsBefore
  }
  memory.tasks = tasks
  ring.set(column.schedRunTime, memory.run)
  ring.set(column.schedRunqueueTime, memory.wait)
  ring.set(column.schedRunPeriods, memory.periods)
}

function referencedOf(rollup: Buffer | undefined): number {
  return Number(/^Referenced:\s+(\d+) kB$/m.exec(rollup?.toString('latin1') ?? '')?.[1] ?? 0)
}
