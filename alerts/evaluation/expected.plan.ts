import type { Expected } from '../rules/rule.ts'
import { labelsKey } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import type { Observation, SeriesValue } from './observation.ts'

/**
 * The values of those who are expected, under the labels by which they are: a series is somebody's who has all labels of the entry. Where
 * nobody says who is expected, every series is its own.
 */
export function expectedValues(
  expected: Expected,
  { values, expected: entries = [] }: Observation & { kind: 'values' },
): readonly SeriesValue[] {
  if (expected === 'learned') return values
  const found: SeriesValue[] = []
  for (const group of Map.groupBy(entries, (labels) => Object.keys(labels).sort().join('\0')).values()) {
    const names = Object.keys(group[0]!).sort()
    const newest = newestBy(values, names)
    for (const labels of group) {
      const value = newest.get(labelsKey(labels))
      if (value !== undefined) found.push({ ...value, labels })
    }
  }
  return found
}

function newestBy(values: readonly SeriesValue[], names: readonly string[]): Map<string, SeriesValue> {
  const newest = new Map<string, SeriesValue>()
  for (const value of values) {
    const labels: Labels = Object.fromEntries(names.flatMap((name) => (name in value.labels ? [[name, value.labels[name]!]] : [])))
    const key = labelsKey(labels)
    if ((newest.get(key)?.sampledAt ?? -Infinity) < value.sampledAt) newest.set(key, value)
  }
  return newest
}
