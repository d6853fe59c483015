/** Everything that a configuration says, as plain data that can be handed to another thread. */
export interface LogSettings {
  /** Containers of Docker. */
  readonly docker: SourceSettings | undefined
  /** Containers of a CRI runtime. */
  readonly pods: (SourceSettings & { readonly path: string }) | undefined
  readonly files: readonly FileSourceSettings[]
  readonly journal: JournalSettings | undefined
  /** In order; what a later rule says replaces what an earlier one said, lists grow. */
  readonly rules: readonly RuleSettings[]
  readonly reading: ReadingSettings
  /** Whether annotations of pods (labels of containers) are heeded. */
  readonly heedsAnnotations: boolean
}

export interface SourceSettings {
  readonly from: 'beginning' | 'end'
}

export interface FileSourceSettings extends SourceSettings {
  /** What the origin is called; its paths where it has none. */
  readonly name: string | undefined
  readonly kind: 'file' | 'audit' | 'events'
  /** Patterns: `*` and `?` in names, `**` for any number of folders. */
  readonly paths: readonly string[]
  readonly exclude: readonly string[]
  readonly format: 'plain' | 'docker' | 'cri'
  readonly followsLinks: boolean
  readonly labels: Readonly<Record<string, string>>
}

export interface JournalSettings extends SourceSettings {
  /** None: all. */
  readonly units: readonly string[]
  readonly command: string
  /** A folder of journal files instead of the machine's own. */
  readonly directory: string | undefined
}

export interface ReadingSettings {
  /** Longer lines are cut, and say so. */
  readonly maxLineBytes: number
  /** Lines that were read and are not acknowledged, of all sinks together. */
  readonly maxUnacknowledgedBytes: number
  /** What removed files that are held open may take of the disk. */
  readonly maxHeldBytes: number
  readonly maxHeldFiles: number
  readonly checkpointMs: number
}

/** Which origins a rule is for: all that is given has to hold, and of each list one. `*` stands for any text. */
export interface MatchSettings {
  readonly kinds: readonly string[]
  readonly namespaces: readonly string[]
  readonly pods: readonly string[]
  readonly containers: readonly string[]
  readonly images: readonly string[]
  readonly ids: readonly string[]
  /** A label selector. */
  readonly selector: string | undefined
}

export type ParserSettings =
  | { readonly type: 'json' | 'logfmt' | 'klog' | 'access' | 'none' }
  | { readonly type: 'regex'; readonly pattern: string }

export interface MultilineSettings {
  /** What the first line of an entry looks like. */
  readonly start: string
  readonly timeoutMs: number
  readonly maxLines: number
}

export interface LimitSettings {
  readonly linesPerSecond: number
  readonly bytesPerSecond: number
  /** Seconds' worth that may come at once. */
  readonly burstSeconds: number
}

export interface SampleSettings {
  readonly pattern: string
  /** One of so many goes on. */
  readonly oneOf: number
}

export interface RedactSettings {
  readonly isOn: boolean
  /** What is hidden besides what always is. */
  readonly patterns: readonly string[]
}

/** A figure made of lines. */
export interface LogMetricSettings {
  readonly name: string
  readonly type: 'counter' | 'histogram'
  readonly help: string
  /** Lines that count; all where it is absent. Its groups can be values and labels. */
  readonly pattern: string | undefined
  /** The field or group that is added or observed; a counter without one counts lines. */
  readonly field: string | undefined
  /** Label → field or group. */
  readonly labels: Readonly<Record<string, string>>
  readonly buckets: readonly number[]
  readonly maxSeries: number
}

export interface RuleSettings {
  readonly match: MatchSettings
  readonly isExcluded?: boolean
  readonly parser?: ParserSettings
  readonly multiline?: MultilineSettings
  readonly limit?: LimitSettings
  /** Lines that match one go no further. */
  readonly drop: readonly string[]
  /** Where there are any, only lines that match one go on. */
  readonly keep: readonly string[]
  readonly sample: readonly SampleSettings[]
  readonly redact?: RedactSettings
  readonly metrics: readonly LogMetricSettings[]
  /** Names of sinks; all where no rule says otherwise. */
  readonly sinks?: readonly string[]
}

const mib = 1024 * 1024

export const defaultReading: ReadingSettings = {
  maxLineBytes: 256 * 1024,
  maxUnacknowledgedBytes: 16 * mib,
  maxHeldBytes: 1024 * mib,
  maxHeldFiles: 1024,
  checkpointMs: 1000,
}

/** Docker's containers and nothing done with their lines but what always is. */
export const defaultLogSettings: LogSettings = {
  docker: { from: 'beginning' },
  pods: undefined,
  files: [],
  journal: undefined,
  rules: [],
  reading: defaultReading,
  heedsAnnotations: true,
}
