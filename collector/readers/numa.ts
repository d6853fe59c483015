import type { NumaPages, NumaUsage } from '../details.ts'
import type { FileReader, Reader } from './reader.ts'

const pageBytes = 4096

/** Memory per NUMA node on v1: `file=12 N0=12 N1=0` in pages, and `hierarchical_file=…` with the cgroups below. */
export const numaV1: Reader = { name: 'numa', version: 'v1', files: [numaFile('memory', '=', 1)] }

/** Memory per NUMA node on v2: `file N0=49152 N1=0` in bytes, the cgroups below always included. */
export const numaV2: Reader = { name: 'numa', version: 'v2', files: [numaFile('', ' ', pageBytes)] }

function numaFile(controller: string, separator: string, bytesPerUnit: number): FileReader {
  return {
    controller,
    file: 'memory.numa_stat',
    subject: 'memory_numa',
    every: 'slow',
    metrics: [],
    also: 'memory per NUMA node',
    isOptional: true,
    parse: ({ bytes, end }, { details }) => {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1')
      details.numa = parseNuma(text, separator, bytesPerUnit)
    },
  }
}

/** Rows by kind of page, with a value per node. */
function parseNuma(text: string, separator: string, bytesPerUnit: number): NumaUsage[] {
  const rows = new Map(
    text.split('\n').map((line) => {
      const end = line.indexOf(separator)
      return [line.slice(0, end), line]
    }),
  )
  const valueOf = (kind: string, node: number) => {
    const value = new RegExp(` N${node}=(\\d+)`).exec(rows.get(kind) ?? '')?.[1]
    return value === undefined ? 0 : Math.round(Number(value) / bytesPerUnit)
  }
  const pagesOf = (prefix: string, node: number): NumaPages => ({
    file: valueOf(`${prefix}file`, node),
    anon: valueOf(`${prefix}anon`, node),
    unevictable: valueOf(`${prefix}unevictable`, node),
  })
  const nodes = [...(rows.get('anon') ?? '').matchAll(/ N(\d+)=/g)].map(([, node]) => Number(node))
  const hasOwn = rows.has('hierarchical_anon')
  return nodes.map((node) => ({
    node,
    container: hasOwn ? pagesOf('', node) : undefined,
    hierarchical: pagesOf(hasOwn ? 'hierarchical_' : '', node),
  }))
}
