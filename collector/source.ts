import type { DockerState } from './docker/docker-source.ts'
import type { FileSystem } from './machine/file-systems.ts'
import type { MachineInfo } from './machine/machine-info.ts'
import type { StatsStore } from './stats-store.ts'
import type { Summary } from './summary.ts'

/** Where samples come from: the machine, or a simulation. Everything that is served is made from these. */
export interface Source {
  readonly store: StatsStore
  /** Fills the store until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
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
  readonly text: string
}
