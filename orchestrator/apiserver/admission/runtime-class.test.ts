import { beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import type { CoreV1Pod, CoreV1PodSpec, NodeV1RuntimeClass } from '../../api/generated/kinds.ts'
import { openMemoryStore } from '../../store/memory.ts'
import type { Store } from '../../store/store.ts'
import type { Attributes } from './admission.ts'
import { runtimeClass } from './runtime-class.ts'

let store: Store
beforeEach(async () => {
  store = await openMemoryStore({ clock: systemClock })
  const sandboxed: NodeV1RuntimeClass = {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name: 'sandboxed' },
    handler: 'gvisor',
    overhead: { podFixed: { cpu: '250m', memory: '120Mi' } },
    scheduling: { nodeSelector: { runtime: 'gvisor' }, tolerations: [{ key: 'gvisor', operator: 'Exists' }] },
  }
  await store.put('node.k8s.io/runtimeclasses/sandboxed', sandboxed, 0)
})

const admit = (spec: Partial<CoreV1PodSpec>): CoreV1PodSpec => {
  const object: CoreV1Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [], ...spec } }
  const attributes = {
    operation: 'CREATE',
    declaration: { kind: { group: '', plural: 'pods', kind: 'Pod' } },
    name: 'p',
    subresource: '',
    object,
  }
  void runtimeClass(store).admit(attributes as unknown as Attributes)
  return object.spec
}

test('a pod gets what its class costs and where it can run, beside what it has', () => {
  expect(admit({ runtimeClassName: 'sandboxed', nodeSelector: { disk: 'ssd' }, tolerations: [{ key: 'a' }] })).toMatchObject({
    overhead: { cpu: '250m', memory: '120Mi' },
    nodeSelector: { disk: 'ssd', runtime: 'gvisor' },
    tolerations: [{ key: 'a' }, { key: 'gvisor', operator: 'Exists' }],
  })
  expect(admit({})).toEqual({ containers: [] })
})

test.each<[string, Partial<CoreV1PodSpec>]>([
  ['RuntimeClass "missing" not found', { runtimeClassName: 'missing' }],
  ['Pod Overhead set without corresponding RuntimeClass defined Overhead', { overhead: { cpu: '1' } }],
  ["Pod's Overhead doesn't match RuntimeClass's defined Overhead", { runtimeClassName: 'sandboxed', overhead: { cpu: '1' } }],
  [
    'conflict: runtimeClass.scheduling.nodeSelector[runtime] = gvisor',
    { runtimeClassName: 'sandboxed', nodeSelector: { runtime: 'other' } },
  ],
])('a pod is refused: %s', (message, spec) => {
  expect(() => admit(spec)).toThrow(`pods "p" is forbidden: pod rejected: ${message}`)
})
