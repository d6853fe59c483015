import { existsSync, readdirSync } from 'node:fs'
import type { DataFolder } from './data-folder.ts'

/** Names of the nodes that were added to this host while its cluster ran. */
export function localNodeNames(folder: DataFolder): string[] {
  const path = folder.path('local-nodes')
  return existsSync(path) ? readdirSync(path).filter((name) => !name.startsWith('.')) : []
}
