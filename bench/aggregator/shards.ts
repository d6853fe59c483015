import { createFakeSummary, FakeInformers } from '../../aggregator/fake-cluster.ts'
import { LineEncoder } from '../../aggregator/influx/line-protocol.ts'
import { MemoryWindow } from '../../aggregator/memory-window.ts'
import { ResourceMetrics } from '../../aggregator/metrics-api/resource-metrics.ts'
import { Pipeline } from '../../aggregator/pipeline.ts'
import { createNodeProcessors, createTotalsProcessors } from '../../aggregator/processors.ts'
import { encodePartial, mergePartials } from '../../aggregator/sharding/partial-totals.ts'
import type { PartialTotals } from '../../aggregator/sharding/partial-totals.ts'
import { ownerOf } from '../../aggregator/sharding/rendezvous.ts'
import { readSummary } from '../../aggregator/sources/summary-reader.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { AppsV1ReplicaSet, BatchV1Job, CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Measurement } from '../measurement.ts'
import { nodeName, simulateNode, simulatePods } from './simulated-cluster.ts'

const nodes = 5000
const podsPerNode = 30
const members = ['monitor-0', 'monitor-1', 'monitor-2', 'monitor-3']
const resolutionMs = 10_000
const warmUpRounds = 3
const rounds = 3
const windowMaxBytes = 256 << 20

/**
 * 5,000 nodes over four members: how even the shares are, what one member's share costs every 10 s from the summaries' text to window, metrics
 * API and lines, and what the member that adds up the totals pays for those of the others. CPU of this process with its collector of garbage;
 * left out are sockets, TLS, compression, and the informer's watch.
 */
export async function measureShards(): Promise<Measurement[]> {
  const owned = Map.groupBy(
    Array.from({ length: nodes }, (_, index) => index),
    (index) => ownerOf(nodeName(index), members)!,
  )
  const sizes = members.map((member) => owned.get(member)!.length)
  const shard = new Shard(owned.get(members[0]!)!)
  for (let round = 1; round <= warmUpRounds; round++) await shard.scrape(round)
  let cpuMs = 0
  for (let round = 1; round <= rounds; round++) cpuMs += await shard.scrape(warmUpRounds + round)
  const totals = measureTotals(shard)
  return [
    {
      what: `${nodes.toLocaleString('en')} nodes over ${members.length} aggregators, nodes of each`,
      value: sizes.join(', '),
      aim: 'within 15 % of equal',
    },
    {
      what: `one of them (${sizes[0]} nodes × ${podsPerNode} pods × 2 containers), CPU from text to window, metrics API and lines`,
      value: `${(cpuMs / rounds / 1000).toFixed(2)} s per 10 s, ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB RSS (fakes included)`,
      aim: 'one core',
    },
    {
      what: `totals of ${members.length} members added up (${totals.sets} sums of ${Math.round(totals.bytes / 1024)} KiB each way)`,
      value: `${totals.ms.toFixed(0)} ms per 10 s`,
      aim: '≤ 500 ms',
    },
  ]
}

function measureTotals(shard: Shard): { readonly ms: number; readonly sets: number; readonly bytes: number } {
  const begun = process.cpuUsage()
  const text = JSON.stringify(encodePartial(shard.pipeline.partialTotals()))
  const partials = members.map(() => JSON.parse(text) as PartialTotals)
  const { sets } = mergePartials(partials, 0)
  return { ms: cpuSince(begun), sets: sets.size, bytes: text.length }
}

function cpuSince(begun: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begun)
  return (user + system) / 1000
}

/** One member's part of the cluster, on a clock that stands still. */
class Shard {
  readonly pipeline: Pipeline
  readonly #clock = new FakeClock()
  readonly #pods: ReadonlyMap<number, readonly CoreV1Pod[]>

  constructor(indexes: readonly number[]) {
    const informers = new FakeInformers()
    const pods = informers.informer(CoreV1Pod)
    this.#pods = new Map(indexes.map((index) => [index, simulatePods(index, podsPerNode)]))
    const ofNode = new Map([...this.#pods].map(([index, list]) => [nodeName(index), list]))
    // The fake informer has no index; a real one finds the pods of a node at once.
    pods.byIndex = (_, node) => ofNode.get(node) ?? []
    for (const [index, list] of this.#pods) {
      informers.informer(CoreV1Node).put(simulateNode(index, 10_250))
      for (const pod of list) pods.put(pod)
    }
    const view = {
      nodes: informers.informer(CoreV1Node),
      pods,
      replicaSets: informers.informer(AppsV1ReplicaSet),
      jobs: informers.informer(BatchV1Job),
    }
    const encoder = new LineEncoder({ clusterName: 'default' })
    const holdMs = 3 * resolutionMs
    const clock = this.#clock
    this.pipeline = new Pipeline({
      nodeProcessors: createNodeProcessors(view, { holdMs }),
      totalsProcessors: createTotalsProcessors(),
      sinks: [
        new ResourceMetrics({ ...view, holdMs, clock }),
        { add: (batch) => encoder.addBatch(batch, 5000, () => encoder.take()) },
        new MemoryWindow({ windowMs: 3_600_000, maxBytes: windowMaxBytes }),
      ],
      resolutionMs,
      holdMs,
      clock,
      log: silentLog,
    })
  }

  /** One round over all its nodes; the CPU time that it cost, ms. The summaries are made before. */
  async scrape(round: number): Promise<number> {
    const timestamp = this.#clock.now()
    let spentMs = 0
    for (const [index, pods] of this.#pods) {
      const uses = pods.map((pod) => ({ pod, cpuNanoseconds: round * 1e9 }))
      const text = JSON.stringify(createFakeSummary(nodeName(index), timestamp, uses))
      const begun = process.cpuUsage()
      this.pipeline.addNodeBatch({ nodeName: nodeName(index), timestamp, sets: readSummary(text, nodeName(index), timestamp).sets })
      spentMs += cpuSince(begun)
    }
    await this.#clock.advance(resolutionMs)
    return spentMs
  }
}

if (import.meta.main) {
  for (const { what, value, aim } of await measureShards()) process.stdout.write(`${what}: ${value} (aim ${aim})\n`)
}
