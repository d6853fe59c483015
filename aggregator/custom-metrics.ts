/** One sample of a metric that an application exports about itself. */
export interface CustomSample {
  /** Heapster's `custom/<name>` without the prefix: the name under which Prometheus knows it. */
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly namespace: string
  readonly pod: string
  /** Labels of the series, without those that name the pod. */
  readonly labels: Readonly<Record<string, string>>
  /** A gauge's value; of a counter its growth per second over `windowMs`. */
  readonly value: number
  /** When it was read, in ms since the epoch. */
  readonly timestamp: number
  /** The time over which a counter's rate was taken; absent for gauges. */
  readonly windowMs?: number
}

/** Takes in the samples of a page, each once. Must not throw for what is in them and must not keep the caller waiting. */
export interface SampleSink {
  addCustomSamples(samples: readonly CustomSample[]): void
}

/** What `custom.metrics.k8s.io` and rules read: the last samples of the metrics that pods export. */
export interface CustomMetricsView {
  /** Names with at least one live sample, sorted. */
  names(): readonly string[]
  /** The live samples of a metric in a namespace; empty when there are none. */
  samples(name: string, namespace: string): readonly CustomSample[]
}
