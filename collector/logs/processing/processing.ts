import type { Account } from '../accounts.ts'
import type { LogOrigin } from '../log-batch.ts'
import type { LineOutput, LineProcessor } from '../reading/line-chain.ts'
import type { LogSettings } from '../settings.ts'
import type { LineMetrics } from './line-metrics.ts'
import { CompiledTreatment, EntryGrouper, LineTreatment } from './line-treatment.ts'
import { compilePattern } from './pattern.ts'
import { RateLimit } from './rate-limit.ts'
import { treatmentOf } from './treatment.ts'

/** What is done with the lines of one origin. */
export interface Processing {
  readonly isExcluded: boolean
  /** Sinks by name; `undefined` is all. */
  readonly sinks: readonly string[] | undefined
  /** Annotations that are not heeded, and why. */
  readonly problems: readonly string[]
  createProcessor(output: LineOutput): LineProcessor
}

export interface ProcessingContext {
  readonly account: Account
  readonly metrics: LineMetrics
  readonly monotonic: () => number
}

/** What the settings say of an origin, made ready. */
export function createProcessing(settings: LogSettings, origin: LogOrigin, context: ProcessingContext): Processing {
  const treatment = treatmentOf(settings, origin)
  const { monotonic } = context
  const limit = treatment.limit === undefined ? undefined : new RateLimit(treatment.limit, monotonic())
  const compiled = new CompiledTreatment(treatment, { ...context, origin, limit })
  const { multiline } = treatment
  const start = multiline === undefined ? undefined : compilePattern(multiline.start)
  const { maxLineBytes } = settings.reading
  return {
    isExcluded: treatment.isExcluded,
    sinks: treatment.sinks,
    problems: treatment.problems,
    createProcessor: (output) => {
      const lines = new LineTreatment(compiled, output)
      if (multiline === undefined || start === undefined) return lines
      return new EntryGrouper({ ...multiline, start, maxBytes: maxLineBytes, monotonic }, lines)
    },
  }
}
