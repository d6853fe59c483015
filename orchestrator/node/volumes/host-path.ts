import { mkdir, stat, writeFile } from 'node:fs/promises'
import type { lstat } from 'node:fs/promises'
import type { CoreV1HostPathVolumeSource } from '../../api/generated/kinds.ts'
import { ConfigurationError } from '../container/configuration-error.ts'

const hostPathChecks: Readonly<Record<string, readonly [test: (status: Awaited<ReturnType<typeof lstat>>) => boolean, what: string]>> = {
  Directory: [(status) => status.isDirectory(), 'a directory'],
  File: [(status) => status.isFile(), 'a file'],
  Socket: [(status) => status.isSocket(), 'a socket file'],
  CharDevice: [(status) => status.isCharacterDevice(), 'a character device'],
  BlockDevice: [(status) => status.isBlockDevice(), 'a block device'],
}

/** Checks or makes what a hostPath volume names, by its type. */
export async function prepareHostPath({ path, type = '' }: CoreV1HostPathVolumeSource): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (type === '') {
    // Docker's own behaviour for paths that are not there: a directory.
    if (found === undefined) await mkdir(path, { recursive: true })
    return
  }
  if (found === undefined && type === 'DirectoryOrCreate') {
    await mkdir(path, { recursive: true, mode: 0o755 })
    return
  }
  if (found === undefined && type === 'FileOrCreate') {
    await writeFile(path, '', { mode: 0o644, flag: 'a' })
    return
  }
  const check = hostPathChecks[type.replace('OrCreate', '')]
  if (check === undefined) throw new ConfigurationError(`hostPath type "${type}" is unknown`)
  if (found === undefined || !check[0](found)) throw new ConfigurationError(`hostPath type check failed: ${path} is not ${check[1]}`)
}
