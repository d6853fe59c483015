import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { mountPointsIn, mountTable } from '../lib/mount-table.ts'
import { DataFolderError } from './data-folder.ts'

/** Longer than a file system takes to write what it holds; a server of one that is gone never answers. */
const unmountTimeoutMs = 20_000

/**
 * Unmounts what is mounted below a folder that is to be removed: volumes in memory would keep it busy, and of those of a network the data would be removed where
 * it really is. What somebody still uses is taken out of the folder and goes with its last user. Throws `DataFolderError` for one that stays.
 */
export function unmountBelow(root: string): void {
  for (const path of mountsIn(root)) if (path !== realpathSync(root)) unmount(path)
}

/** The same with what is mounted on the folder itself. */
export function unmountIn(root: string): void {
  for (const path of mountsIn(root)) unmount(path)
}

function mountsIn(root: string): readonly string[] {
  return existsSync(mountTable) && existsSync(root) ? mountPointsIn(realpathSync(root), readFileSync(mountTable, 'utf8')) : []
}

function unmount(path: string): void {
  try {
    runUmount(['--', path])
  } catch {
    try {
      runUmount(['-l', '--', path])
    } catch (error) {
      throw new DataFolderError(`${path} is mounted and stays so (${(error as Error).message.trim()}): nothing was removed`)
    }
  }
}

function runUmount(args: readonly string[]): void {
  execFileSync('umount', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: unmountTimeoutMs })
}
