/** One row of the table in `README.md`. */
export interface Measurement {
  readonly what: string
  readonly value: string
  readonly aim: string
  /** What it was compared with in the same minute, if anything. */
  readonly peer?: string
}

/** The value at share `p` (0..1) of the sorted samples. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5)
