import { rmSync } from 'node:fs'
import { systemClock } from '../../lib/clock.ts'
import { isAlive, signalProcess } from '../../lib/process-identity.ts'
import { endLeftover } from '../../lib/supervision.ts'
import { findDataFolder, type DataFolder } from '../data-folder.ts'
import type { ClusterOptions } from '../options.ts'
import { isRunning, readRunState, removeRunState, type RunState } from '../state.ts'
import type { CommandContext } from './start.ts'

const stopTimeoutMs = 90_000
const pollMs = 50
const leftoverTimeoutMs = 10_000

/** `down`: stops everything that belongs to the data folder; with `isPurge` removes the folder too. Resolves with the exit code. */
export async function takeDown(options: ClusterOptions, isPurge: boolean, context: CommandContext): Promise<number> {
  const folder = findDataFolder(options.dataDir)
  if (folder === undefined) {
    context.print(`There is no cluster in ${options.dataDir}`)
    return 0
  }
  const state = readRunState(folder)
  if (isRunning(state)) await stopSupervisor(state)
  else if (state !== undefined) await cleanAfterCrash(state, folder, context)
  if (isPurge) rmSync(folder.root, { recursive: true, force: true })
  context.print(isPurge ? `Binnacle is stopped, ${folder.root} is removed` : `Binnacle is stopped; its data stays in ${folder.root}`)
  return 0
}

async function stopSupervisor(state: RunState): Promise<void> {
  signalProcess(state.supervisor, 'SIGTERM')
  const deadline = systemClock.monotonic() + stopTimeoutMs
  while (isAlive(state.supervisor)) {
    if (systemClock.monotonic() > deadline)
      throw new Error(`the supervisor (process ${state.supervisor.pid}) did not stop within ${stopTimeoutMs / 1000} s`)
    await systemClock.sleep(pollMs)
  }
}

async function cleanAfterCrash(state: RunState, folder: DataFolder, context: CommandContext): Promise<void> {
  const isEngine = (name: string) => name === 'dockerd' || name === 'influxd'
  const end = (rows: RunState['processes']) =>
    Promise.all(rows.flatMap(({ identity }) => (identity === undefined ? [] : [endLeftover(identity, leftoverTimeoutMs, systemClock)])))
  await end(state.processes.filter(({ name }) => !isEngine(name)))
  if (state.runtime === 'docker')
    await (await import('../leftovers.ts')).removeClusterLeftovers({ folder, dockerHost: state.dockerHost, print: context.print })
  await end(state.processes.filter(({ name }) => isEngine(name)))
  removeRunState(folder)
}
