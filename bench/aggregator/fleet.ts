import { MemoryWindow } from '../../aggregator/memory-window.ts'
import { createFakeNode, createFakePod, createFakeSummary, FakeInformers } from '../../aggregator/fake-cluster.ts'
import { LineEncoder } from '../../aggregator/influx/line-protocol.ts'
import { ResourceMetrics } from '../../aggregator/metrics-api/resource-metrics.ts'
import { Pipeline } from '../../aggregator/pipeline.ts'
import { createNodeProcessors, createTotalsProcessors } from '../../aggregator/processors.ts'
import { readSummary } from '../../aggregator/sources/summary-reader.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { AppsV1ReplicaSet, BatchV1Job, CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Measurement } from '../measurement.ts'

const nodes = 1000
const podsPerNode = 30
const rounds = 5
const resolutionMs = 10_000
const windowMaxBytes = 512 << 20

/** The CPU time that 1,000 nodes of 30 pods with 2 containers cost every 10 s, from the summaries' text on, and the memory held. */
export async function measureFleet(): Promise<Measurement[]> {
  const clock = new FakeClock()
  const informers = new FakeInformers()
  const podsOf = new Map<string, readonly CoreV1Pod[]>()
  const podInformer = informers.informer(CoreV1Pod)
  // The fake informer has no index; a real one finds the pods of a node at once.
  podInformer.byIndex = (_, node) => podsOf.get(node) ?? []
  for (let index = 0; index < nodes; index++) {
    const node = `node-${index}`
    const pods = Array.from({ length: podsPerNode }, (_, pod) =>
      createFakePod(`pod-${index}-${pod}`, { node, namespace: `ns-${pod}`, containers: ['app', 'sidecar'] }),
    )
    informers.informer(CoreV1Node).put(createFakeNode(node))
    podsOf.set(node, pods)
    for (const pod of pods) podInformer.put(pod)
  }
  const view = {
    nodes: informers.informer(CoreV1Node),
    pods: podInformer,
    replicaSets: informers.informer(AppsV1ReplicaSet),
    jobs: informers.informer(BatchV1Job),
  }
  const encoder = new LineEncoder({ clusterName: 'default' })
  const window = new MemoryWindow({ windowMs: 3_600_000, maxBytes: windowMaxBytes })
  const holdMs = 3 * resolutionMs
  const pipeline = new Pipeline({
    nodeProcessors: createNodeProcessors(view, { holdMs }),
    totalsProcessors: createTotalsProcessors(),
    sinks: [
      new ResourceMetrics({ ...view, holdMs, clock }),
      { add: (batch) => encoder.addBatch(batch, 5000, () => encoder.take()) },
      window,
    ],
    resolutionMs,
    holdMs,
    clock,
    log: silentLog,
  })
  let spentMs = 0
  for (let round = 1; round <= rounds; round++) {
    for (const [node, pods] of podsOf) {
      const uses = pods.map((pod) => ({ pod, cpuNanoseconds: round * 1e9 }))
      const text = JSON.stringify(createFakeSummary(node, clock.now(), uses))
      const begun = performance.now()
      pipeline.addNodeBatch({ nodeName: node, timestamp: clock.now(), sets: readSummary(text, node, clock.now()).sets })
      spentMs += performance.now() - begun
    }
    await clock.advance(resolutionMs)
  }
  const { entities, bytes } = window.stats()
  return [
    {
      what: `CPU of ${nodes} nodes × ${podsPerNode} pods × 2 containers every 10 s, summary text to window, metrics API and lines`,
      value: `${(spentMs / rounds / 1000).toFixed(2)} s of 10`,
      aim: '< 10 s (one core)',
    },
    {
      what: `memory with ${entities.toLocaleString('en')} entities (fakes included)`,
      value: `${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB RSS, window ${Math.round(bytes / 2 ** 20)} of ${windowMaxBytes / 2 ** 20} MiB`,
      aim: '1 GiB',
    },
  ]
}

if (import.meta.main) {
  for (const { what, value, aim } of await measureFleet()) process.stdout.write(`${what}: ${value} (aim ${aim})\n`)
}
