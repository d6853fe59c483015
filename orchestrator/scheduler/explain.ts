import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { CoreV1Node, CoreV1Pod, PolicyV1PodDisruptionBudget } from '../api/generated/kinds.ts'
import type { Client } from '../client/client.ts'
import { createInformerFactory } from '../client/informer-factory.ts'
import { ClusterCache } from './cluster-cache.ts'
import { decide, explain } from './decide.plan.ts'
import type { NodeExplanation } from './decide.plan.ts'
import type { AnyPlugin } from './framework.ts'
import { isTerminated } from './pod-phase.ts'
import { listCandidates, mayPreempt } from './preemption.plan.ts'
import type { Candidate } from './preemption.plan.ts'
import { createAllPlugins, watchedKinds } from './registry.ts'

/** Why a pod is, or is not, where it is: what the plugins say of the cluster as it is now. */
export interface PodExplanation {
  readonly pod: CoreV1Pod
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
  /** Ends the wait for the caches; the explanation is rejected then. */
  readonly signal: AbortSignal
}

/**
 * Asks the scheduler's own plugins about one pod, reading through a client and changing nothing. A pod that has a node is looked at as if it still
 * waited. Answers `undefined` when there is no such pod.
 */
export async function explainPod(options: ExplainOptions): Promise<PodExplanation | undefined> {
  const { client, random, namespace, name, signal } = options
  const informers = createInformerFactory(options)
  const plugins = createAllPlugins({ client, informers })
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
    return cache.withNominated(pod, () => judge({ pod, cache, plugins, budgets, random }))
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
  readonly plugins: readonly AnyPlugin[]
  readonly budgets: readonly PolicyV1PodDisruptionBudget[]
  readonly random: Random
}

function judge({ pod, cache, plugins, budgets, random }: Judged): PodExplanation {
  const decision = decide({ pod, snapshot: cache, plugins, start: 0, random })
  const isStuck = decision.nodeName === undefined
  return {
    pod,
    gates: plugins.map((plugin) => plugin.preEnqueue?.(pod)).filter((gate) => gate !== undefined),
    message: isStuck ? decision.message : undefined,
    nodes: [...explain({ pod, snapshot: cache, plugins })].sort((a, b) => (a.name < b.name ? -1 : 1)),
    candidates: isStuck && mayPreempt(pod, cache) ? listCandidates({ pod, cache, plugins, budgets, start: 0 }) : [],
  }
}
