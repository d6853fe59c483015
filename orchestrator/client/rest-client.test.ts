import { expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { seededRandom } from '../../lib/random.ts'
import { CoreV1ConfigMap } from '../api/generated/kinds.ts'
import { createFakeTransport } from './fake-transport.ts'
import { createClient } from './rest-client.ts'

test('whoever asks for one object by an empty name is refused, and does not get, or delete, all', async () => {
  const client = createClient(createFakeTransport({ clock: new FakeClock(), random: seededRandom(1) }))
  const object: CoreV1ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept', namespace: 'default' } }
  await client.create(CoreV1ConfigMap, object)
  const key = { namespace: 'default', name: '' }
  for (const call of [
    () => client.get(CoreV1ConfigMap, key),
    () => client.delete(CoreV1ConfigMap, key),
    () => client.update(CoreV1ConfigMap, { ...object, metadata: key }),
    () => client.patch(CoreV1ConfigMap, key, { type: 'application/merge-patch+json', body: {} }),
  ]) {
    await expect(call()).rejects.toThrow('resource name may not be empty')
  }
  expect((await client.list(CoreV1ConfigMap, { namespace: 'default' })).items).toHaveLength(1)
})
