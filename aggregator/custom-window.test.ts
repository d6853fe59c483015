import { beforeEach, describe, expect, it } from 'vitest'
import type { CustomSample } from './custom-metrics.ts'
import { CustomWindow } from './custom-window.ts'

const sample = (timestamp: number, value: number, more: Partial<CustomSample> = {}): CustomSample => ({
  name: 'queue_length',
  type: 'gauge',
  namespace: 'default',
  pod: 'web',
  labels: {},
  timestamp,
  value,
  ...more,
})
const web = { namespace: 'default', pod: 'web' }

describe('the window of what pods export', () => {
  let window: CustomWindow
  beforeEach(() => {
    window = new CustomWindow({ windowMs: 60_000, maxBytes: 1 << 20 })
  })
  const pointsOf = (name = 'queue_length', range = {}) =>
    window.series(name, web, range).map(({ labels, timestamps, values }) => [labels, [...timestamps], [...values]])

  it('keeps every series of a pod apart, oldest sample first, and lists the names', () => {
    for (let second = 0; second < 40; second++) {
      window.addCustomSamples([
        sample(second * 1000, second, { labels: { queue: 'a', zone: 'x' } }),
        sample(second * 1000, -second, { labels: { zone: 'x', queue: 'b' } }),
        sample(second * 1000, 1, { name: 'up' }),
      ])
    }
    expect(window.names(web)).toEqual(['queue_length', 'up'])
    expect(window.names({ namespace: 'default', pod: 'other' })).toEqual([])
    expect(pointsOf('queue_length', { since: 2000, until: 4000 })).toEqual([
      [{ queue: 'a', zone: 'x' }, [2000, 3000, 4000], [2, 3, 4]],
      [{ zone: 'x', queue: 'b' }, [2000, 3000, 4000], [-2, -3, -4]],
    ])
    expect(pointsOf('up')[0]![1]).toHaveLength(40)
  })

  it('forgets samples that have left the window, and then their series', () => {
    for (let second = 0; second <= 300; second++) window.addCustomSamples([sample(second * 1000, second)])
    expect(pointsOf()[0]![1]).toEqual(Array.from({ length: 61 }, (_, index) => (240 + index) * 1000))
    window.addCustomSamples([sample(400_000, 1, { pod: 'other' })])
    expect(window.names(web)).toEqual([])
    expect(window.stats()).toMatchObject({ series: 1, refused: 0 })
  })

  it('takes one sample per time of a series: an older or equal one changes nothing', () => {
    window.addCustomSamples([sample(2000, 1), sample(2000, 2), sample(1000, 3)])
    expect(pointsOf()).toEqual([[{}, [2000], [1]]])
  })

  it('holds its cap: series that there is no room for are refused and counted, and known ones lose their oldest samples', () => {
    const small = new CustomWindow({ windowMs: 1e9, maxBytes: 20_000 })
    for (let time = 0; time < 200; time++) {
      small.addCustomSamples(Array.from({ length: 30 }, (_, index) => sample(time * 1000, time, { name: `m${index}` })))
      expect(small.stats().bytes).toBeLessThanOrEqual(20_000)
    }
    const { series, refused } = small.stats()
    expect(series).toBeGreaterThan(5)
    expect(refused).toBe((30 - series) * 200)
    const [kept] = small.series('m0', web)
    expect(kept!.values.at(-1)).toBe(199)
    expect(kept!.values).toEqual(Float64Array.from(kept!.values, (_, index) => 200 - kept!.values.length + index))
  })
})
