import { h, type ComponentChild } from 'preact'
import { useState } from 'preact/hooks'
import { mount } from './api.ts'
import { formatBytes, formatBytesPerSecond, formatCores, formatCount, formatPercent } from './format.ts'
import { formatRoute, type Route } from './route.ts'
import { asTree, filterRows, sortRows, toCsv, type Row } from './rows.ts'

interface Column {
  readonly id: string
  readonly title: string
  readonly help: string
  readonly format: (value: number | null | undefined) => string
  /** From here on it is told in red. */
  readonly hotFrom?: number
}

const columns: readonly Column[] = [
  { id: 'cpu_usage_cores', title: 'CPU', help: 'cores in use', format: formatCores },
  { id: 'cpu_limit_percent', title: 'of limit', help: 'CPU in use as a share of the nearest limit', format: formatPercent, hotFrom: 90 },
  { id: 'cpu_throttled_percent', title: 'Throttled', help: 'quota periods with tasks held back', format: formatPercent, hotFrom: 25 },
  { id: 'memory_working_set_bytes', title: 'Memory', help: 'working set', format: formatBytes },
  {
    id: 'memory_limit_percent',
    title: 'of limit',
    help: 'working set as a share of the nearest limit',
    format: formatPercent,
    hotFrom: 90,
  },
  { id: 'memory_oom_kills', title: 'OOM', help: 'tasks killed for want of memory', format: formatCount, hotFrom: 1 },
  {
    id: 'cpu_pressure_some_percent',
    title: 'CPU wait',
    help: 'time in which some task waited for CPU',
    format: formatPercent,
    hotFrom: 50,
  },
  {
    id: 'memory_pressure_some_percent',
    title: 'Mem. wait',
    help: 'time in which some task waited for memory',
    format: formatPercent,
    hotFrom: 20,
  },
  {
    id: 'io_pressure_some_percent',
    title: 'Disk wait',
    help: 'time in which some task waited for a disk',
    format: formatPercent,
    hotFrom: 40,
  },
  { id: 'network_receive_bytes_per_second', title: 'Received', help: 'network', format: formatBytesPerSecond },
  { id: 'network_transmit_bytes_per_second', title: 'Sent', help: 'network', format: formatBytesPerSecond },
  { id: 'disk_read_bytes_per_second', title: 'Read', help: 'disks', format: formatBytesPerSecond },
  { id: 'disk_write_bytes_per_second', title: 'Written', help: 'disks', format: formatBytesPerSecond },
  { id: 'tasks', title: 'Tasks', help: 'threads and processes', format: formatCount },
]

const maxRows = 500

export interface ListProps {
  readonly rows: readonly Row[]
  readonly route: Route
  readonly go: (change: Partial<Route>) => void
}

/** The list of containers: searched, sorted, flat or as the tree of cgroups. */
export function List({ rows, route, go }: ListProps) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const chosen = filterRows(
    rows.filter(({ isDocker }) => isDocker || !route.isDockerOnly),
    route.search,
  )
  const sorted = sortRows(chosen, route.sort)
  const shown = route.isTree ? asTree(sorted, closed) : sorted
  const toggle = (name: string) => {
    const next = new Set(closed)
    if (!next.delete(name)) next.add(name)
    setClosed(next)
  }
  const parents = new Set(rows.map(({ name }) => name.slice(0, name.lastIndexOf('/')) || '/'))
  return h(
    'main',
    {},
    h(Toolbar, { rows: sorted, route, go }),
    shown.length === 0
      ? h('p', { class: 'quiet' }, rows.length === 0 ? 'Nothing has been measured yet.' : 'Nothing matches the search.')
      : h(
          'div',
          { class: 'table' },
          h(
            'table',
            {},
            h(
              'thead',
              {},
              h(
                'tr',
                {},
                heading({ id: 'name', title: 'Container', help: '' }, route, go),
                ...columns.map((column) => heading(column, route, go, true)),
              ),
            ),
            h(
              'tbody',
              {},
              shown
                .slice(0, maxRows)
                .map((row) =>
                  h(Line, { key: row.name, row, route, go, toggle, isClosed: closed.has(row.name), isParent: parents.has(row.name) }),
                ),
            ),
          ),
          shown.length > maxRows ? h('p', { class: 'quiet' }, `${maxRows} of ${shown.length} lines; narrow the search`) : null,
        ),
  )
}

function Toolbar({ rows, route, go }: ListProps) {
  const save = () => {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(
      new Blob(
        [
          toCsv(
            rows,
            columns.map(({ id }) => id),
          ),
        ],
        { type: 'text/csv' },
      ),
    )
    link.download = 'containers.csv'
    link.click()
    URL.revokeObjectURL(link.href)
  }
  return h(
    'p',
    { class: 'toolbar' },
    h(
      'span',
      { class: 'choice' },
      [false, true].map((isTree) =>
        h('button', { 'aria-pressed': route.isTree === isTree, onClick: () => go({ isTree }) }, isTree ? 'Tree' : 'Flat'),
      ),
    ),
    h(
      'span',
      { class: 'choice' },
      [false, true].map((isDockerOnly) =>
        h(
          'button',
          { 'aria-pressed': route.isDockerOnly === isDockerOnly, onClick: () => go({ isDockerOnly }) },
          isDockerOnly ? 'Docker' : 'All cgroups',
        ),
      ),
    ),
    h('span', { class: 'quiet' }, `${rows.length} shown`),
    h(
      'span',
      { class: 'links' },
      h('button', { onClick: save }, 'CSV'),
      h('a', { href: `${mount}/api/v2.1/rates/?recursive=true` }, 'JSON'),
    ),
  )
}

function heading({ id, title, help }: Pick<Column, 'id' | 'title' | 'help'>, route: Route, go: ListProps['go'], isNumber = false) {
  const direction = route.sort === id ? 'ascending' : route.sort === `-${id}` ? 'descending' : 'none'
  const next = direction === 'none' ? (isNumber ? `-${id}` : id) : direction === 'descending' ? id : `-${id}`
  const mark = direction === 'ascending' ? ' ▲' : direction === 'descending' ? ' ▼' : ''
  return h(
    'th',
    { class: isNumber ? 'number' : '', 'aria-sort': direction, title: help },
    h('button', { onClick: () => go({ sort: next }) }, title, mark),
  )
}

interface LineProps {
  readonly row: Row
  readonly route: Route
  readonly go: ListProps['go']
  readonly toggle: (name: string) => void
  readonly isClosed: boolean
  readonly isParent: boolean
}

function Line({ row, route, go, toggle, isClosed, isParent }: LineProps) {
  const container = { kind: 'cgroup', name: row.name } as const
  const open = (event: Event) => {
    event.preventDefault()
    go({ container })
  }
  return h(
    'tr',
    {},
    h(
      'td',
      { class: 'name' },
      route.isTree
        ? [
            h('span', { class: `indent indent-${Math.min(row.depth, 12)}` }),
            h(
              'button',
              { class: 'fold', disabled: !isParent, 'aria-label': isClosed ? 'unfold' : 'fold', onClick: () => toggle(row.name) },
              isParent ? (isClosed ? '▸' : '▾') : '',
            ),
          ]
        : null,
      h('a', { href: formatRoute({ ...route, container }), title: row.name, onClick: open }, row.title),
      row.image === '' ? null : h('small', {}, row.image),
    ),
    columns.map((column) => h('td', { key: column.id, class: 'number' }, figure(row.figures[column.id], column))),
  )
}

function figure(value: number | undefined, { format, hotFrom }: Column): ComponentChild {
  const text = format(value)
  if (value === 0) return h('span', { class: 'quiet' }, text)
  return value !== undefined && hotFrom !== undefined && value >= hotFrom ? h('strong', { class: 'hot' }, text) : text
}
