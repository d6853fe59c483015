import type { DocumentReader, Field } from '../../lib/document.ts'
import { OptionNode } from './sinks/option-node.ts'
import { defaultMaxStoreAgeMs, minStoreBytes } from './store/store.ts'

/** What the store of recent lines may take. */
export interface StoreSettings {
  /** Absent: what the store takes for right on this disk. */
  readonly maxBytes?: number
  readonly maxAgeMs?: number
}

/** Reads `store: false`, or a mapping; absent is a store of the usual size. */
export function readStoreSettings(reader: DocumentReader, field: Field | undefined): StoreSettings | undefined {
  if (field === undefined) return {}
  if (field.node !== null && 'value' in field.node) return reader.boolean(field) === false ? undefined : {}
  const node = new OptionNode(reader, field)
  const settings = {
    ...(node.has('max_bytes') ? { maxBytes: node.bytes('max_bytes', { min: minStoreBytes, max: 2 ** 44, default: minStoreBytes }) } : {}),
    maxAgeMs: node.duration('max_age', { min: 60_000, max: 366 * 86_400_000, default: defaultMaxStoreAgeMs }),
  }
  node.finish()
  return settings
}
