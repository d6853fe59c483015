import { describe, expect, it } from 'vitest'
import { NotationError, parseSeries, parseValues } from './series-notation.ts'

describe('the notation of values', () => {
  it.each([
    ['7', [7], [0]],
    ['1 2.5 -3e2', [1, 2.5, -300], [0, 1, 2]],
    ['7x3', [7, 7, 7, 7], [0, 1, 2, 3]],
    ['1+2x3', [1, 3, 5, 7], [0, 1, 2, 3]],
    ['9-3x2 1', [9, 6, 3, 1], [0, 1, 2, 3]],
    ['1 _ 2 _x3 3 stale 4', [1, 2, 3, 4], [0, 2, 6, 8]],
    ['-1-1x2', [-1, -2, -3], [0, 1, 2]],
  ])('%s', (text, values, places) => {
    const parsed = parseValues(text, 1000, 10)
    expect([...parsed.values]).toEqual(values)
    expect([...parsed.timestamps]).toEqual(places.map((place) => 1000 + place * 10))
  })

  it.each(['', 'x', '1.2.3', '1x', '1x9999999', '1x200000', '5x199999 1', 'NaN', '1+x2'])('refuses %j', (text) => {
    expect(() => parseValues(text, 0, 1)).toThrow(NotationError)
  })
})

describe('the notation of series', () => {
  it.each([
    ['uptime{node="n"}', 'node:n'],
    ['cpu/usage_rate{namespace="x", pod="p", node="n"}', 'namespace:x/pod:p'],
    ['cpu/usage_rate{namespace="x", pod="p", container="c"}', 'namespace:x/pod:p/container:c'],
    ['cpu/usage_rate{node="n", container="kubelet"}', 'node:n/container:kubelet'],
    ['cpu/usage_rate{namespace="x", workload_kind="Deployment", workload="w"}', 'namespace:x/workload:Deployment/w'],
    ['cpu/usage_rate{namespace="x"}', 'namespace:x'],
    ['cpu/usage_rate', 'cluster'],
    ['monitor/nodes{monitor="m", resource="failing"}', 'monitor:m'],
    ['cpu/usage_rate{type="pod", namespace="x", pod="p", workload="w"}', 'namespace:x/pod:p'],
  ])('%s is about %s', (text, key) => {
    expect(parseSeries(text).entity.key).toBe(key)
  })

  it('tells the labels of pods from those of what they export', () => {
    const series = parseSeries('custom/http_errors{namespace="x", pod="p", code="500"}')
    expect(series).toMatchObject({
      ownLabels: { code: '500' },
      entity: { key: 'namespace:x/pod:p', labels: { code: '500', pod_name: 'p' } },
    })
    expect(parseSeries('uptime{type="node", node="n", resource="r"}').resource).toBe('r')
  })

  it.each([
    '',
    'gpu{node="n"}',
    'uptime{node=~"n"}',
    'uptime{node="n"',
    'uptime{type="galaxy"}',
    'restart_count{node="n"}',
    'custom/x{pod="p"}',
  ])('refuses %j', (text) => {
    expect(() => parseSeries(text)).toThrow(/must be|not a metric|has labels|braces|allowed|not measured|needs the labels/)
  })
})
