import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createAggregator, type Aggregator } from '../../aggregator/app.ts'
import { createFakeClient, createFakeNode, createFakePod, FakeInformers } from '../../aggregator/fake-cluster.ts'
import type { SchemaName } from '../../aggregator/influx/schema.ts'
import type { FsStats, MemoryStats, NetworkStats, PsiStats, Summary } from '../../collector/summary.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { createAuthority, issueCertificate, type KeyPair } from '../../lib/pki.ts'
import { systemRandom } from '../../lib/random.ts'
import { CoreV1Event, CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { WatchEvent } from '../../orchestrator/api/object.ts'
import type { Client } from '../../orchestrator/client/client.ts'

/** An aggregator that scrapes two nodes over HTTPS each second and writes to an InfluxDB. The nodes answer with every figure that ours has. */
export interface MeasuredCluster {
  readonly aggregator: Aggregator
  /** Scrapes that have been answered. */
  readonly scrapes: () => number
  stop(): Promise<void>
}

const nodeNames = ['ship', 'boat'] as const
const oneGiB = 2 ** 30

/** Starts it; every figure changes with each scrape, kills, restarts and events included. */
export async function startMeasuredCluster(options: { readonly influxUrl: string; readonly schema: SchemaName }): Promise<MeasuredCluster> {
  const now = Date.now()
  const authority = await createAuthority('cluster', now)
  const serving = await issueCertificate(authority, { commonName: 'node', hosts: ['127.0.0.1'], isServer: true, now })
  const monitor = await issueCertificate(authority, { commonName: 'system:binnacle:monitor', isClient: true, now })
  const informers = new FakeInformers()
  let scrapes = 0
  const kubelets = await Promise.all(nodeNames.map((node) => serveSummary({ ...serving, ca: authority.cert }, node, () => scrapes++)))
  const aggregator = createAggregator({
    client: clientWithEvents(),
    informers,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    resolutionMs: 1000,
    kubelet: { cert: monitor.cert, key: monitor.key, ca: authority.cert },
    http: { host: '127.0.0.1', port: 0 },
    metricsApi: {
      hosts: ['127.0.0.1'],
      port: 0,
      tls: serving,
      authorities: { clientCa: authority.cert, requestHeaderCa: authority.cert, allowedNames: [] },
    },
    influx: { url: options.influxUrl, schema: options.schema },
  })
  for (const [index, node] of nodeNames.entries()) {
    informers.informer(CoreV1Node).put(createFakeNode(node, '127.0.0.1', (kubelets[index]!.address() as AddressInfo).port))
    putPods(informers, node, 1)
  }
  await aggregator.start()
  const restarts = setInterval(() => nodeNames.forEach((node) => putPods(informers, node, 1 + scrapes)), 1000)
  return {
    aggregator,
    scrapes: () => scrapes,
    async stop() {
      clearInterval(restarts)
      await aggregator.stop()
      for (const kubelet of kubelets) {
        kubelet.closeAllConnections()
        kubelet.close()
      }
    },
  }
}

/** Two pods of two containers each, of a ReplicationController. */
function podsOf(node: string): readonly CoreV1Pod[] {
  return ['web', 'queue'].map((name) =>
    createFakePod(`${name}-${node}`, {
      node,
      namespace: name === 'web' ? 'default' : 'kube-system',
      containers: ['main', 'side'],
      owner: { kind: 'ReplicationController', name },
    }),
  )
}

function putPods(informers: FakeInformers, node: string, restartCount: number): void {
  for (const pod of podsOf(node)) {
    const containerStatuses = pod.status!.containerStatuses!.map((status) => ({ ...status, restartCount }))
    const containers = pod.spec.containers.map((container) => ({
      ...container,
      resources: {
        requests: { cpu: '100m', memory: '64Mi', 'ephemeral-storage': '1Gi' },
        limits: { cpu: '500m', memory: '128Mi', 'ephemeral-storage': '2Gi' },
      },
    }))
    informers.informer(CoreV1Pod).put({ ...pod, spec: { ...pod.spec, containers }, status: { ...pod.status, containerStatuses } })
  }
}

/** A client whose watch of events tells of one of each type every second. */
function clientWithEvents(): Client {
  const one = (type: string, count: number): CoreV1Event => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${type}-${count}`, namespace: 'default', uid: `uid-${type}-${count}`, resourceVersion: String(count) },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'web-ship', uid: 'uid-web-ship' },
    type,
    reason: type === 'Warning' ? 'BackOff' : 'Started',
    message: `"${type}" of pod {web}, back\\slash`,
    source: { component: 'kubelet', host: 'ship' },
    count: 1,
    firstTimestamp: new Date().toISOString(),
    lastTimestamp: new Date().toISOString(),
  })
  async function* events(signal: AbortSignal): AsyncIterable<WatchEvent<CoreV1Event>> {
    for (let count = 1; !signal.aborted; count++) {
      yield { type: 'ADDED', object: one(count % 2 === 0 ? 'Normal' : 'Warning', count) }
      await systemClock.sleep(500, signal).catch(() => {})
    }
  }
  const client = createFakeClient()
  const list = (async () => ({ items: [], metadata: { resourceVersion: '1' } })) as unknown as Client['list']
  const watch = ((_kind: unknown, { signal }: { signal: AbortSignal }) => events(signal)) as unknown as Client['watch']
  return { ...client, list, watch }
}

async function serveSummary(tls: KeyPair & { readonly ca: string }, node: string, onScrape: () => number): Promise<Server> {
  const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    if (request.url !== '/stats/summary') response.writeHead(404).end()
    else response.end(JSON.stringify(summaryOf(node, 1 + onScrape())))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

/** Everything that a summary of ours can say, growing with `step`. */
function summaryOf(nodeName: string, step: number): Summary {
  const time = new Date().toISOString()
  const startTime = new Date(Date.now() - 3_600_000).toISOString()
  const psi: PsiStats = {
    some: { total: step, avg10: 1 + (step % 5), avg60: 1, avg300: 1 },
    full: { total: step, avg10: step % 3, avg60: 1, avg300: 1 },
  }
  const cpu = {
    time,
    usageNanoCores: 5e7,
    usageCoreNanoSeconds: step * 1e8,
    throttling: { periods: step * 10, throttledPeriods: step * 3, throttledNanoSeconds: step * 1e7 },
    load: 300,
    psi,
  }
  const memory: MemoryStats = {
    time,
    availableBytes: oneGiB,
    usageBytes: 9e7,
    workingSetBytes: 6e7 + step * 1000,
    rssBytes: 4e7,
    cacheBytes: 2e7,
    pageFaults: step * 100,
    majorPageFaults: step,
    oomKills: step,
    psi,
  }
  const network: NetworkStats = {
    time,
    name: 'eth0',
    rxBytes: step * 5000,
    txBytes: step * 3000,
    rxPackets: step * 50,
    txPackets: step * 30,
    rxErrors: step,
    txErrors: step,
    rxDropped: step,
    txDropped: step,
  }
  const fs: FsStats = { time, usedBytes: 1e9, capacityBytes: 1e10, availableBytes: 9e9, inodes: 1000, inodesFree: 900 }
  const diskio = { time, readBytes: step * 4096, writeBytes: step * 8192, reads: step, writes: step * 2 }
  const swap = { time, swapAvailableBytes: 1e9, swapUsageBytes: 1e6 }
  const process_stats = { process_count: 4, threads: 9, fileDescriptors: 40 }
  const all = { startTime, cpu, memory, swap, diskio, io: { time, psi } }
  return {
    node: { nodeName, ...all, network, fs, rlimit: { time, curproc: 200 }, systemContainers: [{ name: 'kubelet', ...all }] },
    pods: podsOf(nodeName).map(({ metadata, spec }) => ({
      podRef: { name: metadata.name!, namespace: metadata.namespace!, uid: metadata.uid! },
      ...all,
      network,
      process_stats,
      'ephemeral-storage': fs,
      volume: [{ ...fs, name: 'data' }],
      containers: spec.containers.map(({ name }) => ({ name, ...all, rootfs: fs, logs: fs, process_stats })),
    })),
  }
}
