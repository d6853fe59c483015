import { systemClock } from '../../lib/clock.ts'
import { giveMemoryBackWhenIdle } from '../../lib/idle-memory.ts'
import { createLog, type Log } from '../../lib/log.ts'
import { openDataFolder, type DataFolder } from '../data-folder.ts'
import { launchSupervisor, takeoverSwitch } from '../launch.ts'
import type { ClusterOptions } from '../options.ts'
import { readRunState } from '../state.ts'
import { untilSucceeded } from './successor.ts'

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
 * When the supervisor was killed, the process that `resurrects` starts a new one once it has stopped itself, and ends when that one has taken over.
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
  // A supervisor that is gone before this process could hear of it leaves nothing to be done.
  const instance = isOrphaned() ? undefined : await build({ options, folder, log })
  // What it waits for at the start may never come: a signal counts then, too.
  const early = await Promise.race([instance?.start() ?? ending, ending])
  if (early === undefined) {
    // The supervisor may be gone by now.
    process.send?.({ ready: true }, undefined, undefined, () => {})
    log.info({ pid: process.pid }, 'ready')
    giveMemoryBackWhenIdle(systemClock)
  }
  const why = await ending
  log.info({ why }, 'stopping')
  // Whoever ends a process without a supervisor takes over, or takes everything down.
  const dismissal = new AbortController()
  process.once('SIGTERM', () => dismissal.abort())
  const isStopped = await Promise.race([stop(instance), systemClock.sleep(stopTimeoutMs).then(() => false)])
  if (!isStopped) log.error({ stopTimeoutMs }, 'did not stop in time')
  if (why === supervisorGone && resurrects && !dismissal.signal.aborted) await resurrectSupervisor(folder, isStopped, dismissal.signal)
  // Nothing may keep a process alive that has stopped its work.
  process.exit(isStopped ? 0 : 1)
}

const supervisorGone = 'supervisor gone'

/** It was started with a channel to its supervisor, and that is closed. */
const isOrphaned = () => process.send !== undefined && !process.connected

async function stop(instance: Process | undefined): Promise<boolean> {
  await instance?.stop()
  return true
}

function untilEnd(): Promise<string> {
  return new Promise((resolve) => {
    if (isOrphaned()) resolve(supervisorGone)
    process.once('SIGTERM', () => resolve('SIGTERM'))
    process.once('SIGINT', () => resolve('SIGINT'))
    process.once('disconnect', () => resolve(supervisorGone))
  })
}

/** What did not stop holds what the next process needs: then it must not stay. */
async function resurrectSupervisor(folder: DataFolder, canStay: boolean, dismissal: AbortSignal): Promise<void> {
  const state = readRunState(folder)
  if (state === undefined) return
  dismissal.addEventListener('abort', () => process.exit(0))
  // What was typed at first, not what this process was given: an engine that was started must be started again, not taken for somebody else's.
  const launch = () => launchSupervisor([takeoverSwitch, ...state.flags], folder, canStay)
  if (canStay) return untilSucceeded(launch, systemClock)
  launch()
    .on('error', () => {})
    .unref()
}
