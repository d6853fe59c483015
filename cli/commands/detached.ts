import { existsSync, readFileSync, statSync } from 'node:fs'
import { systemClock } from '../../lib/clock.ts'
import type { DataFolder } from '../data-folder.ts'
import { toFlags, type ClusterOptions } from '../options.ts'
import { launchSupervisor } from '../launch.ts'
import { readRunState } from '../state.ts'
import { printReady, type CommandContext } from './start.ts'

const timeoutMs = 10 * 60_000
const pollMs = 100

/** Starts the same command in the background and waits until it is ready. Ctrl-C while it waits stops it again. Resolves with the exit code. */
export async function startDetached(options: ClusterOptions, folder: DataFolder, context: CommandContext): Promise<number> {
  const logFile = folder.logFile('supervisor')
  const before = existsSync(logFile) ? statSync(logFile).size : 0
  const child = launchSupervisor(toFlags({ ...options, detach: false }), folder)
  const exit = new Promise<number>((resolve) => {
    child.on('error', () => resolve(1))
    child.on('exit', (code) => resolve(code ?? 1))
  })
  let code: number | undefined
  void exit.then((value) => (code = value))
  const interrupt = () => child.kill('SIGTERM')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  const deadline = systemClock.monotonic() + timeoutMs
  while (systemClock.monotonic() < deadline && code === undefined) {
    const state = readRunState(folder)
    if (state?.supervisor.pid === child.pid && state?.isReady === true) {
      child.unref()
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, interrupt)
      printReady(state, folder, context)
      return 0
    }
    await systemClock.sleep(pollMs)
  }
  if (code === undefined) interrupt()
  code = await exit
  const said = existsSync(logFile) ? readFileSync(logFile).subarray(before).toString().trim() : ''
  if (said !== '') context.print(said)
  context.print(`Binnacle did not start; the log is ${logFile}`)
  return code === 0 ? 1 : code
}
