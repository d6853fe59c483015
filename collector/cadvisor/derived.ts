import type { Container } from '../container.ts'
import { timeOf } from '../kubelet/container-stats.ts'
import { column } from '../metrics.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/**
 * cAdvisor's `DerivedStats`: CPU (thousandths of a core) and memory (working set) now and over the last minute, hour and day, as far as
 * samples reach: `percent_complete` says how far that is.
 */
export function derivedStats({ ring }: Container) {
  const now = ring.timestamp()
  const samples = Array.from({ length: ring.count }, (_, ago) => ({
    ageMs: now - ring.timestamp(ago),
    cpu: ring.rate(column.cpuUsage, ago) / 1e6,
    memory: ring.get(column.memoryWorkingSet, ago),
  }))
  const heldMs = samples.at(-1)?.ageMs ?? 0
  const over = (periodMs: number) => {
    const inPeriod = samples.filter(({ ageMs }) => ageMs <= periodMs)
    return {
      percent_complete: Math.min(100, Math.floor((heldMs / periodMs) * 100)),
      cpu: percentiles(inPeriod.map(({ cpu }) => cpu)),
      memory: percentiles(inPeriod.map(({ memory }) => memory)),
    }
  }
  return {
    timestamp: timeOf(now),
    latest_usage: { cpu: Math.round(samples[0]?.cpu || 0), memory: samples[0]?.memory || 0 },
    minute_usage: over(minuteMs),
    hour_usage: over(hourMs),
    day_usage: over(dayMs),
  }
}

/** cAdvisor's `Percentiles` of the values that are there. */
function percentiles(values: readonly number[]) {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((left, right) => left - right)
  const count = sorted.length
  if (count === 0) return { present: false, mean: 0, std: 0, max: 0, fifty: 0, ninety: 0, ninetyfive: 0, count: 0 }
  const mean = sorted.reduce((total, value) => total + value, 0) / count
  const variance = sorted.reduce((total, value) => total + (value - mean) ** 2, 0) / count
  const at = (share: number) => Math.round(sorted[Math.min(count - 1, Math.max(0, Math.ceil(share * count) - 1))]!)
  return {
    present: true,
    mean: Math.round(mean),
    std: Math.round(Math.sqrt(variance)),
    max: Math.round(sorted[count - 1]!),
    fifty: at(0.5),
    ninety: at(0.9),
    ninetyfive: at(0.95),
    count,
  }
}
