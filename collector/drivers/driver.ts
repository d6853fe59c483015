/** Where and how samples are written besides being served. */
export type DriverOptions =
  | { readonly kind: 'stdout'; readonly print: (text: string) => Promise<void> }
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

/** How long a server may take to answer. */
export const postTimeoutMs = 20_000

/** What became of a body. `retry`: nobody has taken it, try again later; `lost` points were refused for good. */
export type WriteOutcome =
  | { readonly result: 'done'; readonly lost: number; readonly reason?: string }
  | { readonly result: 'retry'; readonly reason: string }

/** One sink. */
export interface Driver {
  readonly kind: DriverOptions['kind']
  /** Whether bodies are sent as soon as they are made; the others wait for the interval, or until there is much to send. */
  readonly isImmediate: boolean
  /** Whether bodies are compressed before they wait. */
  readonly isCompressed: boolean
  /** Turns the samples of a drain into bodies of a size that the sink takes. */
  encode(samples: readonly ContainerSample[]): readonly EncodedBody[]
  /** Sends one body. A rejection counts as `retry`. */
  write(body: EncodedBody, signal: AbortSignal): Promise<WriteOutcome>
  close(): void
}

/** Bytes to send and how many points they hold. */
export interface EncodedBody {
  readonly bytes: Buffer
  readonly points: number
}

/** One sample of one container, ready for a sink. */
export interface ContainerSample {
  readonly timestampMs: number
  /** The runtime's name, else the cgroup's path. */
  readonly containerName: string
  /** The cgroup's path, which no two containers share. */
  readonly id: string
  readonly tags: Readonly<Record<string, string>>
  readonly points: readonly Point[]
}

/** One figure: its measurement, a value, and tags of its own such as a device. */
export interface Point {
  readonly measurement: string
  readonly value: number
  /** Whether the value is a count or an amount, without fractions. */
  readonly isInteger: boolean
  readonly tags?: Readonly<Record<string, string>>
}
