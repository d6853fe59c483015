import { describe, expect, it } from 'vitest'
import { Backoff } from './backoff.ts'
import { observed, sandbox, testContainer, testPod, view } from './pod-fixtures.ts'
import { sandboxKey, volumesKey } from './pod-view.ts'
import type { PodView } from './pod-view.ts'
import { backOffMessage, delayOfBackOffMessage, planPod } from './sync-pod.plan.ts'
import type { PodAction } from './sync-pod.plan.ts'

const nowMs = 100_000
const verdict = { isStarted: true, isReady: true }

/** An action in a word: what, of whom, which attempt. */
function word(action: PodAction): string {
  switch (action.type) {
    case 'create-sandbox':
      return `create-sandbox ${action.attempt}`
    case 'remove-sandbox':
      return `remove-sandbox ${action.sandbox.id}`
    case 'start-container':
      return `start ${action.container.name} ${action.attempt}${action.target === undefined ? '' : ` for ${action.target.id}`}`
    case 'kill-container':
      return `kill ${action.container.id} ${action.graceSeconds}${action.after.length === 0 ? '' : ` after ${action.after.join(', ')}`}`
    case 'remove-container':
      return `remove ${action.container.id}`
    default:
      return action.type
  }
}

const deleted = { deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 7 }
const failedTwice = () => {
  const backoff = new Backoff(10_000, 300_000)
  backoff.lengthen('main', 0, 0)
  backoff.lengthen('main', 99_000, 99_000)
  return backoff
}
const sidecar = (name: string) => testContainer(name, { restartPolicy: 'Always' })
const sidecarPod = testPod({ initContainers: [sidecar('proxy'), testContainer('setup')] })

const debuggedPod = (spec: object = {}) =>
  testPod({ ephemeralContainers: [{ name: 'debug', image: 'image:1', targetContainerName: 'main' }], ...spec })
const running = (...one: Parameters<typeof observed>) => [observed('main', 'running'), ...(one[0] === 'main' ? [] : [observed(...one)])]
const told = (name: string) => ({ name, containerID: 'docker://1', image: '', imageID: '', ready: false, restartCount: 0 })

const cases: readonly (readonly [title: string, view: Partial<PodView>, actions: readonly string[]])[] = [
  ['a new pod gets a sandbox', { sandboxes: [] }, ['create-sandbox 0']],
  ['one step of a kind at a time', { sandboxes: [], busy: new Set([sandboxKey]) }, []],
  [
    'a sandbox that failed waits',
    { sandboxes: [], holds: new Map([[sandboxKey, { reason: '', message: '', sinceMs: 0, retryAtMs: nowMs + 1 }]]) },
    [],
  ],
  ['its containers start in it', {}, ['start main 0']],
  ['its volumes are prepared beside', { sandboxes: [], areVolumesReady: false }, ['prepare-volumes', 'create-sandbox 0']],
  ['no container starts before its volumes are there, sandbox or not', { areVolumesReady: false }, ['prepare-volumes']],
  ['nor while they are being prepared', { areVolumesReady: false, busy: new Set([volumesKey]) }, []],
  [
    'nor after they could not be had',
    { areVolumesReady: false, holds: new Map([[volumesKey, { reason: '', message: '', sinceMs: 0, retryAtMs: nowMs + 1 }]]) },
    [],
  ],
  [
    'what runs goes on while an agent that has just begun looks after the volumes',
    {
      areVolumesReady: false,
      containers: [observed('main', 'running')],
      verdicts: new Map([['main-0', { ...verdict, unhealthy: { why: 'ill' } }]]),
    },
    ['prepare-volumes', 'kill main-0 30'],
  ],
  [
    'a pod that has ended needs no volumes',
    { areVolumesReady: false, pod: testPod({ restartPolicy: 'Never' }), sandboxes: [], containers: [observed('main', 'exited')] },
    [],
  ],
  ['not before everything of the sandbox is done', { busy: new Set([sandboxKey]) }, []],
  ['a container that is being started is left alone', { busy: new Set(['main']) }, []],
  ['what runs is left alone', { containers: [observed('main', 'running')], verdicts: new Map([['main-0', verdict]]) }, []],
  ['a container made and never started is removed', { containers: [observed('main', 'created')] }, ['remove main-0']],
  ['an ended container starts again at once the first time', { containers: [observed('main', 'exited')] }, ['start main 1']],
  ['and waits the next time', { containers: [observed('main', 'exited', { finishedAtMs: 99_000 })], restartBackoff: failedTwice() }, []],
  [
    'a pod that the node gives up is stopped at once',
    {
      eviction: { message: 'The node was low on resource: memory. ', graceSeconds: 1, isNodesDoing: true },
      containers: [observed('main', 'running')],
    },
    ['kill main-0 1'],
  ],
  [
    'and never starts again',
    {
      eviction: { message: 'The node was low on resource: memory. ', graceSeconds: 1, isNodesDoing: true },
      sandboxes: [],
      containers: [observed('main', 'exited')],
    },
    [],
  ],
  [
    'an ephemeral container starts beside the others, with its target',
    { pod: debuggedPod(), containers: [observed('main', 'running')], verdicts: new Map([['main-0', verdict]]) },
    ['start debug 0 for main-0'],
  ],
  [
    'even while init containers run',
    { pod: debuggedPod({ initContainers: [testContainer('setup')] }) },
    ['start debug 0', 'start setup 0'],
  ],
  ['once it has ended it is not started again', { pod: debuggedPod(), containers: running('debug', 'exited', { exitCode: 1 }) }, []],
  [
    'nor when it is gone and the API remembers it',
    { pod: { ...debuggedPod(), status: { ephemeralContainerStatuses: [told('debug')] } }, containers: running('main', 'running') },
    [],
  ],
  [
    'a pod ends though an ephemeral container runs, which is stopped',
    { pod: debuggedPod({ restartPolicy: 'Never' }), containers: [observed('main', 'exited'), observed('debug', 'running')] },
    ['kill debug-0 30'],
  ],
  [
    'Never: it does not start again, the sandbox goes',
    { pod: testPod({ restartPolicy: 'Never' }), containers: [observed('main', 'exited')] },
    ['remove-sandbox s0'],
  ],
  [
    'OnFailure: success ends it',
    { pod: testPod({ restartPolicy: 'OnFailure' }), containers: [observed('main', 'exited')] },
    ['remove-sandbox s0'],
  ],
  [
    'OnFailure: failure starts it again',
    { pod: testPod({ restartPolicy: 'OnFailure' }), containers: [observed('main', 'exited', { exitCode: 1 })] },
    ['start main 1'],
  ],
  [
    'a pod that the API calls ended never starts again',
    { pod: { ...testPod(), status: { phase: 'Failed' } }, sandboxes: [], containers: [] },
    [],
  ],
  [
    'an image that cannot be had waits',
    { holds: new Map([['main', { reason: 'ErrImagePull', message: '', sinceMs: 0, retryAtMs: nowMs + 5 }]]) },
    [],
  ],
  [
    'an unhealthy container is killed',
    { containers: [observed('main', 'running')], verdicts: new Map([['main-0', { ...verdict, unhealthy: { why: 'x' } }]]) },
    ['kill main-0 30'],
  ],
  [
    'with the grace period of the probe that gave it up',
    {
      containers: [observed('main', 'running')],
      verdicts: new Map([['main-0', { ...verdict, unhealthy: { why: 'x', graceSeconds: 3 } }]]),
    },
    ['kill main-0 3'],
  ],
  ['init containers come first', { pod: testPod({ initContainers: [testContainer('a'), testContainer('b')] }) }, ['start a 0']],
  [
    'one after the other',
    { pod: testPod({ initContainers: [testContainer('a'), testContainer('b')] }), containers: [observed('a', 'exited')] },
    ['start b 0'],
  ],
  ['then the others', { pod: testPod({ initContainers: [testContainer('a')] }), containers: [observed('a', 'exited')] }, ['start main 0']],
  [
    'an init container that fails for good ends the pod',
    {
      pod: testPod({ restartPolicy: 'Never', initContainers: [testContainer('a')] }),
      containers: [observed('a', 'exited', { exitCode: 1 })],
    },
    ['remove-sandbox s0'],
  ],
  ['a sidecar must have started before the next', { pod: sidecarPod, containers: [observed('proxy', 'running')] }, []],
  [
    'and goes on beside it',
    { pod: sidecarPod, containers: [observed('proxy', 'running')], verdicts: new Map([['proxy-0', verdict]]) },
    ['start setup 0'],
  ],
  ['a sandbox that an earlier agent made and did not start is taken away', { sandboxes: [sandbox('created')] }, ['remove-sandbox s0']],
  [
    'a dead sandbox is taken away first',
    { sandboxes: [sandbox('exited')], containers: [observed('main', 'exited')] },
    ['remove-sandbox s0'],
  ],
  [
    'a container that outlived its sandbox is killed',
    { sandboxes: [sandbox('exited')], containers: [observed('main', 'running')] },
    ['kill main-0 0'],
  ],
  [
    'old attempts are removed but for one',
    {
      containers: [
        observed('main', 'exited', { attempt: 0 }),
        observed('main', 'exited', { attempt: 1 }),
        observed('main', 'running', { attempt: 2 }),
      ],
      verdicts: new Map([['main-2', verdict]]),
    },
    ['remove main-0'],
  ],
  ['a deleted pod is stopped with its grace', { pod: testPod({}, deleted), containers: [observed('main', 'running')] }, ['kill main-0 7']],
  [
    'sidecars end after what they serve, the first of them last',
    {
      pod: testPod({ initContainers: ['proxy', 'setup', 'logger'].map(sidecar) }, deleted),
      containers: [observed('proxy', 'running'), observed('logger', 'running'), observed('main', 'running')],
    },
    ['kill proxy-0 7 after main, logger, setup', 'kill logger-0 7 after main', 'kill main-0 7'],
  ],
  ['then all of it is taken away', { pod: testPod({}, deleted), containers: [observed('main', 'exited')] }, ['clean-up']],
  ['not while something is under way', { pod: testPod({}, deleted), busy: new Set(['main']) }, []],
  ['then the API is told', { pod: testPod({}, deleted), isCleanedUp: true }, ['finish']],
  ['which needs no telling where it has forgotten the pod', { isGone: true, isCleanedUp: true }, []],
  ['a pod that is gone is stopped', { isGone: true, containers: [observed('main', 'running')] }, ['kill main-0 30']],
  [
    'a pod past its deadline is stopped',
    { pod: testPod({ activeDeadlineSeconds: 10 }), containers: [observed('main', 'running')] },
    ['kill main-0 30'],
  ],
]

describe('the plan of a pod', () => {
  it.each(cases)('%s', (_title, given, actions) => {
    expect(planPod(view(given), nowMs).actions.map(word)).toEqual(actions)
  })

  it('wakes when the backoff is over', () => {
    const plan = planPod(view({ containers: [observed('main', 'exited', { finishedAtMs: 99_000 })], restartBackoff: failedTwice() }), nowMs)
    expect(plan.wakeAtMs).toBe(99_000 + 20_000)
  })

  it('wakes at the deadline', () => {
    const plan = planPod(view({ pod: testPod({ activeDeadlineSeconds: 500 }), containers: [observed('main', 'running')] }), nowMs)
    expect(plan.wakeAtMs).toBe(500_000)
  })

  it('counts on where only the API remembers restarts', () => {
    const pod = {
      ...testPod(),
      status: { containerStatuses: [{ name: 'main', containerID: 'docker://x', restartCount: 4, image: '', imageID: '', ready: false }] },
    }
    expect(planPod(view({ pod }), nowMs).actions.map(word)).toEqual(['start main 5'])
  })
})

describe('the message of a container that waits to be restarted', () => {
  it.each([10_000, 40_000, 60_000, 160_000, 300_000])('tells %i ms so that it can be read back', (delayMs) => {
    const message = backOffMessage(view({ restartBackoff: { remainingMs: () => delayMs, delayMs: () => delayMs } }), 'main')
    expect(delayOfBackOffMessage(message)).toBe(delayMs)
  })

  it.each([undefined, '', 'Back-off pulling image', 'back-off 99999s restarting failed container=x'])('%s tells no delay', (message) => {
    expect(delayOfBackOffMessage(message)).toBeUndefined()
  })
})
