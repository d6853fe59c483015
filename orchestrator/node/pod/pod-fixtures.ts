import type { CoreV1Container, CoreV1Pod, CoreV1PodSpec } from '../../api/generated/kinds.ts'
import type { ObservedContainer } from '../runtime/runtime.ts'
import { Backoff } from './backoff.ts'
import type { PodView } from './pod-view.ts'

/** A pod for tests, with one container `main` unless the spec says otherwise. */
export function testPod(spec: Partial<CoreV1PodSpec> = {}, metadata: Partial<CoreV1Pod['metadata']> = {}): CoreV1Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name: 'web', uid: 'uid-1', ...metadata },
    spec: { containers: [testContainer('main')], nodeName: 'n1', ...spec },
  }
}

/** A container of a pod for tests. */
export const testContainer = (name: string, more: Partial<CoreV1Container> = {}): CoreV1Container => ({ name, image: 'image:1', ...more })

/** Something observed in the sandbox `s0`. */
export function observed(name: string, state: ObservedContainer['state'], more: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: `${name}-${more.attempt ?? 0}`,
    kind: 'container',
    pod: { namespace: 'default', name: 'web', uid: 'uid-1' },
    name,
    attempt: 0,
    image: 'image:1',
    imageId: 'sha256:1',
    state,
    createdAtMs: 0,
    sandboxId: 's0',
    ...(state === 'created' ? {} : { startedAtMs: 1_000 }),
    ...(state === 'exited' ? { finishedAtMs: 2_000, exitCode: 0 } : {}),
    ...more,
  }
}

/** The sandbox `s0`. */
export const sandbox = (state: ObservedContainer['state'] = 'running', more: Partial<ObservedContainer> = {}): ObservedContainer =>
  observed('POD', state, { id: 's0', kind: 'sandbox', ip: '10.0.0.5', ...more })

/** A view in which everything runs that is given. */
export function view(more: Partial<PodView> = {}): PodView {
  return {
    pod: testPod(),
    told: more.pod?.status,
    isGone: false,
    sandboxes: [sandbox()],
    containers: [],
    busy: new Set(),
    holds: new Map(),
    verdicts: new Map(),
    restartBackoff: new Backoff(10_000, 300_000),
    areVolumesReady: true,
    isCleanedUp: false,
    applied: new Map(),
    firstSeenMs: 0,
    ...more,
  }
}
