import { fastify } from 'fastify'
import { expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { FakeWindow, podEntity } from '../fake-window.ts'
import { createLocalReadings, createSharedReadings, registerReadings } from './readings.ts'

const clock = new FakeClock()
const now = clock.now()

/** One aggregator with an HTTP interface, which knows of some pods. */
function member(usage: Readonly<Record<string, number>>, timestamp = now) {
  const window = new FakeWindow()
  for (const [pod, value] of Object.entries(usage)) window.add('cpu/usage_rate', podEntity(pod), { timestamp, value })
  const server = fastify()
  const exported = {
    names: () => ['rps'],
    samples: (name: string, namespace: string) =>
      Object.entries(usage).map(([pod, value]) => ({
        name,
        type: 'gauge' as const,
        namespace,
        pod,
        labels: { path: 'a' },
        value,
        timestamp,
      })),
  }
  registerReadings(server, createLocalReadings({ window, exported, holdMs: 15_000, resolutionMs: 5000, clock }))
  return async (path: string) => (await server.inject(path)).json() as unknown
}

const request = { source: 'catalogue', metric: 'cpu/usage_rate', type: 'pod', labels: { namespace_name: 'default' } } as const

test('the figures of all aggregators come together, the newer where two have one', async () => {
  const members = [member({ a: 1000, moved: 5000 }, now - 4000), member({ b: 2000, moved: 6000 })]
  const readings = createSharedReadings((path) => Promise.all(members.map((ask) => ask(path))))
  const all = await readings(request)
  expect(Object.fromEntries(all.map(({ labels, value }) => [labels['pod_name'], value]))).toEqual({ a: 1, b: 2, moved: 6 })
  const some = await readings({ ...request, keys: ['namespace:default/pod:b'] })
  expect(some).toEqual([
    {
      key: 'namespace:default/pod:b',
      labels: { namespace_name: 'default', pod_name: 'b', nodename: 'node-1' },
      series: {},
      value: 2,
      timestamp: now,
      windowMs: 5000,
    },
  ])
  const exported = await readings({ ...request, source: 'exported', metric: 'rps' })
  expect(exported.map(({ key, series, value }) => [key, series, value])).toContainEqual([
    'namespace:default/pod:moved',
    { path: 'a' },
    6000,
  ])
})

test('many keys are not sent along', async () => {
  let asked = ''
  const readings = createSharedReadings((path) => {
    asked = path
    return Promise.resolve([])
  })
  await readings({ ...request, keys: Array.from({ length: 51 }, (_, index) => `namespace:default/pod:${index}`) })
  expect(decodeURIComponent(asked)).not.toContain('keys')
})

test('half an answer is none', async () => {
  const readings = createSharedReadings(() => Promise.reject(new Error('aggregator b at 10.0.0.2:1: no answer within 2500 ms')))
  await expect(readings(request)).rejects.toMatchObject({ status: { code: 503 }, message: expect.stringContaining('aggregator b') })
})

test.each(['', '?request=', '?request={', '?request=[]', '?request={"source":"catalogue","metric":1,"type":"pod","labels":{}}'])(
  'a malformed request %j is refused',
  async (query) => {
    expect(await member({})(`/api/v1/readings${query}`)).toMatchObject({ statusCode: 400 })
  },
)
