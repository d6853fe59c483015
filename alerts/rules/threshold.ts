export const comparisons = ['>', '>=', '<', '<=', '==', '!='] as const
export type Comparison = (typeof comparisons)[number]

/** A comparison with a number in the unit of the value. */
export interface Threshold {
  readonly comparison: Comparison
  readonly value: number
}

const comparers: Readonly<Record<Comparison, (left: number, right: number) => boolean>> = {
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
}

/** Whether `value` is on the side that the threshold names. */
export function holds(threshold: Threshold, value: number): boolean {
  return comparers[threshold.comparison](value, threshold.value)
}
