import { afterEach, describe, expect, it } from 'vitest'
import { preferredPodCidrAnnotation } from '../../api/node-membership.ts'
import { CoreV1Node } from '../../api/generated/kinds.ts'
import { createTestCluster, testNode } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createNodeIpamController } from './node-ipam.controller.ts'
import { PodRanges } from './pod-ranges.plan.ts'
import type { PodRangesOptions } from './pod-ranges.plan.ts'

describe('the ranges of a pod network', () => {
  it('are given lowest first, and again once they are free', () => {
    const ranges = new PodRanges({ podCidr: '10.244.0.0/16' })
    expect(['a', 'b', 'c'].map((node) => ranges.take(node))).toEqual(['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24'])
    ranges.release('b', '10.244.1.0/24')
    expect([ranges.take('d'), ranges.take('e')]).toEqual(['10.244.1.0/24', '10.244.3.0/24'])
  })

  it('are given back only by who has them', () => {
    const ranges = new PodRanges({ podCidr: '10.244.0.0/16' })
    ranges.take('a')
    ranges.release('b', '10.244.0.0/24')
    expect(ranges.take('b')).toBe('10.244.1.0/24')
  })

  it('keep the first for the node whose host has its gateway in it', () => {
    const ranges = new PodRanges({ podCidr: '10.244.0.0/16', firstNode: 'home' })
    expect(ranges.take('other', '10.244.0.0/24')).toBe('10.244.1.0/24')
    expect(ranges.take('home')).toBe('10.244.0.0/24')
  })

  it('go to who had them before, unless somebody else has them', () => {
    const ranges = new PodRanges({ podCidr: '10.244.0.0/16' })
    expect(ranges.take('a', '10.244.9.0/24')).toBe('10.244.9.0/24')
    expect(ranges.take('b', '10.244.9.0/24')).toBe('10.244.0.0/24')
  })

  it.each(['10.96.0.0/24', '10.244.0.0/16', '10.244.1.7/24', 'x', '10.245.0.0/24'])('do not follow the wish for %s', (wish) => {
    expect(new PodRanges({ podCidr: '10.244.0.0/16' }).take('a', wish)).toBe('10.244.0.0/24')
  })

  it('run out, unless they may go beyond', () => {
    const small = new PodRanges({ podCidr: '10.244.0.0/23' })
    expect(['a', 'b', 'c'].map((node) => small.take(node))).toEqual(['10.244.0.0/24', '10.244.1.0/24', undefined])
    const open = new PodRanges({ podCidr: '10.244.254.0/23', goesBeyond: true })
    expect(['a', 'b', 'c'].map((node) => open.take(node))).toEqual(['10.244.254.0/24', '10.244.255.0/24', '10.245.0.0/24'])
  })

  it('tell who else has one', () => {
    const ranges = new PodRanges({ podCidr: '10.244.0.0/16' })
    ranges.take('a')
    expect([ranges.note('a', '10.244.0.0/24'), ranges.note('b', '10.244.0.0/24')]).toEqual([undefined, 'a'])
  })

  it('refuse a network without room for a node', () => {
    expect(() => new PodRanges({ podCidr: '10.244.0.0/25' })).toThrow('podCidr: "10.244.0.0/25"')
  })
})

describe('node-ipam', () => {
  let cluster: TestCluster
  afterEach(() => cluster.stop())

  async function start(ranges: PodRangesOptions) {
    cluster = createTestCluster()
    await cluster.start(createNodeIpamController({ ...cluster, ranges }))
  }
  const add = (name: string, annotations: Record<string, string> = {}) =>
    cluster.client.create(CoreV1Node, { ...testNode(name), metadata: { name, annotations } })
  const rangeOf = async (name: string) => (await cluster.client.get(CoreV1Node, { name })).spec

  it('gives nodes that come at once a range each', async () => {
    await start({ podCidr: '10.244.0.0/16' })
    const names = Array.from({ length: 20 }, (_, index) => `node-${index}`)
    await Promise.all(names.map((name) => add(name)))
    await cluster.clock.advance(1000)
    const specs = await Promise.all(names.map(rangeOf))
    expect(new Set(specs.map((spec) => spec?.podCIDR)).size).toBe(20)
    expect(specs.every((spec) => spec?.podCIDRs?.[0] === spec?.podCIDR)).toBe(true)
  })

  it('gives a node that is registered anew what it had', async () => {
    await start({ podCidr: '10.244.0.0/16' })
    await add('a')
    await add('b')
    await cluster.clock.advance(1000)
    await cluster.client.delete(CoreV1Node, { name: 'a' })
    await cluster.client.delete(CoreV1Node, { name: 'b' })
    await cluster.clock.advance(1000)
    await add('b', { [preferredPodCidrAnnotation]: '10.244.1.0/24' })
    await cluster.clock.advance(1000)
    expect((await rangeOf('b'))?.podCIDR).toBe('10.244.1.0/24')
  })

  it('says so when no range is left, and gives one as soon as there is', async () => {
    await start({ podCidr: '10.244.0.0/24' })
    await add('a')
    await cluster.clock.advance(1000)
    await add('b')
    await cluster.clock.advance(1000)
    expect(await cluster.eventTexts()).toContain('CIDRNotAvailable Node b status is now: CIDRNotAvailable')
    await cluster.client.delete(CoreV1Node, { name: 'a' })
    await cluster.clock.advance(12_000)
    expect((await rangeOf('b'))?.podCIDR).toBe('10.244.0.0/24')
  })
})
