import { array, assert, integer, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Heap } from './heap.ts'

describe('a heap', () => {
  it('gives its items in order, whatever the order in which they came', () => {
    assert(
      property(array(integer()), (numbers) => {
        const heap = new Heap<number>((a, b) => a < b)
        for (const number of numbers) heap.push(number)
        const taken: number[] = []
        for (; heap.top !== undefined; heap.pop()) taken.push(heap.top)
        expect(taken).toEqual(numbers.toSorted((a, b) => a - b))
      }),
    )
  })
})
