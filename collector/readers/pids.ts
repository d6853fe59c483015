import { singleValue } from './memory.ts'
import type { FileReader, Reader } from './reader.ts'

/** Tasks of a cgroup, v1. */
export const pidsV1: Reader = { name: 'pids', version: 'v1', files: [tasksOf('pids')] }

/** Tasks of a cgroup, v2. */
export const pidsV2: Reader = { name: 'pids', version: 'v2', files: [tasksOf('')] }

/** The root cgroup has no such file. */
function tasksOf(controller: string): FileReader {
  return singleValue({ controller, file: 'pids.current', every: 'pass', isOptional: true }, 'processes')
}
