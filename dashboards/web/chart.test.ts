import { describe, expect, it } from 'vitest'
import { FakeWindow, nodeEntity, podEntity } from '../../aggregator/fake-window.ts'
import { ChartRequestError, chartLines, parseChartRequest, type HistoryRequest } from './chart.ts'

const minute = 60_000
const now = 10_000 * minute
const past = (read?: (request: HistoryRequest) => Promise<readonly (readonly [number, number | null])[]>) => ({ read, now })

describe('parseChartRequest', () => {
  it.each([
    [{}, 'key: missing'],
    [{ key: ['a', 'b'], metrics: 'cpu/load' }, 'key: missing'],
    [{ key: 'cluster' }, 'metrics: missing'],
    [{ key: 'cluster', metrics: 'cpu/load,__proto__' }, 'metrics: "__proto__" is not in the catalogue'],
    [{ key: 'cluster', metrics: Array(21).fill('cpu/load').join(',') }, 'metrics: 21 are more than 20'],
    [{ key: 'cluster', metrics: 'cpu/load', minutes: 'NaN' }, 'minutes: "NaN" is not a number from 0 to 10080'],
    [{ key: 'cluster', metrics: 'cpu/load', minutes: '10081' }, 'minutes: "10081" is not a number from 0 to 10080'],
  ])('refuses %j', (query, message) => {
    expect(() => parseChartRequest(query, now)).toThrow(ChartRequestError)
    expect(() => parseChartRequest(query, now)).toThrow(message)
  })
})

describe('chartLines', () => {
  it('gives the resource that was asked for, and only that', async () => {
    const window = new FakeWindow()
    for (const [resource, value] of [
      ['sda', 1],
      ['all', 3],
    ] as const)
      window.add('disk/io_reads_rate', nodeEntity('n1'), { timestamp: now - minute, value, resource })
    const request = parseChartRequest({ key: 'node:n1', metrics: 'disk/io_reads_rate@all' }, now)
    expect(await chartLines(window, request, past())).toEqual([
      { metric: 'disk/io_reads_rate', resource: 'all', times: [now - minute], values: [3] },
    ])
  })

  it('leaves out requests and limits that are none', async () => {
    const window = new FakeWindow()
    window.add('cpu/limit', nodeEntity('n1'), { timestamp: now - minute, value: 0 })
    expect(await chartLines(window, parseChartRequest({ key: 'node:n1', metrics: 'cpu/limit' }, now), past())).toEqual([])
  })

  it('asks the database for what is before the window, by the labels that make the entity, wherever it ran', async () => {
    const window = new FakeWindow()
    window.add('cpu/usage_rate', podEntity('web'), { timestamp: now - minute, value: 5 })
    const asked: HistoryRequest[] = []
    const read = async (request: HistoryRequest) => {
      asked.push(request)
      return [
        [now - 50 * minute, 7],
        [now - 40 * minute, null],
      ] as const
    }
    const request = parseChartRequest({ key: 'namespace:default/pod:web', metrics: 'cpu/usage_rate', minutes: '60' }, now)
    const [line] = await chartLines(window, request, past(read))
    expect(line).toMatchObject({ times: [now - 50 * minute, now - minute], values: [7, 5] })
    expect(asked).toMatchObject([
      {
        tags: { type: 'pod', namespace_name: 'default', pod_name: 'web' },
        since: now - 60 * minute,
        until: now - minute - 1,
        stepMs: 10_000,
      },
    ])
    expect(asked[0]!.tags).not.toHaveProperty('nodename')
  })

  it('does not ask the database for what the window has', async () => {
    const window = new FakeWindow()
    window.add('cpu/usage_rate', nodeEntity('n1'), { timestamp: now - 5 * minute, value: 5 })
    const request = parseChartRequest({ key: 'node:n1', metrics: 'cpu/usage_rate', minutes: '5' }, now)
    const read = () => Promise.reject(new Error('asked'))
    expect(await chartLines(window, request, past(read))).toHaveLength(1)
  })

  it('shows what the window has when the database fails', async () => {
    const window = new FakeWindow()
    window.add('cpu/usage_rate', nodeEntity('n1'), { timestamp: now - minute, value: 5 })
    const request = parseChartRequest({ key: 'node:n1', metrics: 'cpu/usage_rate', minutes: '1440' }, now)
    const [line] = await chartLines(
      window,
      request,
      past(() => Promise.reject(new Error('down'))),
    )
    expect(line!.values).toEqual([5])
  })
})
