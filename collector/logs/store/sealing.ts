import { open, rename, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { canFollow, codecs, frameBlock, frameRecord, mergeBlocks, readRecord, recordTypes } from './block.ts'
import type { BlockHeader, BlockLines } from './block.ts'
import { joinIntervals } from './coverage.ts'
import { encodeIndexBody, encodeTrailer, fileName, magic, openLogFile, readAt, readJournalPart, unpackBlock } from './log-file.ts'
import type { BlockEntry, JournalPart } from './log-file.ts'

const compress = promisify(zstdCompress)
/** A quarter of a megabyte is where larger blocks compress no better and smaller ones are read faster. */
const blockText = 256 << 10
/** Level 1 of zstd: measured 2.5 times as fast as gzip's fastest, smaller and read twice as fast; levels below give up a third of the size for nothing. */
const params = { [constants.ZSTD_c_compressionLevel]: 1 }

/**
 * Makes the segment of a closed journal: its lines by source, in blocks that compress well, with an index. The segment is on disk under its name before
 * the journal goes. Says the size of the segment; 0 where the journal had no lines and there is none.
 */
export async function sealJournal(folder: string, sequence: number): Promise<number> {
  const journal = await openLogFile(folder, { sequence, kind: 'journal' })
  if (journal === undefined) return 0
  const target = join(folder, fileName({ sequence, kind: 'segment' }))
  try {
    const { size } = await journal.stat()
    const bytes = await readAt(journal, 0, size)
    const part = readJournalPart(bytes.subarray(magic.length), magic.length, 0)
    if (part.entries.length > 0) await writeSegment(bytes, part, `${target}.new`)
  } catch (error) {
    await rm(`${target}.new`, { force: true })
    throw error
  } finally {
    await journal.close()
  }
  return finish(folder, sequence, target)
}

async function finish(folder: string, sequence: number, target: string): Promise<number> {
  const sealed = await open(`${target}.new`, 'r').catch(() => undefined)
  const size = (await sealed?.stat())?.size ?? 0
  await sealed?.close()
  if (sealed !== undefined) {
    await rename(`${target}.new`, target)
    await syncFolder(folder)
  }
  await unlink(join(folder, fileName({ sequence, kind: 'journal' })))
  return size
}

async function writeSegment(journal: Buffer, part: JournalPart, path: string): Promise<void> {
  const output = await open(path, 'w', 0o600)
  try {
    const entries: BlockEntry[] = []
    let at = magic.length
    await output.write(magic, 0, magic.length, 0)
    for await (const { header, payload } of mergedBlocks(journal, part)) {
      const packed = await compress(payload, { params, chunkSize: Math.max(payload.length, 1024) })
      const isSmaller = packed.length < payload.length
      const final: BlockHeader = { ...header, codec: isSmaller ? codecs.zstd : codecs.raw }
      const record = frameBlock(final, isSmaller ? packed : payload)
      await output.write(record, 0, record.length, at)
      entries.push({ offset: at, length: record.length, header: final })
      at += record.length
    }
    const sources = entriesBySource(part).map((own, index) => ({
      ...part.sources[index]!,
      covered: joinIntervals(own.map(({ header }) => [header.firstPosition, header.nextPosition])),
    }))
    const index = frameRecord(recordTypes.index, encodeIndexBody(entries, sources))
    await output.write(Buffer.concat([index, encodeTrailer(at)]), 0, undefined, at)
    await output.datasync()
  } finally {
    await output.close()
  }
}

/** The journal's lines, source by source. */
async function* mergedBlocks(journal: Buffer, part: JournalPart) {
  for (const [source, own] of entriesBySource(part).entries()) {
    let open: BlockLines[] = []
    let offsets: number[] = []
    let text = 0
    for (const entry of own) {
      const isFull = text >= blockText || (open.length > 0 && !canFollow(open.at(-1)!, entry.header))
      if (isFull) {
        yield mergeBlocks(open, offsets, source)
        open = []
        offsets = []
        text = 0
      }
      open.push(await unpackBlock(readRecord(journal, entry.offset)!, 'a block of a journal'))
      offsets.push(entry.offset)
      text += entry.header.textBytes
    }
    if (open.length > 0) yield mergeBlocks(open, offsets, source)
  }
}

function entriesBySource({ sources, entries }: JournalPart): readonly (readonly BlockEntry[])[] {
  const bySource = sources.map((): BlockEntry[] => [])
  for (const entry of entries) bySource[entry.header.source]!.push(entry)
  return bySource
}

/** Makes sure that names in a folder are on disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
