import { formatDuration } from '../../lib/duration.ts'
import { formatMatchers } from '../routing/matcher.ts'
import type { Rule } from './rule.ts'
import type { EventSource, MetricSource, Method } from './source.ts'

/** A rule in one line, for pages and journals. */
export function describeRule({ source }: Pick<Rule, 'source'>, condition: string): string {
  if (source.kind === 'query') return `${source.select.text.trim().replaceAll(/\s+/g, ' ')} ${condition}`
  return `${source.kind === 'events' ? describeEvents(source) : describeMetric(source)} ${condition}`
}

function describeMetric(source: MetricSource): string {
  const { method, groupBy, combination } = source
  const subject = `${source.metric}${source.entity.matchers.length > 0 ? formatMatchers(source.entity.matchers) : ''}`
  const window = formatDuration(source.windowMs)
  const name = method?.kind === 'forecast' ? 'forecast' : source.aggregation
  const value = `${name}(${source.entity.type} ${subject}, ${window})`
  const share = source.of === undefined ? value : `${value} / ${source.of.metric}`
  const by = groupBy === undefined ? '' : ` by (${groupBy.join(', ')})`
  const isCombined = groupBy !== undefined && method?.kind !== 'members' && method?.kind !== 'outlier'
  return describeMethod(method, isCombined ? `${combination}${by} (${share})` : share, isCombined ? '' : by)
}

function describeMethod(method: Method | undefined, value: string, by: string): string {
  switch (method?.kind) {
    case 'members':
      return `${method.isShare ? 'share' : 'number'}${by} of (${value} ${method.threshold.comparison} ${method.threshold.value})`
    case 'baseline':
      return `score of (${value}) against ${method.weeks} weeks`
    case 'outlier':
      return `score of (${value}) among its peers${by}`
    case 'forecast':
      return `hours until (${value} ${method.reaches.comparison} ${method.reaches.value})`
    case undefined:
      return value
  }
}

function describeEvents({ reasons, types, kinds, namespaces, groupBy, windowMs }: EventSource): string {
  const parts = Object.entries({ reason: reasons, type: types, kind: kinds, namespace: namespaces })
  const filter = parts.filter(([, values]) => values.length > 0).map(([name, values]) => `${name}=~${JSON.stringify(values.join('|'))}`)
  return `events by (${groupBy.join(', ')}) {${filter.join(',')}} in ${formatDuration(windowMs)}`
}
