/** How many of the wanted calls succeeded, and the first error that stopped the rest. */
export interface SlowStartResult {
  readonly succeeded: number
  readonly error?: unknown
}

/**
 * Calls `call` up to `count` times in parallel batches of 1, 2, 4, … and starts no further batch after one with an error, so that a quota or a
 * webhook that refuses them all sees a handful of requests instead of hundreds. Mirrors upstream's `slowStartBatch`.
 */
export async function slowStart(count: number, call: () => Promise<void>): Promise<SlowStartResult> {
  let succeeded = 0
  for (let batch = 1; succeeded < count; batch *= 2) {
    const results = await Promise.allSettled(Array.from({ length: Math.min(batch, count - succeeded) }, call))
    const failure = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined
    succeeded += results.filter(({ status }) => status === 'fulfilled').length
    if (failure !== undefined) return { succeeded, error: failure.reason }
  }
  return { succeeded }
}
