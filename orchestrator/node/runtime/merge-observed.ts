import type { ObservedContainer } from './runtime.ts'

const rank = { created: 0, running: 1, exited: 2 } as const

/**
 * Two observations of one container as one: the later state wins whatever the order they arrive in, and a fact that only one of them
 * has is kept.
 */
export function mergeObserved(known: ObservedContainer | undefined, next: ObservedContainer): ObservedContainer {
  if (known === undefined) return next
  const [older, newer] = rank[next.state] >= rank[known.state] ? [known, next] : [next, known]
  const merged = { ...older, ...definedOf(newer) }
  return {
    ...merged,
    state: newer.state,
    image: newer.image === '' ? older.image : newer.image,
    imageId: newer.imageId === '' ? older.imageId : newer.imageId,
    createdAtMs: Math.min(older.createdAtMs, newer.createdAtMs),
  }
}

function definedOf(observed: ObservedContainer): Partial<ObservedContainer> {
  return Object.fromEntries(Object.entries(observed).filter(([, value]) => value !== undefined))
}
