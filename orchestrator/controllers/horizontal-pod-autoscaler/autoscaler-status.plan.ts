import { toTimestamp } from '../../../lib/clock.ts'
import type { AutoscalingV2HorizontalPodAutoscalerCondition } from '../../api/generated/kinds.ts'
import type { Finding } from './behavior.plan.ts'

export type ConditionType = 'AbleToScale' | 'ScalingActive' | 'ScalingLimited'

/** The conditions with findings put in; the transition time moves only when the status does. */
export function setConditions(
  conditions: readonly AutoscalingV2HorizontalPodAutoscalerCondition[],
  findings: ReadonlyMap<ConditionType, Finding>,
  now: number,
): AutoscalingV2HorizontalPodAutoscalerCondition[] {
  const result = conditions.map((condition) => {
    const finding = findings.get(condition.type as ConditionType)
    if (finding === undefined) return condition
    return {
      type: condition.type,
      ...finding,
      lastTransitionTime: finding.status === condition.status ? condition.lastTransitionTime : toTimestamp(now),
    }
  })
  for (const [type, finding] of findings) {
    if (!conditions.some((condition) => condition.type === type)) result.push({ type, ...finding, lastTransitionTime: toTimestamp(now) })
  }
  return result.map(({ type, status, lastTransitionTime, reason, message }) => ({ type, status, lastTransitionTime, reason, message }))
}
