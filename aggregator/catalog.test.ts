import { describe, expect, it } from 'vitest'
import { columnOf, findMetric, legacyNames, metrics } from './catalog.ts'
import { renderMetricsDocument } from './metrics-document.ts'

describe('the metric catalogue', () => {
  it('names every metric once', () => {
    expect(new Set(metrics.map((metric) => metric.name)).size).toBe(metrics.length)
  })

  it('makes rates of cumulative metrics that the same entities carry', () => {
    for (const metric of metrics) {
      if (metric.rate === undefined) continue
      const source = findMetric(metric.rate.of)!
      expect(source.type, metric.name).toBe('cumulative')
      expect(source.isLabelled, metric.name).toBe(metric.isLabelled)
      expect(
        source.entities.every((type) => metric.entities.includes(type)),
        metric.name,
      ).toBe(true)
    }
  })

  it('finds a metric by its name and knows nothing else', () => {
    expect(metrics[columnOf('cpu/usage_rate')]!.name).toBe('cpu/usage_rate')
    expect(findMetric('constructor')).toBeUndefined()
  })

  it('resolves the old names to metrics that exist', () => {
    for (const name of Object.values(legacyNames)) expect(findMetric(name)).toBeDefined()
  })

  it('is documented row by row', () => {
    const text = renderMetricsDocument()
    for (const metric of metrics) expect(text).toContain(`| \`${metric.name}\``)
    expect(text.endsWith('|\n')).toBe(true)
  })
})
