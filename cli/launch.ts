import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DataFolder } from './data-folder.ts'
import { programArguments } from './program.ts'

/** Tells `start` that it follows a supervisor that was killed. */
export const takeoverSwitch = '--takeover'

/**
 * Starts `binnacle start` as a process that outlives this one; what it prints is appended to the log named `supervisor`. With `isHeard` it can send messages.
 */
export function launchSupervisor(args: readonly string[], folder: DataFolder, isHeard = false): ChildProcess {
  const logFile = folder.logFile('supervisor')
  mkdirSync(dirname(logFile), { recursive: true })
  const output = openSync(logFile, 'a', 0o600)
  try {
    return spawn(process.execPath, programArguments('start', args), {
      detached: true,
      stdio: ['ignore', output, output, ...(isHeard ? (['ipc'] as const) : [])],
    })
  } finally {
    closeSync(output)
  }
}
