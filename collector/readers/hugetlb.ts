import type { HugetlbUsage } from '../details.ts'
import type { FileReader, Reader, ReadTarget } from './reader.ts'
import { createKeyedParser } from './scanner.ts'

type Field = Exclude<keyof HugetlbUsage, 'pageSize'>

/** Files per page size: name behind `hugetlb.SIZE.`, and what its number is. */
const filesV1: Readonly<Record<string, Field>> = {
  usage_in_bytes: 'usageBytes',
  max_usage_in_bytes: 'maxUsageBytes',
  limit_in_bytes: 'limitBytes',
  failcnt: 'failures',
  'rsvd.usage_in_bytes': 'reservedBytes',
  'rsvd.max_usage_in_bytes': 'reservedMaxBytes',
  'rsvd.failcnt': 'reservedFailures',
}
const filesV2: Readonly<Record<string, Field>> = {
  current: 'usageBytes',
  max: 'limitBytes',
  'rsvd.current': 'reservedBytes',
}

/** Failures on v2: the line `max N`; reservations have no such file. */
const eventsV2: Readonly<Record<string, Field>> = { events: 'failures' }

const unlimitedFrom = 2 ** 62

/** A size of pages as the kernel names its files: `2MB`, `1GB`, `64KB`. */
export function hugePageName(sizeKb: number): string {
  if (sizeKb >= 1024 ** 2) return `${sizeKb / 1024 ** 2}GB`
  return sizeKb >= 1024 ? `${sizeKb / 1024}MB` : `${sizeKb}KB`
}

/** Huge pages of the sizes that the machine has (`2MB`, `1GB`). */
export function hugetlbReaders(pageSizes: readonly string[]): readonly Reader[] {
  const numbers = (controller: string, files: Readonly<Record<string, Field>>) =>
    pageSizes.flatMap((size) =>
      Object.entries(files).map(([file, field]) =>
        hugetlbFile(controller, `hugetlb.${size}.${file}`, (scanner, target) => set(target, size, field, scanner.number())),
      ),
    )
  const parseMax = createKeyedParser({ max: 0 })
  const events = pageSizes.flatMap((size) =>
    Object.entries(eventsV2).map(([file, field]) =>
      hugetlbFile('', `hugetlb.${size}.${file}`, (scanner, target) => parseMax(scanner, (_, value) => set(target, size, field, value))),
    ),
  )
  return [
    { name: 'hugetlb', version: 'v1', files: numbers('hugetlb', filesV1) },
    { name: 'hugetlb', version: 'v2', files: [...numbers('', filesV2), ...events] },
  ]
}

function hugetlbFile(controller: string, file: string, parse: FileReader['parse']): FileReader {
  return { controller, file, subject: 'hugetlb', every: 'slow', metrics: [], also: 'huge pages', isOptional: true, parse }
}

function set({ details }: ReadTarget, pageSize: string, field: Field, value: number): void {
  details.hugetlb ??= []
  let usage = details.hugetlb.find((candidate) => candidate.pageSize === pageSize)
  if (usage === undefined) {
    usage = {
      pageSize,
      usageBytes: undefined,
      maxUsageBytes: undefined,
      failures: undefined,
      limitBytes: undefined,
      reservedBytes: undefined,
      reservedMaxBytes: undefined,
      reservedFailures: undefined,
    }
    details.hugetlb.push(usage)
  }
  usage[field] = Number.isNaN(value) || value >= unlimitedFrom ? undefined : value
}
