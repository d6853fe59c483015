import type { LogBatch } from '../log-batch.ts'
import { RefusedRequestError } from './sink.ts'
import type { LineRef, SendOutcome } from './sink.ts'

export function countLinesOf(batches: readonly LogBatch[]): number {
  return batches.reduce((sum, { count }) => sum + count, 0)
}

/** The lines of a request, in the order in which they are in it. */
export function lineRefs(batches: readonly LogBatch[]): LineRef[] {
  return batches.flatMap((batch) => Array.from({ length: batch.count }, (_, index) => ({ batch, index })))
}

/**
 * For receivers that store the good lines of a request, say how many they refused and not which: all of them if all were, else the lines are looked
 * for by sending smaller requests, which does no harm to those that are there.
 */
export function refuseSome(
  batches: readonly LogBatch[],
  count: number,
  { reason, message }: { readonly reason: string; readonly message: string },
): SendOutcome {
  if (count < countLinesOf(batches)) throw new RefusedRequestError(reason, message, { isAboutLines: true })
  return { refused: lineRefs(batches).map((line) => ({ ...line, reason, message })), bytes: 0 }
}
