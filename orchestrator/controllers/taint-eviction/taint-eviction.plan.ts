import { fromTimestamp } from '../../../lib/clock.ts'
import type { CoreV1Pod, CoreV1Taint } from '../../api/generated/kinds.ts'
import { tolerates } from '../../api/taints.ts'

/**
 * When a pod must leave a node with these NoExecute taints, milliseconds since the epoch: at once without a toleration for one of them, else after
 * the shortest time that its tolerations give; `undefined` when it may stay.
 */
export function planEviction(
  { spec }: CoreV1Pod,
  taints: readonly CoreV1Taint[],
  taintedSince: (taint: CoreV1Taint) => number,
): number | undefined {
  let leaveAt: number | undefined
  for (const taint of taints) {
    const matching = (spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint))
    if (matching.length === 0) return 0
    for (const { tolerationSeconds } of matching) {
      if (tolerationSeconds === undefined) continue
      const at = tolerationSeconds <= 0 ? 0 : taintedSince(taint) + tolerationSeconds * 1000
      leaveAt = Math.min(at, leaveAt ?? Infinity)
    }
  }
  return leaveAt
}

/** When the taint was put on; `otherwise` where it doesn't say. */
export const addedAt = (taint: CoreV1Taint, otherwise: number) => fromTimestamp(taint.timeAdded) ?? otherwise
