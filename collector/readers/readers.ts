import type { Subject } from '../subjects.ts'
import { cpuV1, cpuV2 } from './cpu.ts'
import { cpusetV1 } from './cpuset.ts'
import { hugetlbReaders } from './hugetlb.ts'
import { ioV1, ioV2 } from './io.ts'
import { memoryV1, memoryV2 } from './memory.ts'
import { numaV1, numaV2 } from './numa.ts'
import { pidsV1, pidsV2 } from './pids.ts'
import { pressure } from './pressure.ts'
import type { Reader } from './reader.ts'
import { specV1, specV2 } from './spec.ts'

/**
 * Every reader of cgroup files with the files that are wanted. Add a subject by adding its reader here; which of them apply is decided
 * by the machine's hierarchy. `hugePageSizes` are as in the kernel's file names.
 */
export function createCgroupReaders(subjects: ReadonlySet<Subject>, hugePageSizes: readonly string[]): readonly Reader[] {
  const all: readonly Reader[] = [
    cpuV1,
    cpuV2,
    memoryV1,
    memoryV2,
    ioV1,
    ioV2,
    pidsV1,
    pidsV2,
    pressure,
    specV1,
    specV2,
    cpusetV1,
    numaV1,
    numaV2,
    ...hugetlbReaders(hugePageSizes),
  ]
  return all.map((reader) => withSubjects(reader, subjects)).filter(({ files }) => files.length > 0)
}

/** The reader without the files of subjects that are off. */
export function withSubjects(reader: Reader, subjects: ReadonlySet<Subject>): Reader {
  return { ...reader, files: reader.files.filter(({ subject }) => subject === undefined || subjects.has(subject)) }
}
