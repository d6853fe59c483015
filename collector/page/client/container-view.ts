import { h, type ComponentChild } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { addressOf } from './api.ts'
import type { ContainerEvent, Course, FileSystem, Process, Rates, Spec } from './api.ts'
import { Chart, hasData } from './chart-view.ts'
import { charts } from './charts.ts'
import { formatAge, formatBytes, formatBytesPerSecond, formatCores, formatCount, formatPercent } from './format.ts'
import { List } from './list-view.ts'
import { usePolled } from './polled.ts'
import { ranges, type Route } from './route.ts'
import { rowsOf, titleOf } from './rows.ts'

export interface ContainerProps {
  readonly name: string
  readonly all: Readonly<Record<string, Rates>>
  readonly route: Route
  readonly go: (change: Partial<Route>) => void
  readonly theme: string
}

/** Everything about one container. */
export function ContainerView({ name, all, route, go, theme }: ContainerProps) {
  const rates = all[name]
  if (rates === undefined)
    return h('main', {}, h('p', { class: 'problem' }, `There is no container ${name} (any more).`), h(Events, { name }))
  const prefix = name === '/' ? '/' : `${name}/`
  const below = Object.fromEntries(Object.entries(all).filter(([other]) => other !== name && other.startsWith(prefix)))
  return h(
    'main',
    { key: name },
    h(Crumbs, { name, all, go }),
    h('h2', {}, titleOf(name, rates), h('small', {}, rates.image ?? '')),
    h(Headline, { rates }),
    h(Courses, { name, route, go, theme }),
    h('div', { class: 'columns' }, h(Facts, { name, rates }), h(Events, { name })),
    name === '/' ? h(FileSystems, {}) : null,
    Object.keys(below).length === 0 ? null : h('section', {}, h('h3', {}, 'Below it'), h(List, { rows: rowsOf(below), route, go })),
    h(Processes, { name }),
  )
}

function Crumbs({ name, all, go }: Pick<ContainerProps, 'name' | 'all' | 'go'>) {
  const parts = name === '/' ? [] : name.slice(1).split('/')
  const crumbs = ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)]
  return h(
    'nav',
    { class: 'crumbs', 'aria-label': 'cgroups above' },
    crumbs.map((path, index) => {
      const label = index === 0 ? 'machine' : parts[index - 1]!
      const link = (event: Event) => (event.preventDefault(), go({ container: { kind: 'cgroup', name: path } }))
      const isLink = all[path] !== undefined && path !== name
      return [
        index > 0 ? ' / ' : null,
        isLink ? h('a', { href: addressOf('/containers', path), onClick: link }, label) : h('span', {}, label),
      ]
    }),
  )
}

function Headline({ rates }: { readonly rates: Rates }) {
  const { figures = {}, nearest_limits: limits } = rates
  const cards: readonly (readonly [string, string, string, boolean])[] = [
    [
      'CPU',
      `${formatCores(figures['cpu_usage_cores'])} cores`,
      limits.cpu === undefined ? 'no limit' : `${formatPercent(figures['cpu_limit_percent'])} of ${formatCores(limits.cpu.cores)}`,
      (figures['cpu_limit_percent'] ?? 0) >= 90,
    ],
    [
      'Memory',
      formatBytes(figures['memory_working_set_bytes']),
      limits.memory === undefined ? 'no limit' : `${formatPercent(figures['memory_limit_percent'])} of ${formatBytes(limits.memory.bytes)}`,
      (figures['memory_limit_percent'] ?? 0) >= 90,
    ],
    ['Throttled', formatPercent(figures['cpu_throttled_percent']), 'of quota periods', (figures['cpu_throttled_percent'] ?? 0) >= 25],
    [
      'Waiting',
      formatPercent(figures['cpu_pressure_some_percent']),
      `for CPU; memory ${formatPercent(figures['memory_pressure_some_percent'])}, disk ${formatPercent(figures['io_pressure_some_percent'])}`,
      (figures['cpu_pressure_some_percent'] ?? 0) >= 50,
    ],
    ['OOM kills', formatCount(figures['memory_oom_kills']), 'tasks killed', (figures['memory_oom_kills'] ?? 0) > 0],
    [
      'Network',
      formatBytesPerSecond(figures['network_receive_bytes_per_second']),
      `sent ${formatBytesPerSecond(figures['network_transmit_bytes_per_second'])}`,
      false,
    ],
  ]
  return h(
    'div',
    { class: 'figures' },
    cards.map(([title, text, note, isHot]) =>
      h('div', { class: 'figure', key: title }, h('h3', {}, title), h('strong', { class: isHot ? 'hot' : '' }, text), h('small', {}, note)),
    ),
  )
}

function Courses({ name, route, go, theme }: Pick<ContainerProps, 'name' | 'route' | 'go' | 'theme'>) {
  const { minutes } = route
  const query = { start: `${minutes}m` }
  const [answer, problem] = usePolled<Record<string, Course> | undefined>(
    addressOf('/api/v2.1/history', name, query),
    minutes <= 5 ? 2000 : minutes <= 60 ? 10_000 : 60_000,
    undefined,
  )
  const course = answer?.[name]
  return h(
    'section',
    {},
    h(
      'p',
      { class: 'toolbar' },
      h(
        'span',
        { class: 'choice' },
        ranges.map(([value, label]) =>
          h('button', { key: value, 'aria-pressed': value === minutes, onClick: () => go({ minutes: value }) }, label),
        ),
      ),
      course === undefined ? null : h('span', { class: 'quiet' }, `a point per ${formatAge(course.step_seconds * 1000)}`),
      h(
        'span',
        { class: 'links' },
        h('a', { href: addressOf('/api/v2.1/history', name, { ...query, format: 'csv' }), download: 'history.csv' }, 'CSV'),
        h('a', { href: addressOf('/api/v2.1/history', name, query) }, 'JSON'),
      ),
    ),
    problem === undefined ? null : h('p', { class: 'problem' }, problem),
    course === undefined
      ? null
      : h(
          'div',
          { class: 'charts' },
          charts
            .filter((definition) => hasData(definition, course))
            .map((definition) => h(Chart, { key: definition.title, definition, course, theme })),
        ),
  )
}

function Facts({ name, rates }: Pick<ContainerProps, 'name'> & { readonly rates: Rates }) {
  const [answer] = usePolled<Record<string, Spec>>(addressOf('/api/v2.0/spec', name), 30_000, {})
  const spec = answer[name]
  const { cpu, memory } = rates.nearest_limits
  const facts: readonly (readonly [string, ComponentChild])[] = [
    ['Cgroup', name],
    ['Names', rates.aliases?.filter((alias) => !name.includes(alias)).join(', ') ?? ''],
    ['Started', rates.started],
    ['Health', rates.health ?? ''],
    ['CPU limit', cpu === undefined ? 'none' : `${formatCores(cpu.cores)} cores, ${ownerOf(cpu.of, name)}`],
    ['Memory limit', memory === undefined ? 'none' : `${formatBytes(memory.bytes)}, ${ownerOf(memory.of, name)}`],
    ['CPU shares', String(spec?.cpu?.limit ?? '')],
    ['Cores', spec?.cpu?.mask ?? ''],
    ['Task limit', String(spec?.processes?.limit ?? '')],
    ...Object.entries(spec?.labels ?? {}).map(([label, value]) => [label, value] as const),
  ]
  return h(
    'section',
    {},
    h('h3', {}, 'What it is'),
    h(
      'table',
      { class: 'facts' },
      facts.filter(([, value]) => value !== '').map(([label, value]) => h('tr', { key: label }, h('th', {}, label), h('td', {}, value))),
    ),
  )
}

/** Whose limit it is. */
function ownerOf(of: string, name: string): string {
  return of === '/' ? 'the machine’s' : of === name ? 'its own' : `set by ${of}`
}

const maxEvents = 100

function Events({ name }: { readonly name: string }) {
  const [events, setEvents] = useState<readonly ContainerEvent[]>([])
  useEffect(() => {
    const query = { stream: 'true', all_events: 'true', subcontainers: 'true', last_event_id: '1' }
    const stream = new EventSource(addressOf('/api/v1.3/events', name, query))
    setEvents([])
    const take = (event: MessageEvent<string>) =>
      setEvents((known) => [JSON.parse(event.data) as ContainerEvent, ...known].slice(0, maxEvents))
    for (const type of [
      'containerCreation',
      'containerDeletion',
      'oom',
      'oomKill',
      'start',
      'exit',
      'restart',
      'limitChange',
      'throttling',
      'pressure',
    ])
      stream.addEventListener(type, take)
    return () => stream.close()
  }, [name])
  return h(
    'section',
    {},
    h('h3', {}, 'What happened'),
    events.length === 0
      ? h('p', { class: 'quiet' }, 'Nothing yet.')
      : h(
          'ul',
          { class: 'events' },
          events.map((event, index) =>
            h(
              'li',
              { key: `${event.timestamp} ${event.event_type} ${index}` },
              h('time', {}, new Date(event.timestamp).toLocaleTimeString('en-GB')),
              h('b', { class: event.event_type.startsWith('oom') ? 'hot' : '' }, event.event_type),
              ` ${wordsOf(event)} `,
              event.container_name === name ? null : h('small', {}, event.container_name),
            ),
          ),
        ),
  )
}

/** What belongs to an event, in a few words. */
function wordsOf({ event_data: data }: ContainerEvent): string {
  const { threshold, limit_change: change } = data
  if (threshold !== undefined) return `${wordOf(threshold['figure'])}: ${wordOf(threshold['state'])} at ${wordOf(threshold['percent'])} %`
  if (change !== undefined) return `${wordOf(change['field'])} from ${wordOf(change['from'])} to ${wordOf(change['to'])}`
  return Object.values(data)
    .flatMap((part) => Object.entries(part))
    .map(([field, value]) => `${field.replaceAll('_', ' ')} ${wordOf(value)}`)
    .join(', ')
}

function wordOf(value: unknown): string {
  if (value === null) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function FileSystems() {
  const [systems] = usePolled<readonly FileSystem[]>(addressOf('/api/v2.0/storage', ''), 30_000, [])
  if (systems.length === 0) return null
  return h(
    'section',
    {},
    h('h3', {}, 'File systems'),
    h(
      'table',
      { class: 'facts' },
      systems.map(({ device, mountpoint, usage, capacity }) =>
        h(
          'tr',
          { key: mountpoint },
          h('th', {}, mountpoint),
          h('td', {}, device),
          h('td', {}, h('meter', { min: 0, max: 1, high: 0.9, value: capacity > 0 ? usage / capacity : 0 })),
          h('td', { class: 'number' }, `${formatBytes(usage)} of ${formatBytes(capacity)}`),
        ),
      ),
    ),
  )
}

const processColumns: readonly (readonly [title: string, of: (process: Process) => string, isNumber: boolean])[] = [
  ['PID', ({ pid }) => String(pid), true],
  ['Parent', ({ parent_pid: parent }) => String(parent), true],
  ['User', ({ user }) => user, false],
  ['Command', ({ cmd }) => cmd, false],
  ['State', ({ status }) => status, false],
  ['CPU', ({ percent_cpu: cpu }) => formatPercent(cpu), true],
  ['CPU time', ({ running_time: time }) => time, true],
  ['Memory', ({ rss }) => formatBytes(rss), true],
  ['Virtual', ({ virtual_size: size }) => formatBytes(size), true],
  ['Descriptors', ({ fd_count: count }) => formatCount(count), true],
  ['Started', ({ start_time: start }) => start, false],
]

const maxProcesses = 200

function Processes({ name }: { readonly name: string }) {
  const [processes, problem] = usePolled<readonly Process[]>(addressOf('/api/v2.0/ps', name), 5000, [])
  const sorted = [...processes].sort((left, right) => right.percent_cpu - left.percent_cpu || right.rss - left.rss)
  return h(
    'section',
    {},
    h('h3', {}, 'Processes', h('small', {}, sorted.length === 0 ? '' : String(sorted.length))),
    problem === undefined ? null : h('p', { class: 'quiet' }, problem),
    sorted.length === 0
      ? null
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
                processColumns.map(([title, , isNumber]) => h('th', { key: title, class: isNumber ? 'number' : '' }, title)),
              ),
            ),
            h(
              'tbody',
              {},
              sorted.slice(0, maxProcesses).map((process) =>
                h(
                  'tr',
                  { key: process.pid },
                  processColumns.map(([title, of, isNumber]) => h('td', { key: title, class: isNumber ? 'number' : '' }, of(process))),
                ),
              ),
            ),
          ),
        ),
  )
}
