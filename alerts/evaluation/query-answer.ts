import type { InfluxSeries } from '../../aggregator/influx/database.ts'
import { alertLabelOf, resourceLabel } from '../rules/entity.ts'
import { labelNamePattern } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import type { SeriesValue } from './observation.ts'

/** More series than this are nobody's rule. */
const maxQuerySeries = 10_000

/**
 * The values of a rule's query: of each series the newest row's first column that has a number. Tags are labels, under the names that alerts
 * use; those that have no value are left out, and characters that a label name cannot have are underscores.
 */
export function readQueryAnswer(series: readonly InfluxSeries[], until: number): SeriesValue[] {
  if (series.length > maxQuerySeries) throw new Error(`the query has ${series.length} series; at most ${maxQuerySeries} are allowed`)
  return series.flatMap((one) => {
    const found = newest(one, until)
    return found === undefined ? [] : [{ labels: readLabels(one.tags ?? {}), ...found, isCovered: true }]
  })
}

function newest({ columns, values }: InfluxSeries, until: number): { readonly value: number; readonly sampledAt: number } | undefined {
  const timeColumn = columns.indexOf('time')
  let best: { value: number; sampledAt: number } | undefined
  for (const row of values) {
    const value = row.find((cell, index): cell is number => index !== timeColumn && typeof cell === 'number')
    if (value === undefined) continue
    // An aggregate over the whole range has the time 0, or that of its beginning.
    const time = Number(row[timeColumn] ?? 0)
    if (best === undefined || time >= best.sampledAt) best = { value, sampledAt: time }
  }
  return best === undefined ? undefined : { value: best.value, sampledAt: until }
}

function readLabels(tags: Readonly<Record<string, string>>): Labels {
  const labels: Record<string, string> = {}
  for (const [tag, value] of Object.entries(tags)) {
    if (value === '') continue
    const name = tag === 'resource_id' ? resourceLabel : alertLabelOf(tag)
    labels[labelNamePattern.test(name) ? name : name.replaceAll(/\W/g, '_').replace(/^(?=\d)/, '_')] = value
  }
  return labels
}
