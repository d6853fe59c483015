import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { CoreV1Namespace, CoreV1Node, CoreV1Pod, CoreV1ServiceAccount } from '../../orchestrator/api/generated/kinds.ts'
import type { KubeObject, Kind } from '../../orchestrator/api/object.ts'
import { startTestServer } from '../../orchestrator/apiserver/testing/test-server.ts'
import type { TestCredentials } from '../../orchestrator/apiserver/testing/test-server.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createInformerFactory } from '../../orchestrator/client/informer-factory.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { createScheduler } from '../../orchestrator/scheduler/app.ts'
import type { Scheduler } from '../../orchestrator/scheduler/app.ts'

/** Requests under way at the same time. */
const clients = 64
const patienceMs = 300_000

/** How long something took, and how much CPU the process spent meanwhile: that tells of a busy machine less. */
export interface Cost {
  readonly ms: number
  readonly cpuMs: number
}

/** API server, store in memory and scheduler in this process, with nodes that nobody runs. */
export interface BenchCluster {
  readonly client: Client
  readonly scheduler: Scheduler
  createAll<T extends KubeObject>(kind: Kind<T>, objects: readonly T[]): Promise<void>
  /** Resolves when so many pods more than at the call have been given nodes; `create` makes them. */
  schedule(count: number, create: () => Promise<void>): Promise<Cost>
  stop(): Promise<void>
}

export async function startBenchCluster(credentials: TestCredentials, nodes: readonly CoreV1Node[]): Promise<BenchCluster> {
  const server = await startTestServer(credentials)
  const client = createClient(server.server.transport)
  const shared = { client, clock: systemClock, random: systemRandom, log: silentLog }
  const informers = createInformerFactory(shared)
  const scheduler = createScheduler({ ...shared, informers })
  const abort = new AbortController()

  async function createAll<T extends KubeObject>(kind: Kind<T>, objects: readonly T[]): Promise<void> {
    let next = 0
    const work = async () => {
      while (next < objects.length) await client.create(kind, objects[next++]!)
    }
    await Promise.all(Array.from({ length: clients }, work))
  }

  await createAll(CoreV1Node, nodes)
  const running = [scheduler.run(abort.signal), informers.run(abort.signal)]
  const pods = informers.informer(CoreV1Pod)
  await pods.waitForSync()

  return {
    client,
    scheduler,
    createAll,
    schedule: async (count, create) => {
      let left = count
      const done = Promise.withResolvers<void>()
      const unsubscribe = pods.onChange({
        updated: ({ spec }, previous) => {
          if (spec.nodeName !== undefined && previous.spec.nodeName === undefined && --left === 0) done.resolve()
        },
      })
      const startedAt = performance.now()
      const before = process.cpuUsage()
      await create()
      const patience = systemClock.setTimer(patienceMs, () =>
        done.reject(
          new Error(`${left} of ${count} pods have no node after ${patienceMs / 1000} s: ${JSON.stringify(scheduler.pending())}`),
        ),
      )
      await done.promise
      patience.cancel()
      unsubscribe()
      const { user, system } = process.cpuUsage(before)
      return { ms: performance.now() - startedAt, cpuMs: (user + system) / 1000 }
    },
    stop: async () => {
      abort.abort()
      await Promise.all(running)
      await server.stop()
    },
  }
}

/** Makes a namespace with what pods need there. */
export async function createNamespace(client: Client, name: string, labels: Record<string, string> = {}): Promise<void> {
  await client.create(CoreV1Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels }, spec: {} })
  await client.create(CoreV1ServiceAccount, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } })
}
