/** What one figure is. */
export interface ScalarDefinition {
  readonly kind: 'counter' | 'gauge'
  readonly unit: string
  readonly help: string
  /** Read less often than each pass: a sample without a reading has the last one. */
  readonly isKept?: true
}

/**
 * Every figure that is sampled, defined once; all outputs (Prometheus, cAdvisor JSON, summary, pages) read these columns.
 * Counters are cumulative since the cgroup was made. A figure that a machine cannot give is NaN in the store and absent outside.
 */
export const scalars = {
  cpuUsage: { kind: 'counter', unit: 'nanoseconds', help: 'CPU time used on all cores' },
  cpuUser: { kind: 'counter', unit: 'nanoseconds', help: 'CPU time used in user mode' },
  cpuSystem: { kind: 'counter', unit: 'nanoseconds', help: 'CPU time used in the kernel' },
  cfsPeriods: { kind: 'counter', unit: 'count', help: 'Periods of the CPU quota that have passed' },
  cfsThrottledPeriods: { kind: 'counter', unit: 'count', help: 'Periods in which the quota held the tasks back' },
  cfsThrottledTime: { kind: 'counter', unit: 'nanoseconds', help: 'Time for which the quota held the tasks back' },
  cfsBursts: { kind: 'counter', unit: 'count', help: 'Periods in which saved-up quota was used' },
  cfsBurstTime: { kind: 'counter', unit: 'nanoseconds', help: 'CPU time used out of saved-up quota' },
  memoryUsage: { kind: 'gauge', unit: 'bytes', help: 'Memory in use, all caches included' },
  memoryMaxUsage: { kind: 'gauge', unit: 'bytes', help: 'Highest memory use since the start', isKept: true },
  memoryWorkingSet: { kind: 'gauge', unit: 'bytes', help: 'Usage without inactive file pages, not below 0' },
  memoryRss: { kind: 'gauge', unit: 'bytes', help: 'Anonymous memory' },
  memoryCache: { kind: 'gauge', unit: 'bytes', help: 'File pages' },
  memorySwap: { kind: 'gauge', unit: 'bytes', help: 'Swap in use', isKept: true },
  memoryMappedFile: { kind: 'gauge', unit: 'bytes', help: 'File pages that are mapped' },
  memoryKernel: { kind: 'gauge', unit: 'bytes', help: 'Kernel memory', isKept: true },
  memoryActiveFile: { kind: 'gauge', unit: 'bytes', help: 'File pages used lately' },
  memoryInactiveFile: { kind: 'gauge', unit: 'bytes', help: 'File pages not used lately' },
  memoryFileDirty: { kind: 'gauge', unit: 'bytes', help: 'File pages waiting to be written' },
  memoryFileWriteback: { kind: 'gauge', unit: 'bytes', help: 'File pages being written' },
  memoryFailcnt: { kind: 'counter', unit: 'count', help: 'Times that the limit was hit', isKept: true },
  memoryEventsHigh: { kind: 'counter', unit: 'count', help: 'Times that memory.high was passed', isKept: true },
  memoryEventsMax: { kind: 'counter', unit: 'count', help: 'Times that memory.max was about to be passed', isKept: true },
  memoryEventsOom: { kind: 'counter', unit: 'count', help: 'Times that the limit was hit and nothing could be reclaimed', isKept: true },
  memoryOomKills: { kind: 'counter', unit: 'count', help: 'Tasks killed by the kernel for want of memory', isKept: true },
  memoryOomGroupKills: { kind: 'counter', unit: 'count', help: 'Times that the kernel killed the whole cgroup', isKept: true },
  memorySwapMaxUsage: { kind: 'gauge', unit: 'bytes', help: 'Highest swap use since the start', isKept: true },
  memorySlabReclaimable: { kind: 'gauge', unit: 'bytes', help: 'Kernel memory that could be reclaimed' },
  memoryPageFaults: { kind: 'counter', unit: 'count', help: 'Page faults of the container itself' },
  memoryMajorPageFaults: { kind: 'counter', unit: 'count', help: 'Page faults of the container itself that needed a disk' },
  memoryPageFaultsTotal: { kind: 'counter', unit: 'count', help: 'Page faults, cgroups below included' },
  memoryMajorPageFaultsTotal: { kind: 'counter', unit: 'count', help: 'Page faults that needed a disk, cgroups below included' },
  memoryPageScans: { kind: 'counter', unit: 'count', help: 'Pages looked at by reclaim' },
  memoryPageSteals: { kind: 'counter', unit: 'count', help: 'Pages taken by reclaim' },
  memoryRefaultsFile: { kind: 'counter', unit: 'count', help: 'File pages read again soon after they were dropped' },
  memoryRefaultsAnon: { kind: 'counter', unit: 'count', help: 'Anonymous pages read again soon after they were swapped' },
  processes: { kind: 'gauge', unit: 'count', help: 'Tasks in the cgroup: every thread counts' },
  processLimitHits: { kind: 'counter', unit: 'count', help: 'Tasks that could not be made because of pids.max', isKept: true },
  processCount: { kind: 'gauge', unit: 'count', help: 'Processes in the cgroup', isKept: true },
  fileDescriptors: { kind: 'gauge', unit: 'count', help: 'Open descriptors of all processes', isKept: true },
  sockets: { kind: 'gauge', unit: 'count', help: 'Open descriptors that are sockets', isKept: true },
  cpuLoadAverage: { kind: 'gauge', unit: 'tasks', help: 'Runnable tasks, smoothed over 10 s', isKept: true },
  cpuLoadDAverage: { kind: 'gauge', unit: 'tasks', help: 'Tasks in uninterruptible sleep, smoothed over 10 s', isKept: true },
  tasksSleeping: { kind: 'gauge', unit: 'count', help: 'Tasks asleep', isKept: true },
  tasksRunning: { kind: 'gauge', unit: 'count', help: 'Tasks running or ready to run', isKept: true },
  tasksStopped: { kind: 'gauge', unit: 'count', help: 'Tasks stopped', isKept: true },
  tasksUninterruptible: { kind: 'gauge', unit: 'count', help: 'Tasks in uninterruptible sleep', isKept: true },
  tasksIoWait: { kind: 'gauge', unit: 'count', help: 'Tasks in uninterruptible sleep for a disk', isKept: true },
  schedRunTime: { kind: 'counter', unit: 'nanoseconds', help: 'Time for which tasks ran on a core', isKept: true },
  schedRunqueueTime: { kind: 'counter', unit: 'nanoseconds', help: 'Time for which runnable tasks waited for a core', isKept: true },
  schedRunPeriods: { kind: 'counter', unit: 'count', help: 'Times that a task was given a core', isKept: true },
  referencedMemory: { kind: 'gauge', unit: 'bytes', help: 'Memory marked as referenced, over all processes', isKept: true },
  cpuPressureSome: { kind: 'counter', unit: 'microseconds', help: 'Time in which some task waited for CPU', isKept: true },
  cpuPressureSomeAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s', isKept: true },
  cpuPressureSomeAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s', isKept: true },
  cpuPressureSomeAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s', isKept: true },
  cpuPressureFull: { kind: 'counter', unit: 'microseconds', help: 'Time in which all tasks waited for CPU', isKept: true },
  cpuPressureFullAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s', isKept: true },
  cpuPressureFullAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s', isKept: true },
  cpuPressureFullAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s', isKept: true },
  memoryPressureSome: { kind: 'counter', unit: 'microseconds', help: 'Time in which some task waited for memory', isKept: true },
  memoryPressureSomeAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s', isKept: true },
  memoryPressureSomeAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s', isKept: true },
  memoryPressureSomeAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s', isKept: true },
  memoryPressureFull: { kind: 'counter', unit: 'microseconds', help: 'Time in which all tasks waited for memory', isKept: true },
  memoryPressureFullAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s', isKept: true },
  memoryPressureFullAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s', isKept: true },
  memoryPressureFullAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s', isKept: true },
  ioPressureSome: { kind: 'counter', unit: 'microseconds', help: 'Time in which some task waited for a disk', isKept: true },
  ioPressureSomeAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s', isKept: true },
  ioPressureSomeAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s', isKept: true },
  ioPressureSomeAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s', isKept: true },
  ioPressureFull: { kind: 'counter', unit: 'microseconds', help: 'Time in which all tasks waited for a disk', isKept: true },
  ioPressureFullAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s', isKept: true },
  ioPressureFullAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s', isKept: true },
  ioPressureFullAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s', isKept: true },
  fsUsage: { kind: 'gauge', unit: 'bytes', help: 'Disk space of the writable layer, by the last walk', isKept: true },
  fsInodes: { kind: 'gauge', unit: 'count', help: 'Files of the writable layer, by the last walk', isKept: true },
  logsUsage: { kind: 'gauge', unit: 'bytes', help: 'Disk space of the log files, by the last walk', isKept: true },
  load: { kind: 'gauge', unit: 'count', help: 'Load average of the last minute (machine only)' },
} as const satisfies Record<string, ScalarDefinition>

/** The name of a sampled figure. */
export type ScalarName = keyof typeof scalars

/** The column of each figure in a `SampleRing`. */
export const column = Object.fromEntries(Object.keys(scalars).map((name, index) => [name, index])) as Readonly<Record<ScalarName, number>>

/** Columns whose value goes on until it is read again. */
export const keptColumns: readonly number[] = Object.entries<ScalarDefinition>(scalars)
  .filter(([, { isKept }]) => isKept === true)
  .map(([name]) => column[name as ScalarName])

/** How many columns there are. */
export const columnCount = Object.keys(scalars).length

/**
 * Figures that exist once per instance (a network interface, a disk, a core), with their fields in store order, and the number of
 * instances that are kept per container; more are counted as dropped.
 */
export const groups = {
  network: {
    fields: ['rxBytes', 'rxPackets', 'rxErrors', 'rxDropped', 'txBytes', 'txPackets', 'txErrors', 'txDropped'],
    maxInstances: 16,
  },
  disk: {
    fields: [
      'readBytes',
      'writeBytes',
      'syncBytes',
      'asyncBytes',
      'discardBytes',
      'totalBytes',
      'reads',
      'writes',
      'syncs',
      'asyncs',
      'discards',
      'total',
    ],
    maxInstances: 32,
  },
  /** The machine's disks alone: milliseconds and counts of /proc/diskstats. */
  diskTimes: {
    fields: [
      'readsMerged',
      'readSectors',
      'readTime',
      'writesMerged',
      'writtenSectors',
      'writeTime',
      'inProgress',
      'ioTime',
      'weightedIoTime',
    ],
    maxInstances: 32,
  },
  /** Microseconds of the io.cost controller, where it is on. */
  diskCost: { fields: ['usage', 'wait', 'indebt', 'indelay'], maxInstances: 32 },
  perCpu: { fields: ['usage'], maxInstances: 64 },
} as const

/** The name of a group of instances. */
export type GroupName = keyof typeof groups

/** A field of a group's instances. */
export type FieldOf<G extends GroupName> = (typeof groups)[G]['fields'][number]

/** The position of a group's field in an instance's row. */
export function fieldIndex<G extends GroupName>(group: G, field: FieldOf<G>): number {
  return (groups[group].fields as readonly string[]).indexOf(field)
}
