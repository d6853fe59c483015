import { describe, expect, it } from 'vitest'
import type { CoreV1ContainerState, CoreV1Pod, CoreV1PodStatus } from '../../api/generated/kinds.ts'
import type { ObservedContainer } from '../runtime/runtime.ts'
import { logContainerOf } from './container-logs.ts'

const pod: CoreV1Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default' },
  spec: { containers: [{ name: 'main' }] },
}
const container = (attempt: number, state: ObservedContainer['state']): ObservedContainer => ({
  id: `c${attempt}`,
  kind: 'container',
  pod: { name: 'web', namespace: 'default', uid: 'u' },
  name: 'main',
  attempt,
  image: 'i',
  imageId: '',
  state,
  createdAtMs: attempt,
})
const ended = (id: string): CoreV1ContainerState => ({ terminated: { exitCode: 3, containerID: `docker://${id}` } })
const statusOf = (state: CoreV1ContainerState, lastState?: CoreV1ContainerState): CoreV1PodStatus => ({
  containerStatuses: [
    { name: 'main', image: 'i', imageID: '', ready: false, restartCount: 1, state, ...(lastState === undefined ? {} : { lastState }) },
  ],
})

describe('the container whose log is shown', () => {
  const waiting = { waiting: { reason: 'CrashLoopBackOff' } }
  it.each([
    ['waits after a crash', ['exited', 'exited'], statusOf(waiting, ended('c1')), 'c1', 'c1'],
    ['runs again', ['exited', 'running'], statusOf({ running: {} }, ended('c0')), 'c1', 'c0'],
    ['was made and does not run yet', ['exited', 'created'], statusOf(waiting, ended('c0')), 'c0', 'c0'],
    ['has ended for good', ['exited', 'exited'], statusOf(ended('c1'), ended('c0')), 'c1', 'c0'],
  ] as const)('of a container that %s', (_, states, status, current, previous) => {
    const worker = { pod, containers: states.map((state, attempt) => container(attempt, state)), status }
    expect([logContainerOf(worker, 'main', false).id, logContainerOf(worker, 'main', true).id]).toEqual([current, previous])
  })

  it('is told to be missing in the kubelet’s words', () => {
    const once = { pod, containers: [container(0, 'running')], status: statusOf({ running: {} }) }
    expect(() => logContainerOf(once, 'main', true)).toThrow('previous terminated container "main" in pod "web" not found')
    const none = { pod, containers: [], status: statusOf({ waiting: { reason: 'ErrImagePull' } }) }
    expect(() => logContainerOf(none, 'main', false)).toThrow('container "main" in pod "web" is waiting to start: ErrImagePull')
    expect(() => logContainerOf(once, 'other', false)).toThrow('container other is not valid for pod web')
  })
})
