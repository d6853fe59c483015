import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { CoreV1Pod } from '../../api/generated/kinds.ts'
import type { Client } from '../../client/client.ts'
import type { InformerFactory } from '../../client/informer.ts'

/** Where our metrics server streams samples as they come in. */
const watchPath = '/apis/metrics.k8s.io/v1beta1/pods?watch=true'
/** An autoscaler is woken at most this often, however often samples come in. */
const minIntervalMs = 1_000
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
  /** Asks for a run of an autoscaler after a delay. */
  readonly enqueueAfter: (key: string, ms: number) => void
}

/** Wakes autoscalers when there are new samples of their pods, at most once a second each, until `signal` aborts. */
export async function runSampleTrigger(options: SampleTriggerOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, log } = options
  const wake = createWaker(options)
  let wasOffered = true
  while (!signal.aborted) {
    try {
      for await (const { object } of client.rawWatch<SampleFrame>(watchPath, signal)) {
        wasOffered = true
        wake(object)
      }
    } catch (error) {
      if (wasOffered) log.info({ err: error }, 'no stream of samples, autoscalers work by their sync period')
      wasOffered = false
    }
    await clock.sleep(retryMs, signal)
  }
}

function createWaker({ informers, clock, autoscalersOf, enqueueAfter }: SampleTriggerOptions): (frame: SampleFrame) => void {
  const pods = informers.informer(CoreV1Pod)
  /** When each autoscaler is or was woken last. Bounded by the number of autoscalers. */
  const wokenAt = new Map<string, number>()
  const wake = (key: string) => {
    const now = clock.monotonic()
    const last = wokenAt.get(key) ?? -Infinity
    // A wake-up that is still to come serves this sample too.
    if (last > now) return
    const at = Math.max(now, last + minIntervalMs)
    wokenAt.set(key, at)
    enqueueAfter(key, at - now)
  }
  return (frame) => {
    for (const { metadata } of frame.items ?? [frame]) {
      const pod = pods.get(`${metadata.namespace}/${metadata.name}`)
      if (pod !== undefined) for (const key of autoscalersOf(pod)) wake(key)
    }
  }
}
