import { readFileSync } from 'node:fs'
import { systemClock } from '../../lib/clock.ts'
import { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { loadKubeconfig } from '../../orchestrator/client/kubeconfig.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { startCluster } from './cluster.ts'
import type { TestCluster } from './cluster.ts'

/** How a soak went. */
export interface SoakReport {
  readonly minutes: number
  /** Containers started and stopped, sandboxes included. */
  readonly containersStarted: number
  readonly containersStopped: number
  readonly processes: readonly ProcessMemory[]
}

/** Resident memory of one process: medians over the second and the last fifth of the run, and the slope between, by least squares. */
export interface ProcessMemory {
  readonly name: string
  readonly earlyMb: number
  readonly lateMb: number
  readonly peakMb: number
  readonly mbPerHour: number
  readonly restarts: number
}

export interface SoakOptions {
  readonly minutes: number
  /** Started and stopped per minute; a pod is two, its sandbox and its own. */
  readonly containersPerMinute: number
  readonly networkIndex: number
  readonly flags?: readonly string[]
  readonly print?: (line: string) => void
}

const image = 'jonbaier/pod-scaling:0.1'
/** Pods alive at a time. */
const living = 10
const sampleMs = 5000
const samplesPerLine = 12
const containersPerPod = 2

interface Sample {
  readonly atMs: number
  readonly rss: ReadonlyMap<string, number>
}

/** Runs pods through a real cluster on Docker, each for some seconds, and watches the memory of the processes. */
export async function soak({ minutes, containersPerMinute, networkIndex, flags = [], print = () => {} }: SoakOptions): Promise<SoakReport> {
  const cluster = await startCluster(['--runtime=docker', ...flags], networkIndex)
  const transport = createHttpsTransport({ ...loadKubeconfig({ path: `${cluster.dataDir}/kubeconfig` }), clock: systemClock })
  try {
    const first = cluster.pids()
    const samples: Sample[] = []
    const churn = new Churn(createClient(transport))
    const begun = systemClock.monotonic()
    const pauseMs = (60_000 * containersPerPod) / containersPerMinute
    for (let next = begun; systemClock.monotonic() - begun < minutes * 60_000; next += pauseMs) {
      await churn.step()
      if (systemClock.monotonic() - (samples.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) >= sampleMs) {
        samples.push(takeSample(cluster))
        if (samples.length % samplesPerLine === 1) print(`${describe(samples.at(-1)!, begun)}, ${churn.created} pods`)
      }
      await systemClock.sleep(Math.max(0, next + pauseMs - systemClock.monotonic()))
    }
    const last = cluster.pids()
    return {
      minutes: (systemClock.monotonic() - begun) / 60_000,
      containersStarted: churn.created * containersPerPod,
      containersStopped: churn.deleted * containersPerPod,
      processes: [...samples[0]!.rss.keys()].map((name) => ({ ...summarize(name, samples), restarts: first[name] === last[name] ? 0 : 1 })),
    }
  } finally {
    transport.close()
    await cluster.remove()
  }
}

/** A pod comes, and the oldest of too many goes. */
class Churn {
  created = 0
  deleted = 0
  readonly #client: Client
  readonly #alive: string[] = []

  constructor(client: Client) {
    this.#client = client
  }

  async step(): Promise<void> {
    const name = `churn-${this.created}`
    const container = { name: 'main', image, command: ['sleep', '1000'] }
    const spec = { terminationGracePeriodSeconds: 0, containers: [container] }
    await this.#client.create(CoreV1Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec,
    } satisfies CoreV1Pod)
    this.created++
    this.#alive.push(name)
    if (this.#alive.length <= living) return
    await this.#client.delete(CoreV1Pod, { namespace: 'default', name: this.#alive.shift()! }, { gracePeriodSeconds: 0 })
    this.deleted++
  }
}

function takeSample(cluster: TestCluster): Sample {
  const processes = Object.entries(cluster.pids()).filter(([name]) => name !== 'influxd' && name !== 'dockerd')
  return { atMs: systemClock.monotonic(), rss: new Map(processes.map(([name, pid]) => [name, rssMb(pid)])) }
}

function rssMb(pid: number): number {
  try {
    return (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6
  } catch {
    return Number.NaN
  }
}

function summarize(name: string, samples: readonly Sample[]): Omit<ProcessMemory, 'restarts'> {
  const points = samples
    .map(({ atMs, rss }) => [atMs / 3_600_000, rss.get(name) ?? Number.NaN] as const)
    .filter(([, mb]) => !Number.isNaN(mb))
  const fifth = Math.max(1, Math.floor(points.length / 5))
  // The first fifth warms up.
  const settled = points.slice(fifth)
  return {
    name,
    earlyMb: median(settled.slice(0, fifth).map(([, mb]) => mb)),
    lateMb: median(settled.slice(-fifth).map(([, mb]) => mb)),
    peakMb: Math.max(...points.map(([, mb]) => mb)),
    mbPerHour: slope(settled),
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const covariance = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0)
  return covariance / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
}

function describe({ atMs, rss }: Sample, begun: number): string {
  const each = [...rss].map(([name, mb]) => `${name} ${mb.toFixed(0)} MB`)
  return `${((atMs - begun) / 60_000).toFixed(0)} min: ${each.join(', ')}`
}
