import type { Clock } from '../lib/clock.ts'
import { ContainerFiles } from './container-files.ts'
import type { MissingFile, PassContext } from './container-files.ts'
import type { Hierarchy } from './cgroup/hierarchy.ts'
import type { Container } from './container.ts'
import { IntervalGovernor } from './interval-governor.ts'
import type { CostBudget, IntervalState } from './interval-governor.ts'
import { nearestLimits } from './nearest-limits.ts'
import { ProcessSurvey } from './survey/process-survey.ts'
import type { DescriptorBudget } from './readers/descriptor-budget.ts'
import { ReadBuffer } from './readers/kept-file.ts'
import type { Reader } from './readers/reader.ts'
import { Scanner } from './readers/scanner.ts'
import type { StatsStore } from './stats-store.ts'
import type { Subject } from './subjects.ts'

/** What the passes cost, for `/metrics` and `/validate/`. */
export interface PassCost {
  readonly passes: number
  /** Ticks left out because a pass was still running or the process was held up. */
  readonly skippedTicks: number
  readonly lastPassMs: number
  readonly totalPassMs: number
  readonly containersRead: number
  readonly openFiles: number
  readonly slowestFile: { readonly path: string; readonly durationMs: number } | undefined
  /** Files of processes looked at. */
  readonly processFiles: number
  /** The interval in use, times that it was stretched, and how it stands. */
  readonly intervalMs: number
  readonly stretches: number
  readonly interval: IntervalState
}

/** Plain cgroups, which are read seldom, leave most descriptors to containers. */
const plainShare = 0.25

export interface HousekeepingOptions {
  readonly clock: Clock
  readonly store: StatsStore
  readonly hierarchy: Hierarchy
  readonly procRoot: string
  /** Time between two samples of containers and of the machine. */
  readonly intervalMs: number
  /** Names of plain cgroups that are read in every pass, as containers are. */
  readonly everyPass: readonly string[]
  /** Readers of cgroup files, and what is wanted of the others. */
  readonly readers: readonly Reader[]
  readonly subjects: ReadonlySet<Subject>
  /** Readers of the machine's /proc files, for the root. */
  readonly machineReaders: readonly Reader[]
  /** Out of which files are kept open; without one all are. */
  readonly descriptors?: DescriptorBudget
  /** What passes may cost before they come less often. */
  readonly budget?: CostBudget
  /** Called when the interval is stretched and when it goes back. */
  readonly onInterval?: (state: IntervalState) => void
  /** Cores of the machine, the CPU limit of whatever has none. */
  readonly cores?: () => number
  /** Called once for each container whose cgroup is found to be gone. */
  readonly onGone: (container: Container) => void
  /** Called for the first error in reading a container; it is tried again in each pass, and the others are read all the same. */
  readonly onFault: (container: Container, error: unknown) => void
}

/** Limits, failure counts and plain cgroups are read once in so many passes. */
const slowEvery = 10

/** Files of processes that a pass looks at, within a hundredth of the interval. */
const processFilesPerPass = 300

interface Watched {
  readonly container: Container
  files: ContainerFiles
  /** Spreads slow reads over the passes. */
  readonly slot: number
  hasBeenRead: boolean
  hasFailed: boolean
}

/**
 * The one scheduler of all reading. Passes start on a fixed grid of `intervalMs` by the monotonic clock, without jitter and without
 * drift; one that comes too late is left out and counted, and where they cost too much they come less often. A pass reads each container's files one after the other and stamps the
 * sample with the time of that container's reads.
 */
export class Housekeeping {
  readonly #options: HousekeepingOptions
  readonly #plainDescriptors: DescriptorBudget | undefined
  readonly #watched = new Map<string, Watched>()
  readonly #buffer = new ReadBuffer()
  readonly #scanner = new Scanner()
  readonly #survey: ProcessSurvey
  readonly #governor: IntervalGovernor
  /** One for all reads: they come one after the other. */
  readonly #context: { -readonly [K in keyof PassContext]: PassContext[K] }
  #nextSlot = 0
  #passes = 0
  #skippedTicks = 0
  #lastPassMs = 0
  #totalPassMs = 0
  #containersRead = 0
  #slowest: { path: string; durationMs: number } | undefined

  constructor(options: HousekeepingOptions) {
    this.#options = options
    this.#plainDescriptors = options.descriptors?.part(plainShare)
    const { clock, hierarchy, procRoot, subjects, intervalMs } = options
    this.#context = {
      buffer: this.#buffer,
      scanner: this.#scanner,
      isSlowPass: false,
      monotonic: () => clock.monotonic(),
      onFile: undefined,
    }
    this.#governor = new IntervalGovernor(intervalMs, options.budget ?? {}, (state) => options.onInterval?.(state))
    this.#survey = new ProcessSurvey({
      clock,
      hierarchy,
      procRoot,
      subjects,
      buffer: this.#buffer,
      filesPerStep: processFilesPerPass,
      maxStepMs: intervalMs / 100,
      intervalMs: intervalMs * slowEvery,
    })
  }

  /** Opens a container's files, again when its description has changed. It is read from the next pass on. */
  watch(container: Container): void {
    const { description } = container
    const known = this.#watched.get(description.name)
    known?.files.close()
    const extraReaders = description.name === '/' ? this.#options.machineReaders : []
    const isPlain = description.id === '' && description.name !== '/'
    const descriptors = isPlain ? this.#plainDescriptors : this.#options.descriptors
    const files = new ContainerFiles({ ...this.#options, ...(descriptors === undefined ? {} : { descriptors }), description, extraReaders })
    const slot = known?.slot ?? this.#nextSlot++ % slowEvery
    this.#watched.set(description.name, { container, files, slot, hasBeenRead: false, hasFailed: false })
  }

  /** Closes a container's files. */
  unwatch(name: string): void {
    this.#watched.get(name)?.files.close()
    this.#watched.delete(name)
  }

  /** Reads everything that is due, once. */
  pass(): void {
    const { clock } = this.#options
    const startedAt = clock.monotonic()
    const gone: Container[] = []
    if (this.#passes % slowEvery === 0) this.#slowest = undefined
    for (const watched of this.#watched.values()) {
      if (!this.#isDue(watched)) continue
      try {
        if (this.#read(watched) === 'gone') gone.push(watched.container)
      } catch (error) {
        if (!watched.hasFailed) this.#options.onFault(watched.container, error)
        watched.hasFailed = true
      }
    }
    this.#survey.step(this.#options.store.all())
    this.#passes++
    this.#lastPassMs = clock.monotonic() - startedAt
    this.#totalPassMs += this.#lastPassMs
    this.#governor.note(this.#lastPassMs, clock.monotonic())
    for (const container of gone) {
      this.#watched.delete(container.description.name)
      this.#options.onGone(container)
    }
  }

  /** Passes on the grid until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    let due = clock.monotonic()
    while (!signal.aborted) {
      this.pass()
      const { intervalMs } = this.#governor
      due += intervalMs
      const late = clock.monotonic() - due
      if (late > 0) {
        const missed = Math.ceil(late / intervalMs)
        this.#skippedTicks += missed
        due += missed * intervalMs
      }
      await clock.sleep(due - clock.monotonic(), signal)
    }
    this.close()
  }

  /** Lets every descriptor go. */
  close(): void {
    for (const name of this.#watched.keys()) this.unwatch(name)
  }

  /** What it has cost so far. */
  cost(): PassCost {
    let openFiles = 0
    for (const { files } of this.#watched.values()) openFiles += files.openCount
    return {
      passes: this.#passes,
      skippedTicks: this.#skippedTicks,
      lastPassMs: this.#lastPassMs,
      totalPassMs: this.#totalPassMs,
      containersRead: this.#containersRead,
      openFiles,
      slowestFile: this.#slowest,
      processFiles: this.#survey.files,
      intervalMs: this.#governor.intervalMs,
      stretches: this.#governor.stretches,
      interval: this.#governor.state,
    }
  }

  /** Files that can't be read, by container. */
  missing(): Map<string, MissingFile[]> {
    const result = new Map<string, MissingFile[]>()
    for (const [name, { files }] of this.#watched) {
      const missing = files.missing()
      if (missing.length > 0) result.set(name, missing)
    }
    const { problem } = this.#survey
    if (problem !== undefined) {
      const file = { path: problem.path, problem: problem.errno, missing: ['fileDescriptors', 'sockets'], isOptional: true }
      result.set('/', [...(result.get('/') ?? []), file])
    }
    return result
  }

  #isDue({ container, slot, hasBeenRead }: Watched): boolean {
    const { description } = container
    if (description.name === '/' || description.id !== '' || !hasBeenRead || this.#options.everyPass.includes(description.name)) return true
    return this.#passes % slowEvery === slot
  }

  #read(watched: Watched): 'read' | 'gone' {
    const { clock } = this.#options
    const { container, files, slot, hasBeenRead } = watched
    const isSlowPass = !hasBeenRead || this.#passes % slowEvery === slot
    this.#context.isSlowPass = isSlowPass
    this.#context.onFile = isSlowPass ? this.#noteFile : undefined
    container.ring.begin(clock.now(), clock.monotonic())
    this.#containersRead++
    watched.hasBeenRead = true
    const outcome = files.read(container, this.#context)
    if (isSlowPass) container.nearest = nearestLimits(container, this.#options.store, this.#options.cores?.() ?? 0)
    return outcome
  }

  readonly #noteFile = (path: string, durationMs: number) => {
    if (this.#slowest === undefined || durationMs > this.#slowest.durationMs) this.#slowest = { path, durationMs }
  }
}
