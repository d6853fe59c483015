import { execFile } from 'node:child_process'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { TarEntry } from './tar.ts'

export interface RuntimeLayerOptions {
  /** The Node binary that the images run. */
  readonly node: string
  /** A busybox binary, static or not. */
  readonly busybox: string
}

const run = promisify(execFile)

/** Applets that look names up: a static busybox crashes in the C library's resolver, so images bring their own `wget`. */
const leftOut = new Set(['wget', 'busybox', 'ping6', 'ssl_client'])

/** Loaded by name at run time by the C library's resolver, so no program lists them among its libraries. */
const resolverLibraries = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2']

const textFiles: Readonly<Record<string, string>> = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  'etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
}

/**
 * The layer that all example images share: Node with the libraries it loads, busybox with its applets, and the few files that name
 * look-ups need. Sorted by path.
 */
export async function runtimeLayer({ node, busybox }: RuntimeLayerOptions): Promise<readonly TarEntry[]> {
  const libraries = await sharedLibraries(node)
  const entries: TarEntry[] = [
    await fileEntry('usr/local/bin/node', node, 0o755),
    await fileEntry('bin/busybox', busybox, 0o755),
    ...(await Promise.all([...libraries, ...(await sharedLibraries(busybox))].map((path) => fileEntry(path.slice(1), path, 0o755)))),
    ...(await appletsOf(busybox)).map((name): TarEntry => ({ type: 'link', path: `bin/${name}`, target: 'busybox' })),
    ...Object.entries(textFiles).map(([path, text]): TarEntry => ({ type: 'file', path, content: { bytes: Buffer.from(text) } })),
    { type: 'folder', path: 'tmp', mode: 0o1777 },
    { type: 'folder', path: 'root', mode: 0o700 },
    { type: 'folder', path: 'var/log' },
  ]
  return withFolders(entries)
}

/** The same entries, each path once and in order, with a folder entry for every folder above them. */
export function withFolders(entries: Iterable<TarEntry>): readonly TarEntry[] {
  const byPath = new Map<string, TarEntry>()
  for (const entry of entries) {
    byPath.set(entry.path, entry)
    for (let folder = dirname(entry.path); folder !== '.' && !byPath.has(folder); folder = dirname(folder)) {
      byPath.set(folder, { type: 'folder', path: folder })
    }
  }
  return [...byPath.values()].sort((left, right) => (left.path < right.path ? -1 : 1))
}

/**
 * The libraries that a program loads, as absolute paths: what `ldd` says, and for programs that use the C library the parts of its
 * resolver. None for a static program.
 */
async function sharedLibraries(program: string): Promise<readonly string[]> {
  let listing: string
  try {
    listing = (await run('ldd', [program])).stdout
  } catch (error) {
    // The exit code with which ldd says that there is nothing to list.
    if ((error as { readonly code?: unknown }).code === 1) return []
    throw error
  }
  const libraries = parseLibraries(listing)
  const libc = libraries.find((path) => basename(path).startsWith('libc.so'))
  if (libc === undefined) return libraries
  const beside = new Set(await readdir(dirname(libc)))
  return [...libraries, ...resolverLibraries.filter((name) => beside.has(name)).map((name) => join(dirname(libc), name))]
}

/** The paths in an `ldd` listing. */
export function parseLibraries(listing: string): readonly string[] {
  return listing.split('\n').flatMap((line) => /(?:=>\s+|^\s*)(\/\S+)\s+\(0x/.exec(line)?.[1] ?? [])
}

async function appletsOf(busybox: string): Promise<readonly string[]> {
  const { stdout } = await run(busybox, ['--list'])
  return stdout.split('\n').filter((name) => /^[\w[.-]+$/.test(name) && !leftOut.has(name))
}

async function fileEntry(path: string, source: string, mode: number): Promise<TarEntry> {
  const file = await realpath(source)
  return { type: 'file', path, mode, content: { file, size: (await stat(file)).size } }
}
