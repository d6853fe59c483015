import { mount } from './api.ts'

/** What the page shows. All of it is in the address, so that a link shows the same. */
export interface Route {
  /** `undefined`: the list. Otherwise a cgroup path, or a name or id of Docker's. */
  readonly container: { readonly kind: 'cgroup' | 'docker'; readonly name: string } | undefined
  /** The list has Docker's containers alone. */
  readonly isDockerOnly: boolean
  readonly search: string
  /** Column, with `-` in front for the largest first. */
  readonly sort: string
  readonly isTree: boolean
  readonly minutes: number
}

export const ranges: readonly (readonly [number, string])[] = [
  [5, '5 min'],
  [15, '15 min'],
  [60, '1 h'],
  [360, '6 h'],
  [1440, '24 h'],
]

const defaultSort = '-cpu_usage_cores'
const defaultMinutes = 60

/** The route of an address; what is unknown is as by default. */
export function parseRoute({ pathname, search }: { readonly pathname: string; readonly search: string }): Route {
  const path = pathname.slice(mount.length)
  const parameters = new URLSearchParams(search)
  const minutes = Number(parameters.get('minutes') ?? defaultMinutes)
  return {
    container: containerIn(path),
    isDockerOnly: /^\/(?:docker|podman)\/?$/.test(path),
    search: parameters.get('q') ?? '',
    sort: parameters.get('sort') ?? defaultSort,
    isTree: parameters.get('tree') === '1',
    minutes: minutes > 0 && minutes <= 1440 ? minutes : defaultMinutes,
  }
}

function containerIn(path: string): Route['container'] {
  const [, kind, rest] = /^\/(containers|docker)(\/.*)?$/.exec(path) ?? []
  if (kind === 'containers') return { kind: 'cgroup', name: decode((rest ?? '/').replace(/(?<=.)\/$/, '')) }
  return kind === 'docker' && rest !== undefined && rest !== '/' ? { kind: 'docker', name: decode(rest.slice(1)) } : undefined
}

function decode(path: string): string {
  try {
    return path.split('/').map(decodeURIComponent).join('/')
  } catch {
    return path
  }
}

/** The address of a route. */
export function formatRoute(route: Partial<Route>): string {
  const parameters = new URLSearchParams()
  if (route.search !== undefined && route.search !== '') parameters.set('q', route.search)
  if (route.sort !== undefined && route.sort !== defaultSort) parameters.set('sort', route.sort)
  if (route.isTree === true) parameters.set('tree', '1')
  if (route.minutes !== undefined && route.minutes !== defaultMinutes) parameters.set('minutes', String(route.minutes))
  const query = parameters.toString()
  return `${mount}${pathOf(route)}${query === '' ? '' : `?${query}`}`
}

function pathOf({ container, isDockerOnly }: Partial<Route>): string {
  if (container === undefined) return isDockerOnly === true ? '/docker/' : '/'
  const name = container.name.split('/').map(encodeURIComponent).join('/')
  return container.kind === 'docker' ? `/docker/${name}` : `/containers${name}`
}
