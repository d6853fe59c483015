import type { Refusal } from '../../lib/delivery/dead-letters.ts'
import type { Payload } from '../../lib/delivery/spool.ts'
import type { HttpAnswer } from '../../lib/http-poster.ts'

/** What became of a payload that was sent. Nothing set: all of it is delivered. */
export interface Outcome {
  /** Refused for good: counted, kept as dead letters, never sent again. */
  readonly refusals?: readonly Refusal[]
  /** What is neither delivered nor refused, in order. */
  readonly remaining?: readonly Payload[]
  /** Why `remaining` has to wait; absent: it is sent at once, as halves of what was too large. */
  readonly retry?: Retry
}

/** Nothing is wrong with the items: they are sent again later. */
export interface Retry {
  readonly message: string
  /** The destination asked for this much patience, ms. */
  readonly afterMs?: number
  /** Prepare the destination again first. */
  readonly isUnprepared?: boolean
}

/** The other end. Sending a payload twice must be harmless there, or as harmless as its protocol allows. */
export interface Destination {
  /** What is sent before the first payload, and again after `isUnprepared`; rejects until it has worked. */
  prepare?(): Promise<void>
  /** Resolves within its own deadline. A rejection means that nothing is known to have arrived. */
  send(payload: Payload, signal: AbortSignal): Promise<Outcome>
  close(): void
}

/** Gathers items and hands them out as one body. */
export interface PayloadEncoder {
  /** Items since the last `take`. */
  readonly items: number
  /**
   * The body is the caller's own, where there is a `release` until that is called. `lost`: items that have no form in this encoding, by
   * reason.
   */
  take(): Payload & { readonly lost?: Readonly<Record<string, number>>; readonly release?: () => void }
}

/** Why an answer means to come again. */
export function retryOf({ status, body, retryAfterMs }: HttpAnswer): Retry {
  const message = `HTTP ${status}: ${body.slice(0, 400)}`
  return retryAfterMs === undefined ? { message } : { message, afterMs: retryAfterMs }
}
