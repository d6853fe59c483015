import type { DockerState } from './docker/docker-source.ts'
import type { FileSystem } from './machine/file-systems.ts'
import type { MachineInfo } from './machine/machine-info.ts'
import type { Subject } from './subjects.ts'
import type { StatsStore } from './stats-store.ts'
import type { Summary } from './summary.ts'

/** Where samples come from: the machine, or a simulation. Everything that is served is made from these. */
export interface Source {
  readonly store: StatsStore
  /** What is read; what is off has neither figures nor families. */
  readonly subjects: ReadonlySet<Subject>
  /** Fills the store until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Reads containers and machine at once where the newest sample is older than this; absent where samples come from elsewhere. */
  freshen?(maxAgeMs: number): void
  summary(): Summary
  machine(): MachineInfo
  fileSystems(): readonly FileSystem[]
  /** The file system that images and writable layers are on. */
  imageFileSystem(): FileSystem | undefined
  docker(): DockerState
  /** Counters of the collector itself, by the part of their name behind `binnacle_collector_`. */
  selfFigures(): readonly SelfFigure[]
  /** What can be read and what can't, in lines for people. */
  findings(): readonly Finding[]
}

/** The part of a machine that one of several nodes on it is. */
export interface NodeCgroup {
  /** Paths that the control group above all pods of the node can have; the first that exists counts. */
  readonly paths: readonly string[]
  /** The memory that the node claims. */
  readonly memoryBytes: number
}

export interface SelfFigure {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

export interface Finding {
  readonly level: 'ok' | 'missing' | 'problem'
  readonly subject: string
  /** The whole of it, for people. */
  readonly text: string
  /** The same for programs, where figures are absent. */
  readonly missing?: Missing
}

/** Figures that can't be had, and why. */
export interface Missing {
  /** Names of figures (`metrics.ts`), or of what else is absent. */
  readonly metrics: readonly string[]
  /** One of the files that they would come from. */
  readonly path: string
  /** Code of the error: `ENOENT`, `EACCES`, … */
  readonly errno: string
  /** How many cgroups lack them, and one of those. */
  readonly cgroups: number
  readonly example: string
  /** What would bring them: a kernel option, a boot parameter, a privilege; undefined where nothing would. */
  readonly remedy: string | undefined
}
