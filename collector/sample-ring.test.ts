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
