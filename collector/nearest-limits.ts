import type { Container, NearestLimits } from './container.ts'
import { column } from './metrics.ts'
import type { StatsStore } from './stats-store.ts'

/**
 * What really bounds a container: the least memory limit and CPU quota among its own cgroup and all above it, as far as they are known,
 * and the least memory that any of them has left. Without any limit the machine's size counts, under the root's name.
 */
export function nearestLimits(container: Container, store: StatsStore, cores: number): NearestLimits {
  let memory: NearestLimits['memory']
  let cpu: NearestLimits['cpu'] = cores > 0 ? { cores, of: '/' } : undefined
  let freeBytes = Number.POSITIVE_INFINITY
  for (let name = container.description.name; ; name = parentOf(name)) {
    const { spec, ring } = store.get(name) ?? {}
    const { memoryLimitBytes: bytes, cpuQuotaUs, cpuPeriodUs } = spec ?? {}
    if (bytes !== undefined && (memory === undefined || bytes < memory.bytes)) memory = { bytes, freeBytes: 0, of: name }
    const left = (bytes ?? Number.NaN) - (ring?.get(column.memoryUsage) ?? Number.NaN)
    if (left < freeBytes) freeBytes = Math.max(0, left)
    if (cpuQuotaUs !== undefined && cpuQuotaUs > 0 && cpuPeriodUs !== undefined && cpuQuotaUs / cpuPeriodUs < (cpu?.cores ?? Infinity)) {
      cpu = { cores: cpuQuotaUs / cpuPeriodUs, of: name }
    }
    if (name === '/') break
  }
  return { memory: memory === undefined ? undefined : { ...memory, freeBytes: Math.min(freeBytes, memory.bytes) }, cpu }
}

function parentOf(name: string): string {
  const end = name.lastIndexOf('/')
  return end <= 0 ? '/' : name.slice(0, end)
}
