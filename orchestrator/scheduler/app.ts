import { isDeepStrictEqual } from 'node:util'
import { toTimestamp } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { CoreV1Namespace, CoreV1Node, CoreV1Pod, PolicyV1PodDisruptionBudget } from '../api/generated/kinds.ts'
import type { CoreV1PodCondition } from '../api/generated/kinds.ts'
import { keyOf } from '../api/object.ts'
import type { KubeObject } from '../api/object.ts'
import { isConflict, isNotFound } from '../api/status-error.ts'
import type { Client } from '../client/client.ts'
import { createEventRecorder } from '../client/events.ts'
import type { EventRecorder } from '../client/events.ts'
import type { InformerFactory } from '../client/informer.ts'
import { ClusterCache } from './cluster-cache.ts'
import { decide } from './decide.plan.ts'
import type { Failure } from './decide.plan.ts'
import type { AnyPlugin, Profile, QueuedPod } from './framework.ts'
import { isLeaving, isTerminated, needsNode, schedulerOf } from './pod-phase.ts'
import { podRequests } from './pod-requests.ts'
import { carryOut } from './preemption.ts'
import { planPreemption } from './preemption.plan.ts'
import type { PreemptionPlan } from './preemption.plan.ts'
import { createProfile, defaultConfiguration } from './profile.ts'
import type { SchedulerConfiguration } from './profile.ts'
import { createPluginServices, storageKinds, watchedKinds } from './registry.ts'
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
  /** Pods that name a scheduler without a profile are left alone. One profile with upstream's defaults, for `default-scheduler`. */
  readonly configuration?: SchedulerConfiguration
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
  readonly #profiles: ReadonlyMap<string, Profile>
  /** Each profile speaks in its own name. */
  readonly #events: ReadonlyMap<string, EventRecorder>
  readonly #cache = new ClusterCache()
  readonly #queue: SchedulingQueue
  readonly #bindings = new Set<Promise<void>>()
  /** Pods for which others are being made leave. */
  readonly #preempting = new Set<string>()
  #start = 0

  constructor(options: SchedulerOptions) {
    const { clock, configuration = defaultConfiguration() } = options
    this.#options = options
    this.#log = options.log.child({ component: 'scheduler' })
    const services = createPluginServices(options)
    const profiles = configuration.profiles.map((profile) => createProfile(profile, services))
    this.#profiles = new Map(profiles.map((profile) => [profile.schedulerName, profile]))
    this.#events = new Map(
      profiles.map(({ schedulerName }) => [schedulerName, createEventRecorder({ ...options, component: schedulerName })]),
    )
    this.#queue = new SchedulingQueue({
      clock,
      profileOf: (pod) => this.#profileOf(pod),
      queueSort: profiles[0]!.queueSort,
      snapshot: this.#cache,
      firstBackoffMs: configuration.podInitialBackoffMs,
      lastBackoffMs: configuration.podMaxBackoffMs,
    })
  }

  #profileOf(pod: CoreV1Pod): Profile {
    return this.#profiles.get(schedulerOf(pod))!
  }

  #event(pod: CoreV1Pod, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.get(schedulerOf(pod))?.event(pod, type, reason, message)
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
    const unsubscribe = [this.#followNodes(), this.#followPods(), this.#followNamespaces(), ...this.#followStorage()]
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
    await Promise.all([...this.#events.values()].map((recorder) => recorder.flush()))
  }

  #followNodes(): () => void {
    return this.#options.informers.informer(CoreV1Node).onChange({
      added: (node) => {
        this.#cache.setNode(node)
        this.#queue.wake({ event: 'node-added', node })
      },
      updated: (node, previous) => {
        this.#cache.setNode(node)
        if (isSchedulingChange(node, previous)) this.#queue.wake({ event: 'node-changed', node })
      },
      deleted: (node) => this.#cache.removeNode(node.metadata.name!),
    })
  }

  #followStorage(): (() => void)[] {
    const wake = (object: KubeObject) => this.#queue.wake({ event: 'storage-changed', object })
    return storageKinds.map((kind) => this.#options.informers.informer(kind).onChange({ added: wake, updated: wake, deleted: wake }))
  }

  #followNamespaces(): () => void {
    const forget = () => this.#cache.namespacesChanged()
    return this.#options.informers.informer(CoreV1Namespace).onChange({
      added: forget,
      updated: ({ metadata }, previous) => {
        if (!isDeepStrictEqual(metadata.labels, previous.metadata.labels)) forget()
      },
      deleted: forget,
    })
  }

  #followPods(): () => void {
    return this.#options.informers.informer(CoreV1Pod).onChange({
      added: (pod) => {
        this.#takeIn(pod)
        if (pod.spec.nodeName !== undefined && !isTerminated(pod)) this.#queue.wake({ event: 'pod-assigned', pod })
      },
      updated: (pod, previous) => {
        this.#takeIn(pod)
        if (pod.spec.nodeName === undefined) return
        if (isTerminated(pod)) {
          if (!isTerminated(previous)) this.#queue.wake({ event: 'pod-removed', pod })
        } else if (previous.spec.nodeName === undefined) this.#queue.wake({ event: 'pod-assigned', pod })
        else if (isHelpfulChange(pod, previous)) this.#queue.wake({ event: 'pod-changed', pod, previous })
      },
      deleted: (pod) => {
        this.#queue.remove(pod.metadata.uid!)
        this.#cache.nominate(pod, undefined)
        this.#cache.removePod(pod.metadata.uid!)
        if (pod.spec.nodeName !== undefined) this.#queue.wake({ event: 'pod-removed', pod })
      },
    })
  }

  #takeIn(pod: CoreV1Pod): void {
    const uid = pod.metadata.uid!
    if (pod.spec.nodeName !== undefined) this.#cache.setPod(pod)
    if (needsNode(pod) && this.#profiles.has(schedulerOf(pod))) {
      // While room is being made, what was decided here is newer than what the pod says.
      if (!this.#preempting.has(uid)) this.#cache.nominate(pod, pod.status?.nominatedNodeName)
      if (!this.#cache.isAssumed(uid)) this.#queue.set(pod)
    } else {
      this.#cache.nominate(pod, undefined)
      this.#queue.remove(uid)
    }
  }

  #schedule(queued: QueuedPod): void {
    const { pod } = queued
    try {
      const profile = this.#profileOf(pod)
      const decision = decide({ pod, cache: this.#cache, profile, start: this.#start, random: this.#options.random })
      this.#start = decision.nextStart
      if (decision.nodeName !== undefined) {
        this.#cache.nominate(pod, undefined)
        this.#cache.assume(pod, decision.nodeName)
        this.#track(this.#bind(queued, decision.nodeName))
        return
      }
      this.#queue.refuse(queued, decision.failure.refusedBy)
      this.attempts.unschedulable++
      this.#track(this.#refuse(pod, profile, decision.failure))
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
    const { reserve, bind } = this.#profileOf(pod)
    const reserved: AnyPlugin[] = []
    try {
      for (const plugin of reserve) {
        const refusal = plugin.reserve?.(pod, nodeName)
        reserved.push(plugin)
        if (refusal !== undefined) throw new Error(refusal)
      }
      await bind.bind!(pod, nodeName)
      this.attempts.scheduled++
      this.#event(pod, 'Normal', 'Scheduled', `Successfully assigned ${pod.metadata.namespace}/${pod.metadata.name} to ${nodeName}`)
    } catch (error) {
      for (const plugin of reserved.reverse()) plugin.unreserve?.(pod, nodeName)
      this.#cache.forget(pod.metadata.uid!)
      // Room that was counted as taken is free again.
      this.#queue.wake({ event: 'pod-removed', pod: { ...pod, spec: { ...pod.spec, nodeName } } })
      this.#fail(queued, error)
    }
  }

  /** Says why a pod found no node, and makes room for it, where that may be, by ending less important ones. */
  #refuse(pod: CoreV1Pod, profile: Profile, failure: Failure): Promise<void> {
    const plan = this.#planPreemption(pod, profile, failure)
    if (plan === undefined || typeof plan === 'string') {
      const message = plan === undefined ? failure.message : `${failure.message} preemption: ${plan}`
      // Nobody's leaving helps any more: the room that was being made is nobody's.
      const isGivenUp = plan?.startsWith('0/') === true && (pod.status?.nominatedNodeName ?? '') !== ''
      if (isGivenUp) this.#cache.nominate(pod, undefined)
      return this.#reportRefusal(pod, message, isGivenUp)
    }
    this.#cache.nominate(pod, plan.nodeName)
    this.#preempting.add(pod.metadata.uid!)
    return this.#reportRefusal(pod, failure.message, false).then(() => this.#preempt(pod, plan))
  }

  #planPreemption(pod: CoreV1Pod, profile: Profile, { resolvable, refusedBy }: Failure): PreemptionPlan | string | undefined {
    const limits = profile.preemption
    const uid = pod.metadata.uid!
    if (limits === undefined || refusedBy.size === 0 || isLeaving(pod) || this.#preempting.has(uid)) return undefined
    const budgets = [...this.#options.informers.informer(PolicyV1PodDisruptionBudget).list()]
    return planPreemption({ pod, cache: this.#cache, profile, limits, budgets, resolvable, start: this.#start })
  }

  async #preempt(pod: CoreV1Pod, plan: PreemptionPlan): Promise<void> {
    const events = this.#events.get(schedulerOf(pod))!
    try {
      await carryOut({ ...this.#options, pod, plan, events })
    } catch (error) {
      this.#cache.nominate(pod, undefined)
      if (!isNotFound(error)) this.#log.warn({ err: error, pod: keyOf(pod), node: plan.nodeName }, 'no room could be made for a pod')
    } finally {
      this.#preempting.delete(pod.metadata.uid!)
    }
  }

  #fail(queued: QueuedPod, error: unknown): void {
    const { namespace, name } = queued.pod.metadata
    this.attempts.error++
    // The pod is gone, or has a node already: the cache is about to say so.
    if (!isNotFound(error) && !isConflict(error)) {
      this.#log.warn({ err: error, namespace, name }, 'pod not scheduled, trying again')
      this.#event(queued.pod, 'Warning', 'FailedScheduling', error instanceof Error ? error.message : String(error))
    }
    this.#queue.retry(queued)
  }

  async #reportRefusal(pod: CoreV1Pod, message: string, isGivenUp: boolean): Promise<void> {
    const { clock, client } = this.#options
    this.#event(pod, 'Warning', 'FailedScheduling', message)
    const conditions = pod.status?.conditions ?? []
    const current = conditions.find(({ type }) => type === 'PodScheduled')
    const isSaid = current?.status === 'False' && current.reason === 'Unschedulable' && current.message === message
    if (isSaid && !isGivenUp) return
    const lastTransitionTime = current?.status === 'False' ? current.lastTransitionTime : toTimestamp(clock.now())
    const condition: CoreV1PodCondition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime }
    const status = { conditions: [...conditions.filter(({ type }) => type !== 'PodScheduled'), condition] }
    const body = { status: isGivenUp ? { ...status, nominatedNodeName: null } : status }
    const key = { namespace: pod.metadata.namespace!, name: pod.metadata.name! }
    try {
      await client.patch(CoreV1Pod, key, { type: 'application/merge-patch+json', body, subresource: 'status' })
    } catch (error) {
      if (!isNotFound(error)) this.#log.warn({ err: error, ...key }, 'PodScheduled condition not written')
    }
  }
}

/** Whether the change of a pod with a node may help one without: other labels, less asked for, or on its way out. */
function isHelpfulChange(pod: CoreV1Pod, previous: CoreV1Pod): boolean {
  if (isLeaving(pod) !== isLeaving(previous)) return true
  if (!isDeepStrictEqual(pod.metadata.labels, previous.metadata.labels)) return true
  return pod.spec !== previous.spec && !isDeepStrictEqual(podRequests(pod), podRequests(previous))
}

/** Heartbeats change a node all the time; only these parts decide what fits. */
const isSchedulingChange = (a: CoreV1Node, b: CoreV1Node) => JSON.stringify(decisiveParts(a)) !== JSON.stringify(decisiveParts(b))
const decisiveParts = ({ metadata, spec, status }: CoreV1Node) => [metadata.labels, spec.taints, spec.unschedulable, status?.allocatable]
