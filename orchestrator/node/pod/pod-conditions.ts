import { toTimestamp } from '../../../lib/clock.ts'
import type { CoreV1ContainerStatus, CoreV1Pod, CoreV1PodCondition, CoreV1PodStatus } from '../../api/generated/kinds.ts'
import { initContainersOf, isSidecar } from './pod-view.ts'

interface ConditionInput {
  readonly pod: CoreV1Pod
  readonly told: CoreV1PodStatus | undefined
  readonly phase: string
  readonly initStatuses: readonly CoreV1ContainerStatus[]
  readonly statuses: readonly CoreV1ContainerStatus[]
  readonly isSandboxReady: boolean
  readonly eviction?: string
  readonly resize: readonly (readonly [type: string, verdict: Verdict])[]
  readonly nowMs: number
}

type Verdict = Pick<CoreV1PodCondition, 'status' | 'reason' | 'message'>

const yes: Verdict = { status: 'True' }

/** The node's conditions of a pod. Those that others set are theirs and not among them. */
export function podConditions(input: ConditionInput): CoreV1PodCondition[] {
  const containersReady = readiness(input)
  const own: readonly (readonly [string, Verdict])[] = [
    ['PodReadyToStartContainers', { status: input.isSandboxReady ? 'True' : 'False' }],
    ['Initialized', initialized(input)],
    ['Ready', readinessGates(input.pod) ?? containersReady],
    ['ContainersReady', containersReady],
    ['PodScheduled', yes],
    ...input.resize.map(([type, verdict]) => [type, verdict] as const),
    ...(input.eviction === undefined ? [] : [disruption(input.eviction)]),
  ]
  return own.map(([type, verdict]) => withTimes(input, type, verdict))
}

function withTimes({ pod, told, nowMs }: ConditionInput, type: string, verdict: Verdict): CoreV1PodCondition {
  const before = told?.conditions?.find((each) => each.type === type)
  return {
    type,
    ...verdict,
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    lastTransitionTime:
      before?.status === verdict.status && before.lastTransitionTime !== undefined ? before.lastTransitionTime : toTimestamp(nowMs),
  }
}

/** Says to controllers that the pod did not fail by itself. */
const disruption = (message: string): readonly [string, Verdict] => [
  'DisruptionTarget',
  { status: 'True', reason: 'TerminationByKubelet', message },
]

function initialized({ pod, phase, initStatuses }: ConditionInput): Verdict {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' }
  const incomplete = initStatuses.filter((status, index) =>
    isSidecar(initContainersOf(pod)[index]!) ? status.started !== true : !status.ready,
  )
  if (incomplete.length === 0) return yes
  return { status: 'False', reason: 'ContainersNotInitialized', message: `containers with incomplete status: ${names(incomplete)}` }
}

function readiness({ phase, statuses }: ConditionInput): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' }
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' }
  const unready = statuses.filter(({ ready }) => !ready)
  if (unready.length === 0) return yes
  return { status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: ${names(unready)}` }
}

/** What others must have confirmed before the pod counts as ready. */
function readinessGates(pod: CoreV1Pod): Verdict | undefined {
  const missing = (pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) => pod.status?.conditions?.find(({ type }) => type === conditionType)?.status !== 'True',
  )
  if (missing.length === 0) return undefined
  return {
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: missing.map(({ conditionType }) => `the status of pod readiness gate "${conditionType}" is not "True"`).join(', '),
  }
}

const names = (statuses: readonly CoreV1ContainerStatus[]) => `[${statuses.map(({ name }) => name).join(' ')}]`
