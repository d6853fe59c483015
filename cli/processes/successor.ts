import type { ChildProcess } from 'node:child_process'
import type { Clock } from '../../lib/clock.ts'

const firstBackoffMs = 200
const maxBackoffMs = 10_000

/** What a supervisor that follows another says to the process that started it, once another process would start the next. */
const takenOver = { takenOver: true }

/** Says that this supervisor can be left to itself. */
export function sayTakenOver(): void {
  // Whoever started it may be gone by now.
  process.send?.(takenOver, undefined, undefined, () => process.connected && process.disconnect())
}

/**
 * Sees to it that a supervisor follows one that was killed: starts one with `launch` and stays with it until it says that it has taken over. One that ends
 * before is followed by the next, so that none can be killed at a moment when nobody would notice; one that ends by itself with exit code 0 has
 * found that none is needed.
 */
export async function untilSucceeded(launch: () => ChildProcess, clock: Clock): Promise<void> {
  for (let backoffMs = firstBackoffMs; ; backoffMs = Math.min(backoffMs * 2, maxBackoffMs)) {
    const successor = launch()
    const isSettled = await new Promise<boolean>((resolve) => {
      successor.once('message', () => resolve(true))
      successor.once('exit', (code) => resolve(code === 0))
      successor.once('error', () => resolve(false))
    })
    if (isSettled) return
    await clock.sleep(backoffMs)
  }
}
