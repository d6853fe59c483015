import type { CoreV1Taint, CoreV1Toleration } from './generated/kinds.ts'

/** Whether one toleration covers a taint: same effect or any, same key or any with Exists, equal value or Exists. */
export function tolerates(toleration: CoreV1Toleration, taint: CoreV1Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== '' && toleration.effect !== taint.effect) return false
  const isAnyKey = toleration.key === undefined || toleration.key === ''
  if (toleration.operator === 'Exists') return isAnyKey || toleration.key === taint.key
  if (isAnyKey || toleration.key !== taint.key) return false
  const value = Number(taint.value)
  if (toleration.operator === 'Gt') return value > Number(toleration.value)
  if (toleration.operator === 'Lt') return value < Number(toleration.value)
  return (toleration.value ?? '') === (taint.value ?? '')
}

/** The first taint of the given effects that no toleration covers. */
export function findUntolerated(
  taints: readonly CoreV1Taint[] | undefined,
  tolerations: readonly CoreV1Toleration[] | undefined,
  effects: readonly string[],
): CoreV1Taint | undefined {
  return taints?.find((taint) => effects.includes(taint.effect) && !(tolerations ?? []).some((toleration) => tolerates(toleration, taint)))
}
