import fc from 'fast-check'
import { expect, test } from 'vitest'
import { endOfPrefix, OrderedMap } from './ordered-map.ts'

const keys = fc.stringMatching(/^[ab/]{0,6}$/)

test('behaves like a sorted list of unique keys', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('set', 'delete'), keys), { maxLength: 60 })
  fc.assert(
    fc.property(steps, keys, fc.boolean(), (list, from, isExclusive) => {
      const map = new OrderedMap<string>()
      const model = new Set<string>()
      for (const [step, key] of list) {
        if (step === 'set') {
          map.set(key, key)
          model.add(key)
        } else expect(map.delete(key)).toBe(model.delete(key))
      }
      const sorted = [...model].sort()
      const until = endOfPrefix(from)
      const inRange = (key: string) => (isExclusive ? key > from : key >= from) && (until === undefined || key < until)
      expect([...map.range(from, until, isExclusive)]).toEqual(sorted.filter(inRange))
      expect(map.count(from, until)).toBe(sorted.filter((key) => key >= from && (until === undefined || key < until)).length)
      expect(map.size).toBe(model.size)
    }),
  )
})

test('stays in order over many blocks', () => {
  const map = new OrderedMap<number>()
  for (let index = 0; index < 5000; index++) map.set(String((index * 7919) % 5000).padStart(5, '0'), index)
  for (let index = 0; index < 5000; index += 2) map.delete(String(index).padStart(5, '0'))
  expect(map.size).toBe(2500)
  expect([...map.range('00010', '00020')]).toHaveLength(5)
  expect(map.count('01000', '02000')).toBe(500)
})

test('the end of a prefix is the first text after everything that starts with it', () => {
  expect(endOfPrefix('pods/')).toBe('pods0')
  expect(endOfPrefix('')).toBeUndefined()
})
