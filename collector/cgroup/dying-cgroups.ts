import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { foldersBelow } from '../survey/task-files.ts'
import type { Hierarchy } from './hierarchy.ts'

/** More folders than this are not counted. */
const maxFolders = 20_000

/**
 * Cgroups that were removed but are held by memory that nobody has freed: they cost the kernel time whenever figures are read. NaN where
 * it can't be told. v2 counts them itself; on v1 they are the ones that the kernel counts and that have no folder.
 */
export function countDyingCgroups(hierarchy: Hierarchy, procRoot: string): number {
  if (hierarchy.version === 'v2') return numberIn(join(hierarchy.unified!, 'cgroup.stat'), /^nr_dying_descendants (\d+)$/m)
  const root = hierarchy.controllers.get('memory')
  if (root === undefined) return Number.NaN
  const folders = foldersBelow(root, maxFolders)
  if (folders.length === maxFolders) return Number.NaN
  return Math.max(0, numberIn(join(procRoot, 'cgroups'), /^memory\t\d+\t(\d+)\t/m) - folders.length)
}

function numberIn(path: string, pattern: RegExp): number {
  try {
    return Number(pattern.exec(readFileSync(path, 'utf8'))?.[1] ?? Number.NaN)
  } catch {
    return Number.NaN
  }
}
