/** What can be read and served, by upstream's names; `perf_event`, `resctrl` and `app` are accepted and told to be absent. */
export const subjects = [
  'cpu',
  'percpu',
  'sched',
  'cpuLoad',
  'memory',
  'memory_numa',
  'cpuset',
  'hugetlb',
  'referenced_memory',
  'disk',
  'diskIO',
  'network',
  'tcp',
  'udp',
  'advtcp',
  'process',
  'oom_event',
  'pressure',
  'cpu_topology',
  'perf_event',
  'resctrl',
  'app',
] as const

/** One of them. */
export type Subject = (typeof subjects)[number]

const offByDefault: readonly Subject[] = [
  'advtcp',
  'cpu_topology',
  'cpuset',
  'hugetlb',
  'memory_numa',
  'process',
  'referenced_memory',
  'resctrl',
  'sched',
  'tcp',
  'udp',
  'perf_event',
  'app',
]

/** What is on unless told otherwise, as upstream has it. What is off opens no file and takes no memory. */
export const defaultSubjects: ReadonlySet<Subject> = new Set(subjects.filter((subject) => !offByDefault.includes(subject)))

/** Subjects that no reader here knows. */
export const unreadSubjects: ReadonlySet<Subject> = new Set(['perf_event', 'resctrl', 'app'] as const)

/** Which subjects are on; upstream's rule: `enabled` takes the place of everything else, else `disabled` takes the place of the default list. */
export function selectSubjects({ enabled, disabled }: { enabled?: readonly string[]; disabled?: readonly string[] }): ReadonlySet<Subject> {
  if (enabled !== undefined) return new Set(enabled.map((name) => subjectOf('enableMetrics', name)))
  if (disabled === undefined) return defaultSubjects
  const off = new Set(disabled.map((name) => subjectOf('disableMetrics', name)))
  return new Set(subjects.filter((subject) => !off.has(subject) && !unreadSubjects.has(subject)))
}

function subjectOf(field: string, name: string): Subject {
  const subject = subjects.find((candidate) => candidate === name)
  if (subject === undefined) throw new RangeError(`${field}: ${JSON.stringify(name)} is not allowed, only ${subjects.join(', ')}`)
  return subject
}
