import { escape, InfluxDB } from 'influx'
import { CoreV1Node, CoreV1Pod, AppsV1ReplicaSet, BatchV1Job } from '../../orchestrator/api/generated/kinds.ts'
import { createFakeNode, createFakePod, createFakeSummary, FakeInformers } from '../../aggregator/fake-cluster.ts'
import { metrics } from '../../aggregator/catalog.ts'
import { LineEncoder } from '../../aggregator/influx/line-protocol.ts'
import { MemoryWindow } from '../../aggregator/memory-window.ts'
import type { Batch } from '../../aggregator/metric-set.ts'
import { Pipeline } from '../../aggregator/pipeline.ts'
import { createNodeProcessors, createTotalsProcessors } from '../../aggregator/processors.ts'
import { readSummary } from '../../aggregator/sources/summary-reader.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import type { Measurement } from '../measurement.ts'

/** What one run of the benchmark found. */
export interface EncodeResult {
  readonly pointsPerSecond: number
  /** Points per second that the `influx` package formats, on the same points in the same minute. */
  readonly peerPointsPerSecond: number
  readonly bytesPerPoint: number
  /** From the text of a node's summary (30 pods of 2 containers) to its batch in window and encoder. */
  readonly nodesPerSecond: number
}

const podsPerNode = 30
const podNames = Array.from({ length: podsPerNode }, (_, index) => `pod-${index}`)

/** Encodes realistic batches for `seconds` per subject, on one core. */
export function runEncodeBenchmark(seconds = 3): EncodeResult {
  const cluster = createCluster()
  const batches = [1, 2, 3].map((round) => cluster.scrape(round))
  const encoder = new LineEncoder({ clusterName: 'default' })
  const encoded = measure(seconds, (round) => {
    encoder.addBatch(batches[round % batches.length]!)
    return encoder.take()
  })
  const points = batches.flatMap(toInfluxPoints)
  const driver = new InfluxDB({ host: '127.0.0.1', database: 'k8s' })
  const peer = measureSeconds(seconds, () => void formatWithPackage(driver, points))
  const nodes = measureSeconds(seconds, (round) => void cluster.scrape(round + 10))
  return {
    pointsPerSecond: encoded.points / encoded.seconds,
    peerPointsPerSecond: (peer.rounds * points.length) / peer.seconds,
    bytesPerPoint: encoded.bytes / encoded.points,
    nodesPerSecond: nodes.rounds / nodes.seconds,
  }
}

function createCluster(): { readonly scrape: (round: number) => Batch } {
  const informers = new FakeInformers()
  const pods = podNames.map((name) => createFakePod(name, { containers: ['app', 'sidecar'], owner: { kind: 'StatefulSet', name: 'load' } }))
  informers.informer(CoreV1Node).put(createFakeNode('n1'))
  const podInformer = informers.informer(CoreV1Pod, { indexes: { node: ({ spec }) => [spec.nodeName!] } })
  for (const pod of pods) podInformer.put(pod)
  const view = {
    nodes: informers.informer(CoreV1Node),
    pods: podInformer,
    replicaSets: informers.informer(AppsV1ReplicaSet),
    jobs: informers.informer(BatchV1Job),
  }
  const encoder = new LineEncoder({ clusterName: 'default' })
  const pipeline = new Pipeline({
    nodeProcessors: createNodeProcessors(view, { holdMs: 15_000 }),
    totalsProcessors: createTotalsProcessors(),
    sinks: [
      new MemoryWindow({ windowMs: 60_000, maxBytes: 64 << 20 }),
      { add: (batch) => encoder.addBatch(batch, 5000, () => encoder.take()) },
    ],
    resolutionMs: 5000,
    holdMs: Infinity,
    clock: systemClock,
    log: silentLog,
  })
  const start = systemClock.now()
  return {
    scrape(round) {
      const timestamp = start + round * 5000
      const text = JSON.stringify(
        createFakeSummary(
          'n1',
          timestamp,
          pods.map((pod) => ({ pod, cpuNanoseconds: round * 1e9 })),
        ),
      )
      const batch: Batch = { nodeName: 'n1', timestamp, sets: readSummary(text, 'n1', timestamp).sets }
      pipeline.addNodeBatch(batch)
      return batch
    },
  }
}

type PackagePoint = Parameters<InfluxDB['parsePoint']>[0]

/** The steps by which the package's `writePoints` makes a body, without sending it. */
function formatWithPackage(driver: InfluxDB, points: readonly PackagePoint[]): string {
  let body = ''
  for (const point of points) {
    const { measurement, tags, tagsNames, fieldsPairs, castedTimestamp } = driver.parsePoint(point, { precision: 'ms' })
    body += (body.length > 0 ? '\n' : '') + measurement
    for (const name of tagsNames) body += `,${escape.tag(name)}=${escape.tag(tags![name]!)}`
    for (const [index, [name, value]] of fieldsPairs.entries()) body += `${index === 0 ? ' ' : ','}${escape.tag(name)}=${value}`
    body += ` ${castedTimestamp}`
  }
  return body
}

function toInfluxPoints(batch: Batch): PackagePoint[] {
  return [...batch.sets.values()].flatMap(({ entity, values }) => {
    const tags = { ...entity.labels, cluster_name: 'default' }
    return [...values.entries()]
      .filter(([, value]) => !Number.isNaN(value))
      .map(([column, value]) => ({ measurement: metrics[column]!.name, tags, fields: { value }, timestamp: batch.timestamp }))
  })
}

function measure(
  seconds: number,
  encode: (round: number) => { readonly lines: Buffer; readonly counts: { readonly points: number } },
): { readonly points: number; readonly bytes: number; readonly seconds: number } {
  let points = 0
  let bytes = 0
  const { seconds: taken } = measureSeconds(seconds, (round) => {
    const { lines, counts } = encode(round)
    points += counts.points
    bytes += lines.length
  })
  return { points, bytes, seconds: taken }
}

/** `seconds` of CPU, so that what else runs on the machine counts for little. */
function measureSeconds(seconds: number, work: (round: number) => void): { readonly rounds: number; readonly seconds: number } {
  const begun = process.cpuUsage()
  let rounds = 0
  let spent = 0
  while (spent < seconds) {
    work(rounds++)
    const { user, system } = process.cpuUsage(begun)
    spent = (user + system) / 1e6
  }
  return { rounds, seconds: spent }
}

/** The rows of the table in `bench/README.md`. */
export function measureEncoding(): Promise<readonly Measurement[]> {
  const { pointsPerSecond, peerPointsPerSecond, bytesPerPoint, nodesPerSecond } = runEncodeBenchmark()
  return Promise.resolve([
    {
      what: `points encoded for InfluxDB on one core (${Math.round(bytesPerPoint)} bytes each)`,
      value: `${Math.round(pointsPerSecond).toLocaleString('en')} /s`,
      peer: `npm influx: ${Math.round(peerPointsPerSecond).toLocaleString('en')} /s, ${(pointsPerSecond / peerPointsPerSecond).toFixed(1)} times slower`,
      aim: '500,000 /s',
    },
    {
      what: `nodes of ${podsPerNode} pods with 2 containers, from the summary's text to window and lines, on one core`,
      value: `${Math.round(nodesPerSecond)} /s`,
      aim: '100 /s (1,000 nodes per 10 s)',
    },
  ])
}

if (import.meta.main) {
  for (const { what, value, peer = '', aim } of await measureEncoding()) process.stdout.write(`${what}: ${value} (aim ${aim}) ${peer}\n`)
}
