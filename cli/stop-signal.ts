import { systemClock } from '../lib/clock.ts'

/** Within this time further signals are the same Ctrl-C. */
const sameSignalMs = 1000

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP; a later SIGINT calls `onSecond`. One Ctrl-C may arrive several times, from the terminal and
 * from npm or another parent that hands it on, so what comes right after the first counts as the same.
 */
export function untilSignal(onSecond: () => void): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | undefined
    const receive = (signal: NodeJS.Signals) => {
      const now = systemClock.monotonic()
      if (signal === 'SIGINT' && firstAt !== undefined && now - firstAt > sameSignalMs) onSecond()
      firstAt ??= now
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, receive)
  })
}
