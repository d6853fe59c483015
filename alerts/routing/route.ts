import { sortedNames } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import { formatMatchers, matchesAll } from './matcher.ts'
import type { Matcher } from './matcher.ts'

/** A node of the routing tree; everything inherited from its parents is filled in. */
export interface Route {
  /** The matchers on the way from the root: the first part of a group's key. */
  readonly key: string
  readonly receiver: string
  readonly matchers: readonly Matcher[]
  /** `all` groups nothing: each alert is its own group. */
  readonly groupBy: readonly string[] | 'all'
  readonly groupWaitMs: number
  readonly groupIntervalMs: number
  readonly repeatIntervalMs: number
  readonly continues: boolean
  readonly muteIntervals: readonly string[]
  readonly activeIntervals: readonly string[]
  readonly routes: readonly Route[]
  /** Set where the route is for those who are told when nobody acknowledges: after how long, and who that is. */
  readonly escalatesAfterMs?: number
  readonly escalatesFrom?: Route
}

/** The routes that take an alert: depth first, the first child that matches wins unless it says `continue`. Empty if the root refuses. */
export function routesFor(route: Route, labels: Labels): readonly Route[] {
  if (!matchesAll(route.matchers, labels)) return []
  const found: Route[] = []
  for (const child of route.routes) {
    const taken = routesFor(child, labels)
    found.push(...taken)
    if (taken.length > 0 && !child.continues) break
  }
  return found.length > 0 ? found : [route]
}

/** The labels that an alert is grouped by on a route. */
export function groupLabels(route: Route, labels: Labels): Labels {
  if (route.groupBy === 'all') return labels
  return Object.fromEntries(route.groupBy.flatMap((name) => (Object.hasOwn(labels, name) ? [[name, labels[name]!]] : [])))
}

/** `{}/{team="a"}:{alertname="x"}`, as Alertmanager writes it. */
export function groupKey(route: Route, labels: Labels): string {
  const pairs = sortedNames(labels).map((name) => `${name}=${JSON.stringify(labels[name])}`)
  return `${route.key}:{${pairs.join(', ')}}`
}

/** The key of a child route. */
export function routeKey(parent: string | undefined, matchers: readonly Matcher[]): string {
  return parent === undefined ? formatMatchers(matchers) : `${parent}/${formatMatchers(matchers)}`
}
