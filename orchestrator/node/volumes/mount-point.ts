import { execFile } from 'node:child_process'
import { readFile, realpath } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const unmountTimeoutMs = 30_000

/** Is something mounted here? Also true of a bind mount from the same file system. */
export async function isMountPoint(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined)
  return real !== undefined && (await mountPoints()).includes(real)
}

/** Unmounts whatever is mounted in a folder or on it, the innermost first. Rejects where something stays. */
export async function unmountAllIn(folder: string): Promise<void> {
  const real = await realpath(folder).catch(() => undefined)
  if (real === undefined) return
  for (const path of (await mountPoints()).reverse()) {
    if (path === real || path.startsWith(`${real}/`)) await unmount(path)
  }
}

/** Unmounts one place. */
export async function unmount(path: string): Promise<void> {
  await run('umount', ['--', path], { timeout: unmountTimeoutMs })
}

/** All places where something is mounted, in the order in which it was. */
async function mountPoints(): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8')
  return table.split('\n').flatMap((line) => {
    const path = line.split(' ')[4]
    return path === undefined ? [] : [path.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))]
  })
}
