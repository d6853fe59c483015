/** The numbers in `0,2-4`; those that are not below `limit` are left out, and what is no number is none. */
export function parseIndexes(text: string | undefined, limit: number): Set<number> {
  const indexes = new Set<number>()
  for (const part of (text ?? '').split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part)
    if (match === null) continue
    const last = Math.min(Number(match[2] ?? match[1]), limit - 1)
    for (let index = Number(match[1]); index <= last; index++) indexes.add(index)
  }
  return indexes
}

/** `0,2-4` */
export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b)
  const runs: string[] = []
  for (let at = 0; at < sorted.length;) {
    let end = at
    while (sorted[end + 1] === sorted[end]! + 1) end++
    runs.push(end === at ? `${sorted[at]}` : `${sorted[at]}${end === at + 1 ? ',' : '-'}${sorted[end]}`)
    at = end + 1
  }
  return runs.join(',')
}
