import { columnOf } from '../catalog.ts'
import type { MetricSet } from '../metric-set.ts'

const shares = (
  [
    ['cpu', 'cpu/usage_rate'],
    ['memory', 'memory/usage'],
    ['ephemeral_storage', 'ephemeral_storage/usage'],
  ] as const
).map(([prefix, used]) => ({
  used: columnOf(used),
  requested: columnOf(`${prefix}/request`),
  allocatable: columnOf(`${prefix}/node_allocatable`),
  utilization: columnOf(`${prefix}/node_utilization`),
  reservation: columnOf(`${prefix}/node_reservation`),
}))

/** Use and requests of a node, or of all of them, as shares of what is allocatable; absent where nothing is. */
export function setShares({ values }: MetricSet): void {
  for (const { used, requested, allocatable, utilization, reservation } of shares) {
    const whole = values[allocatable]!
    if (!(whole > 0)) continue
    values[utilization] = values[used]! / whole
    values[reservation] = values[requested]! / whole
  }
}
