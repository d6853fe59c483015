import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { inodeAt } from './opened-file.ts'

/** What rotation puts behind a name: `.1`, `.2.gz`, `-20261121`, `.20261121-091500.gz`, `.2026-11-21T09-15-00`. */
const suffix = /^(?:\.\d{1,5}|[.-]\d{4}-?\d\d-?\d\d(?:[T._-]?\d[\dT:.-]*)?)(?:\.gz)?$/

/** A file that rotation left beside a path. */
export interface Sibling {
  readonly path: string
  readonly isCompressed: boolean
  /** `3` of `.3` and `.3.gz`; undefined for dates, which sort by themselves. */
  readonly number: number | undefined
}

/** The rotated files of a path, oldest first. A compressed one that still has its original beside it is being written, and is left out. */
export function listSiblings(path: string): readonly Sibling[] {
  const folder = dirname(path)
  const base = basename(path)
  let names: readonly string[]
  try {
    names = readdirSync(folder)
  } catch {
    return []
  }
  const present = new Set(names)
  return names
    .filter((name) => isSiblingName(base, name) && !(name.endsWith('.gz') && present.has(name.slice(0, -3))))
    .map((name) => ({ name, number: numberOf(base, name) }))
    .sort((a, b) => compare(a, b))
    .map(({ name, number }) => ({ path: join(folder, name), isCompressed: name.endsWith('.gz'), number }))
}

/** Whether its original has come back beside a compressed file since the folder was read, so that another one bears its name. */
export function isBeingWritten({ path, isCompressed }: Sibling): boolean {
  return isCompressed && existsSync(path.slice(0, -'.gz'.length))
}

/** Whether the rotated files of a path are those that were seen, under the names under which they were: name to inode. */
export function areAsSeen(path: string, followsLinks: boolean, seen: ReadonlyMap<string, string | undefined>): boolean {
  const siblings = listSiblings(path)
  return (
    siblings.length === seen.size &&
    siblings.every((sibling) => seen.has(sibling.path) && seen.get(sibling.path) === inodeAt(sibling.path, followsLinks))
  )
}

/** Whether `name` is what rotation makes of `base`. */
export function isSiblingName(base: string, name: string): boolean {
  return name.length > base.length && name.startsWith(base) && suffix.test(name.slice(base.length))
}

/** The name that rotation made this of; undefined for a name that rotation did not make. */
export function originalName(name: string): string | undefined {
  const match = /^(.+?)((?:\.\d{1,5}|[.-]\d{4}-?\d\d-?\d\d(?:[T._-]?\d[\dT:.-]*)?)(?:\.gz)?)$/.exec(name)
  return match?.[1]
}

function numberOf(base: string, name: string): number | undefined {
  const match = /^\.(\d{1,5})(?:\.gz)?$/.exec(name.slice(base.length))
  return match === null ? undefined : Number(match[1])
}

interface Named {
  readonly name: string
  readonly number: number | undefined
}

/** Higher numbers and lower dates are older; numbers come behind dates. */
function compare(a: Named, b: Named): number {
  if (a.number !== undefined && b.number !== undefined) return b.number - a.number
  if (a.number !== undefined) return 1
  if (b.number !== undefined) return -1
  return a.name < b.name ? -1 : 1
}
