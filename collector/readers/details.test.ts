import { expect, test } from 'vitest'
import { emptySpec } from '../container.ts'
import { emptyDetails } from '../details.ts'
import { SampleRing } from '../sample-ring.ts'
import { hugePageName } from './hugetlb.ts'
import { createCgroupReaders } from './readers.ts'
import { Scanner } from './scanner.ts'
import { subjects } from '../subjects.ts'

/** Reads texts of v1 files by name. */
function readV1(files: Readonly<Record<string, string>>) {
  const target = { ring: new SampleRing(2), spec: emptySpec(), details: emptyDetails() }
  const scanner = new Scanner()
  for (const reader of createCgroupReaders(new Set(subjects), ['2MB']).filter(({ version }) => version === 'v1')) {
    for (const file of reader.files) {
      const text = files[file.file]
      if (text === undefined) continue
      scanner.reset(Buffer.from(text), text.length)
      file.parse(scanner, target)
    }
  }
  return target.details
}

test('memory per node on v1 is in pages, for the cgroup itself and with those below', () => {
  const { numa } = readV1({
    'memory.numa_stat':
      'total=30 N0=20 N1=10\nfile=12 N0=11 N1=1\nanon=18 N0=9 N1=9\nunevictable=0 N0=0 N1=0\nhierarchical_total=60 N0=40 N1=20\nhierarchical_file=24 N0=22 N1=2\nhierarchical_anon=36 N0=18 N1=18\nhierarchical_unevictable=1 N0=0 N1=1\n',
  })
  expect(numa).toEqual([
    { node: 0, container: { file: 11, anon: 9, unevictable: 0 }, hierarchical: { file: 22, anon: 18, unevictable: 0 } },
    { node: 1, container: { file: 1, anon: 9, unevictable: 0 }, hierarchical: { file: 2, anon: 18, unevictable: 1 } },
  ])
})

test('huge pages on v1 have their peak and failures, reservations too, and no limit where there is none', () => {
  const { hugetlb } = readV1({
    'hugetlb.2MB.usage_in_bytes': '4194304\n',
    'hugetlb.2MB.max_usage_in_bytes': '6291456\n',
    'hugetlb.2MB.failcnt': '3\n',
    'hugetlb.2MB.limit_in_bytes': '9223372036854771712\n',
    'hugetlb.2MB.rsvd.usage_in_bytes': '2097152\n',
    'hugetlb.2MB.rsvd.max_usage_in_bytes': '2097152\n',
    'hugetlb.2MB.rsvd.failcnt': '0\n',
  })
  expect(hugetlb).toEqual([
    {
      pageSize: '2MB',
      usageBytes: 4194304,
      maxUsageBytes: 6291456,
      failures: 3,
      limitBytes: undefined,
      reservedBytes: 2097152,
      reservedMaxBytes: 2097152,
      reservedFailures: 0,
    },
  ])
})

test('memory migration is a switch', () => {
  expect(readV1({ 'cpuset.memory_migrate': '1\n' }).memoryMigrate).toBe(1)
})

test('an empty file leaves a detail empty and is no error', () => {
  expect(readV1({ 'memory.numa_stat': '', 'cpuset.memory_migrate': '' })).toEqual({ ...emptyDetails(), numa: [] })
})

test.each([
  [64, '64KB'],
  [2048, '2MB'],
  [1048576, '1GB'],
])('pages of %d KiB are %s', (sizeKb, name) => {
  expect(hugePageName(sizeKb)).toBe(name)
})
