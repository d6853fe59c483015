import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'

let cluster: TestCluster

beforeAll(async () => {
  const timings = ['--scan-interval=1', '--scale-down-unneeded-time=3', '--scale-down-delay-after-add=1']
  cluster = await startCluster(['--runtime=simulated', '--influxdb=none', '--autoscale-nodes=1:2', ...timings], 176)
})
afterAll(() => cluster?.remove())

const workload = (cpu: number) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: hungry }
spec:
  replicas: 2
  selector: { matchLabels: { app: hungry } }
  template:
    metadata: { labels: { app: hungry } }
    spec:
      containers: [{ name: c, image: sleeper, resources: { requests: { cpu: ${cpu}m } } }]
`
const lines = async (...args: string[]) => (await cluster.kubectl(...args)).stdout.split('\n').filter((line) => line !== '')
const nodes = () => lines('get', 'nodes', '-o', 'name')

test('a node comes for a pod that fits nowhere, and goes when it is idle', async () => {
  const [allocatable] = await lines('get', 'node', 'node-a', '-o', 'jsonpath={.status.allocatable.cpu}')
  const millicores = allocatable!.endsWith('m') ? Number.parseInt(allocatable!, 10) : Number(allocatable) * 1000
  const applied = await cluster.kubectlWith(workload(Math.floor(millicores * 0.6)), 'apply', '-f', '-')
  expect(applied.code, applied.stderr).toBe(0)

  await eventually('both pods run, on a node each', async () => {
    const pods = await lines('get', 'pods', '-o', 'jsonpath={range .items[*]}{.status.phase} {.spec.nodeName}{"\\n"}{end}')
    return pods.toSorted().join() === 'Running node-a,Running node-a-2' ? true : undefined
  })
  const events = await lines('get', 'events', '-A', '-o', 'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}')
  expect(events).toContain('TriggeredScaleUp: pod triggered scale-up: [{local 0->1 (max: 1)}]')

  await cluster.kubectl('delete', 'deployment', 'hungry', '--wait=false')
  await eventually('the node is gone', async () => ((await nodes()).join() === 'node/node-a' ? true : undefined))
  const [status] = await lines('get', 'configmap', 'cluster-autoscaler-status', '-n', 'kube-system', '-o', 'jsonpath={.data.status}')
  expect(status).toMatch(/^time: /)
  await eventually('its process has ended', async () =>
    /node-node-a-2 +ready/.test((await cluster.binnacle('status')).stdout) ? undefined : true,
  )
})
