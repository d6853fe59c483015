import { singleValue } from './memory.ts'
import type { Reader } from './reader.ts'

/** Tasks of a cgroup, v1. */
export const pidsV1: Reader = { name: 'pids', version: 'v1', files: [singleValue('pids', 'pids.current', 'processes', 'pass', true)] }

/** Tasks of a cgroup, v2. */
export const pidsV2: Reader = { name: 'pids', version: 'v2', files: [singleValue('', 'pids.current', 'processes', 'pass', true)] }
