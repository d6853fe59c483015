import { chmod, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** A file's bytes and permission bits. */
export interface FileContent {
  readonly content: Buffer
  readonly mode: number
}

/** The link that every visible file is reached through: moving it changes all of them at once. */
const dataLink = '..data'

/**
 * Makes `directory` hold exactly `files` (relative paths), all changing in one step for readers: the files lie in a directory of their
 * own, and the `..data` link is renamed over the old one. Answers whether anything changed. The layout is the kubelet's.
 */
export async function writeAtomically(directory: string, files: ReadonlyMap<string, FileContent>, generation: string): Promise<boolean> {
  for (const path of files.keys()) assertInside(path)
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const current = await readlink(join(directory, dataLink)).catch(() => undefined)
  if (current !== undefined && (await holdsExactly(join(directory, current), files))) return false
  const next = `..${generation}`
  await rm(join(directory, next), { recursive: true, force: true })
  await mkdir(join(directory, next), { mode: 0o755 })
  for (const [path, { content, mode }] of files) {
    const file = join(directory, next, path)
    await mkdir(dirname(file), { recursive: true, mode: 0o755 })
    await writeFile(file, content, { mode })
    await chmod(file, mode)
  }
  await symlink(next, join(directory, `${dataLink}_tmp`))
  await rename(join(directory, `${dataLink}_tmp`), join(directory, dataLink))
  await linkTopLevel(directory, files)
  if (current !== undefined && current !== next) await rm(join(directory, current), { recursive: true, force: true })
  return true
}

function assertInside(path: string): void {
  const parts = path.split('/')
  if (path === '' || path.startsWith('/') || parts.includes('..') || parts[0]!.startsWith('..')) {
    throw new RangeError(`file path "${path}": must be relative and must not contain ".." or start with it`)
  }
}

async function holdsExactly(directory: string, files: ReadonlyMap<string, FileContent>): Promise<boolean> {
  const existing = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  if (existing.filter((entry) => entry.isFile()).length !== files.size) return false
  for (const [path, { content, mode }] of files) {
    const file = join(directory, path)
    const [status, bytes] = await Promise.all([lstat(file).catch(() => undefined), readFile(file).catch(() => undefined)])
    if (status === undefined || bytes === undefined || (status.mode & 0o777) !== mode || !bytes.equals(content)) return false
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
