import { systemClock } from '../../lib/clock.ts'
import { giveMemoryBackWhenIdle } from '../../lib/idle-memory.ts'
import type { Log } from '../../lib/log.ts'
import type { Process } from './lifecycle.ts'

/** A stop that takes longer is a fault, and is cut off. */
const stopTimeoutMs = 10_000

/** Runs a part of the stack by itself, without a data folder and a supervisor: start, wait for a signal, stop. Resolves with the exit code. */
export async function runAlone(log: Log, instance: Process): Promise<number> {
  const signal = new Promise<string>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve(name))
  })
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'unhandled rejection, ending')
    process.exit(70)
  })
  await Promise.race([instance.start(), signal])
  giveMemoryBackWhenIdle(systemClock)
  const why = await signal
  log.info({ why }, 'stopping')
  const isStopped = await Promise.race([instance.stop().then(() => true), systemClock.sleep(stopTimeoutMs).then(() => false)])
  if (!isStopped) log.error({ stopTimeoutMs }, 'did not stop in time')
  // Nothing may keep a process alive that has stopped its work.
  process.exit(isStopped ? 0 : 1)
}
