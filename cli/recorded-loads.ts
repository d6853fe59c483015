import { readTraces } from '../orchestrator/node/app.ts'
import { UsageError } from './options.ts'

/** The recorded loads in a folder, none without one. Throws `UsageError` with file and line. */
export function recordedLoads(folder: string | undefined): ReturnType<typeof readTraces> {
  if (folder === undefined) return new Map()
  try {
    return readTraces(folder)
  } catch (error) {
    throw new UsageError(`--simulated-traces: ${(error as Error).message}`)
  }
}
