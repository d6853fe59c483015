import { rmSync } from 'node:fs'
import { systemClock } from '../../lib/clock.ts'
import { isAlive, signalProcess } from '../../lib/process-identity.ts'
import { findDataFolder, type DataFolder } from '../data-folder.ts'
import { unmountBelow } from '../mounts.ts'
import type { ClusterOptions } from '../options.ts'
import { takeOwnership, type Ownership } from '../ownership.ts'
import { readRunState } from '../state.ts'
import { cleanAfterCrash } from '../crash.ts'
import { removeEngineTraces } from '../leftovers.ts'
import type { CommandContext } from './start.ts'

const stopTimeoutMs = 90_000
const pollMs = 50

/** `down`: stops everything that belongs to the data folder; with `isPurge` removes the folder too. Resolves with the exit code. */
export async function takeDown(options: ClusterOptions, isPurge: boolean, context: CommandContext): Promise<number> {
  const folder = findDataFolder(options.dataDir)
  if (folder === undefined) {
    context.print(`There is no cluster in ${options.dataDir}`)
    return 0
  }
  const ownership = await stopOwner(folder)
  try {
    // An owner that stopped in order leaves no state; what is there is from one that was killed.
    const state = readRunState(folder)
    if (state !== undefined) await cleanAfterCrash(state, folder, context)
    else await removeEngineTraces(folder)
    if (isPurge) {
      unmountBelow(folder.root)
      rmSync(folder.root, { recursive: true, force: true, maxRetries: 3 })
    }
  } finally {
    ownership.release()
  }
  context.print(isPurge ? `Binnacle is stopped, ${folder.root} is removed` : `Binnacle is stopped; its data stays in ${folder.root}`)
  return 0
}

/** Stops the supervisor, or whoever follows it, until the data folder belongs to this process. */
async function stopOwner(folder: DataFolder): Promise<Ownership> {
  const told = new Set<number>()
  const deadline = systemClock.monotonic() + stopTimeoutMs
  for (;;) {
    const ownership = await takeOwnership(folder)
    if (ownership !== undefined) return ownership
    const supervisor = readRunState(folder)?.supervisor
    if (supervisor !== undefined && isAlive(supervisor) && !told.has(supervisor.pid)) {
      told.add(supervisor.pid)
      signalProcess(supervisor, 'SIGTERM')
    }
    if (systemClock.monotonic() > deadline) {
      const who = supervisor === undefined ? 'another command' : `the supervisor (process ${supervisor.pid})`
      throw new Error(`${who} did not give ${folder.root} free within ${stopTimeoutMs / 1000} s`)
    }
    await systemClock.sleep(pollMs)
  }
}
