import { column } from '../metrics.ts'
import type { ScalarName } from '../metrics.ts'
import type { FileReader, Reader, ReadTarget } from './reader.ts'
import type { Scanner } from './scanner.ts'

type Subject = 'cpu' | 'memory' | 'io'

/**
 * Pressure stall information of the unified tree, also where it is mounted beside v1 trees. Lines are
 * `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and the same for `full`.
 */
export const pressure: Reader = {
  name: 'pressure',
  version: 'unified',
  files: (['cpu', 'memory', 'io'] as const).map(pressureFile),
}

function pressureFile(subject: Subject): FileReader {
  const metrics = (['Some', 'Full'] as const).flatMap((kind): ScalarName[] => [
    `${subject}Pressure${kind}Avg10`,
    `${subject}Pressure${kind}Avg60`,
    `${subject}Pressure${kind}Avg300`,
    `${subject}Pressure${kind}`,
  ])
  const columns = metrics.map((name) => column[name])
  return {
    controller: '',
    file: `${subject}.pressure`,
    subject: 'pressure',
    every: 'slow',
    metrics,
    isOptional: true,
    parse: (scanner, target) => parsePressure(scanner, target, columns),
  }
}

/** Values in the order of a line; `some` starts with `s`. */
function parsePressure(scanner: Scanner, { ring }: ReadTarget, columns: readonly number[]): void {
  for (; !scanner.isDone; scanner.skipLine()) {
    const offset = scanner.bytes[scanner.position] === 's'.charCodeAt(0) ? 0 : 4
    for (let index = 0; index < 4; index++) {
      while (!scanner.isLineDone && scanner.bytes[scanner.position] !== '='.charCodeAt(0)) scanner.position++
      if (scanner.isLineDone) break
      scanner.position++
      ring.set(columns[offset + index]!, scanner.number())
    }
  }
}
