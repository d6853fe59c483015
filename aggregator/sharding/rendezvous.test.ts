import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ownerOf } from './rendezvous.ts'

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 })
const nodes = Array.from({ length: 5000 }, (_, index) => `node-${index}`)
const shares = (members: readonly string[]) => Map.groupBy(nodes, (node) => ownerOf(node, members)!)

describe('rendezvous hashing', () => {
  it('gives every key to a member, whatever the order of the list', () => {
    fc.assert(
      fc.property(names, fc.string(), (members, key) => {
        const owner = ownerOf(key, members)
        expect(members).toContain(owner)
        expect(ownerOf(key, members.toReversed())).toBe(owner)
      }),
    )
    expect(ownerOf('node-1', [])).toBeUndefined()
  })

  it('moves only the keys of the member that leaves', () => {
    fc.assert(
      fc.property(names, fc.string(), fc.nat(), (members, key, index) => {
        const leaving = members[index % members.length]!
        const before = ownerOf(key, members)
        const staying = members.filter((member) => member !== leaving)
        expect(before === leaving || ownerOf(key, staying) === before).toBe(true)
      }),
    )
  })

  it('shares 5,000 nodes among members within 15 % of equal parts', () => {
    for (let count = 2; count <= 8; count++) {
      const members = Array.from({ length: count }, (_, index) => `monitor-${index}`)
      for (const [, owned] of shares(members))
        expect(Math.abs(owned.length - nodes.length / count)).toBeLessThan((nodes.length / count) * 0.15)
    }
  })

  it('spreads what a member leaves behind over all that stay', () => {
    const members = ['a', 'b', 'c', 'd']
    const left = shares(members).get('d')!
    const heirs = Map.groupBy(left, (node) => ownerOf(node, ['a', 'b', 'c'])!)
    for (const [, owned] of heirs) expect(owned.length).toBeGreaterThan(left.length / 4)
  })
})
