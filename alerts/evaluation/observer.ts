import type { CustomWindow } from '../../aggregator/custom-window.ts'
import { entityKeys } from '../../aggregator/entity.ts'
import type { Inventory } from '../../aggregator/inventory.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { Entity, MetricWindow } from '../../aggregator/window.ts'
import { entityFilter, selects, windowLabelOf } from '../rules/entity.ts'
import type { Rule } from '../rules/rule.ts'
import { customPrefix } from '../rules/source-fields.ts'
import { countedReasons } from '../rules/source.ts'
import type { EventSource, MetricSource, QuerySource } from '../rules/source.ts'
import type { Labels } from '../state/labels.ts'
import { labelsKey } from '../state/labels.ts'
import { BaselineReader } from './baseline.ts'
import { pick } from './event-window.ts'
import type { EventWindow } from './event-window.ts'
import { historySamples } from './history-samples.ts'
import type { RuleHistory } from './history.ts'
import type { Observation, SeriesValue } from './observation.ts'
import { observeMetric } from './observe-metric.ts'
import type { RuleSeries, Samples } from './observe-metric.ts'
import { closedSpan, lookbackMs } from './reduce.ts'
import type { Span } from './reduce.ts'
import { readQueryAnswer } from './query-answer.ts'

export interface ObserverOptions {
  readonly window: MetricWindow
  /** How far the window reaches back. */
  readonly windowMs: number
  /** The width of the bucket that is left open. */
  readonly bucketMs: number
  /** Since when figures and events come into this process. Absent: for as long as matters. */
  readonly collectedSince?: number
  readonly customWindow?: Pick<CustomWindow, 'everywhere'>
  readonly events?: EventWindow
  /** Absent: there is no InfluxDB. */
  readonly history?: RuleHistory
  readonly inventory?: Inventory
}

/** What InfluxDB may be late: points wait up to 250 ms to be sent, and the server answers a moment later. */
const historyDelayMs = 5000

/** Reads what rules measure, from wherever it is. */
export class Observer {
  readonly #options: ObserverOptions
  readonly #baselines: BaselineReader | undefined

  constructor(options: ObserverOptions) {
    this.#options = options
    this.#baselines = options.history === undefined ? undefined : new BaselineReader(options.history)
  }

  /** Whether a rule is read from the memory of this process alone, and so at once. */
  isLocal({ source }: Rule): boolean {
    if (source.kind === 'query') return false
    return source.kind === 'events' || (source.method?.kind !== 'baseline' && !this.#isLong(source))
  }

  /** What a rule that `isLocal` shows at a moment. */
  observe(rule: Rule, at: number): Observation {
    try {
      const { source } = rule
      if (source.kind === 'query') throw new Error('a query is asked, not read')
      const values = source.kind === 'events' ? this.#countEvents(source, at) : this.#readMetric(source, at)
      const { collectedSince } = this.#options
      return { ...this.#withExpected(rule, values), ...(collectedSince !== undefined && { collectedSince }) }
    } catch (err) {
      return { kind: 'failed', reason: (err as Error).message }
    }
  }

  /** What any rule shows at a moment. Never rejects. */
  async ask(rule: Rule, at: number): Promise<Observation> {
    if (this.isLocal(rule)) return this.observe(rule, at)
    try {
      const { source } = rule
      const values = source.kind === 'query' ? await this.#askQuery(source, at) : await this.#askMetric(source as MetricSource, at)
      return this.#withExpected(rule, values)
    } catch (err) {
      return { kind: 'failed', reason: (err as Error).message }
    }
  }

  #isLong({ windowMs, delayMs = 0 }: MetricSource): boolean {
    return windowMs + delayMs > this.#options.windowMs
  }

  get #history(): RuleHistory {
    const { history } = this.#options
    if (history === undefined) throw new Error('there is no InfluxDB, which this rule reads')
    return history
  }

  #readMetric(source: MetricSource, at: number): SeriesValue[] {
    const span = closedSpan(at - (source.delayMs ?? 0), source.windowMs, this.#options.bucketMs)
    return observeMetric(source, this.#samples(source, span), span)
  }

  #samples(source: MetricSource, span: Span): Samples {
    const series = this.#seriesOf(source, source.metric, span)
    return source.of === undefined ? { series } : { series, divisors: this.#seriesOf(source, source.of.metric, span) }
  }

  #seriesOf(source: MetricSource, metric: string, { since, until }: Span): Iterable<RuleSeries> {
    const range = { since: since - lookbackMs, until }
    if (metric.startsWith(customPrefix)) return this.#customSeries(metric, range)
    return this.#options.window.series(metric, entityFilter(source.entity), range)
  }

  *#customSeries(metric: string, range: Span): Iterable<RuleSeries> {
    const { customWindow, window } = this.#options
    for (const { pod, labels, timestamps, values } of customWindow?.everywhere(metric.slice(customPrefix.length), range) ?? []) {
      const key = entityKeys.pod(pod.namespace, pod.pod)
      const [known] = window.entities({ key })
      const own = { type: 'pod', namespace_name: pod.namespace, pod_name: pod.pod }
      yield { entity: { key, type: 'pod', labels: { ...labels, ...known?.labels, ...own } }, metric, ownLabels: labels, timestamps, values }
    }
  }

  #countEvents(source: EventSource, at: number): SeriesValue[] {
    const { bucketMs, windowMs, collectedSince = -Infinity } = this.#options
    if (source.windowMs > windowMs) throw new Error(`events are kept for ${formatDuration(windowMs)}, less than the rule's window`)
    const span = closedSpan(at, source.windowMs, bucketMs)
    const isCovered = collectedSince <= span.since
    const counted = (this.#options.events?.count(source, span) ?? []).map((group) => ({ ...group, isCovered }))
    const counters = Object.entries(countedReasons).filter(([reason]) => source.reasons.includes(reason))
    return [...counted, ...counters.flatMap(([reason, metric]) => this.#countGrowth(source, { reason, metric, span }))]
  }

  /** The growth of a counter of pods as if each step of it were an event. */
  #countGrowth(source: EventSource, { reason, metric, span }: { readonly reason: string; readonly metric: string; readonly span: Span }) {
    if (source.kinds.length > 0 && !source.kinds.includes('Pod')) return []
    if (source.types.length > 0 && !source.types.includes('Warning')) return []
    const names = ['namespace', 'pod', 'node'] as const
    const growth: MetricSource = {
      kind: 'metric',
      metric,
      entity: { type: 'pod', matchers: [], podLabels: {} },
      aggregation: 'increase',
      windowMs: source.windowMs,
      groupBy: names,
      combination: 'sum',
    }
    const found = observeMetric(growth, this.#samples(growth, span), span).filter(
      ({ value, labels }) => value > 0 && (source.namespaces.length === 0 || source.namespaces.includes(labels['namespace'] ?? '')),
    )
    const groups = Map.groupBy(found, ({ labels }) => {
      const all = { ...labels, kind: 'Pod', name: labels['pod'] ?? '', reason, type: 'Warning' }
      return labelsKey(pick(all, source.groupBy))
    })
    return [...groups].map(([key, group]): SeriesValue => {
      const value = group.reduce((sum, member) => sum + member.value, 0)
      const labels = Object.fromEntries(JSON.parse(key) as [string, string][])
      return { labels, value, sampledAt: span.until, isCovered: group.every((member) => member.isCovered) }
    })
  }

  async #askMetric(source: MetricSource, at: number): Promise<SeriesValue[]> {
    const values = this.#isLong(source) ? await this.#askLong(source, at) : this.#readMetric(source, at)
    if (source.method?.kind !== 'baseline') return values
    if (this.#baselines === undefined) return void this.#history as never
    return this.#baselines.score({ source, method: source.method, at }, values)
  }

  async #askLong(source: MetricSource, at: number): Promise<SeriesValue[]> {
    const { bucketMs, window } = this.#options
    const { span, samples } = await historySamples(this.#history, source, {
      at: at - (source.delayMs ?? historyDelayMs),
      bucketMs,
      podLabels: (key) => [...window.entities({ key })][0]?.labels['labels'],
    })
    return observeMetric(source, samples, span)
  }

  async #askQuery(source: QuerySource, at: number): Promise<SeriesValue[]> {
    const bucketMs = source.select.bucketMs ?? this.#options.bucketMs
    const until = Math.floor((at - source.delayMs) / bucketMs) * bucketMs
    const { select, parameters, timeoutMs } = source
    const series = await this.#history.select({ select, parameters, at: until, timeoutMs })
    return readQueryAnswer(series, until)
  }

  /** Who ought to be among the values, where the rule says who. */
  #withExpected({ condition, source }: Rule, values: readonly SeriesValue[]): Observation {
    if (condition.kind !== 'absent' || condition.expected === 'learned') return { kind: 'values', values }
    const { expected } = condition
    return { kind: 'values', values, expected: expected === 'cluster' ? this.#inventory(source as MetricSource) : expected }
  }

  #inventory({ entity }: MetricSource): Labels[] {
    const { inventory, window } = this.#options
    if (inventory === undefined) throw new Error('there is no API to ask who ought to report')
    const isWanted = (labels: Labels, key: string) => {
      const [known] = entity.matchers.length + Object.keys(entity.podLabels).length === 0 ? [] : window.entities({ key })
      const named = Object.fromEntries(Object.entries(labels).map(([name, value]) => [windowLabelOf(name), value]))
      const candidate: Entity = { key, type: entity.type, labels: { ...known?.labels, ...named } }
      return selects(entity, candidate)
    }
    if (entity.type === 'node')
      return [...inventory.nodes()].map((node) => ({ node })).filter((labels) => isWanted(labels, entityKeys.node(labels.node)))
    return [...inventory.pods()]
      .map(({ namespace, pod, node }) => ({ namespace, pod, node }))
      .filter((labels) => isWanted(labels, entityKeys.pod(labels.namespace, labels.pod)))
  }
}
