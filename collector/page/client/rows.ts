import type { Figures, Rates } from './api.ts'

/** A container as a line of the list. */
export interface Row {
  /** Path of the cgroup. */
  readonly name: string
  readonly title: string
  readonly image: string
  readonly isDocker: boolean
  readonly figures: Figures
  readonly rates: Rates
  /** How many shown containers are above it. */
  readonly depth: number
}

/** What people call a container. */
export function titleOf(name: string, { pod, aliases }: Rates): string {
  if (pod !== undefined) return `${pod.namespace}/${pod.name}/${pod.isSandbox ? 'sandbox' : pod.container}`
  return aliases?.[0] ?? (name === '/' ? 'the machine' : name)
}

/** The lines of all containers, without order. */
export function rowsOf(all: Readonly<Record<string, Rates>>): Row[] {
  return Object.entries(all).map(([name, rates]) => ({
    name,
    title: titleOf(name, rates),
    image: rates.image ?? '',
    isDocker: rates.image !== undefined,
    figures: rates.figures ?? {},
    rates,
    depth: 0,
  }))
}

/** Lines in which every word of the search occurs. */
export function filterRows(rows: readonly Row[], search: string): Row[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  return rows.filter(({ name, title, image }) => {
    const text = `${name} ${title} ${image}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

/** A line's value in a column: `name`, `image`, or a figure. */
export function valueOf(row: Row, column: string): string | number | undefined {
  return column === 'name' ? row.title : column === 'image' ? row.image : row.figures[column]
}

/** Lines sorted by a column, `-` in front for the largest first; what has no value comes last. */
export function sortRows(rows: readonly Row[], sort: string): Row[] {
  const isDescending = sort.startsWith('-')
  const column = sort.replace(/^-/, '')
  return [...rows].sort((left, right) => {
    const [a, b] = [valueOf(left, column), valueOf(right, column)]
    if (a === b) return left.title.localeCompare(right.title)
    if (a === undefined) return 1
    if (b === undefined) return -1
    const order = typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b))
    return isDescending ? -order : order
  })
}

/** Lines in the order of the tree: children below their parent, siblings in the order that they come in. */
export function asTree(rows: readonly Row[], closed: ReadonlySet<string>): Row[] {
  const names = new Set(rows.map(({ name }) => name))
  const children = new Map<string, Row[]>()
  for (const row of rows) {
    const parent = parentOf(row.name, names)
    children.set(parent, [...(children.get(parent) ?? []), row])
  }
  const ordered: Row[] = []
  const add = (parent: string, depth: number) => {
    for (const row of children.get(parent) ?? []) {
      ordered.push({ ...row, depth })
      if (!closed.has(row.name)) add(row.name, depth + 1)
    }
  }
  add('', 0)
  return ordered
}

/** The nearest container above that is there; `''` for none. */
function parentOf(name: string, names: ReadonlySet<string>): string {
  if (name === '/') return ''
  for (let end = name.lastIndexOf('/'); end > 0; end = name.lastIndexOf('/', end - 1)) {
    const candidate = name.slice(0, end)
    if (names.has(candidate)) return candidate
  }
  return names.has('/') ? '/' : ''
}

/** Lines as a table for spreadsheets. What a spreadsheet would take for a formula is quoted. */
export function toCsv(rows: readonly Row[], columns: readonly string[]): string {
  const lines = rows.map((row) =>
    [row.name, row.title, row.image, ...columns.map((column) => row.figures[column] ?? '')].map(cell).join(','),
  )
  return `${['cgroup', 'name', 'image', ...columns].join(',')}\n${lines.join('\n')}\n`
}

function cell(value: string | number): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
