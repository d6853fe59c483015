import { columnOf, metrics } from '../catalog.ts'
import type { CpuReading, Family, MetricSet } from '../metric-set.ts'
import type { NodeProcessor } from '../processors.ts'

/** The kubelet does not say over which time `usageNanoCores` is the average; our collector's is its default interval. */
const instantWindowMs = 1000

interface RateRule {
  readonly from: number
  readonly to: number
  readonly factor: number
  readonly family: Family
}

const rules: readonly (RateRule & { readonly isLabelled: boolean })[] = metrics.flatMap(({ name, rate, isLabelled }) =>
  rate === undefined
    ? []
    : [
        {
          from: columnOf(rate.of),
          to: columnOf(name),
          factor: rate.factor,
          family: name.slice(0, name.indexOf('/')) as Family,
          isLabelled: isLabelled === true,
        },
      ],
)
const plainRules = rules.filter((rule) => !rule.isLabelled)
const labelledRules = new Map(rules.filter((rule) => rule.isLabelled).map((rule) => [rule.from, rule]))

const cpuUsage = columnOf('cpu/usage')
const cpuRate = columnOf('cpu/usage_rate')
const periods = columnOf('cpu/cfs_periods')
const throttledPeriods = columnOf('cpu/cfs_throttled_periods')
const throttledShare = columnOf('cpu/cfs_throttled_share')

/** The average since the start says something about now only while the start is near. */
const maxFirstWindowMs = 60_000

/** A sample that has been the newest for longer than this is of something that is no longer measured. Real kubelets take up to 15 s. */
const minStaleMs = 60_000

interface Baseline {
  readonly set: MetricSet
  /** When the entity was last reported, and when its sample was new, ms by our clock. */
  readonly seenAt: number
  readonly freshAt: number
}

/**
 * Turns the growth of counters between two samples into rates. The time between them is the node's own. Promises: never negative, never
 * wrapped; a restart (a start after the earlier sample, or a counter that fell) gives no rate from that pair; a sample that is no newer
 * than the one before keeps its rates for a while; an earlier sample is held for `holdMs` while an entity is not reported. Until there are two
 * samples, CPU in use is the node's own reading.
 */
export function createRates({ holdMs }: { readonly holdMs: number }): NodeProcessor {
  const baselines = new Map<string, Map<string, Baseline>>()
  return {
    name: 'rates',
    process({ nodeName, timestamp, sets }) {
      const known = baselines.get(nodeName!) ?? new Map<string, Baseline>()
      baselines.set(nodeName!, known)
      for (const [key, set] of sets) {
        const before = known.get(key)
        const isNew = before === undefined || set.measuredAt.cpu !== before.set.measuredAt.cpu
        const freshAt = isNew ? timestamp : before.freshAt
        if (timestamp - freshAt <= Math.max(holdMs, minStaleMs)) setRates(set, before?.set)
        known.set(key, { set, seenAt: timestamp, freshAt })
      }
      for (const [key, baseline] of known) if (timestamp - baseline.seenAt > holdMs) known.delete(key)
    },
    forget: (nodeName) => void baselines.delete(nodeName),
  }
}

function setRates(set: MetricSet, earlier: MetricSet | undefined): void {
  const before = earlier !== undefined && !isRestarted(set, earlier) ? earlier : undefined
  if (before !== undefined) {
    for (const { from, to, factor, family } of plainRules) {
      const elapsedMs = set.measuredAt[family] - before.measuredAt[family]
      set.values[to] = elapsedMs > 0 ? growthPerSecond(set.values[from]!, before.values[from]!, elapsedMs) * factor : before.values[to]!
    }
    setLabelledRates(set, before)
    set.values[throttledShare] = shareThrottled(set, before)
  }
  setCpu(set, before)
}

function isRestarted(set: MetricSet, before: MetricSet): boolean {
  return set.startedAt > before.startedAt && set.startedAt > before.measuredAt.cpu
}

function growthPerSecond(now: number, then: number, elapsedMs: number): number {
  return now >= then ? ((now - then) / elapsedMs) * 1000 : Number.NaN
}

function setLabelledRates(set: MetricSet, before: MetricSet): void {
  const counters = set.labelled.length
  for (let index = 0; index < counters; index++) {
    const { column, resource, value } = set.labelled[index]!
    const rule = labelledRules.get(column)
    if (rule === undefined) continue
    const earlier = (wanted: number) => valueAt(before, wanted, resource)
    const elapsedMs = set.measuredAt[rule.family] - before.measuredAt[rule.family]
    const rate = elapsedMs > 0 ? growthPerSecond(value, earlier(column), elapsedMs) * rule.factor : earlier(rule.to)
    if (!Number.isNaN(rate)) set.labelled.push({ column: rule.to, resource, value: rate })
  }
}

function valueAt({ labelled }: MetricSet, column: number, resource: string): number {
  return labelled.find((entry) => entry.column === column && entry.resource === resource)?.value ?? Number.NaN
}

function shareThrottled(set: MetricSet, before: MetricSet): number {
  if (!(set.measuredAt.cpu > before.measuredAt.cpu)) return before.values[throttledShare]!
  const passed = set.values[periods]! - before.values[periods]!
  const throttled = set.values[throttledPeriods]! - before.values[throttledPeriods]!
  if (passed === 0) return 0
  return passed > 0 && throttled >= 0 ? Math.min(1, throttled / passed) : Number.NaN
}

function setCpu(set: MetricSet, before: MetricSet | undefined): void {
  const measuredAt = set.measuredAt.cpu
  const rate = set.values[cpuRate]!
  if (before !== undefined && !Number.isNaN(rate)) {
    const windowMs = measuredAt - before.measuredAt.cpu
    set.cpu = windowMs > 0 ? { nanocores: rate * 1e6, windowMs, measuredAt } : before.cpu
  } else {
    set.cpu = firstReading(set)
    if (set.cpu !== undefined) set.values[cpuRate] = set.cpu.nanocores * 1e-6
  }
}

/** The node's own reading; without one the average since a start that was not long ago. */
function firstReading({ instantCpuNanocores, measuredAt: { cpu: measuredAt }, startedAt, values }: MetricSet): CpuReading | undefined {
  if (Number.isNaN(measuredAt)) return undefined
  if (!Number.isNaN(instantCpuNanocores)) return { nanocores: instantCpuNanocores, windowMs: instantWindowMs, measuredAt }
  const windowMs = measuredAt - startedAt
  const used = values[cpuUsage]!
  if (!(windowMs > 0 && windowMs <= maxFirstWindowMs) || Number.isNaN(used)) return undefined
  return { nanocores: (used / windowMs) * 1000, windowMs, measuredAt }
}
