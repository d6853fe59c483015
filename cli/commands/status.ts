import { existsSync } from 'node:fs'
import { isAlive } from '../../lib/process-identity.ts'
import { findDataFolder } from '../data-folder.ts'
import type { ClusterOptions } from '../options.ts'
import { isRunning, readRunState, type RunState } from '../state.ts'
import type { CommandContext } from './start.ts'

/** `status`: the processes and addresses of the cluster. Exit code 0 when all is up, 3 when nothing runs, 1 when something is down. */
export function showStatus(options: ClusterOptions, context: CommandContext): number {
  const folder = findDataFolder(options.dataDir)
  const state = folder === undefined ? undefined : readRunState(folder)
  if (folder === undefined || !isRunning(state)) {
    context.print(`Binnacle does not run for ${options.dataDir}`)
    return 3
  }
  context.print(`${state.isReady ? 'Binnacle is ready' : 'Binnacle is starting'}, since ${state.startedAt}`)
  for (const { name, identity, state: phase, restarts, lastExit } of state.processes) {
    const isThere = identity !== undefined && isAlive(identity)
    const pid = identity === undefined ? '-' : String(identity.pid)
    const history = restarts === 0 ? '' : `  restarts ${restarts} (last: ${lastExit})`
    context.print(`  ${name.padEnd(10)} ${(isThere ? phase : 'down').padEnd(9)} pid ${pid.padEnd(8)}${history}`)
  }
  for (const { what, url } of state.addresses) context.print(`  ${what.padEnd(10)} ${url}`)
  for (const notice of state.notices) context.print(`  ! ${notice}`)
  if (existsSync(folder.kubeconfig)) context.print(`  kubeconfig ${folder.kubeconfig}`)
  const isUp = (row: RunState['processes'][number]) => row.state === 'ready' && row.identity !== undefined && isAlive(row.identity)
  const isWhole = state.isReady && state.processes.every(isUp)
  return isWhole ? 0 : 1
}
