import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { quantityMilliValue, quantityValue, tryParseQuantity } from '../../../api/quantity.ts'
import { steps, type Traces } from './load-curve.ts'

const maxRows = 100_000
const header = 'seconds,cpu,memory'

/** A trace cannot be used; the message names file and line. */
export class TraceError extends Error {
  override readonly name = 'TraceError'
}

/**
 * Reads the recorded loads in a folder: `NAME.csv` with the header `seconds,cpu,memory` and rows such as `30,250m,64Mi`, each in force until the
 * next. The last row's second is the length, after which a trace begins anew. Throws `TraceError`.
 */
export function readTraces(folder: string): Traces {
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.csv'))
  } catch (error) {
    throw new TraceError(`${folder} cannot be read: ${(error as Error).message}`, { cause: error })
  }
  return new Map(
    names.map((name) => [name.slice(0, -'.csv'.length), parseTrace(join(folder, name), readFileSync(join(folder, name), 'utf8'))]),
  )
}

/** The curves in the text of a trace; `name` is for messages. */
export function parseTrace(
  name: string,
  text: string,
): { readonly cpu: ReturnType<typeof steps>; readonly memory: ReturnType<typeof steps> } {
  const lines = text.trimEnd().split(/\r?\n/)
  if (lines[0] !== header) throw new TraceError(`${name}: line 1: "${header}" is expected`)
  if (lines.length < 3) throw new TraceError(`${name}: two rows are needed, one for a value and one for the end`)
  if (lines.length > maxRows) throw new TraceError(`${name}: more than ${maxRows} rows`)
  const rows = lines.slice(1).map((line, index) => {
    const [seconds, cpu, memory, ...more] = line.split(',')
    const [cpuQuantity, memoryQuantity] = [tryParseQuantity(cpu ?? ''), tryParseQuantity(memory ?? '')]
    const atMs = /^\d+(\.\d+)?$/.test(seconds ?? '') ? Number(seconds) * 1000 : Number.NaN
    if (Number.isNaN(atMs) || cpuQuantity === undefined || memoryQuantity === undefined || more.length > 0)
      throw new TraceError(`${name}: line ${index + 2}: ${JSON.stringify(line.slice(0, 100))} is not like "30,250m,64Mi"`)
    return { atMs, cpu: quantityMilliValue(cpuQuantity), memory: quantityValue(memoryQuantity) }
  })
  const disordered = rows.findIndex(({ atMs }, index) => (index === 0 ? atMs !== 0 : atMs <= rows[index - 1]!.atMs))
  if (disordered !== -1) throw new TraceError(`${name}: line ${disordered + 2}: seconds begin with 0 and grow`)
  const periodMs = rows.at(-1)!.atMs
  const curve = (key: 'cpu' | 'memory') =>
    steps(
      rows.slice(0, -1).map((row) => ({ atMs: row.atMs, value: row[key] })),
      periodMs,
    )
  return { cpu: curve('cpu'), memory: curve('memory') }
}
