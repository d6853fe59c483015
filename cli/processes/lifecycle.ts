import { systemClock } from '../../lib/clock.ts'
import { createLog, type Log } from '../../lib/log.ts'
import { openDataFolder, type DataFolder } from '../data-folder.ts'
import { launchSupervisor, takeoverSwitch } from '../launch.ts'
import type { ClusterOptions } from '../options.ts'
import { readRunState } from '../state.ts'

/** A stop that takes longer is a fault, and is cut off. */
const stopTimeoutMs = 12_000

/** What a long-running process of the stack is built from. */
export interface Process {
  start(): Promise<void>
  stop(): Promise<void>
}

export interface ProcessContext {
  readonly options: ClusterOptions
  readonly folder: DataFolder
  readonly log: Log
}

/**
 * Runs one process of the stack: start, tell the supervisor, wait for a signal or for the supervisor's death, stop. Resolves with the exit code.
 * When the supervisor was killed, the process that `resurrects` starts a new one, which takes over.
 */
export async function runProcess(
  name: string,
  options: ClusterOptions,
  build: (context: ProcessContext) => Promise<Process>,
  resurrects = false,
): Promise<number> {
  const folder = openDataFolder(options.dataDir)
  const log = createLog({ level: options.logLevel, component: name })
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'uncaught error, ending')
    process.exit(70)
  })
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'unhandled rejection, ending')
    process.exit(70)
  })
  const ending = untilEnd()
  const instance = await build({ options, folder, log })
  // What it waits for at the start may never come: a signal counts then, too.
  const early = await Promise.race([instance.start(), ending])
  if (early === undefined) {
    process.send?.({ ready: true })
    log.info({ pid: process.pid }, 'ready')
  }
  const why = await ending
  log.info({ why }, 'stopping')
  if (why === 'supervisor gone' && resurrects) resurrectSupervisor(folder)
  const isStopped = await Promise.race([instance.stop().then(() => true), systemClock.sleep(stopTimeoutMs).then(() => false)])
  if (!isStopped) log.error({ stopTimeoutMs }, 'did not stop in time')
  // Nothing may keep a process alive that has stopped its work.
  process.exit(isStopped ? 0 : 1)
}

function untilEnd(): Promise<string> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'))
    process.once('SIGINT', () => resolve('SIGINT'))
    process.once('disconnect', () => resolve('supervisor gone'))
  })
}

function resurrectSupervisor(folder: DataFolder): void {
  const state = readRunState(folder)
  if (state === undefined) return
  // What was typed at first, not what this process was given: an engine that was started must be started again, not taken for somebody else's.
  const child = launchSupervisor([takeoverSwitch, ...state.flags], folder)
  child.on('error', () => {})
  child.unref()
}
