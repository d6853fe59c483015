import { h, type ComponentChild } from 'preact'
import { formatShare } from './format.ts'

/** A column: how a row sorts by it and how its cell looks. */
export interface Column<T> {
  readonly id: string
  readonly title: string
  readonly value: (row: T) => string | number | null
  readonly cell?: (row: T) => ComponentChild
  readonly isNumber?: boolean
}

export interface TableProps<T> {
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly rowKey: (row: T) => string
  /** Column id, with `-` before it for largest first. */
  readonly sort: string
  readonly onSort: (sort: string) => void
  /** Where a row leads: the address that its name links to, and what a plain click anywhere in it does. */
  readonly link?: { readonly address: (row: T) => string; readonly open: (row: T) => void }
  readonly empty: string
}

/** Rows beyond this are not drawn; the line below the table says so. */
const maxRows = 500

/** A table that sorts by a click on a heading and opens a row by a click, or by the link that its name is. */
export function Table<T>(props: TableProps<T>) {
  const { columns, rows, sort, onSort, link } = props
  if (rows.length === 0) return h('p', { class: 'quiet' }, props.empty)
  const sorted = sortRows(rows, columns, sort)
  const head = columns.map(({ id, title, isNumber }) => {
    const direction = sort === id ? 'ascending' : sort === `-${id}` ? 'descending' : 'none'
    const next = direction === 'descending' ? id : `-${id}`
    return h(
      'th',
      { class: isNumber ? 'number' : '', 'aria-sort': direction },
      h('button', { onClick: () => onSort(next) }, title, direction === 'ascending' ? ' ▲' : direction === 'descending' ? ' ▼' : ''),
    )
  })
  const body = sorted.slice(0, maxRows).map((row) =>
    h(
      'tr',
      { key: props.rowKey(row), ...(link === undefined ? {} : { class: 'link', onClick: onPlainClick(() => link.open(row)) }) },
      columns.map((column) => {
        const cell = column.cell?.(row) ?? column.value(row) ?? '–'
        const isLink = link !== undefined && column.id === 'name'
        return h('td', { class: column.isNumber ? 'number' : '' }, isLink ? h('a', { href: link.address(row) }, cell) : cell)
      }),
    ),
  )
  return h(
    'div',
    { class: 'table' },
    h('table', {}, h('thead', {}, h('tr', {}, head)), h('tbody', {}, body)),
    rows.length > maxRows ? h('p', { class: 'quiet' }, `${maxRows} of ${rows.length} rows; narrow the search`) : null,
  )
}

/** Handles clicks in place of the browser, except those that ask it for another tab or window. */
export function onPlainClick(act: () => void): (event: MouseEvent) => void {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    act()
  }
}

/** A figure with a bar: how much of `whole` it is, red from 90 % on. */
export function Bar(props: { readonly text: string; readonly part: number | null; readonly whole: number | null; readonly of: string }) {
  const { part, whole } = props
  const share = part === null || whole === null || whole === 0 ? 0 : part / whole
  const label = whole === null ? `no ${props.of}` : `${formatShare(part, whole)} of ${props.of}`
  return h(
    'span',
    { class: 'bar', title: label },
    h('span', { class: 'text' }, props.text),
    h('span', { class: 'track' }, h('span', { class: share >= 0.9 ? 'fill hot' : 'fill', style: `width:${Math.min(100, share * 100)}%` })),
  )
}

function sortRows<T>(rows: readonly T[], columns: readonly Column<T>[], sort: string): T[] {
  const isDescending = sort.startsWith('-')
  const column = columns.find(({ id }) => id === sort.replace(/^-/, '')) ?? columns[0]!
  const order = (a: T, b: T) => {
    const [left, right] = [column.value(a), column.value(b)]
    if (left === right) return 0
    if (left === null) return -1
    if (right === null) return 1
    return typeof left === 'number' && typeof right === 'number' ? left - right : String(left).localeCompare(String(right))
  }
  return [...rows].sort((a, b) => (isDescending ? order(b, a) : order(a, b)))
}
