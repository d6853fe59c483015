import { createReadStream } from 'node:fs'

/** One member of an archive. Paths are relative, without a leading slash; folders end without one. */
export type TarEntry =
  | { readonly type: 'folder'; readonly path: string; readonly mode?: number }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | { readonly type: 'file'; readonly path: string; readonly mode?: number; readonly content: TarContent }

/** A file's bytes: in memory, read from a file of known size, or made on the way (exactly `size` bytes). */
type TarContent =
  | { readonly bytes: Buffer }
  | { readonly file: string; readonly size: number }
  | { readonly size: number; readonly chunks: () => AsyncIterable<Buffer> }

const blockBytes = 512
const nameBytes = 100
const prefixBytes = 155

/**
 * A POSIX ustar archive as a stream of chunks. The same entries always give the same bytes: owner 0, time 0, in the given order.
 * Throws a RangeError for a path or link target that ustar cannot hold, and where a content turns out to have another size.
 */
export async function* tarOf(entries: Iterable<TarEntry>): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    yield headerOf(entry)
    if (entry.type !== 'file') continue
    const expected = sizeOf(entry.content)
    let written = 0
    for await (const chunk of chunksOf(entry.content)) {
      written += chunk.length
      yield chunk
    }
    if (written !== expected) throw new RangeError(`${entry.path}: ${written} bytes where ${expected} were announced`)
    const rest = written % blockBytes
    if (rest > 0) yield Buffer.alloc(blockBytes - rest)
  }
  yield Buffer.alloc(2 * blockBytes)
}

/** How many bytes `tarOf` gives for these entries. */
export function tarSize(entries: Iterable<TarEntry>): number {
  let size = 2 * blockBytes
  for (const entry of entries) {
    size += blockBytes
    if (entry.type === 'file') size += Math.ceil(sizeOf(entry.content) / blockBytes) * blockBytes
  }
  return size
}

function sizeOf(content: TarContent): number {
  return 'bytes' in content ? content.bytes.length : content.size
}

async function* chunksOf(content: TarContent): AsyncGenerator<Buffer> {
  if ('bytes' in content) yield content.bytes
  else if ('file' in content) yield* createReadStream(content.file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>
  else yield* content.chunks()
}

const typeFlags = { file: '0', link: '2', folder: '5' } as const
const defaultModes = { file: 0o644, link: 0o777, folder: 0o755 } as const

function headerOf(entry: TarEntry): Buffer {
  const header = Buffer.alloc(blockBytes)
  const { prefix, name } = splitPath(entry.type === 'folder' ? `${entry.path}/` : entry.path)
  const mode = entry.type === 'link' ? defaultModes.link : (entry.mode ?? defaultModes[entry.type])
  header.write(name, 0)
  header.write(octal(mode, 7), 100)
  header.write(octal(0, 7), 108)
  header.write(octal(0, 7), 116)
  header.write(octal(entry.type === 'file' ? sizeOf(entry.content) : 0, 11), 124)
  header.write(octal(0, 11), 136)
  header.write(' '.repeat(8), 148)
  header.write(typeFlags[entry.type], 156)
  if (entry.type === 'link') header.write(checkedTarget(entry), 157)
  header.write('ustar\u000000', 257)
  header.write(prefix, 345)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${octal(sum, 6)}\0 `, 148)
  return header
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

/** A long path goes in two parts that are cut at a slash. */
function splitPath(path: string): { readonly prefix: string; readonly name: string } {
  if (Buffer.byteLength(path) <= nameBytes) return { prefix: '', name: path }
  for (let cut = path.indexOf('/'); cut >= 0; cut = path.indexOf('/', cut + 1)) {
    const [prefix, name] = [path.slice(0, cut), path.slice(cut + 1)]
    if (name !== '' && Buffer.byteLength(prefix) <= prefixBytes && Buffer.byteLength(name) <= nameBytes) return { prefix, name }
  }
  throw new RangeError(`${path}: too long for a tar archive`)
}

function checkedTarget({ path, target }: { readonly path: string; readonly target: string }): string {
  if (Buffer.byteLength(target) > nameBytes) throw new RangeError(`${path}: its link target ${target} is too long for a tar archive`)
  return target
}
