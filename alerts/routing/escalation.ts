import type { Extensions } from './extensions.ts'
import type { Route } from './route.ts'

/** A route and those that its alerts take when nobody acknowledges them: each receiver at most once. */
export function withEscalations(route: Route, escalations: Extensions['escalations']): Route[] {
  const routes = [route]
  const seen = new Set([route.receiver])
  let afterMs = 0
  for (let next = escalations.get(route.receiver); next !== undefined && !seen.has(next.to); next = escalations.get(next.to)) {
    seen.add(next.to)
    afterMs += next.afterMs
    const key = `${route.key}/escalation to ${JSON.stringify(next.to)}`
    routes.push({ ...route, key, receiver: next.to, groupWaitMs: afterMs, escalatesAfterMs: afterMs, escalatesFrom: route })
  }
  return routes
}
