import { toTimestamp } from '../../lib/clock.ts'

/** The shape that conditions of all kinds share. */
export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: string
}

/** The conditions with one put in place; its transition time moves only when its status does. The same list comes back when nothing changes. */
export function withCondition<T extends Condition>(conditions: readonly T[], condition: T, now: number): readonly T[] {
  const current = conditions.find(({ type }) => type === condition.type)
  if (current?.status === condition.status && current.reason === condition.reason && current.message === condition.message)
    return conditions
  const lastTransitionTime = current?.status === condition.status ? current.lastTransitionTime : toTimestamp(now)
  const next = { ...condition, lastTransitionTime }
  return current === undefined ? [...conditions, next] : conditions.map((candidate) => (candidate === current ? next : candidate))
}
