import { execFile } from 'node:child_process'
import { readFile, realpath } from 'node:fs/promises'
import { promisify } from 'node:util'
import { mountPoints, mountPointsIn, mountTable } from '../../../lib/mount-table.ts'

const run = promisify(execFile)
const unmountTimeoutMs = 30_000

/** Is something mounted here? Also true of a bind mount from the same file system. */
export async function isMountPoint(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined)
  return real !== undefined && mountPoints(await readTable()).includes(real)
}

/** Unmounts whatever is mounted in a folder or on it, the innermost first. Rejects where something stays. */
export async function unmountAllIn(folder: string): Promise<void> {
  const real = await realpath(folder).catch(() => undefined)
  if (real === undefined) return
  for (const path of mountPointsIn(real, await readTable())) await unmount(path)
}

/** Unmounts one place. */
export async function unmount(path: string): Promise<void> {
  await run('umount', ['--', path], { timeout: unmountTimeoutMs })
}

const readTable = () => readFile(mountTable, 'utf8')
