import { readFileSync } from 'node:fs'
import { systemClock } from '../../lib/clock.ts'
import { CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { loadKubeconfig } from '../../orchestrator/client/kubeconfig.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { eventually, startCluster, type TestCluster } from '../../test/support/cluster.ts'
import type { Measurement } from '../measurement.ts'

const nodes = 1000
const pods = 10_000
const clients = 64
const timeoutMs = 600_000

/** kwok's gate on this orchestrator: many simulated nodes, and pods that are created, scheduled, Running and deleted. */
export async function measureDensity(): Promise<Measurement[]> {
  const begun = performance.now()
  // Nodes take ports one after the other.
  const ports = ['--node-agent-port=20000', '--collector-port=23000']
  const cluster = await startCluster(
    ['--runtime=simulated', '--influxdb=none', `--nodes=${nodes}`, '--collector-interval=10', '--resolution=30', ...ports],
    142,
  )
  const transport = createHttpsTransport({ ...loadKubeconfig({ path: `${cluster.dataDir}/kubeconfig` }), clock: systemClock })
  const client = createClient(transport)
  try {
    await eventually('all nodes are Ready', async () => ((await readyNodes(client)) === nodes ? true : undefined), timeoutMs)
    const nodesSeconds = (performance.now() - begun) / 1000
    const before = serverMb(cluster)
    const runningSeconds = await timeRunning(client)
    const after = serverMb(cluster)
    const deletedSeconds = await timeDeleted(client)
    return [
      { what: `${nodes.toLocaleString('en')} simulated nodes: start → all Ready`, value: `${nodesSeconds.toFixed(1)} s`, aim: 'kwok 12 s' },
      {
        what: `${pods.toLocaleString('en')} pods: created → scheduled → Running`,
        value: `${runningSeconds.toFixed(1)} s, ${(pods / runningSeconds).toFixed(0)}/s`,
        aim: "kwok's gate: 60 s",
      },
      {
        what: `the same deleted`,
        value: `${deletedSeconds.toFixed(1)} s, ${(pods / deletedSeconds).toFixed(0)}/s`,
        aim: "kwok's gate: 90 s",
      },
      {
        what: 'server memory per 10,000 pods',
        value: `${(after - before).toFixed(0)} MB (${before.toFixed(0)} → ${after.toFixed(0)})`,
        aim: '',
      },
    ]
  } finally {
    transport.close()
    await cluster.remove()
  }
}

async function readyNodes(client: Client): Promise<number> {
  const { items } = await client.list(CoreV1Node)
  return items.filter(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true).length
}

async function timeRunning(client: Client): Promise<number> {
  const begun = performance.now()
  const spec = { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'x:1', resources: { requests: { cpu: '1m' } } }] }
  await inParallel(pods, (index) =>
    client.create(CoreV1Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `pod-${index}`, namespace: 'default' },
      spec,
    } satisfies CoreV1Pod),
  )
  await eventually('all pods run', async () => ((await count(client, 'status.phase=Running')) === pods ? true : undefined), timeoutMs)
  return (performance.now() - begun) / 1000
}

async function timeDeleted(client: Client): Promise<number> {
  const begun = performance.now()
  await inParallel(pods, (index) => client.delete(CoreV1Pod, { namespace: 'default', name: `pod-${index}` }))
  await eventually('all pods are gone', async () => ((await count(client, '')) === 0 ? true : undefined), timeoutMs)
  return (performance.now() - begun) / 1000
}

/** How many pods there are; not more than once per second, as the answer is long. */
async function count(client: Client, fieldSelector: string): Promise<number> {
  const { items } = await client.list(CoreV1Pod, { namespace: 'default', ...(fieldSelector === '' ? {} : { fieldSelector }) })
  await systemClock.sleep(1000)
  return items.length
}

async function inParallel(total: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < total) await work(next++)
    }),
  )
}

function serverMb(cluster: TestCluster): number {
  return (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${cluster.pids()['server']}/status`, 'utf8'))?.[1]) * 1024) / 1e6
}
