import { systemClock } from '../../lib/clock.ts'
import { CoreV1Node, CoreV1Pod, CoreV1Service, SchedulingV1PriorityClass } from '../../orchestrator/api/generated/kinds.ts'
import { createTestCredentials } from '../../orchestrator/apiserver/testing/test-server.ts'
import type { TestCredentials } from '../../orchestrator/apiserver/testing/test-server.ts'
import type { Measurement } from '../measurement.ts'
import { createNamespace, startBenchCluster } from './cluster.ts'
import type { BenchCluster, Cost } from './cluster.ts'
import { nodeOf, podOf, shapes } from './shapes.ts'
import type { PodGroup, Shape } from './shapes.ts'

const nodeCount = 5_000
const churnMs = 100

/** Pods per second from the first create to the last binding; API server, store in memory, scheduler and load share one thread. */
export async function measureScheduler(wanted: readonly string[] = []): Promise<Measurement[]> {
  const credentials = await createTestCredentials()
  const rows: Measurement[] = []
  for (const shape of shapes.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    const { ms, cpuMs } = await measureShape(shape, credentials)
    const { count } = shape.measured
    const rate = Math.round(count / (ms / 1000)).toLocaleString('en')
    const value = `${rate} pods/s, ${(cpuMs / count).toFixed(2)} ms of CPU each`
    rows.push({
      what: `scheduling, 5,000 nodes, ${shape.name}: ${describe(shape)}`,
      value,
      aim: shape.upstream === undefined ? '' : `≥ ${shape.name === 'basic' ? '1,000' : shape.upstream} pods/s`,
      ...(shape.upstream === undefined ? {} : { peer: `upstream's CI threshold ${shape.upstream} pods/s` }),
    })
    console.error(`${shape.name}: ${value}`)
  }
  return rows
}

function describe({ before, measured }: Shape): string {
  const total = before.reduce((sum, { count }) => sum + count, 0)
  return `${measured.count.toLocaleString('en')} pods${total === 0 ? '' : ` beside ${total.toLocaleString('en')}`}`
}

async function measureShape(shape: Shape, credentials: TestCredentials): Promise<Cost> {
  const nodes = Array.from({ length: nodeCount }, (_, index) => nodeOf(index, shape))
  const cluster = await startBenchCluster(credentials, nodes)
  const abort = new AbortController()
  try {
    const namespaces = Array.from({ length: shape.namespaces ?? 1 }, (_, index) => `bench-${index}`)
    for (const namespace of namespaces) await createNamespace(cluster.client, namespace, { team: 'devops' })
    await cluster.client.create(SchedulingV1PriorityClass, {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'bench-high' },
      value: 1_000,
    })
    const churning = shape.isChurning === true ? churn(cluster, shape, abort.signal) : undefined
    for (const [at, group] of shape.before.entries()) await add(cluster, namespaces, group, `before-${at}`)
    const cost = await add(cluster, namespaces, shape.measured, 'measured')
    abort.abort()
    await churning
    return cost
  } finally {
    abort.abort()
    await cluster.stop()
  }
}

async function add(cluster: BenchCluster, namespaces: readonly string[], group: PodGroup, prefix: string): Promise<Cost> {
  const pods = Array.from({ length: group.count }, (_, index) =>
    podOf(`${prefix}-${index}`, namespaces[index % namespaces.length]!, group, index),
  )
  const create = () => cluster.createAll(CoreV1Pod, pods)
  if (group.staysPending !== true) return cluster.schedule(group.count, create)
  await create()
  return { ms: 0, cpuMs: 0 }
}

/** A node, a service and a pod that is too large come and go. */
async function churn({ client }: BenchCluster, shape: Shape, signal: AbortSignal): Promise<void> {
  for (let round = 0; !signal.aborted; round++) {
    const name = `churn-${round}`
    await client.create(CoreV1Node, { ...nodeOf(0, shape), metadata: { name } })
    await client.create(CoreV1Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'bench-0' },
      spec: { selector: { churn: name }, ports: [{ port: 80 }] },
    })
    const large = { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '9' } } }], priorityClassName: 'bench-high' }
    await client.create(CoreV1Pod, podOf(name, 'bench-0', { count: 1, spec: () => large }, 0))
    await systemClock.sleep(churnMs, signal)
    await client.delete(CoreV1Pod, { namespace: 'bench-0', name })
    await client.delete(CoreV1Service, { namespace: 'bench-0', name })
    await client.delete(CoreV1Node, { name })
  }
}
