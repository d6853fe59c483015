import { expect, test } from 'vitest'
import type { CoreV1ResourceRequirements } from '../../api/generated/kinds.ts'
import { AppliedResources } from './applied-resources.ts'
import { observed, testContainer, testPod } from './pod-fixtures.ts'
import type { PodServices } from './pod-services.ts'

const small = { requests: { cpu: '100m' }, limits: { cpu: '100m' } }
const large = { requests: { cpu: '30' }, limits: { cpu: '30' } }
const fair = { requests: { cpu: '200m' }, limits: { cpu: '200m' } }

/** What the next attempt of a container is started with that had `small`, when its pod asks for something else. */
const startsWith = (wanted: CoreV1ResourceRequirements) => {
  const applied = new AppliedResources({ pods: () => [], settings: { allocatable: { cpu: '2' } } } as unknown as PodServices)
  applied.set(observed('main', 'running'), small)
  applied.forget('main-0')
  const container = testContainer('main', { resources: wanted })
  return applied.forStart(testPod({ containers: [container] }), container)
}

test('a container that starts again has what it asks for where the node gives that, and else what it had', () => {
  expect(startsWith(fair)).toBe(fair)
  expect(startsWith(large)).toBe(small)
  expect(startsWith(small)).toEqual(small)
})

test('the first start is with what is asked for', () => {
  const applied = new AppliedResources({ pods: () => [], settings: { allocatable: { cpu: '2' } } } as unknown as PodServices)
  const container = testContainer('main', { resources: large })
  expect(applied.forStart(testPod({ containers: [container] }), container)).toBe(large)
})
