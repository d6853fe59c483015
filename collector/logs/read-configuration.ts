import { readFileSync } from 'node:fs'
import type { LogConfiguration } from './app.ts'
import { readLogSettings } from './configuration.ts'
import { readLogSinks, type LogSinkSettings } from './sinks/sinks.ts'
import { readStoreSettings, type StoreSettings } from './store-settings.ts'

/** Reads a configuration. Throws `FileError` with everything that is wrong with it, and where. */
export function readLogConfiguration(file: string, text = readFileSync(file, 'utf8')): LogConfiguration {
  let sinks: readonly LogSinkSettings[] = []
  let store: StoreSettings | undefined
  const settings = readLogSettings(file, text, ({ reader, sinks: sinkField, store: storeField }) => {
    sinks = readLogSinks(reader, sinkField, ['store'])
    store = readStoreSettings(reader, storeField)
    return { sinkNames: [...sinks.map(({ name }) => name), ...(store === undefined ? [] : ['store'])] }
  })
  return { settings, sinks, store }
}
