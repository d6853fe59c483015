import type { Dirent } from 'node:fs'
import { chmod, lchown, lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const readBits = 0o440
const writeBits = 0o220
const folderBits = 0o110
const inheritsGroup = 0o2000

/**
 * Gives a volume to a group: files and folders become readable for it, and writable unless the volume is read-only; what is made in a folder belongs to it
 * too. `OnRootMismatch` leaves a volume alone whose root is right. As the kubelet's `SetVolumeOwnership`.
 */
export async function giveToGroup(
  root: string,
  group: number,
  options: { readonly isReadOnly: boolean; readonly policy: string | undefined },
): Promise<void> {
  if (options.policy === 'OnRootMismatch' && (await isGroups(root, group, options.isReadOnly))) return
  await giveAll(root, group, options.isReadOnly)
}

async function isGroups(root: string, group: number, isReadOnly: boolean): Promise<boolean> {
  const { gid, mode } = await lstat(root)
  const wanted = bitsOf(true, isReadOnly)
  return gid === group && (mode & wanted) === wanted
}

const bitsOf = (isFolder: boolean, isReadOnly: boolean) =>
  readBits | (isReadOnly ? 0 : writeBits) | (isFolder ? folderBits | inheritsGroup : 0)

/** The root last, so that a walk that was cut short is begun anew. */
async function giveAll(path: string, group: number, isReadOnly: boolean): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) await giveAll(child, group, isReadOnly)
    else await give(child, group, entry, isReadOnly)
  }
  await lchown(path, await ownerOf(path), group)
  await chmod(path, ((await lstat(path)).mode & 0o7777) | bitsOf(true, isReadOnly))
}

async function give(path: string, group: number, entry: Dirent, isReadOnly: boolean): Promise<void> {
  await lchown(path, await ownerOf(path), group)
  // A link has no mode of its own, and where it leads to is no business of this volume.
  if (!entry.isSymbolicLink()) await chmod(path, ((await lstat(path)).mode & 0o7777) | bitsOf(false, isReadOnly))
}

const ownerOf = async (path: string) => (await lstat(path)).uid
