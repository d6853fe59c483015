import { readFileSync } from 'node:fs'
import { defaultConfiguration, parseConfiguration } from '../aggregator/configuration.ts'
import type { AggregatorConfiguration } from '../aggregator/configuration.ts'
import { FileError } from '../lib/document.ts'
import { UsageError } from './options.ts'

/** The aggregator's configuration in a file, the defaults without one. Throws `UsageError` with every mistake on a line. */
export function readAggregatorConfiguration(path: string | undefined): AggregatorConfiguration {
  if (path === undefined) return defaultConfiguration()
  try {
    return parseConfiguration(path, readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof FileError) throw new UsageError(`the aggregator's configuration can not be used:\n${error.message}`)
    throw new UsageError(`the aggregator's configuration ${JSON.stringify(path)} can not be read: ${(error as Error).message}`)
  }
}
