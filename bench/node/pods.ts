import { readFileSync } from 'node:fs'
import { systemClock } from '../../lib/clock.ts'
import { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { loadKubeconfig } from '../../orchestrator/client/kubeconfig.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { execute, eventually, startCluster, type TestCluster } from '../../test/support/cluster.ts'
import { percentile, type Measurement } from '../measurement.ts'

const image = 'jonbaier/pod-scaling:0.1'
const crowds = [1, 10, 100]
/** What upstream's kubelet takes by default. */
const fullNode = 110
const idleSeconds = 30
const ticksPerSecond = 100

/** What a node's agent takes on Docker: pods that come at once beside the same containers by hand, a full node at rest, its restart, its end. */
export async function measureNode(): Promise<Measurement[]> {
  const cluster = await startCluster(['--runtime=docker', '--influxdb=none'], 140)
  await execute(process.execPath, ['cli/main.ts', 'images'])
  const transport = createHttpsTransport({ ...loadKubeconfig({ path: `${cluster.dataDir}/kubeconfig` }), clock: systemClock })
  const client = createClient(transport)
  try {
    const rows: Measurement[] = []
    for (const count of crowds) rows.push(await crowd(client, count))
    return [...rows, ...(await full(cluster, client))]
  } finally {
    transport.close()
    await cluster.remove()
  }
}

const podNamed = (name: string): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image, command: ['sleep', '100000'], resources: { requests: { cpu: '1m' } } }],
  },
})

async function crowd(client: Client, count: number): Promise<Measurement> {
  const names = Array.from({ length: count }, (_, index) => `crowd-${count}-${index}`)
  const pods = await timeToRunning(client, names)
  await removeAll(client, names)
  const hand = await timeAllByHand(names.map((name) => `${name}-${process.pid}`))
  const [p50, p99] = [percentile(pods, 0.5), percentile(pods, 0.99)]
  const [by50, by99] = [percentile(hand, 0.5), percentile(hand, 0.99)]
  return {
    what: `${count} ${count === 1 ? 'pod' : 'pods at once'}: created → Running`,
    value: `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`,
    peer: `two \`docker run\`s each ${by50.toFixed(0)} ms, ${by99.toFixed(0)} ms; ratio ${(p50 / by50).toFixed(2)}, ${(p99 / by99).toFixed(2)}`,
    aim: '≤ 1.5 × the same by hand',
  }
}

/** From the create calls, all made at once, to the watch frames that say Running. */
async function timeToRunning(client: Client, names: readonly string[]): Promise<number[]> {
  const { metadata } = await client.list(CoreV1Pod, { namespace: 'default' })
  const stop = new AbortController()
  const startedAt = new Map<string, number>()
  const took = new Map<string, number>()
  const changes = client.watch(CoreV1Pod, { namespace: 'default', resourceVersion: metadata.resourceVersion, signal: stop.signal })
  const watching = (async () => {
    for await (const change of changes) {
      if (change.type !== 'MODIFIED') continue
      const { object } = change
      const { name } = object.metadata
      if (object.status?.phase !== 'Running' || took.has(name!) || !startedAt.has(name!)) continue
      took.set(name!, performance.now() - startedAt.get(name!)!)
      if (took.size === names.length) return
    }
  })()
  await Promise.all(
    names.map((name) => {
      startedAt.set(name, performance.now())
      return client.create(CoreV1Pod, podNamed(name))
    }),
  )
  await watching
  stop.abort()
  return [...took.values()]
}

async function removeAll(client: Client, names: readonly string[]): Promise<number> {
  const begun = performance.now()
  await Promise.all(names.map((name) => client.delete(CoreV1Pod, { namespace: 'default', name })))
  await eventually('no pod is left', async () =>
    (await client.list(CoreV1Pod, { namespace: 'default' })).items.length === 0 ? true : undefined,
  )
  return performance.now() - begun
}

/** The same containers by `docker run`, all at once; they are gone afterwards, whatever happens. */
async function timeAllByHand(names: readonly string[]): Promise<number[]> {
  try {
    return await Promise.all(names.map((name) => timeByHand(name)))
  } finally {
    await execute('docker', ['rm', '-f', ...names.flatMap((name) => [`${name}-main`, `${name}-sandbox`])])
  }
}

async function timeByHand(name: string): Promise<number> {
  const begun = performance.now()
  await run('--name', `${name}-sandbox`, image, 'sleep', '100000')
  await run('--name', `${name}-main`, '--network', `container:${name}-sandbox`, image, 'sleep', '100000')
  return performance.now() - begun
}

async function run(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await execute('docker', ['run', '--detach', '--pull=never', ...args], { timeoutMs: 60_000 })
  if (code !== 0) throw new Error(`docker run ${args.join(' ')}: ${stderr.trim() || 'no answer within a minute'}`)
}

async function full(cluster: TestCluster, client: Client): Promise<Measurement[]> {
  const names = Array.from({ length: fullNode }, (_, index) => `full-${index}`)
  await timeToRunning(client, names)
  await execute('sleep', ['10'])
  const agent = () => cluster.pids()['node-0']!
  const before = cpuTicks(agent())
  await execute('sleep', [String(idleSeconds)])
  const share = (cpuTicks(agent()) - before) / ticksPerSecond / idleSeconds
  const restartMs = await timeRestart(cluster, client)
  const removedMs = await removeAll(client, names)
  return [
    {
      what: `node agent with collector at rest, ${fullNode} pods`,
      value: `${(100 * share).toFixed(1)} % of a core`,
      aim: '≤ 5 %',
    },
    {
      what: `agent killed with ${fullNode} pods → all of them looked after again`,
      value: `${(restartMs / 1000).toFixed(1)} s`,
      aim: '≤ 2 s',
    },
    { what: `${fullNode} pods deleted → gone`, value: `${(removedMs / 1000).toFixed(1)} s`, aim: '' },
  ]
}

/** From the kill to the moment at which the next agent's server tells all pods as running. */
async function timeRestart(cluster: TestCluster, client: Client): Promise<number> {
  const pid = cluster.pids()['node-0']!
  const begun = performance.now()
  process.kill(pid, 'SIGKILL')
  const path = '/api/v1/nodes/node-a/proxy/pods'
  const isRunning = async () => {
    const { items } = await client.raw<{ readonly items: readonly CoreV1Pod[] }>(path)
    return items.filter(({ status }) => status?.phase === 'Running').length >= fullNode ? true : undefined
  }
  await eventually('the next agent', async () => (cluster.pids()['node-0'] === pid ? undefined : await isRunning()))
  return performance.now() - begun
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
