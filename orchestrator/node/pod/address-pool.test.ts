import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AddressPool } from './address-pool.ts'

describe('the address pool', () => {
  it('never gives the network, the gateway or the broadcast address', () => {
    const pool = new AddressPool('10.0.0.0/29', ['10.0.0.1'])
    expect(['a', 'b', 'c', 'd', 'e', 'f'].map((uid) => pool.take(uid))).toEqual([
      '10.0.0.2',
      '10.0.0.3',
      '10.0.0.4',
      '10.0.0.5',
      '10.0.0.6',
      undefined,
    ])
  })

  it('gives a pod the address that it has', () => {
    const pool = new AddressPool('10.0.0.0/24', [])
    expect(pool.take('a')).toBe(pool.take('a'))
  })

  it('gives an address that came back last', () => {
    const pool = new AddressPool('10.0.0.0/29', [])
    const first = pool.take('a')
    pool.release('a')
    expect(pool.take('b')).not.toBe(first)
  })

  it('goes on after the addresses that pods still have', () => {
    const pool = new AddressPool('10.0.0.0/24', [])
    pool.restore('old', '10.0.0.9')
    pool.restore('foreign', '192.168.0.1')
    expect(pool.take('old')).toBe('10.0.0.9')
    expect(pool.take('a')).toBe('10.0.0.10')
  })

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.256/24', 'x/24', '10.0.0.0/31', '::1/64'])('refuses %s', (cidr) => {
    expect(() => new AddressPool(cidr, [])).toThrow(RangeError)
  })

  it('never gives one address to two pods', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 9 })), { maxLength: 60 }), (steps) => {
        const pool = new AddressPool('10.0.0.0/29', ['10.0.0.1'])
        const held = new Map<number, string>()
        for (const [isTake, pod] of steps) {
          if (!isTake) {
            pool.release(String(pod))
            held.delete(pod)
            continue
          }
          const address = pool.take(String(pod))
          if (address !== undefined) held.set(pod, address)
        }
        expect(new Set(held.values()).size).toBe(held.size)
      }),
    )
  })
})
