import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CoreV1ConfigMap, CoreV1Secret } from '../api/generated/kinds.ts'
import { watch } from './controller.ts'
import type { Controller, ControllerDeclaration, ControllerOptions, ReconcileContext } from './controller.ts'
import { TerminalError } from './terminal-error.ts'
import { createTestCluster } from './test-cluster.ts'
import type { TestCluster } from './test-cluster.ts'

type CreateController = (declaration: ControllerDeclaration<CoreV1ConfigMap>, options: ControllerOptions) => Controller

const configMap = (name: string, data: Record<string, string> = {}): CoreV1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
})
const at = (name: string) => ({ namespace: 'default', name })

/** What a control loop promises, whatever it is made of. */
export function describeController(name: string, createController: CreateController): void {
  describe(`controller contract: ${name}`, () => {
    let cluster: TestCluster
    let runs: string[]

    beforeEach(() => {
      cluster = createTestCluster()
      runs = []
    })
    afterEach(() => cluster.stop())

    type Step = (object: CoreV1ConfigMap, context: ReconcileContext) => Promise<{ requeueAfterMs: number } | undefined>

    /** Starts the loop; each run is noted in `runs` before `step`. */
    async function start(
      step: Step = async () => undefined,
      more: Partial<ControllerDeclaration<CoreV1ConfigMap>> = {},
    ): Promise<Controller> {
      const declaration: ControllerDeclaration<CoreV1ConfigMap> = {
        name: 'under-test',
        for: CoreV1ConfigMap,
        reconcile: (object, context) => {
          runs.push(object.metadata.name!)
          return step(object, context)
        },
        ...more,
      }
      const controller = createController(declaration, cluster)
      cluster.keep((signal) => controller.run(signal))
      await cluster.start()
      return controller
    }

    const change = (name: string, value: string) =>
      cluster.client.patch(CoreV1ConfigMap, at(name), { type: 'application/merge-patch+json', body: { data: { value } } })

    test('every result has a counter from the start, at 0', async () => {
      const controller = await start()
      expect(controller.counts).toEqual({ success: 0, requeue: 0, error: 0, terminal: 0 })
    })

    test('it starts after its caches have synced, with every object that is there', async () => {
      await cluster.client.create(CoreV1ConfigMap, configMap('a'))
      await cluster.client.create(CoreV1ConfigMap, configMap('b'))
      expect(runs).toEqual([])
      const controller = await start()
      expect(runs.toSorted()).toEqual(['a', 'b'])
      expect(controller.counts.success).toBe(2)
    })

    test('changes during a run cause exactly one more, and a key never runs twice at once', async () => {
      let finish = () => {}
      let running = 0
      await cluster.client.create(CoreV1ConfigMap, configMap('a'))
      await start(async () => {
        expect(++running).toBe(1)
        await new Promise<void>((resolve) => (finish = resolve))
        running--
        return undefined
      })
      await change('a', '1')
      await change('a', '2')
      await change('a', '3')
      await cluster.clock.settle()
      expect(runs).toEqual(['a'])
      finish()
      await cluster.clock.settle()
      expect(runs).toEqual(['a', 'a'])
      finish()
      await cluster.clock.settle()
      expect(runs).toEqual(['a', 'a'])
    })

    test('a throw is tried again with a growing delay per key, and counted as error', async () => {
      const times: number[] = []
      await cluster.client.create(CoreV1ConfigMap, configMap('a'))
      const controller = await start(async () => {
        times.push(cluster.clock.monotonic())
        if (times.length < 5) throw new Error('not yet')
        return undefined
      })
      await cluster.clock.advance(1_000)
      const delays = times.slice(1).map((time, index) => time - times[index]!)
      expect(delays).toEqual([5, 10, 20, 40])
      expect(controller.counts).toEqual({ success: 1, requeue: 0, error: 4, terminal: 0 })
    })

    test('a terminal error is counted and not tried again until the object changes', async () => {
      await cluster.client.create(CoreV1ConfigMap, configMap('a'))
      const controller = await start(() => Promise.reject(new TerminalError('never')))
      await cluster.clock.advance(3_600_000)
      expect(controller.counts).toEqual({ success: 0, requeue: 0, error: 0, terminal: 1 })
      await change('a', '1')
      await cluster.clock.advance(10)
      expect(controller.counts.terminal).toBe(2)
    })

    test('requeueAfterMs runs the key again after that time and clears its backoff', async () => {
      const times: number[] = []
      await cluster.client.create(CoreV1ConfigMap, configMap('a'))
      const controller = await start(async () => {
        times.push(cluster.clock.monotonic())
        if ([1, 2, 4].includes(times.length)) throw new Error('not yet')
        return { requeueAfterMs: 1_000 }
      })
      await cluster.clock.advance(2_500)
      const delays = times.slice(1).map((time, index) => time - times[index]!)
      expect(delays).toEqual([5, 10, 1_000, 5, 1_000])
      expect(controller.counts).toEqual({ success: 0, requeue: 3, error: 3, terminal: 0 })
    })

    test('a key runs again only when the caches have what its last run wrote', async () => {
      const seen: (string | undefined)[] = []
      const controller = await start(async ({ data, metadata }, { client }) => {
        seen.push(data?.value)
        if (seen.length > 3) return undefined
        await client.update(CoreV1ConfigMap, { ...configMap('a', { value: String(seen.length) }), metadata })
        // Asked again at once, while the watch has not delivered yet.
        controller.enqueueAfter('default/a', 0)
        return undefined
      })
      await cluster.client.create(CoreV1ConfigMap, configMap('a', { value: '0' }))
      await cluster.clock.advance(100)
      expect(seen.slice(0, 4)).toEqual(['0', '1', '2', '3'])
      expect(controller.counts.error).toBe(0)
    })

    test('read-your-writes holds while the watch is down', async () => {
      let creations = 0
      await cluster.client.create(CoreV1ConfigMap, configMap('a'))
      const secrets = cluster.informers.informer(CoreV1Secret)
      const controller = await start(
        async (_, { client }) => {
          if (secrets.get('default/made') !== undefined) return undefined
          creations++
          cluster.transport.breakWatches()
          await client.create(CoreV1Secret, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'made', namespace: 'default' } })
          return undefined
        },
        { watches: [watch(CoreV1Secret, () => ['default/a'])] },
      )
      controller.enqueueAfter('default/a', 1)
      await cluster.clock.advance(60_000)
      expect(creations).toBe(1)
      expect(controller.counts.error).toBe(0)
    })

    test('a removal is a write too: the key waits until the caches no longer have the object', async () => {
      let removals = 0
      await cluster.client.create(CoreV1Secret, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'old', namespace: 'default' } })
      const secrets = cluster.informers.informer(CoreV1Secret)
      const controller = await start(
        async (_, { client }) => {
          if (secrets.get('default/old') === undefined) return undefined
          removals++
          await client.delete(CoreV1Secret, at('old'))
          controller.enqueueAfter('default/a', 0)
          return undefined
        },
        { watches: [watch(CoreV1Secret, () => ['default/a'])] },
      )
      await cluster.client.create(CoreV1ConfigMap, configMap('a'))
      await cluster.clock.advance(100)
      expect(removals).toBe(1)
      expect(controller.counts.error).toBe(0)
    })

    test('a change of an owned object enqueues its controller, a change of a watched one the keys it maps to', async () => {
      const owner = await cluster.client.create(CoreV1ConfigMap, configMap('owner'))
      await cluster.client.create(CoreV1ConfigMap, configMap('other'))
      await start(undefined, {
        owns: [CoreV1Secret],
        watches: [watch(CoreV1Secret, ({ metadata }) => (metadata.labels?.for === undefined ? [] : [`default/${metadata.labels.for}`]))],
      })
      runs.length = 0
      const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid!, controller: true }
      await cluster.client.create(CoreV1Secret, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'owned', namespace: 'default', ownerReferences: [reference] },
      })
      await cluster.client.create(CoreV1Secret, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'watched', namespace: 'default', labels: { for: 'other' } },
      })
      await cluster.clock.settle()
      expect(runs.toSorted()).toEqual(['other', 'owner'])
    })

    test('an object that is gone is not reconciled', async () => {
      const controller = await start()
      controller.enqueueAfter('default/none', 0)
      await cluster.clock.settle()
      expect(runs).toEqual([])
    })

    test('abort lets the runs under way end, starts no other, and then resolves', async () => {
      let finish = () => {}
      const abort = new AbortController()
      const declaration: ControllerDeclaration<CoreV1ConfigMap> = {
        name: 'under-test',
        for: CoreV1ConfigMap,
        workers: 1,
        reconcile: async ({ metadata }) => {
          runs.push(metadata.name!)
          await new Promise<void>((resolve) => (finish = resolve))
          return undefined
        },
      }
      const controller = createController(declaration, cluster)
      let hasEnded = false
      const run = controller.run(abort.signal).then(() => (hasEnded = true))
      await cluster.client.create(CoreV1ConfigMap, configMap('a'))
      await cluster.client.create(CoreV1ConfigMap, configMap('b'))
      await cluster.start()
      abort.abort()
      await cluster.clock.settle()
      expect(hasEnded).toBe(false)
      finish()
      await run
      expect(runs).toEqual(['a'])
    })
  })
}
