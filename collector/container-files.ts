import { join } from 'node:path'
import { folderOf } from './cgroup/hierarchy.ts'
import type { Hierarchy } from './cgroup/hierarchy.ts'
import type { ContainerDescription } from './container.ts'
import { column } from './metrics.ts'
import { DescriptorBudget } from './readers/descriptor-budget.ts'
import { KeptFile } from './readers/kept-file.ts'
import type { ReadBuffer } from './readers/kept-file.ts'
import { parseNetDev } from './readers/network.ts'
import type { FileReader, Reader, ReadTarget } from './readers/reader.ts'
import { withSubjects } from './readers/readers.ts'
import type { Scanner } from './readers/scanner.ts'
import type { Subject } from './subjects.ts'

/** What one pass over a container's files needs. */
export interface PassContext {
  readonly buffer: ReadBuffer
  readonly scanner: Scanner
  readonly isSlowPass: boolean
  /** Set when the time of each file is measured; called with the file's path and milliseconds. */
  readonly onFile?: ((path: string, durationMs: number) => void) | undefined
  readonly monotonic: () => number
}

/** A file of a container that can't be read. */
export interface MissingFile {
  readonly path: string
  readonly problem: string
  /** Names of what is absent because of it. */
  readonly missing: readonly string[]
  readonly isOptional: boolean
}

interface OpenFile {
  readonly reader: FileReader
  readonly file: KeptFile
}

interface OpenReader {
  readonly reader: Reader
  readonly files: readonly OpenFile[]
  /** Those that are read in each pass. */
  readonly everyPass: readonly OpenFile[]
}

export interface ContainerFilesOptions {
  readonly hierarchy: Hierarchy
  readonly procRoot: string
  readonly description: ContainerDescription
  /** Readers of cgroup files. */
  readonly readers: readonly Reader[]
  readonly subjects: ReadonlySet<Subject>
  /** Readers besides those of cgroup files: the machine's, for the root. */
  readonly extraReaders?: readonly Reader[]
  /** Out of which descriptors are kept; without one all are. */
  readonly descriptors?: DescriptorBudget
}

const networkFile: FileReader = {
  controller: '',
  file: 'net/dev',
  subject: 'network',
  isList: true,
  every: 'pass',
  metrics: [],
  also: 'network traffic',
  parse: parseNetDev,
}

const networkReader: Reader = { name: 'network', version: 'proc', files: [networkFile] }

/** Passes in which files that are not there are looked for: runtimes make a container's cgroups in one tree after the other. */
const passesToSettle = 5

/**
 * The open files of one container. `read` fills a sample in the ring, and answers `gone` once the cgroup no longer exists, after which
 * every descriptor is closed, that of the network too (a kept `/proc/PID/net/dev` holds on to the network namespace).
 */
export class ContainerFiles {
  readonly #readers: OpenReader[] = []
  readonly #isPlain: boolean
  /** The root cgroup lacks most files by design. */
  readonly #isRoot: boolean
  readonly #descriptors: DescriptorBudget
  #unsettledPasses = passesToSettle

  constructor({ hierarchy, procRoot, description, readers, subjects, extraReaders = [], descriptors }: ContainerFilesOptions) {
    this.#descriptors = descriptors ?? new DescriptorBudget(Infinity)
    this.#isRoot = description.name === '/'
    this.#isPlain = description.id === '' && !this.#isRoot
    for (const reader of readers.filter((candidate) => applies(candidate, hierarchy, description))) {
      this.#add(reader, (file) => folderOf(hierarchy, file.controller, pathIn(description, file.controller)))
    }
    for (const reader of extraReaders) this.#add(withSubjects(reader, subjects), () => procRoot)
    if (description.hasNetwork && description.pid !== undefined) {
      this.#add(withSubjects(networkReader, subjects), () => join(procRoot, String(description.pid)))
    }
  }

  /** Descriptors now held. */
  get openCount(): number {
    return this.#readers.reduce((total, { files }) => total + files.filter(({ file }) => file.isKept).length, 0)
  }

  /** Reads every file that is due into the newest sample of `target`. */
  read(target: ReadTarget, context: PassContext): 'read' | 'gone' {
    this.#openLatecomers()
    for (const { reader, files, everyPass } of this.#readers) {
      for (const open of context.isSlowPass ? files : everyPass) {
        if (this.#readFile(open, target, context) === 'gone') return this.#leave()
      }
      reader.finish?.(target)
    }
    return 'read'
  }

  /** What is absent, and why. */
  missing(): MissingFile[] {
    return this.#readers.flatMap(({ files }) =>
      files
        .filter(({ file }) => file.problem !== undefined && !(this.#isRoot && file.problem === 'ENOENT'))
        .map(({ reader, file }) => ({
          path: file.path,
          problem: file.problem!,
          missing: [...reader.metrics, ...(reader.also === undefined ? [] : [reader.also])],
          // A plain v1 cgroup need not be in every controller's tree.
          isOptional: reader.isOptional === true || (this.#isPlain && file.problem === 'ENOENT'),
        })),
    )
  }

  /** Lets every descriptor go; idempotent. */
  close(): void {
    for (const { files } of this.#readers) for (const { file } of files) file.close()
  }

  #openLatecomers(): void {
    if (this.#unsettledPasses === 0) return
    this.#unsettledPasses--
    for (const { files } of this.#readers) for (const { file } of files) if (file.problem === 'ENOENT') file.open()
  }

  #add(reader: Reader, folder: (file: FileReader) => string | undefined): void {
    const files: OpenFile[] = []
    for (const file of reader.files) {
      const path = folder(file)
      if (path !== undefined) files.push({ reader: file, file: new KeptFile(join(path, file.file), this.#descriptors) })
    }
    const everyPass = files.filter((open) => open.reader.every === 'pass')
    if (files.length > 0) this.#readers.push({ reader, files, everyPass })
  }

  #readFile({ reader, file }: OpenFile, target: ReadTarget, context: PassContext): 'read' | 'gone' | 'failed' {
    if (!file.isOpen) {
      // Out of descriptors is the one reason that passes; the others stay until the container changes.
      if (context.isSlowPass && (file.problem === 'EMFILE' || file.problem === 'ENFILE')) file.open()
      if (!file.isOpen) return 'failed'
    }
    const startedAt = context.onFile === undefined ? 0 : context.monotonic()
    const outcome = file.read(context.buffer, reader.isList)
    if (outcome === 'gone') return 'gone'
    if (outcome === 'failed') {
      for (const metric of reader.metrics) target.ring.set(column[metric], Number.NaN)
      return 'failed'
    }
    file.problem = undefined
    context.scanner.reset(context.buffer.bytes, outcome)
    reader.parse(context.scanner, target)
    context.onFile?.(file.path, context.monotonic() - startedAt)
    return 'read'
  }

  #leave(): 'gone' {
    this.close()
    return 'gone'
  }
}

/** Whether a reader's files exist for this container on this machine. The root's disk traffic comes from /proc/diskstats. */
function applies(reader: Reader, hierarchy: Hierarchy, description: ContainerDescription): boolean {
  if (description.name === '/' && (reader.name === 'io' || reader.name === 'spec')) return false
  switch (reader.version) {
    case 'v1':
      return hierarchy.version === 'v1' || hierarchy.version === 'hybrid'
    case 'v2':
      return hierarchy.version === 'v2'
    case 'unified':
      return hierarchy.unified !== undefined
    case 'proc':
      return false
  }
}

function pathIn(description: ContainerDescription, controller: string): string {
  return description.controllerPaths?.[controller] ?? description.name
}
