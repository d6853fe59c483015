import type { FlappingSettings } from '../rules/rule.ts'
import { isFiring } from './series-state.ts'
import type { Phase, SeriesState } from './series-state.ts'

/** The newest step counts this much, the oldest so much less: 1.2 down to 0.8, as in Nagios. */
const newestWeight = 1.2
const weightRange = 0.4

/**
 * The share of the last `history − 1` steps in which a series began or ceased to fire, the newer ones counting more: the sum of the weights of those
 * steps through the number of steps. A step counts once.
 */
export function changeShare(changes: readonly number[], settings: FlappingSettings, now: number): number {
  const steps = settings.history - 1
  const current = Math.floor(now / settings.stepMs)
  let sum = 0
  for (const step of changes) {
    const age = current - step
    if (age >= 0 && age < steps) sum += newestWeight - (steps === 1 ? 0 : (weightRange * age) / (steps - 1))
  }
  return sum / steps
}

/** Where a series is that flapping does not concern. */
export function innerPhase({ phase, inner }: SeriesState): Exclude<Phase, 'flapping'> {
  return phase === 'flapping' ? (inner ?? 'firing') : phase
}

/** What a step of the state machine comes to once flapping is looked at. */
export interface Damped {
  readonly state: SeriesState
  /** Set where flapping begins or ends with this step. */
  readonly reason?: string
}

/**
 * Notes whether a series has just begun or ceased to fire, and holds it in `flapping` from when the share of changes rises above `enter` until it
 * falls below `leave`. `before` and `after` are a step as it would be without.
 */
export function dampFlapping(settings: FlappingSettings, before: SeriesState, after: SeriesState, now: number): Damped {
  const wasFiring = isFiring(innerPhase(before))
  const hasChanged = wasFiring !== isFiring(after.phase)
  const known = before.changes ?? []
  if (!hasChanged && known.length === 0) return { state: after }
  const changes = keptChanges(known, hasChanged, settings, now)
  const share = changeShare(changes, settings, now)
  const isHeld = before.phase === 'flapping' ? share >= settings.leave : share > settings.enter
  const state: SeriesState = { ...after, changes }
  if (!isHeld) return before.phase === 'flapping' ? { state, reason: 'changes have become rare' } : { state }
  const percent = Math.round(share * 100)
  const { inner: _, ...rest } = state
  const held: SeriesState = {
    ...rest,
    phase: 'flapping',
    inner: innerPhase(after),
    firedAt: (isFiring(before.phase) ? before.firedAt : undefined) ?? now,
    details: {
      ...after.details,
      explanation: `flapping: ${percent}% of the last ${settings.history} steps changed; told again when it has calmed down`,
    },
  }
  return before.phase === 'flapping' ? { state: held } : { state: held, reason: 'begins and ceases to fire too often' }
}

function keptChanges(known: readonly number[], hasChanged: boolean, settings: FlappingSettings, now: number): readonly number[] {
  const current = Math.floor(now / settings.stepMs)
  const kept = known.filter((step) => current - step < settings.history - 1)
  if (hasChanged && kept.at(-1) !== current) return [...kept, current]
  return kept.length === known.length ? known : kept
}
