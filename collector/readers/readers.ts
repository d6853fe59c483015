import { cpuV1, cpuV2 } from './cpu.ts'
import { ioV1, ioV2 } from './io.ts'
import { memoryV1, memoryV2 } from './memory.ts'
import { pidsV1, pidsV2 } from './pids.ts'
import { pressure } from './pressure.ts'
import type { Reader } from './reader.ts'
import { specV1, specV2 } from './spec.ts'

/** Every reader of cgroup files. Add a subject by adding its reader here; which of them apply is decided by the machine's hierarchy. */
export const cgroupReaders: readonly Reader[] = [cpuV1, cpuV2, memoryV1, memoryV2, ioV1, ioV2, pidsV1, pidsV2, pressure, specV1, specV2]
