import { availableParallelism } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, execute, startCluster, type TestCluster } from '../../support/cluster.ts'
import { importShellImage } from './shell-image.ts'

const image = 'binnacle-test/shell:shared'
const networkIndex = 128
/** A busy loop that is held to 0.2 CPUs. */
const busyPod = (node: string) => `apiVersion: v1
kind: Pod
metadata: {name: busy-${node}}
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: ${image}
    imagePullPolicy: IfNotPresent
    command: [/bin/sh, -c, 'while true; do true; done']
    resources: {requests: {cpu: 100m}, limits: {cpu: 200m, memory: 32Mi}}
`

interface NodeJson {
  readonly items: readonly { readonly status: { readonly capacity: { readonly cpu: string; readonly memory: string } } }[]
}

/** Kubernetes writes whole CPUs without a unit. */
const millicoresOf = (cpu: string) => (cpu.endsWith('m') ? Number.parseInt(cpu, 10) : Number(cpu) * 1000)

describe('two nodes on one machine', () => {
  let cluster: TestCluster
  beforeAll(async () => {
    await importShellImage(image)
    cluster = await startCluster(['--nodes=2', '--influxdb=none', '--resolution=1'], networkIndex)
  })
  afterAll(async () => {
    await cluster.remove()
    await execute('docker', ['rmi', '-f', image])
  })

  const usageOf = async (path: string): Promise<number | undefined> => {
    const response = await fetch(`http://127.0.0.1:${cluster.ports.aggregator}/api/v1/model${path}/metrics/cpu/usage_rate`)
    const { metrics } = (await response.json()) as { metrics: { value: number }[] }
    return metrics.at(-1)?.value
  }

  it('claim no more than the machine has', async () => {
    const { items } = JSON.parse((await cluster.kubectl('get', 'nodes', '-o', 'json')).stdout) as NodeJson
    expect(items).toHaveLength(2)
    const claimed = items.reduce((total, { status }) => total + millicoresOf(status.capacity.cpu), 0)
    expect(claimed).toBeLessThanOrEqual(availableParallelism() * 1000)
  })

  it('are each what their own pods use, and together the cluster', async () => {
    for (const node of ['node-a', 'node-a-2']) expect((await cluster.kubectlWith(busyPod(node), 'create', '-f', '-')).code).toBe(0)
    const isBusy = (millicores: number | undefined) => millicores !== undefined && millicores > 150 && millicores < 250
    await eventually('both nodes to have the use of their pod', async () => {
      const both = await Promise.all(['node-a', 'node-a-2'].map((node) => usageOf(`/nodes/${node}`)))
      return both.every(isBusy) ? both : undefined
    })
    const total = await eventually('the cluster to be their sum', async () => {
      const usage = await usageOf('')
      return usage !== undefined && usage > 300 ? usage : undefined
    })
    expect(total).toBeLessThan(500)
  })
})
