import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { DataFolderError } from './data-folder.ts'

const table = '/proc/self/mountinfo'

/** What is mounted below a folder, the innermost first, by the kernel's table of mounts. */
export function mountsBelow(root: string, mountinfo: string): readonly string[] {
  return mountinfo
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((path) => path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))))
    .filter((path) => path.startsWith(`${root}/`))
    .sort((a, b) => b.length - a.length)
}

/**
 * Unmounts the volumes of pods below a folder that is to be removed: those in memory would keep it busy, and of those of a network the data would be
 * removed where it really is. Throws `DataFolderError` for one that stays.
 */
export function unmountBelow(root: string): void {
  if (!existsSync(table) || !existsSync(root)) return
  for (const path of mountsBelow(realpathSync(root), readFileSync(table, 'utf8'))) {
    try {
      execFileSync('umount', [path], { stdio: ['ignore', 'ignore', 'pipe'] })
    } catch (error) {
      throw new DataFolderError(`${path} is mounted and stays so (${(error as Error).message.trim()}): nothing was removed`)
    }
  }
}
