import { FileError } from '../lib/document.ts'
import { readSchedulerConfiguration } from '../orchestrator/scheduler/configuration.ts'
import type { SchedulerConfiguration } from '../orchestrator/scheduler/profile.ts'
import { UsageError } from './options.ts'

/** The scheduler's configuration in a file; nothing without one. Throws `UsageError` with every mistake on a line. */
export function schedulerSettings(path: string | undefined): { readonly configuration?: SchedulerConfiguration } {
  if (path === undefined || path === '') return {}
  try {
    return { configuration: readSchedulerConfiguration(path) }
  } catch (error) {
    if (error instanceof FileError) throw new UsageError(`the scheduler's configuration can not be used:\n${error.message}`)
    throw new UsageError(`the scheduler's configuration ${JSON.stringify(path)} can not be read: ${(error as Error).message}`)
  }
}
