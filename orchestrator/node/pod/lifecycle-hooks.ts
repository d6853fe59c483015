import type { CoreV1Container, CoreV1LifecycleHandler, CoreV1Pod } from '../../api/generated/kinds.ts'
import { containerReference } from '../images/image-manager.ts'
import type { ProbeHandler, ProbeTarget } from '../probes/probe-executor.ts'
import type { ObservedContainer } from '../runtime/runtime.ts'
import type { PodServices } from './pod-services.ts'
import { allContainersOf, describePod } from './pod-view.ts'

type HookServices = Pick<PodServices, 'runtime' | 'recorder' | 'clock' | 'probeExecutor' | 'settings' | 'log'>

/** A hook without a limit of its own may take this long. */
const maxHookMs = 600_000
const userAgent = 'kube-lifecycle/1.35'
const defaultGraceSeconds = 30
/** What is left to a process even where hooks, or others, took all of its grace period; as in the kubelet. */
const leastGraceSeconds = 2

/** Runs the postStart hook of a container that has started. Where that fails the container is stopped. */
export async function runPostStart(
  services: HookServices,
  pod: CoreV1Pod,
  container: CoreV1Container,
  { observed, podIp }: { readonly observed: ObservedContainer; readonly podIp: string },
): Promise<void> {
  const { recorder } = services
  const about = containerReference(pod, container)
  try {
    await runHook(services, { containerId: observed.id, container, podIp }, container.lifecycle!.postStart!)
  } catch (error) {
    tellFailure(services, pod, container, { hook: 'PostStart', error })
    recorder.event(about, 'Normal', 'Killing', 'FailedPostStartHook')
    await stopContainer(services, pod, observed, { graceSeconds: pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds })
  }
}

/**
 * preStop, then the stop signal when it is the container's `turn` (waits for as long as it is told at most), then after the rest of the grace period SIGKILL.
 */
export async function stopContainer(
  services: HookServices,
  pod: CoreV1Pod,
  observed: ObservedContainer,
  { graceSeconds, turn }: { readonly graceSeconds: number; readonly turn?: (limitMs: number) => Promise<unknown> },
): Promise<void> {
  const { runtime, clock, settings } = services
  const container = allContainersOf(pod).find(({ name }) => name === observed.name)
  const endMs = clock.monotonic() + graceSeconds * 1000
  const hook = graceSeconds > 0 ? container?.lifecycle?.preStop : undefined
  if (container !== undefined && hook !== undefined) {
    const target = { containerId: observed.id, container, podIp: pod.status?.podIP ?? settings.hostIp }
    await runHook(services, target, hook, graceSeconds * 1000).catch((error: unknown) =>
      tellFailure(services, pod, container, { hook: 'PreStop', error }),
    )
  }
  await turn?.(Math.max(0, endMs - clock.monotonic()))
  const hasWaited = hook !== undefined || turn !== undefined
  await runtime.stopContainer(observed.id, hasWaited ? Math.max((endMs - clock.monotonic()) / 1000, leastGraceSeconds) : graceSeconds)
}

/** What a hook printed may be secret: it is for who may read the node's log. */
function tellFailure(
  { recorder, log }: HookServices,
  pod: CoreV1Pod,
  container: Pick<CoreV1Container, 'name'>,
  { hook, error }: { readonly hook: 'PostStart' | 'PreStop'; readonly error: unknown },
): void {
  log.debug({ pod: describePod(pod), container: container.name, hook, err: error }, 'a hook failed')
  recorder.event(containerReference(pod, container), 'Warning', `Failed${hook}Hook`, `${hook}Hook failed`)
}

/** Rejects with what the hook said when it fails. */
async function runHook(
  { probeExecutor, clock }: HookServices,
  target: ProbeTarget,
  { sleep, exec, httpGet }: CoreV1LifecycleHandler,
  limitMs = maxHookMs,
): Promise<void> {
  if (sleep !== undefined) return clock.sleep(Math.min(sleep.seconds * 1000, limitMs))
  // A hook's tcpSocket was never carried out by Kubernetes and is accepted for old manifests only.
  const handler: ProbeHandler | undefined = exec === undefined ? httpGet && { httpGet: withUserAgent(httpGet) } : { exec }
  if (handler === undefined) return
  const { isSuccess, status, output } = await probeExecutor.run(target, handler, limitMs)
  // A server that answers has been told, whatever it answers.
  if (!isSuccess && status === undefined) throw new Error(output === '' ? 'the command failed' : output)
}

const withUserAgent = ({ httpHeaders = [], ...action }: NonNullable<CoreV1LifecycleHandler['httpGet']>) => ({
  ...action,
  httpHeaders: httpHeaders.some(({ name }) => name.toLowerCase() === 'user-agent')
    ? httpHeaders
    : [...httpHeaders, { name: 'User-Agent', value: userAgent }],
})
