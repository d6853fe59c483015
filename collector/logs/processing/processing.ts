import type { LogOrigin } from '../log-batch.ts'
import type { LineOutput, LineProcessor } from '../reading/line-chain.ts'
import type { LogSettings } from '../settings.ts'

/** What is done with the lines of one origin. */
export interface Processing {
  readonly isExcluded: boolean
  /** Sinks by name; `undefined` is all. */
  readonly sinks: readonly string[] | undefined
  createProcessor(output: LineOutput): LineProcessor
}

/** What the settings say of an origin. */
export function createProcessing(_settings: LogSettings, _origin: LogOrigin): Processing {
  return {
    isExcluded: false,
    sinks: undefined,
    createProcessor: (output) => ({
      oldestHeld: Number.POSITIVE_INFINITY,
      dueAt: Number.POSITIVE_INFINITY,
      flush: () => {},
      process: (slice, position) => output(slice, position, 0, undefined),
    }),
  }
}
