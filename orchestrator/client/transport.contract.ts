import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CoreV1ConfigMap, CoreV1ReplicationController } from '../api/generated/kinds.ts'
import type { AutoscalingV1Scale } from '../api/generated/kinds.ts'
import type { KubeObject, WatchEvent } from '../api/object.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../api/status-error.ts'
import type { Client, Transport } from './client.ts'
import { createClient } from './rest-client.ts'

/** A transport to an empty server with a namespace `default`, and how to take it down. */
export interface TransportUnderTest {
  readonly transport: Transport
  close?(): Promise<void>
}

const configMap = (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}): CoreV1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', labels },
  data,
})

const controller = (name: string, replicas: number): CoreV1ReplicationController => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas,
    selector: { app: name },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
  },
})

const at = (name: string) => ({ namespace: 'default', name })

/** Collects `count` events of a watch, then ends it. Bookmarks are left out. */
async function collect<T extends KubeObject>(
  start: (signal: AbortSignal) => AsyncIterable<WatchEvent<T>>,
  count: number,
): Promise<WatchEvent<T>[]> {
  const abort = new AbortController()
  const events: WatchEvent<T>[] = []
  for await (const event of start(abort.signal)) {
    if (event.type !== 'BOOKMARK') events.push(event)
    if (events.length >= count) abort.abort()
  }
  return events
}

/** What every transport to an API server keeps, in process or over the network. */
export function describeTransport(name: string, setUp: () => Promise<TransportUnderTest>): void {
  describe(`transport contract: ${name}`, () => {
    let underTest: TransportUnderTest
    let client: Client

    beforeEach(async () => {
      underTest = await setUp()
      client = createClient(underTest.transport)
    })
    afterEach(() => underTest.close?.())

    test('a created object comes back with identity and can be read', async () => {
      const created = await client.create(CoreV1ConfigMap, configMap('a', { key: 'value' }))
      expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
      expect(created.metadata.creationTimestamp).toMatch(/Z$/)
      expect(Number(created.metadata.resourceVersion)).toBeGreaterThan(0)
      expect(await client.get(CoreV1ConfigMap, at('a'))).toEqual(created)
    })

    test('a generated name starts with generateName', async () => {
      const { name: _, ...metadata } = configMap('').metadata
      const created = await client.create(CoreV1ConfigMap, { ...configMap(''), metadata: { ...metadata, generateName: 'gen-' } })
      expect(created.metadata.name).toMatch(/^gen-[a-z0-9]{5}$/)
    })

    test('refusals carry the reason: NotFound, AlreadyExists', async () => {
      await client.create(CoreV1ConfigMap, configMap('a'))
      expect(isAlreadyExists(await client.create(CoreV1ConfigMap, configMap('a')).catch((error: unknown) => error))).toBe(true)
      expect(isNotFound(await client.get(CoreV1ConfigMap, at('none')).catch((error: unknown) => error))).toBe(true)
      expect(isNotFound(await client.delete(CoreV1ConfigMap, at('none')).catch((error: unknown) => error))).toBe(true)
    })

    test('an update at a stale resourceVersion is a Conflict and changes nothing', async () => {
      const first = await client.create(CoreV1ConfigMap, configMap('a', { n: '1' }))
      const second = await client.update(CoreV1ConfigMap, { ...first, data: { n: '2' } })
      expect(Number(second.metadata.resourceVersion)).toBeGreaterThan(Number(first.metadata.resourceVersion))
      expect(isConflict(await client.update(CoreV1ConfigMap, { ...first, data: { n: '3' } }).catch((error: unknown) => error))).toBe(true)
      expect((await client.get(CoreV1ConfigMap, at('a'))).data).toEqual({ n: '2' })
    })

    test('an update that changes nothing keeps the resourceVersion', async () => {
      const first = await client.create(CoreV1ConfigMap, configMap('a', { n: '1' }))
      const second = await client.update(CoreV1ConfigMap, structuredClone(first))
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
    })

    test('a merge patch changes what it names and removes what it nulls', async () => {
      await client.create(CoreV1ConfigMap, configMap('a', { keep: '1', drop: '2' }))
      const body = { data: { drop: null, add: '3' } }
      const patched = await client.patch(CoreV1ConfigMap, at('a'), { type: 'application/merge-patch+json', body })
      expect(patched.data).toEqual({ keep: '1', add: '3' })
    })

    test('a list is complete at its revision and narrowed by label and name', async () => {
      await client.create(CoreV1ConfigMap, configMap('a', {}, { tier: 'web' }))
      const b = await client.create(CoreV1ConfigMap, configMap('b', {}, { tier: 'db' }))
      const names = async (options: object) =>
        (await client.list(CoreV1ConfigMap, { namespace: 'default', ...options })).items
          .map(({ metadata }) => metadata.name)
          .filter((item) => item !== 'kube-root-ca.crt')
      expect(await names({})).toEqual(['a', 'b'])
      expect(await names({ labelSelector: 'tier in (web,cache)' })).toEqual(['a'])
      expect(await names({ fieldSelector: 'metadata.name=b' })).toEqual(['b'])
      const { metadata } = await client.list(CoreV1ConfigMap)
      expect(Number(metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(b.metadata.resourceVersion))
    })

    test('deleting removes the object; a wrong uid precondition is a Conflict', async () => {
      await client.create(CoreV1ConfigMap, configMap('a'))
      const refused = await client.delete(CoreV1ConfigMap, at('a'), { preconditions: { uid: 'other' } }).catch((error: unknown) => error)
      expect(isConflict(refused)).toBe(true)
      expect(await client.delete(CoreV1ConfigMap, at('a'))).toBeUndefined()
      expect(isNotFound(await client.get(CoreV1ConfigMap, at('a')).catch((error: unknown) => error))).toBe(true)
    })

    test('a finalizer keeps a deleted object until it is taken away', async () => {
      const created = configMap('a')
      await client.create(CoreV1ConfigMap, { ...created, metadata: { ...created.metadata, finalizers: ['example.com/hold'] } })
      const held = await client.delete(CoreV1ConfigMap, at('a'))
      expect(held?.metadata.deletionTimestamp).toBeDefined()
      await client.patch(CoreV1ConfigMap, at('a'), { type: 'application/merge-patch+json', body: { metadata: { finalizers: null } } })
      expect(isNotFound(await client.get(CoreV1ConfigMap, at('a')).catch((error: unknown) => error))).toBe(true)
    })

    test('status and spec are written apart; only the spec counts the generation up', async () => {
      const created = await client.create(CoreV1ReplicationController, controller('rc', 2))
      expect(created.metadata.generation).toBe(1)
      const reported = await client.updateStatus(CoreV1ReplicationController, {
        ...created,
        spec: { ...created.spec, replicas: 9 },
        status: { replicas: 2, observedGeneration: 1 },
      })
      expect(reported.spec.replicas).toBe(2)
      expect(reported.status?.replicas).toBe(2)
      expect(reported.metadata.generation).toBe(1)
      const scaled = await client.update(CoreV1ReplicationController, {
        ...reported,
        spec: { ...reported.spec, replicas: 3 },
        status: { replicas: 77 },
      })
      expect(scaled.status?.replicas).toBe(2)
      expect(scaled.metadata.generation).toBe(2)
    })

    test('scale shows and changes spec.replicas', async () => {
      await client.create(CoreV1ReplicationController, controller('rc', 2))
      const scale = await client.getSubresource<AutoscalingV1Scale>(CoreV1ReplicationController, at('rc'), 'scale')
      expect(scale.spec?.replicas).toBe(2)
      expect(scale.status?.selector).toBe('app=rc')
      await client.putSubresource(CoreV1ReplicationController, at('rc'), 'scale', { ...scale, spec: { replicas: 5 } })
      expect((await client.get(CoreV1ReplicationController, at('rc'))).spec.replicas).toBe(5)
    })

    test('a watch gives every change after its revision, once and in order', async () => {
      const { metadata } = await client.create(CoreV1ConfigMap, configMap('before'))
      const options = { namespace: 'default', resourceVersion: metadata.resourceVersion!, labelSelector: 'seen=yes' }
      const events = collect((signal) => client.watch(CoreV1ConfigMap, { ...options, signal }), 3)
      const created = await client.create(CoreV1ConfigMap, configMap('a', { n: '1' }, { seen: 'yes' }))
      await client.update(CoreV1ConfigMap, { ...created, data: { n: '2' } })
      await client.delete(CoreV1ConfigMap, at('a'))
      const seen = await events
      expect(seen.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED'])
      const revisions = seen.map(({ object }) => Number(object.metadata.resourceVersion))
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
      expect(new Set(revisions).size).toBe(3)
    })

    test('an object that starts or stops matching the selector is added to or removed from the watch', async () => {
      const { metadata } = await client.create(CoreV1ConfigMap, configMap('a'))
      const options = { namespace: 'default', resourceVersion: metadata.resourceVersion!, labelSelector: 'seen=yes' }
      const events = collect((signal) => client.watch(CoreV1ConfigMap, { ...options, signal }), 2)
      const label = (value: string | null) =>
        client.patch(CoreV1ConfigMap, at('a'), { type: 'application/merge-patch+json', body: { metadata: { labels: { seen: value } } } })
      await label('yes')
      await label(null)
      expect((await events).map(({ type }) => type)).toEqual(['ADDED', 'DELETED'])
    })

    test('a watch ends quietly when its signal aborts', async () => {
      const abort = new AbortController()
      const ended = (async () => {
        for await (const event of client.watch(CoreV1ConfigMap, { namespace: 'default', signal: abort.signal })) expect(event).toBeDefined()
      })()
      abort.abort()
      await expect(ended).resolves.toBeUndefined()
    })

    test('objects that are handed out do not change afterwards', async () => {
      const created = await client.create(CoreV1ConfigMap, configMap('a', { n: '1' }))
      const copy = structuredClone(created)
      await client.update(CoreV1ConfigMap, { ...created, data: { n: '2' } })
      expect(created).toEqual(copy)
    })
  })
}
