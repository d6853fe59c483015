import { join } from 'node:path'
import type { DocumentReader, Field } from '../../../lib/document.ts'
import type { LogContext } from '../context.ts'
import { OptionNode } from '../sinks/option-node.ts'
import { createLogStore, defaultMaxStoreAgeMs, minStoreBytes } from './store.ts'
import type { LogStore } from './store.ts'

/** What a configuration says of the store, as plain data. */
export interface StoreSettings {
  readonly isOn: boolean
  /** Absent: what the disk allows, as `LogStoreOptions` says. */
  readonly maxBytes?: number
  readonly maxAgeMs: number
}

export const defaultStoreSettings: StoreSettings = { isOn: true, maxAgeMs: defaultMaxStoreAgeMs }

const maxStoreBytes = 2 ** 44
const minAgeMs = 60_000
const maxAgeMs = 3650 * 24 * 3_600_000

/** Reads `store: true`, `store: false`, or a mapping of `max_size` and `max_age`. What is wrong is noted in `reader`. */
export function readStoreSettings(reader: DocumentReader, field: Field | undefined): StoreSettings {
  if (field === undefined) return defaultStoreSettings
  if (field.node !== null && 'value' in field.node && typeof field.node.value === 'boolean')
    return { ...defaultStoreSettings, isOn: reader.boolean(field) ?? true }
  const node = new OptionNode(reader, field)
  const maxBytes = node.has('max_size')
    ? node.bytes('max_size', { min: minStoreBytes, max: maxStoreBytes, default: minStoreBytes })
    : undefined
  const settings: StoreSettings = {
    isOn: true,
    ...(maxBytes === undefined ? {} : { maxBytes }),
    maxAgeMs: node.duration('max_age', { min: minAgeMs, max: maxAgeMs, default: defaultMaxStoreAgeMs }),
  }
  node.finish()
  return settings
}

/** The store of a pipeline, in the folder `store` of its own; `undefined` where it is switched off. */
export function createStore({ isOn, ...settings }: StoreSettings, { dataFolder, clock, log }: LogContext): LogStore | undefined {
  return isOn ? createLogStore({ ...settings, folder: join(dataFolder, 'store'), clock, log: log.child({ part: 'store' }) }) : undefined
}
