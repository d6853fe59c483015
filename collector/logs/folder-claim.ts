import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { identifyProcess, isAlive, type ProcessIdentity } from '../../lib/process-identity.ts'

/**
 * Takes a data folder for this process: two that collect into one would undo each other's positions. Throws while another process that lives has it;
 * what a dead one left is taken over. The answer gives it back.
 */
export function claimFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'owner.json')
  const own = identifyProcess(process.pid)
  if (!write(path, own)) {
    const owner = read(path)
    if (owner !== undefined && owner.pid !== process.pid && isAlive(owner)) throw new Error(`${folder} is in use by process ${owner.pid}`)
    rmSync(path, { force: true })
    if (!write(path, own)) throw new Error(`${folder} is being taken by another process`)
  }
  return () => {
    if (read(path)?.pid === process.pid) rmSync(path, { force: true })
  }
}

/** `false` where the file is there already. */
function write(path: string, owner: ProcessIdentity | undefined): boolean {
  try {
    writeFileSync(path, JSON.stringify(owner ?? {}), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function read(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity
  } catch {
    return undefined
  }
}
