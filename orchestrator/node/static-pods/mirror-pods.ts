import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { Random } from '../../../lib/random.ts'
import { createBackoff } from '../../../lib/retry.ts'
import { CoreV1Pod } from '../../api/generated/kinds.ts'
import type { CoreV1PodStatus } from '../../api/generated/kinds.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'
import type { StatusSink } from '../pod/status-writer.ts'
import { mirroredUid, staticAnnotation } from './annotations.ts'

const firstRetryMs = 1_000
const lastRetryMs = 30_000
/** A client that waits for a mirror to be gone must get to see that it is, before it is back. */
const returnDelayMs = 1_000

export interface MirrorPodsOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly statuses: StatusSink
  readonly nodeName: string
  /** The node object's uid, once it is known: the mirrors' owner. */
  readonly nodeUid: () => string | undefined
  /** Mirrors of this node that the API has; `undefined` before the first list of them. */
  readonly mirrors: () => readonly CoreV1Pod[] | undefined
}

/**
 * Shows pods that the API has not made: one mirror per static pod, with its status. Level-based: a mirror that somebody deletes comes
 * back, one without a pod goes when the pod has ended.
 */
export class MirrorPods implements StatusSink {
  readonly #options: MirrorPodsOptions
  readonly #abort = new AbortController()
  readonly #statuses = new Map<string, CoreV1PodStatus>()
  readonly #shown = new Set<string>()
  #pods: readonly CoreV1Pod[] = []
  #isRunning: (uid: string) => boolean = () => false
  #isDue = false
  #work: Promise<void> | undefined

  constructor(options: MirrorPodsOptions) {
    this.#options = options
  }

  /** The pods that are to have mirrors, and which of those that are not among them still run. */
  want(pods: readonly CoreV1Pod[], isRunning: (uid: string) => boolean): void {
    this.#pods = pods
    this.#isRunning = isRunning
    this.wake()
  }

  /** The mirrors in the API have changed. */
  wake(): void {
    this.#isDue = true
    if (this.#abort.signal.aborted) return
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined
    })
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#work
  }

  set(pod: CoreV1Pod, status: CoreV1PodStatus): void {
    const uid = pod.metadata.uid!
    this.#statuses.set(uid, status)
    const mirror = this.#mirrorOf(pod)
    if (mirror !== undefined) this.#options.statuses.set(mirror, status)
  }

  told({ metadata }: CoreV1Pod): CoreV1PodStatus | undefined {
    return this.#statuses.get(metadata.uid!)
  }

  /** A static pod ends with its file; the API has no say in it. */
  finish(): void {}

  forget(uid: string): void {
    this.#statuses.delete(uid)
    this.#shown.delete(uid)
  }

  #mirrorOf({ metadata }: CoreV1Pod): CoreV1Pod | undefined {
    return this.#options
      .mirrors()
      ?.find((mirror) => mirroredUid(mirror) === metadata.uid && mirror.metadata.deletionTimestamp === undefined)
  }

  async #run(): Promise<void> {
    const { clock, random, log } = this.#options
    const { signal } = this.#abort
    const backoff = createBackoff({ initialMs: firstRetryMs, maxMs: lastRetryMs, random })
    while (this.#isDue && !signal.aborted) {
      this.#isDue = false
      try {
        await this.#reconcile()
        backoff.reset()
      } catch (error) {
        if (signal.aborted) return
        log.debug({ err: error }, 'a mirror pod cannot be written, will be tried again')
        this.#isDue = true
        await clock.sleep(backoff.next(), signal)
      }
    }
  }

  async #reconcile(): Promise<void> {
    const mirrors = this.#options.mirrors()
    // Without the API there is nothing to mirror into; its first list wakes this again.
    if (mirrors === undefined) return
    const wanted = new Set(this.#pods.map(({ metadata }) => metadata.uid!))
    for (const mirror of mirrors) this.#shown.add(mirroredUid(mirror)!)
    for (const mirror of mirrors) {
      const uid = mirroredUid(mirror)!
      const isStale = !wanted.has(uid) && !this.#isRunning(uid)
      if (isStale || mirror.metadata.deletionTimestamp !== undefined) await this.#delete(mirror)
    }
    for (const pod of this.#pods) {
      const mirror = this.#mirrorOf(pod)
      const status = this.#statuses.get(pod.metadata.uid!)
      // A mirror of what the file said before goes first; its end wakes this again.
      const isTaken = mirrors.some(
        ({ metadata: { namespace, name } }) => namespace === pod.metadata.namespace && name === pod.metadata.name,
      )
      if (mirror === undefined && !isTaken) await this.#create(pod)
      if (mirror !== undefined && status !== undefined) this.#options.statuses.set(mirror, status)
    }
  }

  async #delete({ metadata }: CoreV1Pod): Promise<void> {
    const key = { namespace: metadata.namespace!, name: metadata.name! }
    await this.#options.client
      .delete(CoreV1Pod, key, { gracePeriodSeconds: 0, preconditions: { uid: metadata.uid! } })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  }

  async #create({ metadata, spec }: CoreV1Pod): Promise<void> {
    const { client, clock, nodeName, nodeUid } = this.#options
    const { name, namespace, labels, annotations, uid } = metadata
    if (this.#shown.has(uid!)) await clock.sleep(returnDelayMs, this.#abort.signal)
    const owner = nodeUid()
    const created = await client.create(CoreV1Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: name!,
        namespace: namespace!,
        ...(labels === undefined ? {} : { labels }),
        annotations: { ...annotations, [staticAnnotation.mirror]: uid! },
        ...(owner === undefined
          ? {}
          : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: owner, controller: true }] }),
      },
      spec,
    })
    const status = this.#statuses.get(uid!)
    if (status !== undefined) this.#options.statuses.set(created, status)
  }
}
