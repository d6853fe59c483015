import { join } from 'node:path'
import { entriesOf, numberOf, textOf } from './small-files.ts'

/** Huge pages of one size. */
export interface HugePages {
  readonly pageSizeKb: number
  readonly count: number
}

/** A NUMA node with its cores. */
export interface NumaNode {
  readonly id: number
  readonly memoryBytes: number
  readonly hugePages: readonly HugePages[]
  /** To each node, in the order of their ids; 10 is the node itself. Empty where there is one node that tells nothing. */
  readonly distances: readonly number[]
  readonly cores: readonly CpuCore[]
  /** Caches that all cores of the node share. */
  readonly caches: readonly CpuCache[]
}

/** A physical core with its threads. */
export interface CpuCore {
  readonly coreId: number
  readonly socketId: number
  readonly threads: readonly number[]
  /** Its own, and those that it shares with some other cores of its node. */
  readonly caches: readonly CpuCache[]
  readonly uncoreCaches: readonly CpuCache[]
}

/** A cache of a processor. */
export interface CpuCache {
  readonly id: number
  readonly sizeBytes: number
  readonly type: string
  readonly level: number
}

/** A thread of a core, as the kernel counts processors. */
export interface Processor {
  readonly id: number
  readonly socket: number
  readonly core: number
}

/** The processors in `/proc/cpuinfo`; where that says nothing of sockets and cores (arm64), /sys does, else each is a core of its own. */
export function readProcessors(cpuinfo: string, sysRoot: string): Processor[] {
  return cpuinfo
    .split('\n\n')
    .filter((block) => /^processor\s*:/m.test(block))
    .map((block) => {
      const id = Number(/^processor\s*: (\d+)$/m.exec(block)?.[1] ?? 0)
      const fact = (key: string, file: string, otherwise: number) => {
        const told = new RegExp(`^${key}\\s*: (\\d+)$`, 'm').exec(block)?.[1]
        const text = told ?? textOf(join(sysRoot, `devices/system/cpu/cpu${id}/topology/${file}`)).trim()
        return /^\d+$/.test(text) ? Number(text) : otherwise
      }
      return { id, socket: fact('physical id', 'physical_package_id', 0), core: fact('core id', 'core_id', id) }
    })
}

/** How many different ids of a kind (`book_id`, `drawer_id`) the processors have. */
export function countIds(sysRoot: string, file: string): number {
  const folder = join(sysRoot, 'devices/system/cpu')
  const ids = entriesOf(folder)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => textOf(join(folder, name, 'topology', file)).trim())
  return new Set(ids.filter((id) => /^\d+$/.test(id))).size
}

/** Huge pages by size, in a folder `hugepages` of /sys. */
export function readHugePages(folder: string): HugePages[] {
  return entriesOf(folder).flatMap((name) => {
    const size = /^hugepages-(\d+)kB$/.exec(name)?.[1]
    return size === undefined ? [] : [{ pageSizeKb: Number(size), count: numberOf(join(folder, name, 'nr_hugepages')) }]
  })
}

/** The NUMA nodes; a machine without any is one node with everything. */
export function readNodes(sysRoot: string, processors: readonly Processor[], memoryBytes: number): NumaNode[] {
  const folder = join(sysRoot, 'devices/system/node')
  const ids = entriesOf(folder)
    .flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((one, other) => one - other)
  if (ids.length === 0) {
    const hugePages = readHugePages(join(sysRoot, 'kernel/mm/hugepages'))
    return [{ id: 0, memoryBytes, hugePages, distances: [], ...coresOf(sysRoot, processors) }]
  }
  return ids.map((id) => {
    const nodeFolder = join(folder, `node${id}`)
    const cpus = new Set(
      entriesOf(nodeFolder)
        .flatMap((name) => /^cpu(\d+)$/.exec(name)?.[1] ?? [])
        .map(Number),
    )
    const kb = Number(/MemTotal:\s+(\d+) kB/.exec(textOf(join(nodeFolder, 'meminfo')))?.[1] ?? 0)
    const own = processors.filter((processor) => cpus.has(processor.id))
    return {
      id,
      memoryBytes: kb * 1024,
      hugePages: readHugePages(join(nodeFolder, 'hugepages')),
      distances: [...textOf(join(nodeFolder, 'distance')).matchAll(/\d+/g)].map(([distance]) => Number(distance)),
      ...coresOf(sysRoot, own),
    }
  })
}

type SharedCache = CpuCache & { readonly cpus: readonly number[] }

function coresOf(sysRoot: string, processors: readonly Processor[]): Pick<NumaNode, 'cores' | 'caches'> {
  const cores = [...Map.groupBy(processors, ({ socket, core }) => `${socket}/${core}`).values()].map((threads) => ({
    coreId: threads[0]!.core,
    socketId: threads[0]!.socket,
    threads: threads.map(({ id }) => id),
    all: readCaches(join(sysRoot, `devices/system/cpu/cpu${threads[0]!.id}/cache`)),
  }))
  const ofNode = (cache: SharedCache) => cores.length > 1 && processors.every(({ id }) => cache.cpus.includes(id))
  const nodeCaches = new Map(
    (cores[0]?.all ?? []).filter(ofNode).map((cache) => [`${cache.level}/${cache.id}/${cache.type}`, plain(cache)]),
  )
  return {
    caches: [...nodeCaches.values()],
    cores: cores.map(({ all, ...core }) => {
      const isOwn = ({ cpus }: SharedCache) => cpus.every((cpu) => core.threads.includes(cpu))
      return {
        ...core,
        caches: all.filter(isOwn).map(plain),
        uncoreCaches: all.filter((cache) => !isOwn(cache) && !ofNode(cache)).map(plain),
      }
    }),
  }
}

function readCaches(folder: string): SharedCache[] {
  return entriesOf(folder)
    .filter((name) => name.startsWith('index'))
    .map((name) => ({
      id: numberOf(join(folder, name, 'id')),
      sizeBytes: numberOf(join(folder, name, 'size')) * 1024,
      type: textOf(join(folder, name, 'type')).trim(),
      level: numberOf(join(folder, name, 'level')),
      cpus: parseList(textOf(join(folder, name, 'shared_cpu_list'))),
    }))
}

function plain({ id, sizeBytes, type, level }: SharedCache): CpuCache {
  return { id, sizeBytes, type, level }
}

/** A list of the kernel such as `0-3,8`. */
function parseList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .flatMap((range) => {
      const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? []
      if (first === undefined) return []
      const length = Math.min(Number(last ?? first) - Number(first) + 1, 8192)
      return Array.from({ length: Math.max(0, length) }, (_, index) => Number(first) + index)
    })
}
