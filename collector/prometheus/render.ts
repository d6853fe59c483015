import type { Container } from '../container.ts'
import type { Subject } from '../subjects.ts'
import type { Exposition } from './exposition.ts'
import type { ContainerFamily, Emit, FamilyContext } from './family.ts'
import type { Labels } from './labels.ts'

export interface ContainerPage {
  readonly context: FamilyContext
  readonly families: readonly ContainerFamily[]
  readonly subjects: ReadonlySet<Subject>
  readonly isKubelet: boolean
  readonly withTimestamps: boolean
  readonly labelsOf: (container: Container) => Labels
}

/** Writes every family of every container that has a sample. */
export function renderContainers(text: Exposition, containers: readonly Container[], page: ContainerPage): void {
  const { context, families, subjects, isKubelet, withTimestamps, labelsOf } = page
  const rows = containers
    .filter(({ ring }) => ring.count > 0)
    .map((container) => ({
      container,
      labels: labelsOf(container),
      timestampMs: withTimestamps ? container.ring.timestamp() : undefined,
    }))
  let row = rows[0]!
  const emit: Emit = (extra, value, decimals = 0) => text.add(row, extra, value, decimals)
  for (const family of families) {
    if (family.subject !== undefined && !subjects.has(family.subject)) continue
    if (family.isKubeletOnly === true && !isKubelet) continue
    text.family(family)
    for (row of rows) {
      if (family.when?.(row.container) === false) continue
      family.values(row.container, emit, context)
    }
  }
}
