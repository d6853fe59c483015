/** Where and how samples are written besides being served. */
export type DriverOptions =
  | { readonly kind: 'stdout' }
  | {
      readonly kind: 'influxdb'
      readonly url: string
      readonly database: string
      readonly user?: string
      readonly password?: string
      readonly retentionPolicy?: string
    }
  | { readonly kind: 'statsd'; readonly host: string; readonly port: number; readonly prefix: string }
  | { readonly kind: 'elasticsearch'; readonly url: string; readonly index: string; readonly user?: string; readonly password?: string }

/** What became of a batch. `retry`: nobody has taken it, try again later; `lost` counts samples that were refused for good. */
export type WriteOutcome =
  | { readonly result: 'written'; readonly lost: number; readonly reason?: string }
  | { readonly result: 'retry'; readonly reason: string }

/** One kind of sink. */
export interface Driver {
  readonly name: DriverOptions['kind']
  /** Turns the samples of a drain into one or more bodies to send; sizes are bounded by the driver. */
  encode(samples: readonly ContainerSample[]): readonly EncodedBatch[]
  /** Sends one body. Never throws: a failure is an outcome. */
  write(batch: EncodedBatch, signal: AbortSignal): Promise<WriteOutcome>
  /** Lets sockets go. */
  close(): void
}

/** Bytes to send and how many container samples they hold. */
export interface EncodedBatch {
  readonly body: Buffer
  readonly samples: number
}

/** One sample of one container, ready for a sink. */
export interface ContainerSample {
  readonly timestampMs: number
  /** The runtime's name, else the cgroup's path. */
  readonly containerName: string
  /** Bounded labels: machine, container_name, and those of the pod where there is one. */
  readonly tags: Readonly<Record<string, string>>
  readonly points: readonly Point[]
}

/** One figure: cAdvisor's measurement name, a value, and tags of its own such as a device. */
export interface Point {
  readonly measurement: string
  readonly value: number
  /** Whether the value is a count or an amount, without fractions. */
  readonly isInteger: boolean
  readonly tags?: Readonly<Record<string, string>>
}
