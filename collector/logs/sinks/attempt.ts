import type { Clock } from '../../../lib/clock.ts'
import type { LogBatch } from '../log-batch.ts'
import { SendError, type LogSender, type SendOutcome } from './sink.ts'

export interface AttemptOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  /** Aborted by the deadline, or by whoever wants no answer any more: what is given as its reason becomes the answer. */
  readonly controller: AbortController
}

/** Sends once, under a deadline. Never rejects, and never waits for a sender that does not heed its signal. */
export async function attemptSend(
  sender: LogSender,
  batches: readonly LogBatch[],
  { clock, timeoutMs, controller }: AttemptOptions,
): Promise<SendOutcome | Error> {
  const { signal } = controller
  const aborted = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => aborted.reject(signal.reason as Error), { once: true })
  const deadline = clock.setTimer(timeoutMs, () => controller.abort(new SendError(`no answer within ${timeoutMs} ms`)))
  try {
    return await Promise.race([sender.send(batches, signal), aborted.promise])
  } catch (error) {
    return error instanceof Error ? error : new SendError(String(error))
  } finally {
    deadline.cancel()
  }
}
