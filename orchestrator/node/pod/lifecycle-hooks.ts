import type { Clock } from '../../../lib/clock.ts'
import type { CoreV1LifecycleHandler } from '../../api/generated/kinds.ts'
import type { ProbeExecutor, ProbeTarget } from '../probes/probe-executor.ts'

/** A hook without a limit of its own may take this long. */
const maxHookMs = 600_000

/** Runs a postStart or preStop hook; rejects with what it said when it fails. */
export async function runHook(options: {
  readonly executor: ProbeExecutor
  readonly clock: Clock
  readonly target: ProbeTarget
  readonly hook: CoreV1LifecycleHandler
  readonly limitMs?: number
}): Promise<void> {
  const { executor, clock, target, hook, limitMs = maxHookMs } = options
  if (hook.sleep !== undefined) return clock.sleep(Math.min(hook.sleep.seconds * 1000, limitMs))
  // A hook's tcpSocket was never carried out by Kubernetes and is accepted for old manifests only.
  if (hook.exec === undefined && hook.httpGet === undefined) return
  const outcome = await executor.run(target, hook, limitMs)
  if (!outcome.isSuccess) throw new Error(outcome.output === '' ? 'the command failed' : outcome.output)
}
