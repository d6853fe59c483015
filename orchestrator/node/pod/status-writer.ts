import type { Clock } from '../../../lib/clock.ts'
import { createBackoff } from '../../../lib/retry.ts'
import type { Log } from '../../../lib/log.ts'
import type { Random } from '../../../lib/random.ts'
import { CoreV1Pod } from '../../api/generated/kinds.ts'
import type { CoreV1PodStatus } from '../../api/generated/kinds.ts'
import { isConflict, isNotFound } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'
import { isSameStatus } from './pod-status.ts'
import { resizeConditions } from './resize.plan.ts'

const firstRetryMs = 500
const lastRetryMs = 10_000

interface Wanted {
  readonly pod: CoreV1Pod
  readonly status: CoreV1PodStatus
  /** The pod is done with on this node: delete it once its last status is written. */
  readonly isFinal: boolean
}

/** Takes the statuses of pods. */
export interface StatusSink {
  /** Notes what a pod's status is to be. Cheap where it is so already. */
  set(pod: CoreV1Pod, status: CoreV1PodStatus): void
  /** The newest status of a pod: what is being written, else what was written or what `pod` says, whichever is younger. */
  told(pod: CoreV1Pod): CoreV1PodStatus | undefined
  /** Writes the last status of a pod and deletes it for good. */
  finish(pod: CoreV1Pod, status: CoreV1PodStatus): void
  /** Drops what is remembered of a pod that is gone. */
  forget(uid: string): void
}

/**
 * Tells the API the status of pods: the latest one of each, one request per pod at a time, again with growing delays until it is in. What
 * others have changed meanwhile is kept; a pod that was replaced by another of the same name is left alone.
 */
export class StatusWriter implements StatusSink {
  readonly #options: { readonly client: Client; readonly clock: Clock; readonly random: Random; readonly log: Log }
  readonly #wanted = new Map<string, Wanted>()
  readonly #busy = new Set<string>()
  readonly #written = new Map<string, { readonly status: CoreV1PodStatus; readonly pod: CoreV1Pod }>()
  readonly #abort = new AbortController()

  constructor(options: { readonly client: Client; readonly clock: Clock; readonly random: Random; readonly log: Log }) {
    this.#options = options
  }

  set(pod: CoreV1Pod, status: CoreV1PodStatus): void {
    const uid = pod.metadata.uid!
    if (this.#wanted.get(uid)?.isFinal === true) return
    if (isSameStatus(this.#wanted.get(uid)?.status ?? this.#written.get(uid)?.status ?? pod.status, status)) return
    this.#submit({ pod, status, isFinal: false })
  }

  told(pod: CoreV1Pod): CoreV1PodStatus | undefined {
    const uid = pod.metadata.uid!
    return this.#wanted.get(uid)?.status ?? newest(pod, this.#written.get(uid)?.pod).status
  }

  finish(pod: CoreV1Pod, status: CoreV1PodStatus): void {
    if (this.#wanted.get(pod.metadata.uid!)?.isFinal === true) return
    this.#submit({ pod, status, isFinal: true })
  }

  forget(uid: string): void {
    this.#wanted.delete(uid)
    this.#written.delete(uid)
  }

  stop(): void {
    this.#abort.abort()
  }

  #submit(wanted: Wanted): void {
    const uid = wanted.pod.metadata.uid!
    this.#wanted.set(uid, wanted)
    if (this.#busy.has(uid)) return
    this.#busy.add(uid)
    void this.#drain(uid)
  }

  async #drain(uid: string): Promise<void> {
    try {
      await this.#writeAll(uid)
    } finally {
      // In the same turn as the last look at what is wanted: nothing can slip between the two.
      this.#busy.delete(uid)
    }
  }

  async #writeAll(uid: string): Promise<void> {
    const backoff = createBackoff({ initialMs: firstRetryMs, maxMs: lastRetryMs, random: this.#options.random })
    let base: CoreV1Pod | undefined
    for (let wanted = this.#wanted.get(uid); wanted !== undefined && !this.#abort.signal.aborted; wanted = this.#wanted.get(uid)) {
      try {
        base = await this.#write(wanted, base ?? newest(wanted.pod, this.#written.get(uid)?.pod))
        if (this.#wanted.get(uid) === wanted) this.#wanted.delete(uid)
      } catch (error) {
        const { namespace, name } = wanted.pod.metadata
        if (isNotFound(error)) return void this.#wanted.delete(uid)
        if (isConflict(error)) {
          base = await this.#options.client.get(CoreV1Pod, { namespace: namespace!, name: name! }).catch(() => undefined)
          if (base !== undefined) continue
        }
        this.#options.log.warn({ namespace, name, err: error }, 'writing a pod status failed, will be tried again')
        await this.#options.clock.sleep(backoff.next(), this.#abort.signal)
      }
    }
  }

  async #write(wanted: Wanted, base: CoreV1Pod): Promise<CoreV1Pod | undefined> {
    const { client } = this.#options
    const { namespace, name, uid } = wanted.pod.metadata
    // Another pod has taken the name.
    if (base.metadata.uid !== uid) return undefined
    const status = withForeignParts(wanted.status, base.status)
    let written = base
    if (!isSameStatus(base.status, status)) written = await client.updateStatus(CoreV1Pod, { ...base, status })
    this.#written.set(uid!, { status: wanted.status, pod: written })
    if (wanted.isFinal)
      await client.delete(CoreV1Pod, { namespace: namespace!, name: name! }, { gracePeriodSeconds: 0, preconditions: { uid: uid! } })
    return written
  }
}

/** The informer may not have seen the last write yet. */
function newest(pod: CoreV1Pod, written: CoreV1Pod | undefined): CoreV1Pod {
  return written !== undefined && Number(written.metadata.resourceVersion) > Number(pod.metadata.resourceVersion) ? written : pod
}

/** Conditions and fields that the node does not own stay as they are in the API. */
function withForeignParts(status: CoreV1PodStatus, stored: CoreV1PodStatus | undefined): CoreV1PodStatus {
  if (stored === undefined) return status
  const own = new Set((status.conditions ?? []).map(({ type }) => type))
  const foreign = (stored.conditions ?? []).filter(({ type }) => !own.has(type) && !resizeConditions.includes(type))
  const { nominatedNodeName, resourceClaimStatuses, extendedResourceClaimStatus } = stored
  return {
    ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }),
    ...(resourceClaimStatuses === undefined ? {} : { resourceClaimStatuses }),
    ...(extendedResourceClaimStatus === undefined ? {} : { extendedResourceClaimStatus }),
    ...status,
    conditions: [...(status.conditions ?? []), ...foreign],
  }
}
