import { h, render } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { addressOf, mount } from './api.ts'
import type { Rates } from './api.ts'
import { ContainerView } from './container-view.ts'
import { formatAge } from './format.ts'
import { List } from './list-view.ts'
import { usePolled } from './polled.ts'
import { formatRoute, parseRoute, type Route } from './route.ts'
import { rowsOf } from './rows.ts'

const themes = ['auto', 'light', 'dark'] as const
type Theme = (typeof themes)[number]
const themeKey = 'collector-theme'

function Page() {
  const [route, go] = useRoute()
  const [theme, setTheme] = useTheme()
  const [all, problem] = usePolled<Record<string, Rates> | undefined>(
    addressOf('/api/v2.1/rates', '/', { recursive: 'true' }),
    2000,
    undefined,
  )
  const name = all === undefined ? undefined : cgroupOf(route.container, all)
  return h(
    'div',
    {},
    h(Header, { route, go, theme, setTheme, machine: all?.['/'], problem }),
    all === undefined
      ? h('main', {}, h('p', { class: 'quiet' }, problem ?? 'Waiting for the first samples …'))
      : name === undefined
        ? h(List, { rows: rowsOf(all), route, go })
        : h(ContainerView, { name, all, route, go, theme }),
  )
}

/** The cgroup of what the address names: Docker's containers have a path, names, and an id that may be cut short. */
function cgroupOf(container: Route['container'], all: Readonly<Record<string, Rates>>): string | undefined {
  if (container?.kind !== 'docker') return container?.name
  const entries = Object.entries(all)
  const found =
    entries.find(([, { aliases }]) => aliases?.some((alias) => alias === container.name)) ??
    entries.find(([, { aliases }]) => aliases?.some((alias) => alias.startsWith(container.name)))
  return found?.[0] ?? container.name
}

function useRoute(): readonly [Route, (change: Partial<Route>) => void] {
  const [route, setRoute] = useState(() => parseRoute(location))
  useEffect(() => {
    const back = () => setRoute(parseRoute(location))
    addEventListener('popstate', back)
    return () => removeEventListener('popstate', back)
  }, [])
  const go = (change: Partial<Route>) => {
    const next = { ...route, ...change }
    // Letters of a search are no places to go back to.
    if (change.search === undefined) history.pushState(null, '', formatRoute(next))
    else history.replaceState(null, '', formatRoute(next))
    if (change.container !== undefined) scrollTo(0, 0)
    setRoute(next)
  }
  return [route, go]
}

function useTheme(): readonly [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(() => themes.find((known) => known === localStorage.getItem(themeKey)) ?? 'auto')
  document.documentElement.dataset['theme'] = theme
  const choose = (next: Theme) => {
    localStorage.setItem(themeKey, next)
    setTheme(next)
  }
  return [theme, choose]
}

interface HeaderProps {
  readonly route: Route
  readonly go: (change: Partial<Route>) => void
  readonly theme: Theme
  readonly setTheme: (theme: Theme) => void
  readonly machine: Rates | undefined
  readonly problem: string | undefined
}

function Header({ route, go, theme, setTheme, machine, problem }: HeaderProps) {
  const box = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key !== '/' || event.target instanceof HTMLInputElement) return
      event.preventDefault()
      box.current?.focus()
    }
    addEventListener('keydown', focus)
    return () => removeEventListener('keydown', focus)
  }, [])
  const tab = (title: string, change: Partial<Route>, isCurrent: boolean) =>
    h(
      'a',
      {
        href: formatRoute(change),
        'aria-current': isCurrent ? 'page' : undefined,
        onClick: (event: Event) => (event.preventDefault(), go({ search: '', container: undefined, isDockerOnly: false, ...change })),
      },
      title,
    )
  const next = themes[(themes.indexOf(theme) + 1) % themes.length]!
  return h(
    'header',
    {},
    h('h1', {}, 'Collector'),
    h(
      'nav',
      {},
      tab('Containers', {}, route.container === undefined),
      tab('Machine', { container: { kind: 'cgroup', name: '/' } }, route.container?.name === '/'),
      h('a', { href: `${mount}/validate/` }, 'Validate'),
      h('a', { href: `${mount}/metrics` }, 'Metrics'),
    ),
    h('input', {
      ref: box,
      type: 'search',
      placeholder: 'Search ( / )',
      'aria-label': 'Search',
      value: route.search,
      onInput: (event: Event) => go({ search: (event.target as HTMLInputElement).value, container: undefined }),
    }),
    h('button', { class: 'theme', title: 'colours', onClick: () => setTheme(next) }, `Colours: ${theme}`),
    h(Freshness, { machine, problem }),
  )
}

function Freshness({ machine, problem }: Pick<HeaderProps, 'machine' | 'problem'>) {
  if (problem !== undefined) return h('span', { class: 'freshness problem' }, 'not connected')
  if (machine?.timestamp === undefined) return h('span', { class: 'freshness quiet' }, 'no samples yet')
  return h('span', { class: 'freshness quiet' }, `measured ${formatAge(Date.now() - Date.parse(machine.timestamp))} ago`)
}

const place = document.getElementById('page')!
place.replaceChildren()
render(h(Page, {}), place)
