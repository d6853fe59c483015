import { expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { seededRandom } from '../../lib/random.ts'
import { CoreV1ConfigMap, CoreV1Pod } from '../api/generated/kinds.ts'
import { isExpired } from '../api/status-error.ts'
import { createFakeTransport } from './fake-transport.ts'
import { createClient } from './rest-client.ts'
import { describeTransport } from './transport.contract.ts'

const createTransport = () => createFakeTransport({ clock: new FakeClock(), random: seededRandom(1) })

describeTransport('fake', async () => ({ transport: createTransport() }))

const pod: CoreV1Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default' },
  spec: { containers: [{ name: 'c', image: 'i' }] },
}
const key = { namespace: 'default', name: 'p' }

test('a binding sets the node and the PodScheduled condition', async () => {
  const client = createClient(createTransport())
  await client.create(CoreV1Pod, pod)
  await client.createSubresource(CoreV1Pod, key, 'binding', { target: { kind: 'Node', name: 'n1' } })
  const bound = await client.get(CoreV1Pod, key)
  expect(bound.spec.nodeName).toBe('n1')
  expect(bound.status?.conditions?.[0]).toMatchObject({ type: 'PodScheduled', status: 'True' })
})

test('a pod on a node stays for its grace period and goes with a deletion of grace period 0', async () => {
  const client = createClient(createTransport())
  await client.create(CoreV1Pod, { ...pod, spec: { ...pod.spec, nodeName: 'n1' } })
  const held = await client.delete(CoreV1Pod, key)
  expect(held?.metadata.deletionGracePeriodSeconds).toBe(30)
  expect(await client.delete(CoreV1Pod, key, { gracePeriodSeconds: 0 })).toBeUndefined()
  expect((await client.list(CoreV1Pod)).items).toEqual([])
})

test('a watch from before a compaction is refused as expired', async () => {
  const transport = createTransport()
  const client = createClient(transport)
  const { metadata } = await client.create(CoreV1Pod, pod)
  await client.create(CoreV1ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' } })
  transport.compact()
  const watch = client.watch(CoreV1Pod, { resourceVersion: metadata.resourceVersion!, signal: new AbortController().signal })
  const refused = await watch[Symbol.asyncIterator]()
    .next()
    .catch((error: unknown) => error)
  expect(isExpired(refused)).toBe(true)
})
