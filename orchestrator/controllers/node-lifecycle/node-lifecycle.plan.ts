import { isDeepStrictEqual } from 'node:util'
import { toTimestamp } from '../../../lib/clock.ts'
import type { CoreV1Node, CoreV1NodeCondition, CoreV1Taint } from '../../api/generated/kinds.ts'

/** Conditions that only the node itself can know: unknown once it is silent. */
const ownConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

/** Taints that stand for conditions. */
const conditionTaints = [
  { type: 'Ready', status: 'False', key: 'node.kubernetes.io/not-ready' },
  { type: 'Ready', status: 'Unknown', key: 'node.kubernetes.io/unreachable' },
  { type: 'MemoryPressure', status: 'True', key: 'node.kubernetes.io/memory-pressure' },
  { type: 'DiskPressure', status: 'True', key: 'node.kubernetes.io/disk-pressure' },
  { type: 'PIDPressure', status: 'True', key: 'node.kubernetes.io/pid-pressure' },
  { type: 'NetworkUnavailable', status: 'True', key: 'node.kubernetes.io/network-unavailable' },
]
const unschedulableKey = 'node.kubernetes.io/unschedulable'
/** Those that also drive pods away. */
const evictingKeys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']
const ownKeys = new Set([...conditionTaints.map(({ key }) => key), unschedulableKey])

/** The node's conditions after it has been silent for too long. */
export function planSilence(conditions: readonly CoreV1NodeCondition[], now: number): CoreV1NodeCondition[] {
  const at = toTimestamp(now)
  const result = conditions.map((condition): CoreV1NodeCondition => {
    if (!ownConditions.includes(condition.type) || condition.status === 'Unknown') return condition
    return {
      ...condition,
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastTransitionTime: at,
    }
  })
  for (const type of ownConditions) {
    if (conditions.some((condition) => condition.type === type)) continue
    result.push({
      type,
      status: 'Unknown',
      reason: 'NodeStatusNeverUpdated',
      message: 'Kubelet never posted node status.',
      lastHeartbeatTime: at,
      lastTransitionTime: at,
    })
  }
  return result
}

/** The taints that the node's conditions call for; taints of others stay as they are. The same list comes back when nothing changes. */
export function planTaints({ spec, status }: CoreV1Node, now: number): readonly CoreV1Taint[] {
  const current = spec?.taints ?? []
  const keys = conditionTaints
    .filter(({ type, status: wanted }) => status?.conditions?.some((condition) => condition.type === type && condition.status === wanted))
    .map(({ key }) => key)
  if (spec?.unschedulable === true) keys.push(unschedulableKey)
  const wanted: CoreV1Taint[] = keys.flatMap((key) => [
    { key, effect: 'NoSchedule', timeAdded: toTimestamp(now) },
    ...(evictingKeys.includes(key) ? [{ key, effect: 'NoExecute', timeAdded: toTimestamp(now) }] : []),
  ])
  const find = (taints: readonly CoreV1Taint[], { key, effect }: CoreV1Taint) =>
    taints.find((taint) => taint.key === key && taint.effect === effect)
  const kept = current.filter((taint) => !isOwn(taint) || find(wanted, taint) !== undefined)
  const added = wanted.filter((taint) => find(current, taint) === undefined)
  return added.length === 0 && isDeepStrictEqual(kept, current) ? current : [...kept, ...added]
}

/** Users may drain a node by hand with a NoExecute taint of another key; these are ours. */
const isOwn = ({ key, effect }: CoreV1Taint) => ownKeys.has(key) && (effect === 'NoSchedule' || evictingKeys.includes(key))
