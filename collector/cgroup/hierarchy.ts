import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** How the machine mounts its cgroups. `hybrid` is v1 controllers with a unified tree beside them. */
export interface Hierarchy {
  readonly version: 'v1' | 'v2' | 'hybrid' | 'none'
  /** Folder of each v1 controller's tree. */
  readonly controllers: ReadonlyMap<string, string>
  /** Folder of the unified tree. */
  readonly unified?: string
  /** The tree in which cgroups are looked for: the unified one on v2, the memory (or first) controller's on v1. */
  readonly discoveryRoot?: string
}

/** Finds out what is mounted below `cgroupRoot` (`/sys/fs/cgroup`), by what the folders contain. */
export function detectHierarchy(cgroupRoot: string): Hierarchy {
  if (existsSync(join(cgroupRoot, 'cgroup.controllers'))) {
    return { version: 'v2', controllers: new Map(), unified: cgroupRoot, discoveryRoot: cgroupRoot }
  }
  const controllers = new Map<string, string>()
  for (const folder of foldersOf(cgroupRoot)) {
    // Controllers that share a tree are mounted as `cpu,cpuacct`, mostly with a link for each.
    if (folder === 'unified' || folder === 'systemd') continue
    for (const controller of folder.split(',')) controllers.set(controller, join(cgroupRoot, folder))
  }
  const unifiedPath = join(cgroupRoot, 'unified')
  const hasUnified = existsSync(join(unifiedPath, 'cgroup.controllers'))
  if (controllers.size === 0) return { version: 'none', controllers }
  const discoveryRoot = controllers.get('memory') ?? [...controllers.values()][0]!
  if (!hasUnified) return { version: 'v1', controllers, discoveryRoot }
  return { version: 'hybrid', controllers, unified: unifiedPath, discoveryRoot }
}

/** The folder of a cgroup in a controller's tree (`''` is the unified one), or `undefined` where that isn't mounted. */
export function folderOf(hierarchy: Hierarchy, controller: string, path: string): string | undefined {
  const root = controller === '' ? hierarchy.unified : hierarchy.controllers.get(controller)
  return root === undefined ? undefined : join(root, path)
}

/** The paths in `/proc/PID/cgroup`, by controller; `''` is the unified tree. */
export function parseProcCgroup(text: string): Record<string, string> {
  const paths: Record<string, string> = {}
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    for (const controller of controllers.split(',')) paths[controller] = path
  }
  return paths
}

function foldersOf(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}
