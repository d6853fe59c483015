import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../lib/clock.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import type { Measurement } from '../measurement.ts'
import type { AggregatorTask, AggregatorUse } from './aggregator-process.ts'
import type { ClusterSize, Credentials } from './simulated-cluster.ts'

const wholeFleet: ClusterSize = { nodes: 1000, podsPerNode: 30 }
const resolutionMs = 10_000
const windowMaxBytes = 256 << 20
/** The first sight of everything: connections, labels, code that is not compiled yet. */
const warmUpRounds = 4
const rounds = 3
/** What metrics-server claims to need for a node of 30 pods, at one scrape per 15 s. */
const peer = { millicores: 1, bytes: 2e6 }

/**
 * What 1,000 nodes of 30 pods with 2 containers cost an aggregator at 10 s: scrapes over HTTPS with client certificates, processors, window,
 * metrics API, lines, gzip, writes over HTTP. All of the process counts, its thread pool too. Left out: the watch of the API server (the
 * objects are in its memory all the same), InfluxDB (a listener that throws everything away).
 */
export async function measureFleet(size = wholeFleet): Promise<Measurement[]> {
  const nodes = spawn(new URL('./simulated-nodes.ts', import.meta.url))
  const aggregator = spawn(new URL('./aggregator-process.ts', import.meta.url))
  try {
    const credentials = await issueCredentials()
    const { kubeletPorts, influxPort } = await ask<{ kubeletPorts: readonly number[]; influxPort: number }>(nodes, { size, credentials })
    aggregator.send({ size, credentials, kubeletPorts, influxPort, resolutionMs, windowMaxBytes } satisfies AggregatorTask)
    await systemClock.sleep(warmUpRounds * resolutionMs)
    const before = await ask<AggregatorUse>(aggregator, {})
    await systemClock.sleep(rounds * resolutionMs)
    return report(size, before, await ask<AggregatorUse>(aggregator, {}))
  } finally {
    nodes.disconnect()
    aggregator.disconnect()
  }
}

function report(size: ClusterSize, before: AggregatorUse, after: AggregatorUse): Measurement[] {
  const grown = (name: string) => valueOf(after, name) - valueOf(before, name)
  const wallSeconds = (after.wallMs - before.wallMs) / 1000
  const cores = (after.cpuMs - before.cpuMs) / 1000 / wallSeconds
  const points = grown('binnacle_aggregator_sink_delivered_total') / wallSeconds
  const scrapes = grown('binnacle_aggregator_source_scrapes_total') / wallSeconds
  const failures = grown('binnacle_aggregator_source_failures_total')
  const millicores = (cores * 1000) / size.nodes
  const bytes = after.rssBytes / size.nodes
  return [
    {
      what: `aggregator, ${size.nodes} nodes × ${size.podsPerNode} pods × 2 containers at ${resolutionMs / 1000} s (${Math.round(scrapes)} scrapes/s over HTTPS, ${failures} failed; ${Math.round(points).toLocaleString('en')} points/s written)`,
      value: `${(cores * 10).toFixed(2)} s of CPU per 10 s, ${Math.round(after.rssBytes / 2 ** 20)} MiB RSS (window ${Math.round(valueOf(after, 'binnacle_aggregator_window_bytes') / 2 ** 20)} MiB)`,
      aim: 'one core, ≤ 1 GiB',
    },
    {
      what: 'the same per node',
      value: `${millicores.toFixed(2)} mCPU, ${(bytes / 1e6).toFixed(2)} MB`,
      peer: `metrics-server claims ${peer.millicores} mCPU, ${peer.bytes / 1e6} MB: ratio ${(millicores / peer.millicores).toFixed(2)} and ${(bytes / peer.bytes).toFixed(2)}`,
      aim: 'half of it',
    },
  ]
}

/** The sum of a family's samples. */
function valueOf({ metrics }: AggregatorUse, name: string): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

async function issueCredentials(): Promise<Credentials> {
  const now = systemClock.now()
  const authority = await createAuthority('fleet', now)
  const server = await issueCertificate(authority, { commonName: 'kubelet', hosts: ['127.0.0.1'], isServer: true, now })
  const client = await issueCertificate(authority, { commonName: 'system:binnacle:monitor', isClient: true, now })
  return { ca: authority.cert, server, client }
}

function spawn(script: URL): ChildProcess {
  return fork(fileURLToPath(script))
}

function ask<T>(child: ChildProcess, message: object): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (answer) => resolve(answer as T))
    child.once('exit', (code) => reject(new Error(`a process of the benchmark ended with ${code}`)))
    child.send(message)
  })
}

if (import.meta.main) {
  // `node bench/aggregator/fleet.ts [NODES]`: on a busy machine a smaller fleet is still scraped in time.
  const nodes = Number(process.argv[2] ?? wholeFleet.nodes)
  for (const { what, value, aim, peer: beside = '' } of await measureFleet({ ...wholeFleet, nodes }))
    process.stdout.write(`${what}: ${value} (aim ${aim}) ${beside}\n`)
}
