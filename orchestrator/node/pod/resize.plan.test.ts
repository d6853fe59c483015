import { describe, expect, it } from 'vitest'
import { observed, testContainer, testPod, view } from './pod-fixtures.ts'
import { podStatus } from './pod-status.ts'
import { pendingResize, resizeOf } from './resize.plan.ts'
import { planPod } from './sync-pod.plan.ts'

const small = { requests: { cpu: '100m' }, limits: { cpu: '200m' } }
const big = { requests: { cpu: '300m' }, limits: { cpu: '400m' } }
const facts = { hostIp: '10.0.0.1', scheme: 'docker', nowMs: 0, hasRecursiveReadOnly: false }

describe('a resize in place', () => {
  it('updates a container that has something else, and restarts it where its policy asks for that', () => {
    expect(resizeOf(testContainer('main', { resources: small }), small)).toBeUndefined()
    expect(resizeOf(testContainer('main', { resources: big }), small)).toBe('update')
    const resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }]
    expect(resizeOf(testContainer('main', { resources: big, resizePolicy }), small)).toBe('restart')
  })

  it('waits where the node has not the room, and says whether it ever could', () => {
    const pod = testPod({ containers: [testContainer('main', { resources: big })] })
    const other = testPod({ containers: [testContainer('main', { resources: big })] }, { uid: 'other' })
    expect(pendingResize(pod, [pod, other], { cpu: '1', memory: '1Gi' })).toBeUndefined()
    expect(pendingResize(pod, [pod, other], { cpu: '500m', memory: '1Gi' })).toEqual({
      reason: 'Deferred',
      message: "Node didn't have enough resource: cpu, requested: 300, used: 300, capacity: 500",
    })
    expect(pendingResize(pod, [pod], { cpu: '200m', memory: '1Gi' })?.reason).toBe('Infeasible')
  })

  it('has room beside a pod that waits for more itself', () => {
    const pod = testPod({ containers: [testContainer('main', { resources: big })] })
    const waiting = testPod({ containers: [testContainer('main', { resources: { requests: { cpu: '30' } } })] }, { uid: 'other' })
    const told = { name: 'main', ready: true, restartCount: 0, image: '', imageID: '', allocatedResources: { cpu: '100m' } }
    const capacity = { cpu: '1', memory: '1Gi' }
    expect(pendingResize(pod, [{ ...waiting, status: { containerStatuses: [told] } }], capacity)).toBeUndefined()
    expect(pendingResize(pod, [waiting], capacity)?.reason).toBe('Deferred')
  })

  it('is planned once, told while it lasts, and done when the container has it', () => {
    const pod = testPod({ containers: [testContainer('main', { resources: big })] })
    const verdicts = new Map([['main-0', { isStarted: true, isReady: true }]])
    const during = view({ pod, verdicts, containers: [observed('main', 'running')], applied: new Map([['main-0', small]]) })
    const plan = planPod(during, 0)
    expect(plan.actions.map(({ type }) => type)).toEqual(['resize-container'])
    expect(planPod({ ...during, busy: new Set(['main/resize']) }, 0).actions).toEqual([])
    const told = podStatus(during, plan, facts)
    expect(told.conditions?.find(({ type }) => type === 'PodResizeInProgress')?.status).toBe('True')
    expect(told.containerStatuses?.[0]).toMatchObject({ resources: small, allocatedResources: small.requests })
    const after = { ...during, pod: { ...pod, status: told }, applied: new Map([['main-0', big]]) }
    const done = podStatus(after, planPod(after, 0), facts)
    expect(done.conditions?.map(({ type }) => type)).not.toContain('PodResizeInProgress')
    expect(done.containerStatuses?.[0]).toMatchObject({ resources: big })
  })

  it('changes nothing while it is pending', () => {
    const pod = testPod({ containers: [testContainer('main', { resources: big })] })
    const pending = { reason: 'Deferred', message: 'later' } as const
    const waiting = view({ pod, containers: [observed('main', 'running')], applied: new Map([['main-0', small]]), pendingResize: pending })
    const plan = planPod(waiting, 0)
    expect(plan.actions).toEqual([])
    expect(podStatus(waiting, plan, facts).conditions?.find(({ type }) => type === 'PodResizePending')).toMatchObject(pending)
  })
})
