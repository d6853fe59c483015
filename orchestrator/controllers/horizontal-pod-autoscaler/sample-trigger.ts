import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { CoreV1Pod } from '../../api/generated/kinds.ts'
import type { Client } from '../../client/client.ts'
import type { InformerFactory } from '../../client/informer.ts'

/** Where our metrics server streams samples as they come in. There are samples of nodes where no pod runs. */
const watchPaths = ['/apis/metrics.k8s.io/v1beta1/pods?watch=true', '/apis/metrics.k8s.io/v1beta1/nodes?watch=true']
/** An autoscaler is woken at most this often by samples of its pods, however often they come in. */
const minIntervalMs = 1_000
/** And this often by any samples, when it looks at totals: that they changed is all that is known then. */
const minTotalsIntervalMs = 5_000
/** How long to wait before asking again where the stream isn't offered or broke: autoscalers work by their sync period meanwhile. */
const retryMs = 5_000

interface SampleFrame {
  readonly metadata: { readonly namespace?: string; readonly name?: string }
  readonly items?: readonly SampleFrame[]
}

export interface SampleTriggerOptions {
  readonly client: Client
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly log: Log
  readonly autoscalersOf: (pod: CoreV1Pod) => Iterable<string>
  readonly autoscalersOfTotals: () => Iterable<string>
  /** Asks for a run of an autoscaler after a delay. */
  readonly enqueueAfter: (key: string, ms: number) => void
}

/**
 * Wakes autoscalers when there are new samples of their pods, at most once a second each, and those that look at figures of other objects or at
 * external ones when there are samples at all, at most each five seconds; until `signal` aborts.
 */
export async function runSampleTrigger(options: SampleTriggerOptions, signal: AbortSignal): Promise<void> {
  const wake = createWaker(options)
  await Promise.all(watchPaths.map((path) => followSamples(path, wake, options, signal)))
}

async function followSamples(
  path: string,
  wake: (frame: SampleFrame) => void,
  { client, clock, log }: SampleTriggerOptions,
  signal: AbortSignal,
): Promise<void> {
  let wasOffered = true
  while (!signal.aborted) {
    try {
      for await (const { object } of client.rawWatch<SampleFrame>(path, signal)) {
        wasOffered = true
        wake(object)
      }
    } catch (error) {
      if (wasOffered) log.info({ err: error, path }, 'no stream of samples, autoscalers work by their sync period')
      wasOffered = false
    }
    await clock.sleep(retryMs, signal)
  }
}

function createWaker(options: SampleTriggerOptions): (frame: SampleFrame) => void {
  const { informers, clock, autoscalersOf, autoscalersOfTotals, enqueueAfter } = options
  const pods = informers.informer(CoreV1Pod)
  /** When each autoscaler is or was woken last. Bounded by the number of autoscalers. */
  const wokenAt = new Map<string, number>()
  let totalsAt = -Infinity
  const wake = (key: string, intervalMs: number) => {
    const now = clock.monotonic()
    const last = wokenAt.get(key) ?? -Infinity
    // A wake-up that is still to come serves this sample too.
    if (last > now) return
    const at = Math.max(now, last + intervalMs)
    wokenAt.set(key, at)
    enqueueAfter(key, at - now)
  }
  return (frame) => {
    for (const { metadata } of frame.items ?? [frame]) {
      const pod = metadata.namespace === undefined ? undefined : pods.get(`${metadata.namespace}/${metadata.name}`)
      if (pod !== undefined) for (const key of autoscalersOf(pod)) wake(key, minIntervalMs)
    }
    if (clock.monotonic() < totalsAt + minTotalsIntervalMs) return
    totalsAt = clock.monotonic()
    for (const key of autoscalersOfTotals()) wake(key, minIntervalMs)
  }
}
