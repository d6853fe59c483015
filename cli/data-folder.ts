import { randomBytes } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The layout version of the data folder that this program writes. */
const layoutVersion = 1

/** Where things are kept under the data folder. All of it is readable by the owner only. */
export interface DataFolder {
  readonly root: string
  /** 8 hex digits that tell this cluster's containers, bridge and firewall table from other clusters' on the same host. */
  readonly clusterId: string
  readonly kubeconfig: string
  readonly stateFile: string
  readonly path: (...parts: string[]) => string
  readonly logFile: (process: string) => string
}

/** A data folder that cannot be used; the message says why and what to do. */
export class DataFolderError extends Error {
  readonly code = 'DATA_FOLDER'
}

/** Where the audit log is searched: the server writes it, the monitor reads it. */
export const auditStoreFolder = (folder: DataFolder): string => folder.path('audit', 'store')

/**
 * The data folder of a command that names none: that of the folder `here`, or of one above it up to the project's, which is where npm finds the program,
 * too (the nearest with a `package.json`). Where none of them has a cluster, `.binnacle` in `here`.
 */
export function presentDataDir(here: string = process.cwd()): string {
  for (let folder = here; ; folder = dirname(folder)) {
    const root = join(folder, '.binnacle')
    if (existsSync(join(root, 'cluster.json'))) return root
    if (folder === dirname(folder) || existsSync(join(folder, 'package.json'))) return join(here, '.binnacle')
  }
}

/** Opens the folder, making it if it is not there. Throws `DataFolderError` for one of a newer version, or one that cannot be written. */
export function openDataFolder(root: string): DataFolder {
  try {
    makeFolder(root)
  } catch (error) {
    throw new DataFolderError(`the data folder ${root} cannot be made: ${(error as Error).message}`)
  }
  const file = join(root, 'cluster.json')
  try {
    accessSync(root, constants.W_OK | constants.X_OK)
    if (!existsSync(file)) writeFileAtomically(file, JSON.stringify({ version: layoutVersion, clusterId: randomBytes(4).toString('hex') }))
  } catch (error) {
    throw new DataFolderError(`the data folder ${root} cannot be written: ${(error as Error).message}`)
  }
  const { version, clusterId } = readClusterFile(file)
  if (version > layoutVersion) {
    throw new DataFolderError(
      `the data folder ${root} has layout version ${version}; this program knows versions up to ${layoutVersion}: use a newer Binnacle, or another --data-dir`,
    )
  }
  return folderOf(root, clusterId)
}

/** The folder if it exists and belongs to a cluster, without making anything. */
export function findDataFolder(root: string): DataFolder | undefined {
  const file = join(root, 'cluster.json')
  return existsSync(file) ? folderOf(root, readClusterFile(file).clusterId) : undefined
}

/** Makes a folder and those above it. One by one: where a file system refuses folders, as /proc does, Node's own recursion never ends. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  makeFolder(dirname(folder))
  mkdirSync(folder, { mode: 0o700 })
}

/** Writes a file so that after a crash it has the old or the new text, never a part. */
export function writeFileAtomically(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
}

function folderOf(root: string, clusterId: string): DataFolder {
  return {
    root,
    clusterId,
    kubeconfig: join(root, 'kubeconfig'),
    stateFile: join(root, 'state.json'),
    path: (...parts) => join(root, ...parts),
    logFile: (process) => join(root, 'logs', `${process}.log`),
  }
}

function readClusterFile(file: string): { version: number; clusterId: string } {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new DataFolderError(`${file} cannot be read: ${(error as Error).message}`)
  }
  const { version, clusterId } = (value ?? {}) as { version?: unknown; clusterId?: unknown }
  if (typeof version !== 'number' || typeof clusterId !== 'string' || !/^[0-9a-f]{8}$/.test(clusterId)) {
    throw new DataFolderError(`${file} is damaged: it must hold {"version": number, "clusterId": 8 hex digits}`)
  }
  return { version, clusterId }
}
