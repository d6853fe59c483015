import { closeSync, openSync, readSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import type { Ulimit } from '../details.ts'
import { codeOf, readList } from '../readers/kept-file.ts'
import type { ReadBuffer } from '../readers/kept-file.ts'

/** Reads a small file of the kernel once, valid until the next read into `buffer`; `undefined` when it is gone or not ours to read. */
export function readOnce(path: string, buffer: ReadBuffer): Buffer | undefined {
  return withOpen(path, (descriptor) => buffer.bytes.subarray(0, readSync(descriptor, buffer.bytes, 0, buffer.bytes.length, 0)))
}

/** Reads a list of the kernel into `buffer` and answers its length; `undefined` when it is gone or not ours to read. */
export function readWhole(path: string, buffer: ReadBuffer): number | undefined {
  return withOpen(path, (descriptor) => readList(descriptor, buffer))
}

/** Ids in `cgroup.procs`, `cgroup.threads` or `tasks`; 0 stands for a process of another PID namespace and is left out. */
export function readIds(path: string, buffer: ReadBuffer): number[] {
  return buffer.bytes
    .toString('latin1', 0, readWhole(path, buffer) ?? 0)
    .split('\n')
    .map(Number)
    .filter((id) => id > 0)
}

function withOpen<T>(path: string, use: (descriptor: number) => T): T | undefined {
  let descriptor
  try {
    descriptor = openSync(path, 'r')
    return use(descriptor)
  } catch {
    return undefined
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** A cgroup's folder and those below it, as far as `max`; a leaf costs one system call, since it has just the links of `.` and `..`. */
export function foldersBelow(folder: string, max: number): string[] {
  const folders = [folder]
  try {
    for (let index = 0; index < folders.length && folders.length < max; index++) {
      if (statSync(folders[index]!).nlink <= 2) continue
      for (const entry of readdirSync(folders[index]!, { withFileTypes: true })) {
        if (entry.isDirectory()) folders.push(`${folders[index]}/${entry.name}`)
      }
    }
  } catch {
    // It ended meanwhile: what was found stays.
  }
  return folders.slice(0, max)
}

/** What `/proc/TID/stat` says that a task does: `R`, `S`, `D`, `T`, …; `undefined` for nonsense. */
export function taskState(stat: Buffer): string | undefined {
  // The name is in brackets and may hold anything, so the state stands behind the last one.
  const end = stat.lastIndexOf(')')
  const byte = end < 0 ? undefined : stat[end + 2]
  return byte === undefined ? undefined : String.fromCharCode(byte)
}

/** The names in `/proc/PID/fd`, none for a process that has ended, or the code of the error where they are not ours to see. */
export function descriptorsOf(folder: string): readonly string[] | string {
  try {
    return readdirSync(folder)
  } catch (error) {
    const code = codeOf(error)
    return code === 'ENOENT' || code === 'ESRCH' ? [] : code
  }
}

/** Whether a descriptor is a socket's. */
export function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('socket:')
  } catch {
    return false
  }
}

/** The table of `/proc/PID/limits`: columns are set apart by two blanks, names have single ones. */
export function parseLimits(text: string): Ulimit[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [name, soft, hard] = line.trim().split(/ {2,}/)
      if (name === undefined || soft === undefined || hard === undefined) return []
      return [{ name: name.toLowerCase().replaceAll(' ', '_'), soft: limitOf(soft), hard: limitOf(hard) }]
    })
}

function limitOf(text: string): number {
  return text === 'unlimited' ? -1 : Number.parseInt(text, 10)
}
