import { readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Takes away the control groups that an engine made for a pod and leaves behind. */
export interface PodCgroups {
  /** `parent` as the engine was given it; absent is success. */
  remove(parent: string | undefined): Promise<void>
}

/**
 * Empty groups below `root` (/sys/fs/cgroup), in every hierarchy of version 1 and in version 2. Only directories are removed, and the
 * kernel removes none that holds a process. Slices are systemd's own business.
 */
export function createPodCgroups(root: string): PodCgroups {
  return {
    remove: async (parent) => {
      if (parent === undefined || !parent.startsWith('/')) return
      const controllers = await readdir(root, { withFileTypes: true }).catch(() => [])
      const hierarchies = ['', ...controllers.filter((entry) => entry.isDirectory()).map(({ name }) => name)]
      await Promise.all(hierarchies.map((hierarchy) => removeTree(join(root, hierarchy, parent))))
    },
  }
}

async function removeTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => undefined)
  if (entries === undefined) return
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(directory, entry.name))
  await rmdir(directory).catch(() => {})
}
