import { groups, scalars } from '../metrics.ts'
import type { GroupName, ScalarDefinition, ScalarName } from '../metrics.ts'
import { figures } from '../rates.ts'
import type { FigureDefinition } from '../rates.ts'
import { createCgroupReaders } from '../readers/readers.ts'
import { subjects } from '../subjects.ts'

const everySubject = new Set(subjects)

interface FileOfMetric {
  readonly cgroup_version: string
  readonly file: string
  readonly read: 'every pass' | 'every tenth pass'
}

/** Everything that is measured, for programs: name, type, unit, meaning, and the files that it comes from per version of cgroups. */
export function metricCatalog() {
  const files = filesByMetric()
  const samples = Object.entries(scalars as Readonly<Record<string, ScalarDefinition>>).map(([name, { kind, unit, help }]) => ({
    name,
    type: kind,
    unit,
    help,
    files: files.get(name as ScalarName) ?? [],
  }))
  const perInstance = (Object.keys(groups) as GroupName[]).map((name) => ({
    name,
    fields: groups[name].fields,
    max_instances: groups[name].maxInstances,
  }))
  const readyMade = Object.entries(figures as Readonly<Record<string, FigureDefinition>>).map(([name, { unit, help }]) => ({
    name,
    type: 'gauge',
    unit,
    help,
  }))
  return { samples, per_instance: perInstance, ready_made: readyMade }
}

function filesByMetric(): Map<ScalarName, FileOfMetric[]> {
  const byMetric = new Map<ScalarName, FileOfMetric[]>()
  for (const { version, files } of createCgroupReaders(everySubject, [])) {
    for (const { controller, file, every, metrics } of files) {
      for (const metric of metrics) {
        const known = byMetric.get(metric) ?? []
        byMetric.set(metric, known)
        const path = controller === '' ? file : `${controller}/${file}`
        known.push({ cgroup_version: version, file: path, read: every === 'pass' ? 'every pass' : 'every tenth pass' })
      }
    }
  }
  return byMetric
}
