import { describe, expect, it } from 'vitest'
import type { CoreV1Pod, CoreV1ResourceRequirements } from '../generated/kinds.ts'
import { validateResize } from './pod-resize.ts'

const pod = (resources: CoreV1ResourceRequirements, phase = 'Running'): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: { containers: [{ name: 'main', image: 'a', resources }] },
  status: { phase },
})
const messages = (now: CoreV1Pod, before: CoreV1Pod) => validateResize(now, before).map(({ message }) => message)
const small = { requests: { cpu: '100m' }, limits: { cpu: '200m' } }

describe('a resize of a pod', () => {
  it('may change amounts of cpu and memory', () => {
    expect(messages(pod({ requests: { cpu: '150m' }, limits: { cpu: '300m', memory: '1Gi' } }), pod(small))).toEqual([])
  })

  it('may not remove a limit, touch anything else, change the class or come after the end', () => {
    expect(messages(pod({ requests: { cpu: '100m' } }), pod(small))).toEqual(['Forbidden: resource limits cannot be removed'])
    expect(messages(pod({ ...small, limits: { cpu: '200m', 'ephemeral-storage': '1Gi' } }), pod(small))).toEqual([
      'Forbidden: only cpu and memory resources are mutable',
    ])
    expect(messages(pod(small), pod({}))).toEqual(['Forbidden: Pod QOS Class may not change as a result of resizing'])
    expect(messages(pod({ ...small, limits: { cpu: '1' } }, 'Failed'), pod(small, 'Failed'))).toEqual([
      'Forbidden: Pod has ended: its resources cannot be resized',
    ])
  })
})
