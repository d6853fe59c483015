import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { statfs } from 'node:fs/promises'

const run = promisify(execFile)
const measureTimeoutMs = 30_000
const bytesPerBlock = 1024

/** How full something is; what is not known is absent. */
export interface VolumeFigures {
  readonly usedBytes?: number
  readonly availableBytes?: number
  readonly capacityBytes?: number
  readonly inodes?: number
  readonly inodesFree?: number
  readonly inodesUsed?: number
}

/** Bytes on disk below a folder, without what other file systems have there. */
export async function bytesBelow(folder: string): Promise<number> {
  // Somebody may remove files meanwhile: then du ends with 1 and still prints.
  const text = await run('du', ['-skx', '--', folder], { timeout: measureTimeoutMs }).then(
    ({ stdout }) => stdout,
    ({ stdout }: { readonly stdout?: string }) => stdout ?? '',
  )
  return (Number.parseInt(text, 10) || 0) * bytesPerBlock
}

/** Of the file system that a path is on. */
export async function fileSystemFigures(path: string): Promise<VolumeFigures> {
  const { bsize, blocks, bavail, bfree, files, ffree } = await statfs(path)
  return {
    usedBytes: (blocks - bfree) * bsize,
    availableBytes: bavail * bsize,
    capacityBytes: blocks * bsize,
    inodes: files,
    inodesFree: ffree,
    inodesUsed: files - ffree,
  }
}
