import { findDataFolder } from './data-folder.ts'
import { type ClusterOptions, parseOptions } from './options.ts'
import { readRunState } from './state.ts'

/** What the cluster of a data folder was started with; `undefined` where none runs, or there is no such folder. */
export function presentCluster(dataDir: string | undefined): ClusterOptions | undefined {
  const folder = findDataFolder(parseOptions(dataDir === undefined ? [] : [`--data-dir=${dataDir}`]).dataDir)
  const state = folder === undefined ? undefined : readRunState(folder)
  return state === undefined ? undefined : parseOptions(state.flags)
}
