import { systemClock } from '../lib/clock.ts'
import { createLog } from '../lib/log.ts'
import { createSupervisor, endLeftover } from '../lib/supervision.ts'
import type { CommandContext } from './commands/start.ts'
import type { DataFolder } from './data-folder.ts'
import { dockerEngineSpec, dockerVersion } from './setup/docker.ts'
import { findProgram } from './setup/packages.ts'
import { isEngine, removeRunState, type RunState } from './state.ts'

const engineTimeoutMs = 60_000
const leftoverTimeoutMs = 10_000

/** Ends and removes what a supervisor that was killed left: processes, containers, rules, engines. */
export async function cleanAfterCrash(state: RunState, folder: DataFolder, context: CommandContext): Promise<void> {
  const end = (rows: RunState['processes']) =>
    Promise.all(rows.flatMap(({ identity }) => (identity === undefined ? [] : [endLeftover(identity, leftoverTimeoutMs, systemClock)])))
  await end(state.processes.filter(({ name }) => !isEngine(name)))
  const { removeClusterLeftovers, removeEngineTraces } = await import('./leftovers.ts')
  if (state.runtime === 'docker') {
    const remove = () => removeClusterLeftovers({ folder, dockerHost: state.dockerHost, print: context.print })
    const isOurs = state.processes.some(({ name }) => name === 'dockerd')
    if (isOurs && (await dockerVersion(state.dockerHost)) === undefined) await withEngine(state.dockerHost, folder, context, remove)
    else await remove()
  }
  await end(state.processes.filter(({ name }) => isEngine(name)))
  await removeEngineTraces(folder)
  removeRunState(folder)
}

/** An engine of ours that was killed left its containers running: only an engine on the same data can remove them. */
async function withEngine(url: string, folder: DataFolder, context: CommandContext, work: () => Promise<void>): Promise<void> {
  const supervisor = createSupervisor({
    clock: systemClock,
    log: createLog({ level: 'warn', component: 'down' }),
    environment: context.environment,
  })
  const program = findProgram('dockerd', context.searchPath) ?? 'dockerd'
  try {
    await supervisor.start(dockerEngineSpec({ folder, program, url, isSecond: true }), engineTimeoutMs)
    await work()
  } catch (error) {
    context.complain(`binnacle: ${(error as Error).message}`)
  } finally {
    await supervisor.stop('dockerd')
  }
}
