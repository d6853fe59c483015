const views = [
  'overview',
  'nodes',
  'namespaces',
  'workloads',
  'pods',
  'containers',
  'events',
  'logs',
  'alerts',
  'monitor',
  'entity',
] as const
const maxMinutes = 7 * 24 * 60

/** What the page shows; all of it is in the address, so that a link shows the same. */
export interface Route {
  readonly view: (typeof views)[number]
  /** Entity key of the view `entity`. */
  readonly key: string
  readonly search: string
  readonly sort: string
  readonly minutes: number
  /** Of the view `logs`; empty stands for all. */
  readonly kind: string
  readonly namespace: string
  readonly pod: string
  readonly level: string
}

/** The route of an address's query. Unknown values fall back to the overview. */
export function parseRoute(search: string): Route {
  const parameters = new URLSearchParams(search)
  const view = parameters.get('view') as Route['view'] | null
  const minutes = Number(parameters.get('minutes') ?? '15')
  return {
    view: view !== null && views.includes(view) ? view : 'overview',
    key: parameters.get('key') ?? '',
    search: parameters.get('q') ?? '',
    sort: parameters.get('sort') ?? '-cpu',
    minutes: minutes > 0 && minutes <= maxMinutes ? minutes : 15,
    kind: parameters.get('kind') ?? 'container',
    namespace: parameters.get('namespace') ?? '',
    pod: parameters.get('pod') ?? '',
    level: parameters.get('level') ?? '',
  }
}

/** The query of a route; what is as by default stays out. */
export function formatRoute(route: Partial<Route>): string {
  const parameters = new URLSearchParams()
  if (route.view !== undefined && route.view !== 'overview') parameters.set('view', route.view)
  if (route.key !== undefined && route.key !== '') parameters.set('key', route.key)
  if (route.search !== undefined && route.search !== '') parameters.set('q', route.search)
  if (route.sort !== undefined && route.sort !== '-cpu') parameters.set('sort', route.sort)
  if (route.minutes !== undefined && route.minutes !== 15) parameters.set('minutes', String(route.minutes))
  if (route.kind !== undefined && route.kind !== 'container') parameters.set('kind', route.kind)
  for (const name of ['namespace', 'pod', 'level'] as const) if (route[name]) parameters.set(name, route[name])
  const text = parameters.toString()
  return text === '' ? '/' : `/?${text}`
}
