import { column } from '../metrics.ts'
import type { ScalarName } from '../metrics.ts'
import type { FileReader, Reader, ReadTarget } from './reader.ts'
import { createKeyedParser } from './scanner.ts'
import type { Scanner } from './scanner.ts'

/** A file with one number that is one figure. */
export function singleValue(path: Omit<FileReader, 'metrics' | 'parse'>, metric: ScalarName): FileReader {
  return {
    ...path,
    metrics: [metric],
    parse: (scanner, { ring }) => ring.set(column[metric], scanner.number()),
  }
}

const statV1 = {
  total_cache: column.memoryCache,
  total_rss: column.memoryRss,
  total_swap: column.memorySwap,
  total_mapped_file: column.memoryMappedFile,
  total_active_file: column.memoryActiveFile,
  total_inactive_file: column.memoryInactiveFile,
  total_dirty: column.memoryFileDirty,
  total_writeback: column.memoryFileWriteback,
  pgfault: column.memoryPageFaults,
  pgmajfault: column.memoryMajorPageFaults,
  total_pgfault: column.memoryPageFaultsTotal,
  total_pgmajfault: column.memoryMajorPageFaultsTotal,
  total_workingset_refault_file: column.memoryRefaultsFile,
  total_workingset_refault_anon: column.memoryRefaultsAnon,
}

/** Memory on cgroup v1; the cgroups below are included (`total_*`), as upstream has it. */
export const memoryV1: Reader = {
  name: 'memory',
  version: 'v1',
  files: [
    singleValue({ controller: 'memory', file: 'memory.usage_in_bytes', subject: 'memory', every: 'pass' }, 'memoryUsage'),
    {
      controller: 'memory',
      file: 'memory.stat',
      subject: 'memory',
      every: 'pass',
      metrics: namesOf(statV1),
      parse: keyed(statV1),
    },
    singleValue({ controller: 'memory', file: 'memory.max_usage_in_bytes', subject: 'memory', every: 'slow' }, 'memoryMaxUsage'),
    singleValue({ controller: 'memory', file: 'memory.failcnt', subject: 'memory', every: 'slow' }, 'memoryFailcnt'),
    singleValue(
      { controller: 'memory', file: 'memory.kmem.usage_in_bytes', subject: 'memory', every: 'slow', isOptional: true },
      'memoryKernel',
    ),
    // Each pass: a container that loses its first process is gone before a slow one.
    {
      controller: 'memory',
      file: 'memory.oom_control',
      subject: 'oom_event',
      every: 'pass',
      metrics: ['memoryOomKills'],
      parse: keyed({ oom_kill: column.memoryOomKills }),
    },
  ],
  finish: setWorkingSet,
}

const statV2 = {
  file: column.memoryCache,
  anon: column.memoryRss,
  file_mapped: column.memoryMappedFile,
  kernel: column.memoryKernel,
  slab_reclaimable: column.memorySlabReclaimable,
  active_file: column.memoryActiveFile,
  inactive_file: column.memoryInactiveFile,
  file_dirty: column.memoryFileDirty,
  file_writeback: column.memoryFileWriteback,
  pgfault: column.memoryPageFaultsTotal,
  pgmajfault: column.memoryMajorPageFaultsTotal,
  pgscan: column.memoryPageScans,
  pgsteal: column.memoryPageSteals,
  workingset_refault_file: column.memoryRefaultsFile,
  workingset_refault_anon: column.memoryRefaultsAnon,
}

const eventsV2 = {
  high: column.memoryEventsHigh,
  max: column.memoryEventsMax,
  oom: column.memoryEventsOom,
  oom_kill: column.memoryOomKills,
  oom_group_kill: column.memoryOomGroupKills,
}

/** Memory on cgroup v2. The root cgroup has no `memory.current`: its usage is anonymous memory and file pages, as upstream has it. */
export const memoryV2: Reader = {
  name: 'memory',
  version: 'v2',
  files: [
    { controller: '', file: 'memory.stat', subject: 'memory', every: 'pass', metrics: namesOf(statV2), parse: keyed(statV2) },
    singleValue({ controller: '', file: 'memory.current', subject: 'memory', every: 'pass', isOptional: true }, 'memoryUsage'),
    singleValue({ controller: '', file: 'memory.swap.current', subject: 'memory', every: 'slow', isOptional: true }, 'memorySwap'),
    singleValue({ controller: '', file: 'memory.peak', subject: 'memory', every: 'slow', isOptional: true }, 'memoryMaxUsage'),
    singleValue({ controller: '', file: 'memory.swap.peak', subject: 'memory', every: 'slow', isOptional: true }, 'memorySwapMaxUsage'),
    {
      controller: '',
      file: 'memory.events',
      every: 'pass',
      metrics: namesOf(eventsV2),
      isOptional: true,
      parse: keyed(eventsV2),
    },
  ],
  finish: (target) => {
    const { ring } = target
    if (Number.isNaN(ring.get(column.memoryUsage))) ring.set(column.memoryUsage, ring.get(column.memoryRss) + ring.get(column.memoryCache))
    // v2 figures always include the cgroups below; upstream shows the same number in both places.
    ring.set(column.memoryPageFaults, ring.get(column.memoryPageFaultsTotal))
    ring.set(column.memoryMajorPageFaults, ring.get(column.memoryMajorPageFaultsTotal))
    ring.set(column.memoryFailcnt, ring.get(column.memoryEventsMax))
    setWorkingSet(target)
  },
}

function setWorkingSet({ ring }: ReadTarget): void {
  const inactive = ring.get(column.memoryInactiveFile)
  ring.set(column.memoryWorkingSet, Math.max(0, ring.get(column.memoryUsage) - inactive))
}

function keyed(targets: Record<string, number>) {
  const parse = createKeyedParser(targets)
  return (scanner: Scanner, { ring }: ReadTarget) => parse(scanner, (target, value) => ring.set(target, value))
}

function namesOf(targets: Record<string, number>): ScalarName[] {
  const wanted = new Set(Object.values(targets))
  return (Object.keys(column) as ScalarName[]).filter((name) => wanted.has(column[name]))
}
