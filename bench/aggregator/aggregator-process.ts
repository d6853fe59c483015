import { createAggregator } from '../../aggregator/app.ts'
import { parseConfiguration } from '../../aggregator/configuration.ts'
import { createFakeClient, FakeInformers } from '../../aggregator/fake-cluster.ts'
import { systemClock } from '../../lib/clock.ts'
import { createLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Credentials, ClusterSize } from './simulated-cluster.ts'
import { nodeName, simulateNode, simulatePods } from './simulated-cluster.ts'

/** What an aggregator under test is told. */
export interface AggregatorTask {
  readonly size: ClusterSize
  readonly credentials: Credentials
  readonly kubeletPorts: readonly number[]
  readonly influxPort: number
  readonly resolutionMs: number
  readonly windowMaxBytes: number
}

/** What it answers to each further message. */
export interface AggregatorUse {
  readonly cpuMs: number
  readonly rssBytes: number
  readonly wallMs: number
  readonly metrics: string
}

/** A process of its own: the aggregator as it is, with informers that hold the simulated cluster's objects. */
process.once('message', async (task: AggregatorTask) => {
  const informers = new FakeInformers()
  const pods = informers.informer(CoreV1Pod)
  const ofNode = new Map<string, CoreV1Pod[]>()
  // The fake informer has no index; a real one finds the pods of a node at once.
  pods.byIndex = (_, node) => ofNode.get(node) ?? []
  for (let index = 0; index < task.size.nodes; index++) {
    ofNode.set(nodeName(index), simulatePods(index, task.size.podsPerNode))
    for (const pod of ofNode.get(nodeName(index))!) pods.put(pod)
    informers.informer(CoreV1Node).put(simulateNode(index, task.kubeletPorts[index]!))
  }
  const { ca, server, client } = task.credentials
  const aggregator = createAggregator({
    client: createFakeClient(),
    informers,
    clock: systemClock,
    random: systemRandom,
    log: createLog({ level: 'error', component: 'aggregator' }),
    resolutionMs: task.resolutionMs,
    kubelet: { ...client, ca },
    http: { host: '127.0.0.1', port: 0 },
    metricsApi: { hosts: ['127.0.0.1'], port: 0, tls: server, authorities: { clientCa: ca, requestHeaderCa: ca, allowedNames: [] } },
    // So many containers are over three million series.
    influx: { url: `http://127.0.0.1:${task.influxPort}`, maxSeries: 10_000_000 },
    windowMaxBytes: task.windowMaxBytes,
    configuration: parseConfiguration('bench', 'sources: { events: { enabled: false } }'),
  })
  await aggregator.start()
  process.on('message', async () => {
    const { user, system } = process.cpuUsage()
    const metrics = await (await fetch(`${aggregator.addresses.http}/metrics`)).text()
    const use: AggregatorUse = {
      cpuMs: (user + system) / 1000,
      rssBytes: process.memoryUsage.rss(),
      wallMs: systemClock.monotonic(),
      metrics,
    }
    process.send!(use)
  })
})
process.once('disconnect', () => process.exit(0))
