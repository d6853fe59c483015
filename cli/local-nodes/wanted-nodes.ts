import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { DataFolder } from '../data-folder.ts'

/** A node that was added to the host of a running cluster. */
export interface LocalNode {
  readonly name: string
  readonly runtime: 'docker' | 'simulated'
  readonly labels: Readonly<Record<string, string>>
  /** What the node says it has, as Kubernetes quantities (`cpu`, `memory`); the rest is the machine's. */
  readonly capacity: Readonly<Record<string, string>>
}

/** Where they are kept, a file per node: the supervisor runs what is there, and what is there is there after a restart. */
export const wantedFolderOf = (folder: DataFolder) => folder.path('local-nodes')

const fileOf = (folder: DataFolder, name: string) => folder.path('local-nodes', name)

/** Names of the nodes that were added. */
export function localNodeNames(folder: DataFolder): string[] {
  const path = wantedFolderOf(folder)
  return existsSync(path) ? readdirSync(path).filter((name) => !name.startsWith('.')) : []
}

/** One of them; `undefined` where there is none of that name, or its file cannot be read. */
export function readLocalNode(folder: DataFolder, name: string): LocalNode | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(folder, name), 'utf8')) as LocalNode
  } catch {
    return undefined
  }
}

/** Wants a node. Answers false where one of that name is wanted already. */
export function wantLocalNode(folder: DataFolder, node: LocalNode): boolean {
  mkdirSync(wantedFolderOf(folder), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(fileOf(folder, node.name), JSON.stringify(node), { mode: 0o600, flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

export function unwantLocalNode(folder: DataFolder, name: string): void {
  rmSync(fileOf(folder, name), { force: true })
}

/** The name of the process that runs it. */
export const processOf = (name: string) => `node-${name}`
