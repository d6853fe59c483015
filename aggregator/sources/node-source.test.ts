import { describe, expect, it } from 'vitest'
import { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { createFakeNode, createFakeSummary, FakeInformers } from '../fake-cluster.ts'
import { NodeSource } from './node-source.ts'
import { ScrapeError } from './scrape-error.ts'
import { readSummary } from './summary-reader.ts'

function createSource(scrape: (node: string, clock: FakeClock) => Promise<string>) {
  const clock = new FakeClock()
  const nodes = new FakeInformers().informer(CoreV1Node)
  const scrapes: { readonly node: string; readonly at: number }[] = []
  const batches: string[] = []
  const gone: string[] = []
  const unwanted = new Set<string>()
  const source = new NodeSource({
    nodes,
    reader: {
      addressOf: ({ metadata, status }) => (status?.addresses === undefined ? undefined : { host: metadata.name!, port: 10250 }),
      read: async ({ metadata, status }) => {
        const name = metadata.name!
        if (status?.addresses === undefined) throw new ScrapeError('address', 'no address')
        scrapes.push({ node: name, at: clock.monotonic() })
        const text = await scrape(name, clock)
        return { ...readSummary(text, name, clock.now()), endpoint: 'summary', timestamp: clock.now() }
      },
      forget: () => {},
    },
    isWanted: ({ metadata }) => !unwanted.has(metadata.name!),
    resolutionMs: 5000,
    onBatch: ({ nodeName }) => void batches.push(nodeName!),
    onGone: (name) => void gone.push(name),
    clock,
    random: seededRandom(3),
    log: silentLog,
  })
  return { clock, nodes, source, scrapes, batches, gone, unwanted }
}

const summaryOf = (node: string, clock: FakeClock) => Promise.resolve(JSON.stringify(createFakeSummary(node, clock.now(), [])))

describe('the node source', () => {
  it('scrapes each node at a phase of its own, once per resolution', async () => {
    const { clock, nodes, source, scrapes } = createSource(summaryOf)
    for (const name of ['a', 'b', 'c']) nodes.put(createFakeNode(name, name))
    source.start()
    await clock.advance(60_000)
    const times = (node: string) => scrapes.filter((scrape) => scrape.node === node).map(({ at }) => at)
    for (const node of ['a', 'b', 'c']) {
      expect(times(node)[0]).toBeLessThan(50)
      const gaps = times(node)
        .slice(2)
        .map((time, index) => time - times(node)[index + 1]!)
      expect(gaps.every((gap) => Math.abs(gap - 5000) < 1e-6)).toBe(true)
    }
    expect(new Set(['a', 'b', 'c'].map((node) => Math.round(times(node)[5]! % 5000))).size).toBe(3)
    source.stop()
  })

  it('is held up by no node that hangs', async () => {
    const { clock, nodes, source, batches } = createSource((node, time) =>
      node === 'stuck' ? new Promise(() => {}) : summaryOf(node, time),
    )
    nodes.put(createFakeNode('stuck', 'stuck'))
    nodes.put(createFakeNode('fine', 'fine'))
    source.start()
    await clock.advance(30_000)
    expect(batches.filter((name) => name === 'fine').length).toBeGreaterThanOrEqual(5)
    source.stop()
  })

  it('follows nodes that come and go', async () => {
    const { clock, nodes, source, batches, gone } = createSource(summaryOf)
    source.start()
    nodes.put(createFakeNode('late', 'late'))
    await clock.advance(1000)
    expect(batches).toEqual(['late'])
    nodes.remove('late')
    await clock.advance(20_000)
    expect([batches, gone, source.statuses()]).toEqual([['late'], ['late'], []])
    source.stop()
  })

  it('names the stage at which a scrape fails, and that it is well again', async () => {
    let answer: () => Promise<string> = () => Promise.reject(new ScrapeError('authorization', 'HTTP 403: no'))
    const { clock, nodes, source } = createSource(() => answer())
    nodes.put(createFakeNode('n1', 'n1'))
    source.start()
    await clock.advance(12_000)
    expect(source.statuses()[0]).toMatchObject({
      isHealthy: false,
      lastError: { stage: 'authorization', advice: expect.stringContaining('nodes/stats') },
    })
    answer = () => Promise.reject(new ScrapeError('parse', 'no JSON'))
    await clock.advance(5000)
    expect(source.statuses()[0]).toMatchObject({ lastError: { stage: 'parse' } })
    answer = () => summaryOf('n1', clock)
    await clock.advance(5000)
    expect(source.statuses()[0]).toMatchObject({ isHealthy: true, consecutiveFailures: 0, address: 'n1:10250' })
    source.stop()
  })

  it('scrapes a node as soon as it says where it listens', async () => {
    const { clock, nodes, source, batches } = createSource(summaryOf)
    nodes.put({ ...createFakeNode('n1'), status: {} })
    source.start()
    await clock.advance(100)
    nodes.put(createFakeNode('n1', 'n1'))
    await clock.advance(0)
    expect(batches).toEqual(['n1'])
    source.stop()
  })

  it('says so when a node has no address', async () => {
    const { clock, nodes, source, scrapes } = createSource(summaryOf)
    nodes.put({ ...createFakeNode('n1'), status: {} })
    source.start()
    await clock.advance(1000)
    expect(source.statuses()[0]!.lastError).toMatchObject({ stage: 'address' })
    expect(scrapes).toEqual([])
    source.stop()
  })

  it('lets go of a node that is not wanted here any more, and takes it back', async () => {
    const { clock, nodes, source, batches, gone, unwanted } = createSource(summaryOf)
    nodes.put(createFakeNode('n1', 'n1'))
    source.start()
    await clock.advance(1000)
    unwanted.add('n1')
    source.review()
    await clock.advance(20_000)
    expect([batches.length, gone, source.statuses()]).toEqual([1, ['n1'], []])
    unwanted.clear()
    source.review()
    await clock.advance(1000)
    expect(batches).toEqual(['n1', 'n1'])
    expect([...source.outcomes()]).toEqual([['ok', 2]])
    source.stop()
  })
})
