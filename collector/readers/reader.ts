import type { ContainerSpec } from '../container.ts'
import type { Details } from '../details.ts'
import type { ScalarName } from '../metrics.ts'
import type { SampleRing } from '../sample-ring.ts'
import type { Subject } from '../subjects.ts'
import type { Scanner } from './scanner.ts'

/** What a file's parser fills in: the newest sample of the ring, the spec or the details. */
export interface ReadTarget {
  readonly ring: SampleRing
  readonly spec: ContainerSpec
  readonly details: Details
}

/** One file of a reader. */
export interface FileReader {
  /** v1: the controller whose tree has the file. v2 and /proc: `''`. */
  readonly controller: string
  readonly file: string
  /** The file is opened only where this is on; undefined: always. */
  readonly subject?: Subject
  /** The kernel gives it a page at a time. */
  readonly isList?: true
  /** `pass`: each housekeeping. `slow`: every tenth, for what changes seldom. */
  readonly every: 'pass' | 'slow'
  /** The figures that are absent when the file can't be read; `/validate/` names them. */
  readonly metrics: readonly ScalarName[]
  /** Groups or limits that come from the file, in words, for `/validate/`. */
  readonly also?: string
  /** Whether its absence is normal (an older kernel, a controller that isn't on) and worth no complaint. */
  readonly isOptional?: boolean
  parse(scanner: Scanner, target: ReadTarget): void
}

/**
 * A member of the list in `readers.ts`: the files that one subject (CPU, memory, …) is read from, for one version of cgroups.
 * `finish` runs after the pass's files of this reader, for figures that need two files.
 */
export interface Reader {
  readonly name: string
  /** `unified` is the v2 tree, alone or beside v1 trees; `proc` files are the machine's. */
  readonly version: 'v1' | 'v2' | 'unified' | 'proc'
  readonly files: readonly FileReader[]
  finish?(target: ReadTarget): void
}
