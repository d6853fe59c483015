import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { systemClock } from '../../lib/clock.ts'
import { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { loadKubeconfig } from '../../orchestrator/client/kubeconfig.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { eventually } from '../../test/support/cluster.ts'
import { percentile, type Measurement } from '../measurement.ts'
import { withCluster, type BenchCluster } from '../with-cluster.ts'

const image = 'jonbaier/pod-scaling:0.1'
/** How many at once, and how often: the last of them stay for a full node. */
const crowds = [
  { count: 1, rounds: 10 },
  { count: 10, rounds: 2 },
  { count: 100, rounds: 1 },
]
/** What upstream's kubelet takes by default. */
const fullNode = 110
const restSeconds = 10
const idleSeconds = 20
const ticksPerSecond = 100
const crowdTimeoutMs = 240_000

/** What a node's agent takes on Docker: pods that come at once beside the same containers by hand, a full node at rest, its restart, its end. */
export function measureNode(): Promise<Measurement[]> {
  return withCluster([], 140, async (cluster) => {
    const transport = createHttpsTransport({ ...loadKubeconfig({ path: `${cluster.dataDir}/kubeconfig` }), clock: systemClock })
    const client = createClient(transport)
    try {
      const rows: Measurement[] = []
      const add = (...more: readonly Measurement[]) => {
        // What there is, should the rest never come.
        for (const { what, value, peer = '' } of more) console.error(`${what}: ${value}${peer === '' ? '' : ` (${peer})`}`)
        rows.push(...more)
      }
      let handRemovedMs = 0
      let present: readonly string[] = []
      for (const { count, rounds } of crowds) {
        const hand: number[] = []
        const pods: number[] = []
        for (let round = 0; round < rounds; round++) {
          await removeAll(client, present)
          const byHand = await timeByHand(cluster, count)
          handRemovedMs = byHand.removedMs
          hand.push(...byHand.started)
          // A pod waits for the end of an earlier one of its name, which is not what is measured here.
          present = namesOf(`crowd-${count}-${round}`, count)
          pods.push(...(await timeToRunning(client, present)))
        }
        add(startRow(count, pods, hand))
      }
      add(...(await full(cluster, client, { present, handRemovedMs })))
      return rows
    } finally {
      transport.close()
    }
  })
}

const namesOf = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`)

const podNamed = (name: string): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image, command: ['sleep', '100000'], resources: { requests: { cpu: '1m' } } }],
  },
})

function startRow(count: number, pods: readonly number[], hand: readonly number[]): Measurement {
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
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(crowdTimeoutMs)])
  const startedAt = new Map<string, number>()
  const took = new Map<string, number>()
  const changes = client.watch(CoreV1Pod, { namespace: 'default', resourceVersion: metadata.resourceVersion, signal })
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
  if (took.size < names.length) throw new Error(`${took.size} of ${names.length} pods were Running after ${crowdTimeoutMs / 1000} s`)
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

/** The same containers by `docker run` on the pods' network, all at once, and their removal. */
async function timeByHand(
  cluster: BenchCluster,
  count: number,
): Promise<{ readonly started: readonly number[]; readonly removedMs: number }> {
  const network = (await cluster.docker('network', 'ls', '--quiet', '--filter', 'label=binnacle.cluster')).trim()
  const names = namesOf(`hand-${count}`, count)
  const started = await Promise.all(
    names.map(async (name) => {
      const begun = performance.now()
      const run = ['run', '--detach', '--pull=never', '--name']
      await cluster.docker(...run, `${name}-sandbox`, '--network', network, image, 'sleep', '100000')
      await cluster.docker(...run, `${name}-main`, '--network', `container:${name}-sandbox`, image, 'sleep', '100000')
      return performance.now() - begun
    }),
  )
  const begun = performance.now()
  await cluster.docker('rm', '--force', ...names.flatMap((name) => [`${name}-main`, `${name}-sandbox`]))
  return { started, removedMs: performance.now() - begun }
}

async function full(
  cluster: BenchCluster,
  client: Client,
  { present, handRemovedMs }: { readonly present: readonly string[]; readonly handRemovedMs: number },
): Promise<Measurement[]> {
  const more = namesOf('full', fullNode - present.length)
  await timeToRunning(client, more)
  await wait(restSeconds * 1000)
  const agent = () => cluster.pids()['node-0']!
  const before = cpuTicks(agent())
  await wait(idleSeconds * 1000)
  const share = (cpuTicks(agent()) - before) / ticksPerSecond / idleSeconds
  const restartMs = await timeRestart(cluster, client)
  const removedMs = await removeAll(client, [...present, ...more])
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
    {
      what: `${fullNode} pods deleted → gone`,
      value: `${(removedMs / 1000).toFixed(1)} s`,
      peer: `\`docker rm -f\` of the containers of ${present.length} ${(handRemovedMs / 1000).toFixed(1)} s`,
      aim: '',
    },
  ]
}

/** From the kill to the moment at which the next agent's server tells all pods as running. */
async function timeRestart(cluster: BenchCluster, client: Client): Promise<number> {
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
