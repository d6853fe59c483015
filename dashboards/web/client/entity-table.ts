import { h } from 'preact'
import { formatRoute, type Route } from './route.ts'
import { Table, type Column } from './table.ts'

interface EntityTableProps<T> {
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly route: Route
  readonly go: (route: Partial<Route>) => void
  readonly empty: string
}

/** A table of entities that fits the search; a row opens its entity. */
export function EntityTable<T extends { readonly key: string }>({ columns, rows, route, go, empty }: EntityTableProps<T>) {
  return h(Table<T>, {
    columns,
    rows: filterRows(rows, route.search),
    rowKey: ({ key }) => key,
    sort: route.sort,
    onSort: (sort) => go({ sort }),
    link: {
      address: ({ key }) => formatRoute({ view: 'entity', key, minutes: route.minutes }),
      open: ({ key }) => go({ view: 'entity', key, search: '' }),
    },
    empty,
  })
}

/** The rows that contain every word of the search somewhere in their texts. */
export function filterRows<T extends object>(rows: readonly T[], search: string): readonly T[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  if (words.length === 0) return rows
  return rows.filter((row) => {
    const text = Object.values(row)
      .filter((value) => typeof value === 'string')
      .join(' ')
      .toLowerCase()
    return words.every((word) => text.includes(word))
  })
}
