import { assert, constantFrom, array, boolean, nat, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import type { CoreV1Node } from '../api/generated/kinds.ts'
import { DomainTally } from './domain-tally.ts'

const zones = ['a', 'b', 'c', undefined] as const
const node = (name: string, zone: string | undefined): CoreV1Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, ...(zone === undefined ? {} : { labels: { zone } }) },
  spec: {},
})

/** A handful of nodes that may change their zone. */
function createNodes() {
  const byName = new Map(['n0', 'n1', 'n2', 'n3'].map((name, at) => [name, { node: node(name, zones[at]) }]))
  return {
    nodesVersion: 0,
    nodes: byName.values().toArray(),
    node: (name: string) => byName.get(name),
    move(name: string, zone: string | undefined) {
      byName.get(name)!.node = node(name, zone)
      this.nodesVersion++
    },
  }
}

test('whatever comes, goes and moves, a tally says what counting anew would say', () => {
  const step = record({ name: constantFrom('n0', 'n1', 'n2', 'n3'), zone: constantFrom(...zones), kind: nat(5) })
  assert(
    property(array(step, { maxLength: 40 }), boolean(), (steps, knowsEmpty) => {
      const nodes = createNodes()
      const tally = new DomainTally(nodes, 'zone', knowsEmpty ? ({ metadata }) => metadata.name !== 'n3' : undefined)
      const perNode = new Map<string, number>()
      for (const { name, zone, kind } of steps) {
        const count = perNode.get(name) ?? 0
        if (kind === 0) nodes.move(name, zone)
        else if (kind < 3 && count > 0) {
          perNode.set(name, count - 1)
          tally.add(name, -1)
        } else {
          perNode.set(name, count + 1)
          tally.add(name, 1)
        }
        const expected = new Map<string, number>()
        for (const { node: each } of nodes.nodes) {
          const domain = each.metadata.labels?.['zone']
          const pods = perNode.get(each.metadata.name!) ?? 0
          if (domain === undefined || (knowsEmpty ? each.metadata.name === 'n3' : pods === 0)) continue
          expected.set(domain, (expected.get(domain) ?? 0) + pods)
        }
        expect(tally.domains).toBe(expected.size)
        expect(tally.min).toBe(expected.size === 0 ? 0 : Math.min(...expected.values()))
        for (const domain of ['a', 'b', 'c']) expect(tally.count(domain)).toBe(expected.get(domain) ?? 0)
      }
    }),
  )
})
