/** A family of figures for Prometheus, as plain data. */
export interface LogFamily {
  /** The whole name. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: readonly LogSample[]
}

export interface LogSample {
  /** Of a histogram: `_bucket`, `_sum`, `_count`; else empty. */
  readonly suffix: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
