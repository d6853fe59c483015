import { describe, expect, it } from 'vitest'
import { Backoff } from './backoff.ts'
import { observed, sandbox, testContainer, testPod, view } from './pod-fixtures.ts'
import type { PodView } from './pod-view.ts'
import { isSameStatus, podStatus } from './pod-status.ts'
import { planPod } from './sync-pod.plan.ts'

const nowMs = Date.UTC(2030, 0, 1)
const ready = new Map([
  ['main-0', { isStarted: true, isReady: true }],
  ['main-1', { isStarted: true, isReady: true }],
])
const looping = () => {
  const backoff = new Backoff(10_000, 300_000)
  backoff.lengthen('main', nowMs, nowMs)
  return backoff
}

const statusOf = (given: Partial<PodView>) => {
  const whole = view({ firstSeenMs: nowMs, ...given })
  return podStatus(whole, planPod(whole, nowMs), { hostIp: '10.0.0.1', scheme: 'docker', nowMs, hasRecursiveReadOnly: false })
}

const conditionsOf = (given: Partial<PodView>) =>
  Object.fromEntries((statusOf(given).conditions ?? []).map(({ type, status }) => [type, status]))

describe('the status of a pod', () => {
  it.each([
    ['nothing yet', { sandboxes: [] }, 'Pending'],
    ['running', { containers: [observed('main', 'running')], verdicts: ready }, 'Running'],
    ['restarting', { containers: [observed('main', 'exited', { finishedAtMs: nowMs })], restartBackoff: looping() }, 'Running'],
    [
      'one of two',
      { pod: testPod({ containers: [testContainer('main'), testContainer('b')] }), containers: [observed('main', 'running')] },
      'Pending',
    ],
    ['done', { pod: testPod({ restartPolicy: 'Never' }), containers: [observed('main', 'exited')] }, 'Succeeded'],
    ['failed', { pod: testPod({ restartPolicy: 'Never' }), containers: [observed('main', 'exited', { exitCode: 2 })] }, 'Failed'],
    [
      'to be started again by a rule of its container',
      {
        pod: testPod({
          restartPolicy: 'Never',
          containers: [testContainer('main', { restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [2] } }] })],
        }),
        containers: [observed('main', 'exited', { exitCode: 2 })],
      },
      'Running',
    ],
    ['init', { pod: testPod({ initContainers: [testContainer('a')] }), containers: [observed('a', 'running')] }, 'Pending'],
    ['past its deadline', { pod: testPod({ activeDeadlineSeconds: 0 }), containers: [observed('main', 'running')] }, 'Failed'],
  ])('has the phase of a pod that is %s', (_title, given: Partial<PodView>, phase) => {
    expect(statusOf(given).phase).toBe(phase)
  })

  it('that its node does not take says why, before and after it was told, and nothing of containers', () => {
    const rejection = { reason: 'SysctlForbidden', message: 'no' }
    const status = statusOf({ rejection, sandboxes: [] })
    expect(status).toMatchObject({ phase: 'Failed', ...rejection })
    expect(status.containerStatuses).toBeUndefined()
    expect(statusOf({ rejection, sandboxes: [], pod: { ...testPod(), status } })).toEqual(status)
  })

  it('tells addresses, QoS and start', () => {
    expect(statusOf({})).toMatchObject({
      hostIP: '10.0.0.1',
      podIP: '10.0.0.5',
      podIPs: [{ ip: '10.0.0.5' }],
      qosClass: 'BestEffort',
      startTime: '2030-01-01T00:00:00Z',
    })
  })

  it('gives pods on the host network the host address', () => {
    expect(statusOf({ pod: testPod({ hostNetwork: true }), sandboxes: [sandbox('running', { ip: undefined as never })] }).podIP).toBe(
      '10.0.0.1',
    )
  })

  it('waits in the words that people know', () => {
    const waiting = (given: Partial<PodView>) => statusOf(given).containerStatuses?.[0]?.state?.waiting
    expect(waiting({ sandboxes: [] })).toEqual({ reason: 'ContainerCreating' })
    expect(waiting({ pod: testPod({ initContainers: [testContainer('a')] }) })).toEqual({ reason: 'PodInitializing' })
    expect(waiting({ containers: [observed('main', 'exited', { finishedAtMs: nowMs, exitCode: 1 })], restartBackoff: looping() })).toEqual({
      reason: 'CrashLoopBackOff',
      message: 'back-off 10s restarting failed container=main pod=web_default(uid-1)',
    })
    expect(
      waiting({ holds: new Map([['main', { reason: 'ErrImagePull', message: 'no such host', sinceMs: 0, retryAtMs: nowMs + 1 }]]) }),
    ).toEqual({
      reason: 'ErrImagePull',
      message: 'no such host',
    })
  })

  it('keeps the state before and the count', () => {
    const [status] = statusOf({
      containers: [observed('main', 'exited', { exitCode: 137, isOomKilled: true }), observed('main', 'running', { attempt: 1 })],
      verdicts: ready,
    }).containerStatuses!
    expect(status).toMatchObject({
      restartCount: 1,
      ready: true,
      started: true,
      containerID: 'docker://main-1',
      lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } },
    })
  })

  it('has the conditions of a running pod', () => {
    expect(conditionsOf({ containers: [observed('main', 'running')], verdicts: ready })).toEqual({
      PodReadyToStartContainers: 'True',
      Initialized: 'True',
      Ready: 'True',
      ContainersReady: 'True',
      PodScheduled: 'True',
    })
    expect(
      conditionsOf({ containers: [observed('main', 'running')], verdicts: new Map([['main-0', { isStarted: true, isReady: false }]]) }),
    ).toMatchObject({
      Ready: 'False',
      ContainersReady: 'False',
    })
  })

  it('keeps the times of its conditions as they were told, and leaves those of others to others', () => {
    const told = [
      { type: 'Initialized', status: 'True', lastTransitionTime: '2029-01-01T00:00:00Z' },
      { type: 'DisruptionTarget', status: 'True' },
    ]
    const { conditions } = statusOf({ told: { conditions: told } })
    expect(conditions?.find(({ type }) => type === 'Initialized')?.lastTransitionTime).toBe('2029-01-01T00:00:00Z')
    expect(conditions?.some(({ type }) => type === 'DisruptionTarget')).toBe(false)
  })

  it('waits for readiness gates', () => {
    const pod = testPod({ readinessGates: [{ conditionType: 'example.com/ok' }] })
    expect(conditionsOf({ pod, containers: [observed('main', 'running')], verdicts: ready })).toMatchObject({
      Ready: 'False',
      ContainersReady: 'True',
    })
  })

  it('is the same whatever the order of its fields', () => {
    expect(isSameStatus({ phase: 'Running', hostIP: 'a' }, { hostIP: 'a', phase: 'Running' })).toBe(true)
    expect(isSameStatus({ phase: 'Running' }, { phase: 'Pending' })).toBe(false)
  })
})

describe('a container that never ran', () => {
  const stateOf = (given: Partial<PodView>) => statusOf({ sandboxes: [], ...given }).containerStatuses?.[0]?.state
  const late = { activeDeadlineSeconds: 1 }
  const told = { startTime: '2000-01-01T00:00:00Z' }

  it('is told as lost when its pod is over', () => {
    expect(stateOf({ pod: { ...testPod(late), status: told } })?.terminated).toMatchObject({
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
    })
    expect(stateOf({ pod: { ...testPod(late), status: told }, busy: new Set(['main']) })).toHaveProperty('waiting')
  })

  it('still waits for its turn where an init container did not let it', () => {
    const pod = { ...testPod({ ...late, initContainers: [testContainer('init')] }), status: told }
    expect(stateOf({ pod })).toHaveProperty('waiting')
    expect(stateOf({ pod, containers: [observed('init', 'exited')] })).toHaveProperty('terminated')
  })

  it('has told how its volumes are mounted only when it was made', () => {
    const volumeMounts = [
      { name: 'a', mountPath: '/a' },
      { name: 'b', mountPath: '/b', readOnly: true },
    ]
    const pod = testPod({ containers: [testContainer('main', { volumeMounts })] })
    expect(statusOf({ pod }).containerStatuses?.[0]).not.toHaveProperty('volumeMounts')
    expect(statusOf({ pod, containers: [observed('main', 'running')] }).containerStatuses?.[0]?.volumeMounts).toEqual([
      { name: 'a', mountPath: '/a' },
      { name: 'b', mountPath: '/b', readOnly: true, recursiveReadOnly: 'Disabled' },
    ])
  })
})
