import { describe, expect, it } from 'vitest'
import { parseConfiguration } from './configuration.ts'
import { groupKey, groupLabels, routesFor } from './route.ts'

const text = `
route:
  receiver: root
  group_by: [alertname]
  routes:
    - receiver: db
      matchers: ['team="db"']
      continue: true
      group_by: ['...']
    - receiver: page
      matchers: ['severity=~"critical|page"']
      routes:
        - receiver: night
          matchers: ['hour="night"']
    - receiver: last
      match: {team: db}
receivers: [{name: root}, {name: db}, {name: page}, {name: night}, {name: last}]
`
const { route } = parseConfiguration('am.yml', text, () => '')

describe('the routing tree', () => {
  it.each([
    [{}, ['root']],
    [{ severity: 'critical' }, ['page']],
    [{ severity: 'page', hour: 'night' }, ['night']],
    [{ team: 'db' }, ['db', 'last']],
    [{ team: 'db', severity: 'critical' }, ['db', 'page']],
  ])('sends %j to %j', (labels, receivers) => {
    expect(routesFor(route, labels as Record<string, string>).map((found) => found.receiver)).toEqual(receivers)
  })

  it('groups by the labels of the route, and writes keys as Alertmanager does', () => {
    const labels = { alertname: 'x', team: 'db', pod: 'a' }
    expect(groupKey(route, groupLabels(route, labels))).toBe('{}:{alertname="x"}')
    expect(groupLabels(route.routes[0]!, labels)).toEqual(labels)
    expect(groupKey(route.routes[1]!, { alertname: 'x' })).toBe('{}/{severity=~"critical|page"}:{alertname="x"}')
  })

  it('hands settings down the tree', () => {
    expect(route.routes[1]!.routes[0]).toMatchObject({ groupBy: ['alertname'], groupWaitMs: 30_000, repeatIntervalMs: 14_400_000 })
  })
})
