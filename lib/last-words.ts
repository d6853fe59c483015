import { closeSync, openSync, readSync, statSync } from 'node:fs'

const maxBytes = 8192
const maxLines = 10

/** How long a file is; 0 where there is none. */
export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** What a process said last in a log, behind `from`: the lines at its end that are no JSON of a logger and no stack, `''` without any. */
export function lastWords(file: string, from: number): string {
  let text = ''
  try {
    const fd = openSync(file, 'r')
    try {
      const size = sizeOf(file)
      const start = Math.max(size < from ? 0 : from, size - maxBytes)
      const bytes = Buffer.alloc(size - start)
      text = bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, start))
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
  const said = lines.slice(lines.findLastIndex((line) => line.startsWith('{')) + 1)
  return said.slice(-maxLines).join('\n')
}
