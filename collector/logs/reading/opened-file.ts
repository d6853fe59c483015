import { closeSync, constants, fstatSync, lstatSync, openSync, statSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { inodeName } from './fingerprint.ts'

/** A regular file that is open for reading; whoever has it closes it. */
export interface OpenedFile {
  readonly fd: number
  /** By `inodeName`. */
  readonly inode: string
  readonly size: number
}

/** Linux: finds a file without opening it. */
const findOnly = 0o10_000_000

/**
 * Opens a regular file; anything else is nothing. What a path leads to is found and looked at before it is opened: a pipe would let its writer go on, and
 * a device may do something at being opened. What was looked at is what is opened, whatever the path leads to by then.
 */
export function openRegular(path: string, followsLinks: boolean): OpenedFile | undefined {
  const found = tryOpen(path, findOnly | (followsLinks ? 0 : constants.O_NOFOLLOW))
  if (found === undefined) return undefined
  try {
    if (!fstatSync(found).isFile()) return undefined
    const fd = tryOpen(`/proc/self/fd/${found}`, constants.O_RDONLY)
    if (fd === undefined) return undefined
    const stat: BigIntStats = fstatSync(fd, { bigint: true })
    return { fd, inode: inodeName(stat), size: Number(stat.size) }
  } finally {
    closeSync(found)
  }
}

/** The inode of the regular file that a path leads to. */
export function inodeAt(path: string, followsLinks: boolean): string | undefined {
  const stat = (followsLinks ? statSync : lstatSync)(path, { bigint: true, throwIfNoEntry: false })
  return stat?.isFile() === true ? inodeName(stat) : undefined
}

function tryOpen(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags)
  } catch {
    return undefined
  }
}
