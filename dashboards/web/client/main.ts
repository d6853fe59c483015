import { h, render } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Snapshot } from '../model.ts'
import { formatAge } from './format.ts'
import { formatRoute, parseRoute, type Route } from './route.ts'
import { EntityView } from './entity-view.ts'
import { EventsView } from './events-view.ts'
import { LogsView } from './logs-view.ts'
import { MonitorView } from './monitor-view.ts'
import { onPlainClick } from './table.ts'
import { Alerts, Containers, Namespaces, Nodes, Overview, Pods, Workloads } from './views.ts'

const views = {
  overview: Overview,
  nodes: Nodes,
  namespaces: Namespaces,
  workloads: Workloads,
  pods: Pods,
  containers: Containers,
  events: EventsView,
  logs: LogsView,
  alerts: Alerts,
  monitor: MonitorView,
  entity: EntityView,
} as const
const tabs: readonly (readonly [Route['view'], string])[] = [
  ['overview', 'Overview'],
  ['nodes', 'Nodes'],
  ['namespaces', 'Namespaces'],
  ['workloads', 'Workloads'],
  ['pods', 'Pods'],
  ['containers', 'Containers'],
  ['events', 'Events'],
  ['logs', 'Logs'],
  ['alerts', 'Alerts'],
  ['monitor', 'Monitor'],
]
const ranges: readonly (readonly [minutes: number, title: string])[] = [
  [5, '5m'],
  [15, '15m'],
  [60, '1h'],
  [360, '6h'],
  [1440, '1d'],
  [10_080, '7d'],
]
/** What is fetched beside the stream is fetched this often. */
const fetchMs = 5000
const retryMs = 3000
/** What the view of logs shows when it is opened by its name. */
const everything = { kind: 'container', namespace: '', pod: '', level: '' } as const
/** Views that a search does not fit. */
const unsearchable: readonly Route['view'][] = ['overview', 'entity', 'monitor']

function Page() {
  const [snapshot, setSnapshot] = useState<Snapshot | null>(null)
  const [isConnected, setConnected] = useState(false)
  const [route, setRoute] = useState(() => parseRoute(location.search))
  const searchBox = useRef<HTMLInputElement>(null)

  useEffect(() => {
    const closeStream = followSnapshots((next) => {
      if (next !== null) setSnapshot(next)
      setConnected(next !== null)
    })
    const back = () => setRoute(parseRoute(location.search))
    const focusSearch = (event: KeyboardEvent) => {
      if (event.key !== '/' || event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return
      event.preventDefault()
      searchBox.current?.focus()
    }
    addEventListener('popstate', back)
    addEventListener('keydown', focusSearch)
    return () => {
      closeStream()
      removeEventListener('popstate', back)
      removeEventListener('keydown', focusSearch)
    }
  }, [])

  const go = (change: Partial<Route>) => {
    const next = { ...route, ...change }
    history.pushState(null, '', formatRoute(next))
    if (change.view !== undefined) scrollTo(0, 0)
    setRoute(next)
  }
  const search = (event: Event) => {
    const change = { search: (event.target as HTMLInputElement).value }
    if (unsearchable.includes(route.view)) return go({ ...change, view: 'pods' })
    // Letters of a search are no places to go back to.
    history.replaceState(null, '', formatRoute({ ...route, ...change }))
    setRoute({ ...route, ...change })
  }
  const header = h(
    'header',
    {},
    h('h1', {}, 'Binnacle'),
    h(
      'nav',
      {},
      tabs.map(([view, title]) =>
        h(
          'a',
          {
            href: formatRoute({ view, minutes: route.minutes }),
            'aria-current': route.view === view ? 'page' : undefined,
            onClick: onPlainClick(() => go({ view, key: '', search: '', ...everything })),
          },
          title,
          view === 'alerts' && snapshot !== null && snapshot.alerts.length > 0
            ? h('span', { class: 'badge' }, String(snapshot.alerts.length))
            : null,
        ),
      ),
    ),
    h('input', {
      ref: searchBox,
      type: 'search',
      placeholder: 'Search ( / )',
      'aria-label': 'Search',
      value: route.search,
      onInput: search,
    }),
    h(
      'span',
      { class: 'ranges' },
      ranges.map(([minutes, title]) => h('button', { 'aria-pressed': route.minutes === minutes, onClick: () => go({ minutes }) }, title)),
    ),
    h(Freshness, { snapshot, isConnected }),
  )
  if (snapshot === null) return h('div', {}, header, h('p', { class: 'quiet' }, 'Waiting for the monitor …'))
  const tick = Math.floor(snapshot.time / fetchMs)
  return h('div', {}, header, h(views[route.view], { snapshot, route, go, tick }))
}

/** Gives each snapshot of the stream, and `null` when it breaks off. Browsers connect again by themselves except after some failures. */
function followSnapshots(handler: (snapshot: Snapshot | null) => void): () => void {
  let stream: EventSource
  let retry: ReturnType<typeof setTimeout> | undefined
  const connect = () => {
    stream = new EventSource('/api/stream')
    stream.addEventListener('message', (event: MessageEvent<string>) => handler(JSON.parse(event.data) as Snapshot))
    stream.addEventListener('error', () => {
      handler(null)
      if (stream.readyState === EventSource.CLOSED) retry = setTimeout(connect, retryMs)
    })
  }
  connect()
  return () => {
    clearTimeout(retry)
    stream.close()
  }
}

function Freshness({ snapshot, isConnected }: { readonly snapshot: Snapshot | null; readonly isConnected: boolean }) {
  if (!isConnected) return h('span', { class: 'freshness problem' }, 'not connected')
  if (snapshot?.newestSample == null) return h('span', { class: 'freshness quiet' }, 'no samples yet')
  return h('span', { class: 'freshness quiet' }, `measured ${formatAge(snapshot.time - snapshot.newestSample)} ago`)
}

const place = document.getElementById('page')!
place.replaceChildren()
render(h(Page, {}), place)
