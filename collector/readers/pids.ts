import { column } from '../metrics.ts'
import { singleValue } from './memory.ts'
import type { FileReader, Reader } from './reader.ts'
import { createKeyedParser } from './scanner.ts'

/** Tasks of a cgroup, v1. */
export const pidsV1: Reader = { name: 'pids', version: 'v1', files: [tasksOf('pids'), hitsOf('pids')] }

/** Tasks of a cgroup, v2. */
export const pidsV2: Reader = { name: 'pids', version: 'v2', files: [tasksOf(''), hitsOf('')] }

/** The root cgroup has no such file. */
function tasksOf(controller: string): FileReader {
  return singleValue({ controller, file: 'pids.current', every: 'pass', isOptional: true }, 'processes')
}

const parseEvents = createKeyedParser({ max: column.processLimitHits })

function hitsOf(controller: string): FileReader {
  return {
    controller,
    file: 'pids.events',
    every: 'slow',
    metrics: ['processLimitHits'],
    isOptional: true,
    parse: (scanner, { ring }) => parseEvents(scanner, (target, value) => ring.set(target, value)),
  }
}
