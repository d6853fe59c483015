import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { CoreV1Node, CoreV1Pod, PolicyV1PodDisruptionBudget } from '../api/generated/kinds.ts'
import type { Client } from '../client/client.ts'
import { createInformerFactory } from '../client/informer-factory.ts'
import { ClusterCache } from './cluster-cache.ts'
import { decide, explain } from './decide.plan.ts'
import type { NodeExplanation } from './decide.plan.ts'
import type { Profile } from './framework.ts'
import { isTerminated, schedulerOf } from './pod-phase.ts'
import { listCandidates, planPreemption } from './preemption.plan.ts'
import type { Candidate } from './preemption.plan.ts'
import { createProfile, defaultConfiguration } from './profile.ts'
import type { SchedulerConfiguration } from './profile.ts'
import { createPluginServices, watchedKinds } from './registry.ts'

/** Why a pod is, or is not, where it is: what the plugins say of the cluster as it is now. */
export interface PodExplanation {
  readonly pod: CoreV1Pod
  /** Its scheduler has a profile in the configuration. */
  readonly isKnown: boolean
  /** Why it is not even looked at: its scheduling gates. */
  readonly gates: readonly string[]
  /** In the words of a FailedScheduling event; absent when a node fits. */
  readonly message: string | undefined
  readonly nodes: readonly NodeExplanation[]
  /** Who would have to leave where, the best choice first; empty when a node fits or nobody's leaving would help. */
  readonly candidates: readonly Candidate[]
}

export interface ExplainOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly namespace: string
  readonly name: string
  /** The scheduler's; upstream's defaults where absent. A pod of a scheduler without a profile is looked at by the first one. */
  readonly configuration?: SchedulerConfiguration
  /** Ends the wait for the caches; the explanation is rejected then. */
  readonly signal: AbortSignal
}

/**
 * Asks the scheduler's own plugins about one pod, reading through a client and changing nothing. A pod that has a node is looked at as if it still
 * waited. Answers `undefined` when there is no such pod.
 */
export async function explainPod(options: ExplainOptions): Promise<PodExplanation | undefined> {
  const { client, random, namespace, name, signal, configuration = defaultConfiguration() } = options
  const informers = createInformerFactory(options)
  const services = createPluginServices({ client, informers })
  const abort = new AbortController()
  const running = informers.run(abort.signal)
  try {
    await Promise.all(watchedKinds.map((kind) => informers.informer(kind).waitForSync(signal)))
    const pod = informers.informer(CoreV1Pod).get(`${namespace}/${name}`)
    if (pod === undefined) return undefined
    const cache = new ClusterCache()
    for (const node of informers.informer(CoreV1Node).list()) cache.setNode(node)
    for (const other of informers.informer(CoreV1Pod).list()) takeIn(cache, other, pod)
    const budgets = [...informers.informer(PolicyV1PodDisruptionBudget).list()]
    const chosen = configuration.profiles.find(({ schedulerName }) => schedulerName === schedulerOf(pod))
    const profile = createProfile(chosen ?? configuration.profiles[0]!, services)
    return { isKnown: chosen !== undefined, ...judge({ pod, cache, profile, budgets, random }) }
  } finally {
    abort.abort()
    await running
  }
}

function takeIn(cache: ClusterCache, other: CoreV1Pod, pod: CoreV1Pod): void {
  if (other.metadata.uid === pod.metadata.uid) return
  const nominated = other.status?.nominatedNodeName
  if (other.spec.nodeName !== undefined) cache.setPod(other)
  else if (nominated !== undefined && !isTerminated(other)) cache.nominate(other, nominated)
}

interface Judged {
  readonly pod: CoreV1Pod
  readonly cache: ClusterCache
  readonly profile: Profile
  readonly budgets: readonly PolicyV1PodDisruptionBudget[]
  readonly random: Random
}

function judge({ pod: given, cache, profile, budgets, random }: Judged): Omit<PodExplanation, 'isKnown'> {
  // As if it still waited: where it is already is no wish of it.
  const { nodeName: _, ...spec } = given.spec
  const pod: CoreV1Pod = { ...given, spec }
  const decision = decide({ pod, cache, profile, start: 0, random })
  const { failure } = { failure: undefined, ...decision }
  const input = { pod, cache, profile, budgets, start: 0, resolvable: failure?.resolvable ?? [] }
  const limits = failure === undefined || failure.refusedBy.size === 0 ? undefined : profile.preemption
  const plan = limits === undefined ? undefined : planPreemption({ ...input, limits })
  const message = typeof plan === 'string' ? `${failure!.message} preemption: ${plan}` : failure?.message
  return {
    pod: given,
    gates: profile.preEnqueue.map((plugin) => plugin.preEnqueue?.(pod)).filter((gate) => gate !== undefined),
    message,
    nodes: [...explain({ pod, cache, profile })].sort((a, b) => (a.name < b.name ? -1 : 1)),
    candidates: limits === undefined || typeof plan === 'string' ? [] : listCandidates({ ...input, limits }),
  }
}
