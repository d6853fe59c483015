import { fileURLToPath } from 'node:url'
import { systemClock } from '../../lib/clock.ts'
import { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { loadKubeconfig } from '../../orchestrator/client/kubeconfig.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { execute, eventually, startCluster, type TestCluster } from '../../test/support/cluster.ts'
import { median, type Measurement } from '../measurement.ts'

const rounds = 10
const image = 'jonbaier/pod-scaling:0.1'
const manifests = fileURLToPath(new URL('../../examples/manifests/', import.meta.url))

/** How long a pod takes beside the same two containers by hand, and how long a load spike takes to become replicas. */
export async function measurePodsAndScaling(): Promise<Measurement[]> {
  const cluster = await startCluster(['--runtime=docker'], 96)
  try {
    return [await podStart(cluster), await spike(cluster)]
  } finally {
    await cluster.remove()
  }
}

async function podStart(cluster: TestCluster): Promise<Measurement> {
  const transport = createHttpsTransport({ ...loadKubeconfig({ path: `${cluster.dataDir}/kubeconfig` }), clock: systemClock })
  const client = createClient(transport)
  const pod: number[] = []
  const hand: number[] = []
  for (let round = 0; round < rounds; round++) {
    pod.push(await timePod(client, `bench-${round}`))
    hand.push(await timeByHand(`bench-${process.pid}-${round}`))
  }
  transport.close()
  return {
    what: 'pod created → Running, local image',
    value: `${median(pod).toFixed(0)} ms`,
    peer: `two \`docker run\`s ${median(hand).toFixed(0)} ms, ratio ${(median(pod) / median(hand)).toFixed(2)}`,
    aim: '≤ 1.5 × the same two by hand',
  }
}

/** From the create call to the watch frame that says Running, as a client sees it. */
async function timePod(client: Client, name: string): Promise<number> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image, command: ['sleep', '1000'] }] },
  } satisfies CoreV1Pod
  const startedAt = performance.now()
  const created = await client.create(CoreV1Pod, pod)
  const stop = new AbortController()
  const changes = client.watch(CoreV1Pod, {
    namespace: 'default',
    fieldSelector: `metadata.name=${name}`,
    resourceVersion: created.metadata.resourceVersion!,
    signal: stop.signal,
  })
  for await (const change of changes) if (change.type === 'MODIFIED' && change.object.status?.phase === 'Running') break
  const elapsed = performance.now() - startedAt
  stop.abort()
  await client.delete(CoreV1Pod, { namespace: 'default', name }, { gracePeriodSeconds: 0 })
  return elapsed
}

async function timeByHand(name: string): Promise<number> {
  const startedAt = performance.now()
  await execute('docker', ['run', '-d', '--name', `${name}-sandbox`, image, 'sleep', '1000'])
  await execute('docker', ['run', '-d', '--name', `${name}-main`, '--network', `container:${name}-sandbox`, image, 'sleep', '1000'])
  const elapsed = performance.now() - startedAt
  await execute('docker', ['rm', '-f', `${name}-main`, `${name}-sandbox`])
  return elapsed
}

async function spike(cluster: TestCluster): Promise<Measurement> {
  for (const file of ['pod-scaling-controller.yaml', 'pod-scaling-service.yaml', 'node-js-scale-hpa.yaml'])
    await cluster.kubectl('create', '-f', manifests + file)
  const ready = async () => Number((await cluster.kubectl('get', 'rc', 'node-js-scale', '-o', 'jsonpath={.status.readyReplicas}')).stdout)
  await eventually('one replica', async () => ((await ready()) === 1 ? true : undefined))
  await eventually('a figure', async () => (/cpu: \d+%/.test((await cluster.kubectl('get', 'hpa')).stdout) ? true : undefined))
  const startedAt = performance.now()
  await cluster.kubectl('create', '-f', `${manifests}boomload.yaml`)
  await eventually('two replicas', async () => ((await ready()) > 1 ? true : undefined), 120_000)
  return {
    what: 'load generator created → second replica Ready',
    value: `${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
    aim: '≤ 15 s',
  }
}
