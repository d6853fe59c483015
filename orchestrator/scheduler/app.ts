import { toTimestamp } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { CoreV1Node, CoreV1Pod, PolicyV1PodDisruptionBudget } from '../api/generated/kinds.ts'
import { keyOf } from '../api/object.ts'
import { isConflict, isNotFound } from '../api/status-error.ts'
import type { Client } from '../client/client.ts'
import { createEventRecorder } from '../client/events.ts'
import type { EventRecorder } from '../client/events.ts'
import type { InformerFactory } from '../client/informer.ts'
import { ClusterCache } from './cluster-cache.ts'
import { decide } from './decide.plan.ts'
import type { AnyPlugin, QueuedPod } from './framework.ts'
import { defaultSchedulerName, isTerminated, needsNode } from './pod-phase.ts'
import { carryOut } from './preemption.ts'
import { mayPreempt, planPreemption } from './preemption.plan.ts'
import { createAllPlugins, storageKinds, watchedKinds } from './registry.ts'
import { SchedulingQueue } from './scheduling-queue.ts'

/** Bindings under way at the same time; more wait, and decisions with them. */
const maxBindings = 128
/** Decisions made in a row before other work of the process gets its turn. */
const decisionsPerTurn = 32

export interface SchedulerOptions {
  readonly client: Client
  /** Run by the caller. */
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Pods that name another scheduler are left alone. `default-scheduler`. */
  readonly schedulerName?: string
}

/** Gives every pod without a node one. */
export interface Scheduler {
  /** Works until `signal` aborts, then resolves once the bindings under way have ended. */
  run(signal: AbortSignal): Promise<void>
  /** How scheduling attempts ended so far; upstream's names. */
  readonly attempts: Readonly<Record<'scheduled' | 'unschedulable' | 'error', number>>
  /** How many pods wait, by state. */
  pending(): ReturnType<SchedulingQueue['counts']>
}

/** The scheduler with all of its plugins. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  return new SchedulingLoop(options)
}

class SchedulingLoop implements Scheduler {
  readonly attempts = { scheduled: 0, unschedulable: 0, error: 0 }
  readonly #options: SchedulerOptions
  readonly #log: Log
  readonly #name: string
  readonly #plugins: readonly AnyPlugin[]
  readonly #events: EventRecorder
  readonly #cache = new ClusterCache()
  readonly #queue: SchedulingQueue
  readonly #bindings = new Set<Promise<void>>()
  #start = 0

  constructor(options: SchedulerOptions) {
    const { clock } = options
    this.#options = options
    this.#log = options.log.child({ component: 'scheduler' })
    this.#name = options.schedulerName ?? defaultSchedulerName
    this.#plugins = createAllPlugins(options)
    this.#events = createEventRecorder({ ...options, component: this.#name })
    this.#queue = new SchedulingQueue({ clock, plugins: this.#plugins })
  }

  pending() {
    return this.#queue.counts()
  }

  async run(signal: AbortSignal): Promise<void> {
    const { informers } = this.#options
    try {
      await Promise.all(watchedKinds.map((kind) => informers.informer(kind).waitForSync(signal)))
    } catch {
      return
    }
    const unsubscribe = [this.#followNodes(), this.#followPods(), ...this.#followStorage()]
    const close = () => this.#queue.close()
    signal.addEventListener('abort', close, { once: true })
    if (signal.aborted) close()
    let decisions = 0
    for (let next = await this.#queue.pop(); next !== undefined; next = await this.#queue.pop()) {
      this.#schedule(next)
      while (this.#bindings.size >= maxBindings) await Promise.race(this.#bindings)
      if (++decisions % decisionsPerTurn === 0) await new Promise((resolve) => setImmediate(resolve))
      if (signal.aborted) break
    }
    for (const stop of unsubscribe) stop()
    await Promise.all(this.#bindings)
    await this.#events.flush()
  }

  #followNodes(): () => void {
    return this.#options.informers.informer(CoreV1Node).onChange({
      added: (node) => {
        this.#cache.setNode(node)
        this.#queue.wake('node-added')
      },
      updated: (node, previous) => {
        this.#cache.setNode(node)
        if (isSchedulingChange(node, previous)) this.#queue.wake('node-changed')
      },
      deleted: (node) => this.#cache.removeNode(node.metadata.name!),
    })
  }

  #followStorage(): (() => void)[] {
    const wake = () => this.#queue.wake('storage-changed')
    return storageKinds.map((kind) => this.#options.informers.informer(kind).onChange({ added: wake, updated: wake, deleted: wake }))
  }

  #followPods(): () => void {
    return this.#options.informers.informer(CoreV1Pod).onChange({
      added: (pod) => this.#takeIn(pod),
      updated: (pod, previous) => {
        this.#takeIn(pod)
        const isFreed = isTerminated(pod) && !isTerminated(previous)
        if (pod.spec.nodeName !== undefined)
          this.#queue.wake(isFreed ? 'pod-removed' : previous.spec.nodeName === undefined ? 'pod-assigned' : 'pod-changed')
      },
      deleted: (pod) => {
        this.#queue.remove(pod.metadata.uid!)
        this.#cache.nominate(pod, undefined)
        this.#cache.removePod(pod.metadata.uid!)
        if (pod.spec.nodeName !== undefined) this.#queue.wake('pod-removed')
      },
    })
  }

  #takeIn(pod: CoreV1Pod): void {
    const uid = pod.metadata.uid!
    if (pod.spec.nodeName !== undefined) this.#cache.setPod(pod)
    if (needsNode(pod, this.#name)) {
      this.#cache.nominate(pod, pod.status?.nominatedNodeName)
      if (!this.#cache.isAssumed(uid)) this.#queue.set(pod)
    } else {
      this.#cache.nominate(pod, undefined)
      this.#queue.remove(uid)
    }
  }

  #schedule(queued: QueuedPod): void {
    const { pod } = queued
    try {
      const decision = this.#cache.withNominated(pod, () =>
        decide({ pod, snapshot: this.#cache, plugins: this.#plugins, start: this.#start, random: this.#options.random }),
      )
      if (decision.nodeName === undefined) {
        this.#queue.refuse(queued, decision.refusedBy)
        this.attempts.unschedulable++
        this.#track(this.#reportRefusal(pod, decision.message).then(() => this.#preempt(pod)))
      } else {
        this.#cache.nominate(pod, undefined)
        this.#cache.assume(pod, decision.nodeName)
        this.#track(this.#bind(queued, decision.nodeName))
      }
      this.#start = decision.nextStart
    } catch (error) {
      this.#fail(queued, error)
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#bindings.delete(tracked))
    this.#bindings.add(tracked)
  }

  async #bind(queued: QueuedPod, nodeName: string): Promise<void> {
    const { pod } = queued
    const reserved: AnyPlugin[] = []
    try {
      for (const plugin of this.#plugins) {
        const refusal = plugin.reserve?.(pod, nodeName)
        reserved.push(plugin)
        if (refusal !== undefined) throw new Error(refusal)
      }
      await this.#plugins.find((plugin) => plugin.bind !== undefined)!.bind!(pod, nodeName)
      this.attempts.scheduled++
      this.#events.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${pod.metadata.namespace}/${pod.metadata.name} to ${nodeName}`)
    } catch (error) {
      for (const plugin of reserved.reverse()) plugin.unreserve?.(pod, nodeName)
      this.#cache.forget(pod.metadata.uid!)
      // Room that was counted as taken is free again.
      this.#queue.wake('pod-removed')
      this.#fail(queued, error)
    }
  }

  /** Makes room for a pod that found none, by ending less important ones. */
  async #preempt(pod: CoreV1Pod): Promise<void> {
    if (pod.metadata.deletionTimestamp !== undefined || !mayPreempt(pod, this.#cache)) return
    const budgets = [...this.#options.informers.informer(PolicyV1PodDisruptionBudget).list()]
    const plan = this.#cache.withNominated(pod, () =>
      planPreemption({ pod, cache: this.#cache, plugins: this.#plugins, budgets, start: this.#start }),
    )
    if (plan === undefined) return
    this.#cache.nominate(pod, plan.nodeName)
    try {
      await carryOut({ ...this.#options, pod, plan, events: this.#events })
    } catch (error) {
      this.#cache.nominate(pod, undefined)
      if (!isNotFound(error)) this.#log.warn({ err: error, pod: keyOf(pod), node: plan.nodeName }, 'no room could be made for a pod')
    }
  }

  #fail(queued: QueuedPod, error: unknown): void {
    const { namespace, name } = queued.pod.metadata
    this.attempts.error++
    // The pod is gone, or has a node already: the cache is about to say so.
    if (!isNotFound(error) && !isConflict(error)) {
      this.#log.warn({ err: error, namespace, name }, 'pod not scheduled, trying again')
      this.#events.event(queued.pod, 'Warning', 'FailedScheduling', error instanceof Error ? error.message : String(error))
    }
    this.#queue.retry(queued)
  }

  async #reportRefusal(pod: CoreV1Pod, message: string): Promise<void> {
    const { clock, client } = this.#options
    this.#events.event(pod, 'Warning', 'FailedScheduling', message)
    const conditions = pod.status?.conditions ?? []
    const current = conditions.find(({ type }) => type === 'PodScheduled')
    if (current?.status === 'False' && current.reason === 'Unschedulable' && current.message === message) return
    const lastTransitionTime = current?.status === 'False' ? current.lastTransitionTime : toTimestamp(clock.now())
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime }
    const body = { status: { conditions: [...conditions.filter(({ type }) => type !== 'PodScheduled'), condition] } }
    const key = { namespace: pod.metadata.namespace!, name: pod.metadata.name! }
    try {
      await client.patch(CoreV1Pod, key, { type: 'application/merge-patch+json', body, subresource: 'status' })
    } catch (error) {
      if (!isNotFound(error)) this.#log.warn({ err: error, ...key }, 'PodScheduled condition not written')
    }
  }
}

/** Heartbeats change a node all the time; only these parts decide what fits. */
const isSchedulingChange = (a: CoreV1Node, b: CoreV1Node) => JSON.stringify(decisiveParts(a)) !== JSON.stringify(decisiveParts(b))
const decisiveParts = ({ metadata, spec, status }: CoreV1Node) => [metadata.labels, spec.taints, spec.unschedulable, status?.allocatable]
