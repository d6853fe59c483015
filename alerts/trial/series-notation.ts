import { findMetric } from '../../aggregator/catalog.ts'
import type { EntityType, Series } from '../../aggregator/window.ts'
import type { RuleSeries } from '../evaluation/observe-metric.ts'
import { entityOfTags } from '../../aggregator/influx/entity-tags.ts'
import { parseMatchers } from '../routing/matcher.ts'
import { entityTypes, resourceLabel, windowLabelOf } from '../rules/entity.ts'
import type { Labels } from '../state/labels.ts'

/** Thrown for a series or values that cannot be; the message says what is allowed. */
export class NotationError extends Error {
  readonly code = 'ENOTATION'
}

/** Whose samples, without the samples. */
export type SeriesName = Pick<RuleSeries, 'entity' | 'metric' | 'resource' | 'ownLabels'>

/** More samples than this make no test clearer. */
const maxSamples = 200_000

const customPrefix = 'custom/'

/** Reads `cpu/usage_rate{type="pod", namespace="default", pod="web-1"}`; without `type` the labels say what it is about. */
export function parseSeries(text: string): SeriesName {
  const match = /^\s*([a-zA-Z_][\w:./-]*)\s*(\{[\s\S]*\})?\s*$/.exec(text)
  if (match === null) throw new NotationError(`must be a metric and its labels, such as cpu/usage_rate{namespace="default", pod="web-1"}`)
  const metric = match[1]!
  const labels = readLabels(match[2] ?? '{}')
  const { type: word, [resourceLabel]: resource, podLabels, ...rest } = labels
  if (metric.startsWith(customPrefix)) return customSeries(metric, rest)
  const row = findMetric(metric)
  if (row === undefined) throw new NotationError(`${metric} is not a metric of the catalogue`)
  const type = word === undefined ? typeOf(rest) : entityTypes[word]
  if (type === undefined) throw new NotationError(`type ${word}: allowed: ${Object.keys(entityTypes).join(', ')}`)
  if (!row.entities.includes(type)) throw new NotationError(`${metric} is not measured for entities of type ${type}`)
  const tags = { ...inWindowNames(rest), ...(podLabels === undefined ? {} : { labels: podLabels }) }
  return { metric, entity: entityOfTags(type, tags), ...(resource === undefined ? {} : { resource }) }
}

function readLabels(text: string): Record<string, string> {
  const matchers = parseMatchers(text)
  for (const { name, operator } of matchers) if (operator !== '=') throw new NotationError(`${name}: a series has labels, so = is allowed`)
  return Object.fromEntries(matchers.map(({ name, value }) => [name, value]))
}

function customSeries(metric: string, labels: Labels): SeriesName {
  const { namespace, pod, node, ...own } = labels
  if (namespace === undefined || pod === undefined) throw new NotationError(`${metric} needs the labels namespace and pod`)
  const tags = { ...own, namespace_name: namespace, pod_name: pod, ...(node === undefined ? {} : { nodename: node }) }
  return { metric, entity: entityOfTags('pod', tags), ownLabels: own }
}

function typeOf(labels: Labels): EntityType {
  if ('container' in labels) return 'pod' in labels ? 'pod_container' : 'sys_container'
  if ('pod' in labels) return 'pod'
  if ('workload' in labels) return 'workload'
  if ('namespace' in labels) return 'ns'
  if ('node' in labels) return 'node'
  return 'monitor' in labels ? 'monitor' : 'cluster'
}

function inWindowNames(labels: Labels): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [windowLabelOf(name), value]))
}

const itemPattern = /^(?:(_|stale)(?:x(\d{1,6}))?|([+-]?[\d.]+(?:e[+-]?\d+)?)(?:([+-][\d.]+(?:e[+-]?\d+)?))?(?:x(\d{1,6}))?)$/

/**
 * Reads promtool's notation, a sample per interval from `start` on: `7`, `7x3` (four times), `1+2x3` (1 3 5 7), `9-3x2` (9 6 3), `_` and `_x3` (none),
 * `stale` (none).
 */
export function parseValues(text: string, start: number, intervalMs: number): Pick<Series, 'timestamps' | 'values'> {
  const timestamps: number[] = []
  const values: number[] = []
  let index = 0
  for (const item of text.trim().split(/\s+/)) {
    const match = itemPattern.exec(item)
    const first = Number(match?.[3] ?? 0)
    const step = Number(match?.[4] ?? 0)
    if (match === null || Number.isNaN(first) || Number.isNaN(step))
      throw new NotationError(`${item}: allowed are 7, 7x3, 1+2x3, 9-3x2, _, _x3 and stale`)
    const isGap = match[1] !== undefined
    // `_x3` is three times nothing, `7x3` is 7 and three more.
    const count = isGap ? Number(match[2] ?? 1) : Number(match[5] ?? 0) + 1
    if (index + count > maxSamples) throw new NotationError(`has more than ${maxSamples} samples`)
    for (let repeat = 0; repeat < count; repeat++, index++) {
      if (isGap) continue
      timestamps.push(start + index * intervalMs)
      values.push(first + repeat * step)
    }
  }
  return { timestamps: Float64Array.from(timestamps), values: Float64Array.from(values) }
}
