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
  memoryMaxUsage: { kind: 'gauge', unit: 'bytes', help: 'Highest memory use since the start' },
  memoryWorkingSet: { kind: 'gauge', unit: 'bytes', help: 'Usage without inactive file pages, not below 0' },
  memoryRss: { kind: 'gauge', unit: 'bytes', help: 'Anonymous memory' },
  memoryCache: { kind: 'gauge', unit: 'bytes', help: 'File pages' },
  memorySwap: { kind: 'gauge', unit: 'bytes', help: 'Swap in use' },
  memoryMappedFile: { kind: 'gauge', unit: 'bytes', help: 'File pages that are mapped' },
  memoryKernel: { kind: 'gauge', unit: 'bytes', help: 'Kernel memory' },
  memoryActiveFile: { kind: 'gauge', unit: 'bytes', help: 'File pages used lately' },
  memoryInactiveFile: { kind: 'gauge', unit: 'bytes', help: 'File pages not used lately' },
  memoryFileDirty: { kind: 'gauge', unit: 'bytes', help: 'File pages waiting to be written' },
  memoryFileWriteback: { kind: 'gauge', unit: 'bytes', help: 'File pages being written' },
  memoryFailcnt: { kind: 'counter', unit: 'count', help: 'Times that the limit was hit' },
  memoryEventsHigh: { kind: 'counter', unit: 'count', help: 'Times that memory.high was passed' },
  memoryEventsMax: { kind: 'counter', unit: 'count', help: 'Times that memory.max was about to be passed' },
  memoryOomKills: { kind: 'counter', unit: 'count', help: 'Tasks killed by the kernel for want of memory' },
  memoryPageFaults: { kind: 'counter', unit: 'count', help: 'Page faults of the container itself' },
  memoryMajorPageFaults: { kind: 'counter', unit: 'count', help: 'Page faults of the container itself that needed a disk' },
  memoryPageFaultsTotal: { kind: 'counter', unit: 'count', help: 'Page faults, cgroups below included' },
  memoryMajorPageFaultsTotal: { kind: 'counter', unit: 'count', help: 'Page faults that needed a disk, cgroups below included' },
  memoryPageScans: { kind: 'counter', unit: 'count', help: 'Pages looked at by reclaim' },
  memoryPageSteals: { kind: 'counter', unit: 'count', help: 'Pages taken by reclaim' },
  memoryRefaultsFile: { kind: 'counter', unit: 'count', help: 'File pages read again soon after they were dropped' },
  memoryRefaultsAnon: { kind: 'counter', unit: 'count', help: 'Anonymous pages read again soon after they were swapped' },
  processes: { kind: 'gauge', unit: 'count', help: 'Tasks in the cgroup' },
  cpuPressureSome: { kind: 'counter', unit: 'microseconds', help: 'Time in which some task waited for CPU' },
  cpuPressureSomeAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s' },
  cpuPressureSomeAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s' },
  cpuPressureSomeAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s' },
  cpuPressureFull: { kind: 'counter', unit: 'microseconds', help: 'Time in which all tasks waited for CPU' },
  cpuPressureFullAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s' },
  cpuPressureFullAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s' },
  cpuPressureFullAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s' },
  memoryPressureSome: { kind: 'counter', unit: 'microseconds', help: 'Time in which some task waited for memory' },
  memoryPressureSomeAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s' },
  memoryPressureSomeAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s' },
  memoryPressureSomeAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s' },
  memoryPressureFull: { kind: 'counter', unit: 'microseconds', help: 'Time in which all tasks waited for memory' },
  memoryPressureFullAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s' },
  memoryPressureFullAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s' },
  memoryPressureFullAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s' },
  ioPressureSome: { kind: 'counter', unit: 'microseconds', help: 'Time in which some task waited for a disk' },
  ioPressureSomeAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s' },
  ioPressureSomeAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s' },
  ioPressureSomeAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s' },
  ioPressureFull: { kind: 'counter', unit: 'microseconds', help: 'Time in which all tasks waited for a disk' },
  ioPressureFullAvg10: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 10 s' },
  ioPressureFullAvg60: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 60 s' },
  ioPressureFullAvg300: { kind: 'gauge', unit: 'percent', help: 'The same, share of the last 300 s' },
  fsUsage: { kind: 'gauge', unit: 'bytes', help: 'Disk space of the writable layer, by the last walk' },
  fsInodes: { kind: 'gauge', unit: 'count', help: 'Files of the writable layer, by the last walk' },
  logsUsage: { kind: 'gauge', unit: 'bytes', help: 'Disk space of the log files, by the last walk' },
  load: { kind: 'gauge', unit: 'count', help: 'Load average of the last minute (machine only)' },
} as const satisfies Record<string, { kind: 'counter' | 'gauge'; unit: string; help: string }>

/** The name of a sampled figure. */
export type ScalarName = keyof typeof scalars

/** The column of each figure in a `SampleRing`. */
export const column = Object.fromEntries(Object.keys(scalars).map((name, index) => [name, index])) as Readonly<Record<ScalarName, number>>

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
      'readBytes', 'writeBytes', 'syncBytes', 'asyncBytes', 'discardBytes', 'totalBytes',
      'reads', 'writes', 'syncs', 'asyncs', 'discards', 'total',
    ],
    maxInstances: 32,
  },
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
