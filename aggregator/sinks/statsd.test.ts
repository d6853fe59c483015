import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { columnOf } from '../catalog.ts'
import { createEntity } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import { hostileNames, podBatch } from './network-sink.contract.ts'
import type { Sink } from './sink.ts'
import { parseSink } from './sinks.ts'

const patienceMs = 5000

describe('the StatsD sink', () => {
  let server: Socket
  let datagrams: string[]
  let clock: FakeClock
  beforeEach(async () => {
    server = createSocket('udp4')
    datagrams = []
    clock = new FakeClock()
    server.on('message', (message) => datagrams.push(message.toString()))
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve))
  })
  afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())))

  async function open(options = ''): Promise<Sink> {
    const plan = parseSink(`statsd:udp://127.0.0.1:${server.address().port}?prefix=k8s${options}`)
    const sink = plan.create({ clusterName: 'c', clock, random: seededRandom(1), log: silentLog })
    await sink.start()
    return sink
  }
  async function until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + patienceMs
    while (!condition() && performance.now() < deadline) await clock.advance(50)
    expect(condition()).toBe(true)
  }
  const lines = () => datagrams.flatMap((datagram) => datagram.split('\n'))

  it('sends gauges at the paths of Heapster, whole lines per datagram, none longer than a packet', async () => {
    const sink = await open()
    sink.add(
      podBatch(
        Array.from({ length: 100 }, (_, index) => `pod-${index}`),
        clock.now(),
      ),
    )
    await until(() => lines().length === 100)
    expect(lines()[3]).toBe('k8s.nodes.n1.pods.d.pod-3.memory.usage:3|g')
    expect(Math.max(...datagrams.map(({ length }) => length))).toBeLessThanOrEqual(1400)
    expect(sink.stats()).toMatchObject({ accepted: 100, delivered: 100, lost: {} })
    await sink.stop()
  })

  it('speaks the dialect with tags', async () => {
    const sink = await open('&protocolType=influxstatsd')
    sink.add(podBatch(['a,b'], clock.now()))
    await until(() => lines().length === 1)
    expect(lines()).toEqual(['k8s.memory/usage,cluster_name=c,namespace_name=d,nodename=n1,pod_name=a_b,type=pod:0|g'])
    await sink.stop()
  })

  it('sets a negative value by way of zero, since a sign would change the gauge', async () => {
    const sink = await open()
    const set = createMetricSet(createEntity('cluster', 'cluster'))
    set.values[columnOf('network/rx_rate')] = -2.5e-7
    sink.add({ nodeName: undefined, timestamp: clock.now(), sets: new Map([['cluster', set]]) })
    await until(() => lines().length === 2)
    expect(lines()).toEqual(['k8s.cluster.network.rx_rate:0|g', 'k8s.cluster.network.rx_rate:-0.00000025|g'])
    await sink.stop()
  })

  it('never lets a name be anything but a name', async () => {
    const sink = await open()
    sink.add(podBatch(hostileNames, clock.now()))
    await until(() => lines().length === hostileNames.length)
    for (const line of lines()) expect(line).toMatch(/^k8s\.nodes\.n1\.pods\.d\.[a-zA-Z0-9_-]+\.memory\.usage:\d+\|g$/)
    await sink.stop()
  })

  it('counts what goes to an address that cannot be used as lost, and keeps nothing for later', async () => {
    const sink = parseSink('statsd:udp://127.0.0.1:0').create({
      clusterName: 'c',
      clock,
      random: seededRandom(1),
      log: silentLog,
    })
    await sink.start()
    sink.add(podBatch(['a'], clock.now()))
    await until(() => sink.stats().lost['unreachable'] === 1)
    expect(sink.stats()).toMatchObject({ delivered: 0, waiting: 0 })
    await sink.stop()
  })
})
