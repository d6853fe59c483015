import { chmod, chown, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A file's bytes and permission bits. */
export interface FileContent {
  readonly content: Buffer
  readonly mode: number
  /** Whose it is; root's where absent. */
  readonly uid?: number
}

/** To whom everything is readable beside its owner. */
export interface Ownership {
  readonly group?: number
}

const rootUid = 0
const groupMayRead = 0o440
/** What is made in such a folder belongs to its group. */
const groupFolderMode = 0o2755

/** The link that every visible file is reached through: moving it changes all of them at once. */
const dataLink = '..data'

/**
 * Makes `directory` hold exactly `files` (relative paths), all changing in one step for readers: the files lie in a directory of their
 * own, and the `..data` link is renamed over the old one. Answers whether anything changed. The layout is the kubelet's.
 */
export async function writeAtomically(
  directory: string,
  files: ReadonlyMap<string, FileContent>,
  generation: string,
  ownership: Ownership = {},
): Promise<boolean> {
  for (const path of files.keys()) assertInside(path)
  await makeFolder(directory, ownership)
  const current = await readlink(join(directory, dataLink)).catch(() => undefined)
  if (current !== undefined && (await holdsExactly(join(directory, current), files, ownership))) return false
  const next = `..${generation}`
  await rm(join(directory, next), { recursive: true, force: true })
  await makeFolder(join(directory, next), ownership)
  for (const [path, file] of files) {
    for (const folder of foldersOf(path)) await makeFolder(join(directory, next, folder), ownership)
    await writeOwned(join(directory, next, path), file, ownership)
  }
  await symlink(next, join(directory, `${dataLink}_tmp`))
  await rename(join(directory, `${dataLink}_tmp`), join(directory, dataLink))
  await linkTopLevel(directory, files)
  if (current !== undefined && current !== next) await rm(join(directory, current), { recursive: true, force: true })
  return true
}

async function makeFolder(path: string, { group }: Ownership): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 })
  if (group === undefined) return
  await chown(path, rootUid, group)
  await chmod(path, groupFolderMode)
}

/** `a/b` and `a` of `a/b/c`, the outer one first. */
function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

async function writeOwned(path: string, file: FileContent, ownership: Ownership): Promise<void> {
  const mode = modeOf(file, ownership)
  await writeFile(path, file.content, { mode })
  if (file.uid !== undefined || ownership.group !== undefined) await chown(path, file.uid ?? rootUid, ownership.group ?? rootUid)
  await chmod(path, mode)
}

const modeOf = ({ mode }: FileContent, { group }: Ownership) => (group === undefined ? mode : mode | groupMayRead)

function assertInside(path: string): void {
  const parts = path.split('/')
  if (path === '' || path.startsWith('/') || parts.includes('..') || parts[0]!.startsWith('..')) {
    throw new RangeError(`file path "${path}": must be relative and must not contain ".." or start with it`)
  }
}

async function holdsExactly(directory: string, files: ReadonlyMap<string, FileContent>, ownership: Ownership): Promise<boolean> {
  const existing = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  if (existing.filter((entry) => entry.isFile()).length !== files.size) return false
  for (const [path, wanted] of files) {
    const file = join(directory, path)
    const [status, bytes] = await Promise.all([lstat(file).catch(() => undefined), readFile(file).catch(() => undefined)])
    if (status === undefined || bytes === undefined || !bytes.equals(wanted.content)) return false
    if ((status.mode & 0o777) !== modeOf(wanted, ownership)) return false
    if (wanted.uid !== undefined && status.uid !== wanted.uid) return false
    if (ownership.group !== undefined && status.gid !== ownership.group) return false
  }
  return true
}

/** One visible link per top-level name; links to names that are gone are removed. */
async function linkTopLevel(directory: string, files: ReadonlyMap<string, FileContent>): Promise<void> {
  const wanted = new Set([...files.keys()].map((path) => path.split('/')[0]!))
  for (const name of await readdir(directory)) {
    if (name.startsWith('..')) continue
    if (wanted.has(name)) wanted.delete(name)
    else await rm(join(directory, name), { recursive: true, force: true })
  }
  for (const name of wanted) await symlink(join(dataLink, name), join(directory, name))
}
