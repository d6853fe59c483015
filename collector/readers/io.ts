import { fieldIndex } from '../metrics.ts'
import type { FieldOf } from '../metrics.ts'
import type { FileReader, Reader, ReadTarget } from './reader.ts'
import { toBytes } from './scanner.ts'
import type { Scanner } from './scanner.ts'

interface Word {
  readonly bytes: Uint8Array
  readonly group: 'disk' | 'diskCost'
  readonly field: number
}

const words = (table: Record<string, FieldOf<'disk'>>): Word[] =>
  Object.entries(table).map(([word, field]) => ({ bytes: toBytes(word), group: 'disk', field: fieldIndex('disk', field) }))

const serviceBytes = words({
  Read: 'readBytes',
  Write: 'writeBytes',
  Sync: 'syncBytes',
  Async: 'asyncBytes',
  Discard: 'discardBytes',
  Total: 'totalBytes',
})
const serviced = words({ Read: 'reads', Write: 'writes', Sync: 'syncs', Async: 'asyncs', Discard: 'discards', Total: 'total' })
const statV2 = words({
  'rbytes=': 'readBytes',
  'wbytes=': 'writeBytes',
  'dbytes=': 'discardBytes',
  'rios=': 'reads',
  'wios=': 'writes',
  'dios=': 'discards',
})
const costV2 = (['usage', 'wait', 'indebt', 'indelay'] as const).map((field): Word => ({
  bytes: toBytes(`cost.${field}=`),
  group: 'diskCost',
  field: fieldIndex('diskCost', field),
}))
const wordsV2: readonly Word[] = [...statV2, ...costV2]

/** Disk traffic on cgroup v1: lines `maj:min Operation count`, and a last line `Total count` without a device. */
export const ioV1: Reader = {
  name: 'io',
  version: 'v1',
  files: [
    blkio('blkio.throttle.io_service_bytes_recursive', serviceBytes),
    blkio('blkio.throttle.io_serviced_recursive', serviced),
    // Where disks are scheduled by BFQ these count all traffic, and the others only that of disks with a throttling policy.
    { ...blkio('blkio.bfq.io_service_bytes_recursive', serviceBytes), isOptional: true },
    { ...blkio('blkio.bfq.io_serviced_recursive', serviced), isOptional: true },
  ],
}

/** Disk traffic on cgroup v2: lines `maj:min rbytes=… wbytes=… rios=… … cost.usage=…`, in any order. */
export const ioV2: Reader = {
  name: 'io',
  version: 'v2',
  files: [
    {
      controller: '',
      file: 'io.stat',
      subject: 'diskIO',
      every: 'pass',
      metrics: [],
      also: 'disk traffic per device',
      isOptional: true,
      parse: parseIoStat,
    },
  ],
}

function blkio(file: string, table: readonly Word[]): FileReader {
  return {
    controller: 'blkio',
    file,
    subject: 'diskIO',
    every: 'pass',
    metrics: [],
    also: 'disk traffic per device',
    parse: (scanner, target) => parseBlkio(scanner, target, table),
  }
}

function parseBlkio(scanner: Scanner, { ring }: ReadTarget, table: readonly Word[]): void {
  for (; !scanner.isDone; scanner.skipLine()) {
    const start = scanner.position
    if (!startsWithDigit(scanner)) continue
    scanner.skipWord()
    const end = scanner.position
    scanner.skipBlanks()
    const word = scanner.position
    scanner.skipWord()
    for (const { bytes, field } of table) {
      if (scanner.position - word !== bytes.length || !scanner.isAt(word, bytes)) continue
      const instance = ring.instance('disk', scanner.bytes, start, end)
      if (instance !== undefined) ring.setInstance('disk', instance, field, scanner.number())
      break
    }
  }
}

function parseIoStat(scanner: Scanner, { ring }: ReadTarget): void {
  for (; !scanner.isDone; scanner.skipLine()) {
    if (!startsWithDigit(scanner)) continue
    const start = scanner.position
    scanner.skipWord()
    const end = scanner.position
    for (scanner.skipBlanks(); !scanner.isLineDone; scanner.skipBlanks()) {
      const word = wordAt(scanner)
      if (word === undefined) {
        scanner.skipWord()
        continue
      }
      scanner.position += word.bytes.length
      const value = scanner.number()
      const instance = ring.instance(word.group, scanner.bytes, start, end)
      if (instance !== undefined) ring.setInstance(word.group, instance, word.field, value)
    }
  }
}

function wordAt(scanner: Scanner): Word | undefined {
  for (const word of wordsV2) if (scanner.isAt(scanner.position, word.bytes)) return word
  return undefined
}

function startsWithDigit(scanner: Scanner): boolean {
  const byte = scanner.bytes[scanner.position]
  return byte !== undefined && byte >= 48 && byte <= 57
}
