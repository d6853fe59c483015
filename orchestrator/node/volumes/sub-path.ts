import { chmod, mkdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { CoreV1VolumeMount } from '../../api/generated/kinds.ts'
import { ConfigurationError } from '../container/configuration-error.ts'
import { expandVariables } from '../container/expansion.ts'

/**
 * The part of a volume that a mount names, folders made where they are not there, with the rights of the volume's own. `environment` is for
 * `subPathExpr`. Rejects with a `ConfigurationError`, nothing made outside, for a part that would lead out of the volume: by its words or by links in it.
 */
export async function subPathOf(volumePath: string, mount: CoreV1VolumeMount, environment: ReadonlyMap<string, string>): Promise<string> {
  const subPath =
    mount.subPathExpr === undefined ? (mount.subPath ?? '') : expandVariables(mount.subPathExpr, (name) => environment.get(name))
  if (subPath === '') return volumePath
  const steps = subPath.split('/').filter((step) => step !== '' && step !== '.')
  if (subPath.startsWith('/') || steps.includes('..'))
    throw new ConfigurationError(`subPath "${subPath}" must be relative and must not contain ".."`)
  const root = await realpath(volumePath)
  const { mode } = await stat(root)
  let place = root
  for (const step of steps) {
    const next = join(place, step)
    // Resolved before anything below it is made: what a link names may be anywhere.
    place = (await realpathIfThere(next)) ?? (await makeFolder(next, mode))
    if (place !== root && !place.startsWith(root + sep))
      throw new ConfigurationError(`subPath "${subPath}" leads out of volume "${mount.name}"`)
  }
  return place
}

async function realpathIfThere(path: string): Promise<string | undefined> {
  return realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}

/** Rejects where there is a link to nowhere. */
async function makeFolder(path: string, mode: number): Promise<string> {
  await mkdir(path)
  await chmod(path, mode & 0o7777)
  return path
}
