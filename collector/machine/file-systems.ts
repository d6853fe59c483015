import { readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'

/** A mounted file system with its size. */
export interface FileSystem {
  readonly device: string
  readonly mountpoint: string
  readonly type: string
  readonly major: number
  readonly minor: number
  readonly capacityBytes: number
  readonly availableBytes: number
  readonly usedBytes: number
  readonly inodes: number
  readonly inodesFree: number
  readonly measuredAtMs: number
}

interface Mount {
  readonly device: string
  readonly mountpoint: string
  readonly type: string
  readonly major: number
  readonly minor: number
}

/** Types on local disks. Network file systems are left out: asking a dead server for its size blocks. */
const localTypes = /^(ext[234]|xfs|btrfs|zfs|vfat|f2fs|tmpfs)$/

const maxFileSystems = 64

/** The mounts in a `mountinfo` text that are local file systems, each device and each mount point once. */
export function parseMountInfo(text: string): Mount[] {
  const mounts = new Map<string, Mount>()
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ')
    const fields = before?.split(' ') ?? []
    const [type = '', device = ''] = after?.split(' ') ?? []
    const [major, minor] = (fields[2] ?? '').split(':').map(Number)
    const mountpoint = unescapeOctal(fields[4] ?? '')
    if (major === undefined || minor === undefined || !localTypes.test(type)) continue
    if (type === 'tmpfs' && mountpoint !== '/' && mountpoint !== '/dev/shm') continue
    const key = `${major}:${minor}`
    if (!mounts.has(key) && mounts.size < maxFileSystems) mounts.set(key, { device: unescapeOctal(device), mountpoint, type, major, minor })
  }
  // Of file systems mounted over one another, only the last can be seen.
  return [...new Map([...mounts.values()].map((mount) => [mount.mountpoint, mount])).values()]
}

/** The machine's local file systems, sized now. One that can't be asked is left out. */
export async function readFileSystems(procRoot: string, nowMs: number): Promise<FileSystem[]> {
  let text
  try {
    text = readFileSync(join(procRoot, 'self/mountinfo'), 'utf8')
  } catch {
    return []
  }
  const sized = await Promise.all(parseMountInfo(text).map((mount) => sizeOf(mount, nowMs)))
  return sized.filter((system) => system !== undefined)
}

/** The file system that a path is on, sized now; `undefined` when it can't be asked. */
export async function readFileSystemOf(path: string, nowMs: number): Promise<FileSystem | undefined> {
  return sizeOf({ device: '', mountpoint: path, type: '', major: 0, minor: 0 }, nowMs)
}

async function sizeOf(mount: Mount, measuredAtMs: number): Promise<FileSystem | undefined> {
  try {
    const { bsize, blocks, bavail, bfree, files, ffree } = await statfs(mount.mountpoint)
    return {
      ...mount,
      capacityBytes: blocks * bsize,
      availableBytes: bavail * bsize,
      usedBytes: (blocks - bfree) * bsize,
      inodes: files,
      inodesFree: ffree,
      measuredAtMs,
    }
  } catch {
    return undefined
  }
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
