import { columnOf, findMetric, metrics } from '../catalog.ts'
import { createEntity } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { Batch, MetricSet } from '../metric-set.ts'
import { setShares } from '../processors/shares.ts'
import { additiveColumns, createAdder } from '../processors/totals.ts'
import type { EntityType } from '../window.ts'

/** The totals over the nodes of one member, as it tells them to the member that adds them up. */
export interface PartialTotals {
  readonly sets: readonly PartialSet[]
}

interface PartialSet {
  readonly key: string
  readonly type: EntityType
  readonly labels: Readonly<Record<string, string>>
  /** By metric name: members may know different metrics. */
  readonly values: Readonly<Record<string, number>>
  readonly labelled: readonly { readonly metric: string; readonly resource: string; readonly value: number }[]
}

const totalTypes = ['cluster', 'ns', 'workload'] as const
type TotalType = (typeof totalTypes)[number]

const adders: Readonly<Record<TotalType, ReturnType<typeof createAdder>>> = {
  cluster: createAdder(additiveColumns('cluster', 'cluster')),
  ns: createAdder(additiveColumns('ns', 'ns')),
  workload: createAdder(additiveColumns('workload', 'workload')),
}

/** What goes over the wire. */
export function encodePartial({ sets }: Batch): PartialTotals {
  return {
    sets: [...sets.values()].map(({ entity: { key, type, labels }, values, labelled }) => ({
      key,
      type,
      labels,
      values: Object.fromEntries(
        [...values.entries()].flatMap(([column, value]) => (Number.isNaN(value) ? [] : [[metrics[column]!.name, value]])),
      ),
      labelled: labelled.map(({ column, resource, value }) => ({ metric: metrics[column]!.name, resource, value })),
    })),
  }
}

/** The sums of partial totals; shares are computed anew from the sums. Metrics that are not known here are left out. */
export function mergePartials(partials: readonly PartialTotals[], timestamp: number): Batch {
  const sets = new Map<string, MetricSet>()
  for (const partial of partials) {
    for (const part of partial.sets) {
      if (!isTotal(part.type)) continue
      const total = sets.get(part.key) ?? createMetricSet(createEntity(part.type, part.key, part.labels))
      adders[part.type](total, decodeSet(part))
      sets.set(part.key, total)
    }
  }
  for (const set of sets.values()) if (set.entity.type === 'cluster') setShares(set)
  return { nodeName: undefined, timestamp, sets }
}

function isTotal(type: EntityType): type is TotalType {
  return (totalTypes as readonly string[]).includes(type)
}

function decodeSet({ key, type, labels, values, labelled }: PartialSet): MetricSet {
  const set = createMetricSet(createEntity(type, key, labels))
  for (const [name, value] of Object.entries(values)) {
    const metric = findMetric(name)
    if (metric !== undefined && typeof value === 'number') set.values[columnOf(metric.name)] = value
  }
  for (const { metric: name, resource, value } of labelled) {
    const metric = findMetric(name)
    if (metric !== undefined && typeof value === 'number') set.labelled.push({ column: columnOf(metric.name), resource, value })
  }
  return set
}
