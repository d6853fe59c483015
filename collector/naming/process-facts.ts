import { readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** What can be seen of a container's first process. Each part is `undefined` where it can't be. */
export interface ProcessFacts {
  readonly pid: number | undefined
  readonly command: string | undefined
  /** Which network namespace it is in, and whether that is the machine's. */
  readonly network: { readonly id: string; readonly isMachines: boolean } | undefined
  /** Folder of the writable layer. */
  readonly layerPath: string | undefined
  /** Code of the error that hid the network namespace. */
  readonly problem: string | undefined
}

/** Looks at the first process of a cgroup, whose `cgroup.procs` is `procsFile`. */
export function readProcessFacts(procsFile: string, procRoot: string): ProcessFacts {
  const pid = Number(textOf(procsFile)?.split('\n', 1)[0])
  // 0 stands for a process of another PID namespace.
  if (!(pid > 0)) return { pid: undefined, command: undefined, network: undefined, layerPath: undefined, problem: undefined }
  const folder = join(procRoot, String(pid))
  const own = linkOf(join(folder, 'ns/net'))
  const machines = machinesNetwork(procRoot)
  return {
    pid,
    command: textOf(join(folder, 'comm'))?.trim(),
    network: own.target === undefined ? undefined : { id: own.target, isMachines: own.target === machines },
    layerPath: upperFolderOf(textOf(join(folder, 'mountinfo')) ?? ''),
    problem: own.problem,
  }
}

/** The network of the machine's first process, or where that is not ours to see, our own. */
function machinesNetwork(procRoot: string): string | undefined {
  return linkOf(join(procRoot, '1/ns/net')).target ?? linkOf(join(procRoot, 'self/ns/net')).target
}

/** The writable layer of an overlay that is a process's root, by its `mountinfo`, whichever runtime or snapshotter made it. */
export function upperFolderOf(mountinfo: string): string | undefined {
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    if (before.split(' ')[4] !== '/' || !after.startsWith('overlay ')) continue
    const upper = /(?:^|,)upperdir=([^,]*)/.exec(after.split(' ')[2] ?? '')?.[1]
    if (upper !== undefined) return upper.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
  }
  return undefined
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function linkOf(path: string): { readonly target?: string; readonly problem?: string } {
  try {
    return { target: readlinkSync(path) }
  } catch (error) {
    return { problem: (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN' }
  }
}
