import fc from 'fast-check'
import { expect, test } from 'vitest'
import { column, fieldIndex, groups } from './metrics.ts'
import { SampleRing } from './sample-ring.ts'

const name = (text: string) => Buffer.from(text)

test('a figure that was never set is NaN and takes no memory', () => {
  const ring = new SampleRing(4)
  const bytes = ring.bytes
  ring.begin(1, 1)
  ring.set(column.cpuUsage, Number.NaN)
  expect(ring.get(column.cpuUsage)).toBeNaN()
  expect(ring.bytes).toBe(bytes)
})

test('the newest samples are kept, the oldest overwritten', () => {
  const ring = new SampleRing(3)
  for (let sample = 1; sample <= 5; sample++) {
    ring.begin(sample * 1000, sample * 1000)
    ring.set(column.memoryUsage, sample)
  }
  expect(ring.count).toBe(3)
  expect([0, 1, 2, 3].map((ago) => ring.get(column.memoryUsage, ago))).toEqual([5, 4, 3, Number.NaN])
  expect(ring.timestamp(2)).toBe(3000)
})

test('a figure that is read in each pass is absent from a sample without it, one read less often keeps its value', () => {
  const ring = new SampleRing(3)
  ring.begin(1000, 1000)
  ring.set(column.memoryFailcnt, 7)
  ring.set(column.memoryUsage, 8)
  ring.begin(2000, 2000)
  expect(ring.get(column.memoryFailcnt)).toBe(7)
  expect(ring.get(column.memoryUsage)).toBeNaN()
})

test('a figure that does not change takes no array until it does, and then has all its past', () => {
  const ring = new SampleRing(4)
  const bytes = ring.bytes
  const values = (figure: number) => [0, 1, 2, 3].map((ago) => ring.get(figure, ago))
  ring.begin(1000, 1000)
  for (let sample = 2; sample <= 6; sample++) {
    ring.begin(sample * 1000, sample * 1000)
    ring.set(column.memoryUsage, 8)
    if (sample === 2) ring.set(column.memoryFailcnt, 3)
    if (sample === 3) expect(values(column.memoryUsage)).toEqual([8, 8, Number.NaN, Number.NaN])
  }
  expect(ring.bytes).toBe(bytes)
  expect(values(column.memoryUsage)).toEqual([8, 8, 8, 8])
  ring.begin(7000, 7000)
  expect(values(column.memoryUsage)).toEqual([Number.NaN, 8, 8, 8])
  expect(values(column.memoryFailcnt)).toEqual([3, 3, 3, 3])
  ring.set(column.memoryUsage, 9)
  ring.set(column.memoryFailcnt, 4)
  expect(values(column.memoryUsage)).toEqual([9, 8, 8, 8])
  expect(values(column.memoryFailcnt)).toEqual([4, 3, 3, 3])
  ring.begin(8000, 8000)
  expect(values(column.memoryFailcnt)).toEqual([4, 4, 3, 3])
  expect(ring.bytes).toBe(bytes + 2 * 4 * 8)
})

test('whatever is set when, the columns hold what plain arrays would', () => {
  const kept = column.memoryFailcnt
  const fresh = column.memoryUsage
  const figure = fc.record({ isKept: fc.boolean(), value: fc.constantFrom(0, 0, 0, 5, Number.NaN) })
  fc.assert(
    fc.property(fc.array(fc.array(figure, { maxLength: 3 }), { maxLength: 30 }), (samples) => {
      const ring = new SampleRing(5)
      const expected: { [index: number]: number }[] = []
      for (const [at, figures] of samples.entries()) {
        ring.begin(at, at)
        const row: { [index: number]: number } = { [kept]: expected.at(-1)?.[kept] ?? Number.NaN, [fresh]: Number.NaN }
        for (const { isKept, value } of figures) {
          const index = isKept ? kept : fresh
          ring.set(index, value)
          row[index] = value
        }
        expected.push(row)
        for (let ago = 0; ago < 7; ago++) {
          const past = ago < 5 ? expected[expected.length - 1 - ago] : undefined
          expect([ring.get(kept, ago), ring.get(fresh, ago)]).toEqual([past?.[kept] ?? Number.NaN, past?.[fresh] ?? Number.NaN])
        }
      }
    }),
  )
})

test('a rate is measured by the monotonic clock and never crosses a reset', () => {
  const ring = new SampleRing(4)
  ring.begin(0, 500)
  ring.set(column.cpuUsage, 100)
  ring.begin(9_999, 2500)
  ring.set(column.cpuUsage, 300)
  expect(ring.rate(column.cpuUsage)).toBe(100)
  ring.begin(11_000, 3500)
  ring.set(column.cpuUsage, 20)
  expect(ring.rate(column.cpuUsage)).toBeNaN()
})

test('instances are bounded, and more of them are counted', () => {
  const ring = new SampleRing(2)
  ring.begin(1, 1)
  for (let index = 0; index < groups.network.maxInstances + 3; index++)
    ring.instance('network', name(`eth${index}`), 0, `eth${index}`.length)
  expect(ring.instances('network')).toHaveLength(groups.network.maxInstances)
  expect(ring.droppedInstances).toBe(3)
})

test('an interface that is gone is absent from newer samples, not frozen', () => {
  const ring = new SampleRing(3)
  const rxBytes = fieldIndex('network', 'rxBytes')
  ring.begin(1, 1)
  const eth0 = ring.instance('network', name('eth0'), 0, 4)!
  ring.setInstance('network', eth0, rxBytes, 5)
  ring.begin(2, 2)
  expect(ring.instanceValue('network', eth0, rxBytes)).toBeNaN()
  expect(ring.instanceValue('network', eth0, rxBytes, 1)).toBe(5)
})
