import { toTimestamp } from '../../lib/clock.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import type { Log } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import type { Random } from '../../lib/random.ts'
import { CoreV1Event, CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import { createFakeTransport } from '../client/fake-transport.ts'
import type { FakeTransport } from '../client/fake-transport.ts'
import { createEventRecorder } from '../client/events.ts'
import type { EventRecorder } from '../client/events.ts'
import type { InformerFactory } from '../client/informer.ts'
import { createInformerFactory } from '../client/informer-factory.ts'
import { createClient } from '../client/rest-client.ts'
import { isNotFound } from '../api/status-error.ts'
import type { Client } from '../client/client.ts'
import { createController } from './controller.ts'
import type { AnyController, Controller } from './controller.ts'

/** A control plane in memory on a clock that stands still: for acceptance tests. */
export interface TestCluster {
  readonly clock: FakeClock
  readonly random: Random
  readonly transport: FakeTransport
  readonly client: Client
  readonly informers: InformerFactory
  readonly events: EventRecorder
  readonly log: Log
  /** Starts controllers and the informers, then lets them settle. Called once. */
  start(...declarations: AnyController[]): Promise<readonly Controller[]>
  /** Keeps `run(signal)` alive until `stop`. */
  keep(run: (signal: AbortSignal) => Promise<void>): void
  stop(): Promise<void>
  /** The pods of a namespace that aren't being deleted. */
  pods(namespace?: string): Promise<readonly CoreV1Pod[]>
  /** `reason message` of every event, with its count where it is more than one. */
  eventTexts(): Promise<readonly string[]>
}

/** A fake API server, a client, informers and an event recorder that belong together. `start` runs controllers; `stop` must end each test. */
export function createTestCluster(): TestCluster {
  const clock = new FakeClock()
  const random = seededRandom(42)
  const transport = createFakeTransport({ clock, random })
  const client = createClient(transport)
  const informers = createInformerFactory({ client, clock, log: silentLog })
  const events = createEventRecorder({ client, clock, random, log: silentLog, component: 'test' })
  const abort = new AbortController()
  const runs: Promise<void>[] = []
  return {
    clock,
    random,
    transport,
    client,
    informers,
    events,
    log: silentLog,
    async start(...declarations) {
      const controllers = declarations.map((declaration) =>
        createController(declaration, { client, informers, clock, log: silentLog, events }),
      )
      runs.push(...controllers.map((controller) => controller.run(abort.signal)), informers.run(abort.signal))
      await clock.advance(1)
      return controllers
    },
    keep(run) {
      runs.push(run(abort.signal))
    },
    async stop() {
      abort.abort()
      await clock.settle()
      await Promise.all(runs)
    },
    async pods(namespace = 'default') {
      const { items } = await client.list(CoreV1Pod, { namespace })
      return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    },
    async eventTexts() {
      await events.flush()
      const { items } = await client.list(CoreV1Event)
      return items.map(({ reason, message, count }) => `${reason} ${message}${(count ?? 1) > 1 ? ` (x${count})` : ''}`)
    },
  }
}

/** A node as its agent registers it. */
export const testNode = (name: string, more: Partial<CoreV1Node> = {}): CoreV1Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  spec: {},
  status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' }, conditions: [{ type: 'Ready', status: 'True' }] },
  ...more,
})

let nextAddress = 1

/** Does what a node agent does at the least: brings pods to Running, ready (or not), with an address, on a node where they have none. A pod that has gone meanwhile is left alone. */
export async function runPod(
  client: Client,
  pod: CoreV1Pod,
  options: { readonly now: number; readonly isReady?: boolean; readonly node?: string },
): Promise<void> {
  const key = { namespace: pod.metadata.namespace, name: pod.metadata.name! }
  const at = toTimestamp(options.now)
  const status = options.isReady === false ? 'False' : 'True'
  try {
    if (pod.spec.nodeName === undefined)
      await client.patch(CoreV1Pod, key, { type: 'application/merge-patch+json', body: { spec: { nodeName: options.node ?? 'node-1' } } })
    const current = await client.get(CoreV1Pod, key)
    const podIP = current.status?.podIP ?? `10.244.0.${nextAddress++}`
    const containerStatuses = current.spec.containers.map(({ name, image }) => ({
      name,
      image: image ?? '',
      imageID: '',
      ready: status === 'True',
      restartCount: 0,
    }))
    const conditions = [{ type: 'Ready', status, lastTransitionTime: at }]
    await client.updateStatus(CoreV1Pod, {
      ...current,
      status: {
        phase: 'Running',
        podIP,
        podIPs: [{ ip: podIP }],
        startTime: current.status?.startTime ?? at,
        conditions,
        containerStatuses,
      },
    })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** Ends the graceful deletion of every pod that is being deleted, as node agents do. */
export async function finishDeletions(client: Client): Promise<void> {
  const { items } = await client.list(CoreV1Pod)
  for (const { metadata } of items) {
    if (metadata.deletionTimestamp === undefined) continue
    await client
      .delete(CoreV1Pod, { namespace: metadata.namespace, name: metadata.name! }, { gracePeriodSeconds: 0 })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  }
}
