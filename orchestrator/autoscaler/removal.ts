import type { Clock } from '../../lib/clock.ts'
import { CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import type { PolicyV1Eviction } from '../api/generated/kinds.ts'
import { isNotFound, isTooManyRequests } from '../api/status-error.ts'
import type { Client } from '../client/client.ts'
import type { EventRecorder } from '../client/events.ts'
import { belongsToNode } from './drainability.plan.ts'
import { deletionTaint, toBeDeletedTaint } from './nodes.ts'
import type { CloudProvider } from './provider.ts'
import type { ScaleDownCandidate, UnneededNode } from './scale-down.plan.ts'

/** A refused eviction is asked again, and leaving pods are looked after, this often. */
const retryMs = 1_000
const mergePatch = 'application/merge-patch+json'

export interface RemovalOptions {
  readonly client: Client
  readonly clock: Clock
  readonly events: EventRecorder
  readonly provider: CloudProvider
  /** Whether a node with these pods can go; why not. */
  readonly judge: (candidate: ScaleDownCandidate, pods: readonly CoreV1Pod[]) => UnneededNode | string
  readonly maxGracefulTerminationMs: number
  readonly signal: AbortSignal
}

/**
 * Takes a node out of the cluster: keeps new pods off, evicts those that are there, gives the machine back. What came between the choice and the mark is
 * judged like all the rest. Where that fails, or the node is needed again, it stays in use, and it rejects.
 */
export async function removeNode(candidate: ScaleDownCandidate, options: RemovalOptions): Promise<void> {
  const { client, clock, events, provider, judge } = options
  const { node, group } = candidate
  const name = node.metadata.name!
  const current = await client.get(CoreV1Node, { name })
  await setTaints(client, name, [...(current.spec.taints ?? []), deletionTaint(clock.now())])
  try {
    events.event(node, 'Normal', 'ScaleDown', 'marked the node as toBeDeleted/unschedulable')
    const present = await podsOf(client, name)
    const judged = judge({ ...candidate, node: current }, present)
    if (typeof judged === 'string') throw new Error(`it is needed again: ${judged}`)
    for (const pod of judged.pods) events.event(pod, 'Normal', 'ScaleDown', 'deleting pod for node scale down')
    await drain(name, new Set(present.map(({ metadata }) => metadata.uid!)), options)
    await provider.deleteNodes(group, [current])
    events.event(node, 'Normal', 'ScaleDown', 'node removed by cluster autoscaler')
  } catch (error) {
    await releaseNode(client, name)
    events.event(node, 'Warning', 'ScaleDownFailed', `failed to drain or delete node: ${(error as Error).message}`)
    throw error
  }
}

/** Takes the mark off a node that was to be deleted. */
export async function releaseNode(client: Client, name: string): Promise<void> {
  try {
    const { spec } = await client.get(CoreV1Node, { name })
    const taints = spec.taints ?? []
    const kept = taints.filter(({ key }) => key !== toBeDeletedTaint)
    if (kept.length < taints.length) await setTaints(client, name, kept)
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

const setTaints = (client: Client, name: string, taints: CoreV1Node['spec']['taints']) =>
  client.patch(CoreV1Node, { name }, { type: mergePatch, body: { spec: { taints } } })

/** Not from the cache: what the scheduler has put there just before the mark counts. */
async function podsOf(client: Client, nodeName: string): Promise<readonly CoreV1Pod[]> {
  return (await client.list(CoreV1Pod, { fieldSelector: `spec.nodeName=${nodeName}` })).items
}

/** Evicts the pods of a node, and waits until they are gone. One that is none of those that were `judged` is left alone, and ends it. */
async function drain(nodeName: string, judged: ReadonlySet<string>, options: RemovalOptions): Promise<void> {
  const { client, clock, maxGracefulTerminationMs, signal } = options
  const deadline = clock.monotonic() + maxGracefulTerminationMs
  for (;;) {
    const left = (await podsOf(client, nodeName)).filter((pod) => !belongsToNode(pod))
    if (left.length === 0) return
    const stranger = left.find(({ metadata }) => !judged.has(metadata.uid!))
    if (stranger !== undefined) throw new Error(`a pod has come: ${namesOf([stranger])}`)
    for (const pod of left) await evict(client, pod)
    signal.throwIfAborted()
    if (clock.monotonic() > deadline) throw new Error(`pods remaining after ${maxGracefulTerminationMs / 1000} s: ${namesOf(left)}`)
    await clock.sleep(retryMs, signal)
  }
}

const namesOf = (pods: readonly CoreV1Pod[]) => pods.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(', ')

async function evict(client: Client, { metadata }: CoreV1Pod): Promise<void> {
  if (metadata.deletionTimestamp !== undefined) return
  const key = { namespace: metadata.namespace!, name: metadata.name! }
  const eviction: PolicyV1Eviction = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: key,
    deleteOptions: { preconditions: { uid: metadata.uid! } },
  }
  try {
    await client.createSubresource(CoreV1Pod, key, 'eviction', eviction)
  } catch (error) {
    // A budget that forbids it for now is asked again.
    if (!isNotFound(error) && !isTooManyRequests(error)) throw error
  }
}
