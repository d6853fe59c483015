/** How far an update has come. */
export interface Progress {
  /** What the old and the new controller are asked to have. */
  readonly old: number
  readonly new: number
  /** How many pods of the new one are ready. */
  readonly available: number
  /** How many there shall be in the end, and no fewer ready meanwhile. */
  readonly desired: number
}

/** One pod more than wanted, and never one fewer: what the command always went by. */
export const maxSurge = 1

/** How many the new controller may have now. */
export function scaleUpTo({ old, new: replicas, desired }: Omit<Progress, 'available'>): number {
  if (replicas >= desired) return desired
  const room = old === 0 ? desired - replicas : desired + maxSurge - (old + replicas)
  return Math.min(desired, replicas + Math.max(0, room))
}

/** How many the old controller can do with now. */
export function scaleDownTo({ old, new: replicas, available, desired }: Progress): number {
  if (replicas === desired && available >= desired) return 0
  const unavailable = replicas - available
  return Math.max(0, old - Math.max(0, old + replicas - desired - unavailable))
}
