import { h } from 'preact'
import type { MonitorRow } from '../model.ts'
import { Charts } from './charts.ts'
import { filterRows } from './entity-table.ts'
import { useFetched } from './fetched.ts'
import { formatIn } from './format.ts'
import { Table, type Column } from './table.ts'
import type { ViewProps } from './views.ts'

const columns: readonly Column<MonitorRow>[] = [
  { id: 'metric', title: 'Figure', value: (row) => row.metric },
  { id: 'resource', title: 'Of', value: (row) => row.resource },
  { id: 'value', title: 'Now', isNumber: true, value: (row) => row.value, cell: (row) => formatIn(row.unit, row.value) },
  {
    id: 'description',
    title: 'What it is',
    value: (row) => row.description,
    cell: (row) => h('span', { class: 'message' }, row.description),
  },
]

/** Whether the way from the nodes to the figures is in order, for each aggregator. */
export function MonitorView({ route, go, tick }: ViewProps) {
  const rows = useFetched('/api/monitor', tick)
  if (rows === null) return h('main', {}, h('p', { class: 'quiet' }, 'Loading …'))
  const keys = [...new Set(rows.map(({ key }) => key))]
  if (keys.length === 0) return h('main', {}, h('p', { class: 'quiet' }, 'No aggregator has told of itself yet'))
  const isSortable = columns.some(({ id }) => id === route.sort.replace(/^-/, ''))
  return h(
    'main',
    {},
    keys.flatMap((key) => [
      h('h2', { key }, key.replace(/^monitor:/, '')),
      h(Charts, { entityKey: key, minutes: route.minutes, tick, set: 'monitor' }),
      h(Table<MonitorRow>, {
        columns,
        rows: filterRows(
          rows.filter((row) => row.key === key),
          route.search,
        ),
        rowKey: ({ metric, resource }) => `${metric} ${resource}`,
        sort: isSortable ? route.sort : 'metric',
        onSort: (sort) => go({ sort }),
        empty: 'Nothing matches',
      }),
    ]),
  )
}
