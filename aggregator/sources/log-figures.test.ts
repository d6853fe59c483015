import { expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { defaultConfiguration } from '../configuration.ts'
import { createFakeNode, createFakePod, FakeInformers } from '../fake-cluster.ts'
import { CustomMetricsStore } from './custom-metrics-store.ts'
import { LogFigures } from './log-figures.ts'
import { ScrapeError } from './scrape-error.ts'

const page = (errors: number) => `# TYPE errors_total counter
errors_total{namespace="default",pod="a",container="c",code="5"} ${errors}
errors_total{namespace="default",pod="elsewhere",container="c",code="5"} ${errors}
errors_total{origin="file/x"} 7
# TYPE binnacle_log_read_lines_total counter
binnacle_log_read_lines_total{namespace="default",pod="a"} 5
`

async function open(readPage: (attempt: number) => string) {
  const clock = new FakeClock()
  const informers = new FakeInformers()
  const nodes = informers.informer(CoreV1Node)
  const pods = informers.informer(CoreV1Pod)
  nodes.put(createFakeNode('n1'))
  pods.put(createFakePod('a', { node: 'n1' }))
  pods.put(createFakePod('elsewhere', { node: 'n2' }))
  const settings = defaultConfiguration().prometheus
  const store = new CustomMetricsStore({ holdMs: 60_000, maxSeries: 100, clock })
  let attempts = 0
  const figures = new LogFigures({
    nodes,
    pods,
    settings,
    store,
    clock,
    random: seededRandom(1),
    log: silentLog,
    readPage: async () => readPage(attempts++),
  })
  figures.start()
  await clock.settle()
  const round = () => clock.advance(settings.resolutionMs * 1.2)
  return { clock, store, figures, round, attempts: () => attempts }
}

it('are custom metrics of the pods that a node has, beside those that the pods export', async () => {
  const { store, round, figures, clock } = await open((attempt) => page(100 + 60 * attempt))
  store.put(
    { namespace: 'default', pod: 'a', uid: 'uid-a' },
    [{ name: 'depth', type: 'gauge', labels: {}, value: 3, timestamp: undefined }],
    clock.now(),
  )
  await round()
  expect(store.names()).toEqual(['depth', 'errors_total'])
  const [sample, ...others] = store.samples('errors_total', 'default')
  expect(others).toEqual([])
  expect(sample).toMatchObject({ name: 'errors_total', pod: 'a', labels: { container: 'c', code: '5' }, type: 'counter' })
  expect(sample!.value).toBeGreaterThan(1)
  figures.stop()
  expect(store.names()).toEqual(['depth'])
})

it('of a node that has no such page are not asked for again and again', async () => {
  const { round, attempts, figures } = await open(() => {
    throw new ScrapeError('status', 'status 404', { status: 404 })
  })
  await round()
  await round()
  expect(attempts()).toBe(1)
  figures.stop()
})
