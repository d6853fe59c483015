import { h } from 'preact'
import type { EventRow } from '../model.ts'
import { eventColumns } from './columns.ts'
import { filterRows } from './entity-table.ts'
import { useFetched } from './fetched.ts'
import { Table } from './table.ts'
import type { ViewProps } from './views.ts'

/** What happened in the cluster lately. */
export function EventsView({ snapshot, route, go, tick }: ViewProps) {
  const events = useFetched('/api/events', tick)
  if (events === null) return h('main', {}, h('p', { class: 'quiet' }, 'Loading …'))
  return h(
    'main',
    {},
    events.problem === null ? null : h('p', { class: 'problem' }, `Events cannot be read: ${events.problem}`),
    h(EventTable, { rows: filterRows(events.rows, route.search), now: snapshot.time, route, go }),
  )
}

interface EventTableProps extends Pick<ViewProps, 'route' | 'go'> {
  readonly rows: readonly EventRow[]
  readonly now: number
}

/** Events, newest first unless sorted otherwise. */
export function EventTable({ rows, now, route, go }: EventTableProps) {
  const columns = eventColumns(now)
  const isSortable = columns.some(({ id }) => id === route.sort.replace(/^-/, ''))
  return h(Table<EventRow>, {
    columns,
    rows,
    rowKey: ({ time, reason, object, message }) => `${time} ${reason} ${object} ${message}`,
    sort: isSortable ? route.sort : 'age',
    onSort: (sort) => go({ sort }),
    empty: 'Nothing has happened',
  })
}
