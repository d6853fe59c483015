const blockBytes = 512

/** A file, directory or symbolic link to be put into an archive. */
export interface TarEntry {
  readonly path: string
  readonly mode: number
  readonly content?: Buffer
  readonly linkTarget?: string
}

/** An uncompressed POSIX (ustar) archive of `entries`, owned by root, at time 0. Paths of up to 100 bytes; a trailing `/` is a directory. */
export function createTar(entries: readonly TarEntry[]): Buffer {
  const parts: Buffer[] = []
  for (const entry of entries) {
    const content = entry.content ?? Buffer.alloc(0)
    parts.push(headerOf(entry, content.length), content)
    const rest = content.length % blockBytes
    if (rest > 0) parts.push(Buffer.alloc(blockBytes - rest))
  }
  parts.push(Buffer.alloc(2 * blockBytes))
  return Buffer.concat(parts)
}

function headerOf(entry: TarEntry, size: number): Buffer {
  if (Buffer.byteLength(entry.path) > 100) throw new RangeError(`path "${entry.path}" has more than 100 bytes`)
  const header = Buffer.alloc(blockBytes)
  header.write(entry.path, 0)
  writeOctal(header, entry.mode, 100, 8)
  writeOctal(header, 0, 108, 8)
  writeOctal(header, 0, 116, 8)
  writeOctal(header, size, 124, 12)
  writeOctal(header, 0, 136, 12)
  header.write(typeOf(entry), 156)
  header.write(entry.linkTarget ?? '', 157)
  header.write('ustar\u000000', 257)
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

function typeOf(entry: TarEntry): string {
  if (entry.linkTarget !== undefined) return '2'
  return entry.path.endsWith('/') ? '5' : '0'
}

function writeOctal(header: Buffer, value: number, offset: number, width: number): void {
  header.write(`${value.toString(8).padStart(width - 1, '0')}\0`, offset)
}
