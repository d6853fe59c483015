import type { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { keyOf } from '../../orchestrator/api/object.ts'
import { createEntity, entityKeys } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { Batch } from '../metric-set.ts'
import type { ClusterView, NodeProcessor } from '../processors.ts'
import type { Entity } from '../window.ts'
import { factColumns, readPodFacts } from './pod-facts.ts'
import type { PodFacts } from './pod-facts.ts'
import { findWorkload } from './workload.ts'
import type { Workload } from './workload.ts'

/**
 * Joins a node's measurements with the API: requests, limits, restarts, labels, image, workload. What the node says of pods that the API
 * does not know, knows elsewhere, or knows under another uid is dropped: a node cannot speak for pods that are not its own. Containers
 * that the API knows and the node did not report get a set of their own, so that requests add up and a gap is seen as one.
 */
export function createPodEnricher(view: Pick<ClusterView, 'pods' | 'replicaSets' | 'jobs'>): NodeProcessor {
  const knownPods = new WeakMap<CoreV1Pod, KnownPod>()
  const recall = (pod: CoreV1Pod) => {
    const known = knownPods.get(pod)
    const workload = findWorkload(pod, view)
    // What a pod belongs to may come to be known after the pod.
    if (known !== undefined && known.workload?.kind === workload?.kind && known.workload?.name === workload?.name) return known
    const facts = known?.facts ?? readPodFacts(pod)
    const fresh = { facts, workload, ...describe(pod, facts, workload) }
    knownPods.set(pod, fresh)
    return fresh
  }
  return {
    name: 'pod enricher',
    process(batch) {
      const pods = new Map<string, CoreV1Pod>()
      for (const pod of view.pods.byIndex('node', batch.nodeName!)) pods.set(keyOf(pod), pod)
      dropForeignPods(batch, (namespace, name, uid) => {
        const pod = pods.get(`${namespace}/${name}`)
        // The resource endpoint does not say which pod of a name it means.
        return pod !== undefined && (uid === undefined || pod.metadata.uid === uid || recall(pod).facts.reportedUid === uid)
      })
      for (const pod of pods.values()) enrichPod(batch, recall(pod))
    },
  }
}

/** What is derived from the object of a pod, once for as long as the object lives; its node and its names are in it. */
interface KnownPod {
  readonly facts: PodFacts
  readonly workload: Workload | undefined
  readonly pod: Entity
  /** Of `facts.containers`, in their order, and of `facts.others`. */
  readonly containers: readonly Entity[]
  readonly others: readonly Entity[]
}

function dropForeignPods({ sets }: Batch, isOwn: (namespace: string, name: string, uid: string | undefined) => boolean): void {
  for (const [key, { entity }] of sets) {
    const { namespace_name: namespace, pod_name: name, pod_id: uid } = entity.labels
    if (namespace !== undefined && !isOwn(namespace, name!, uid)) sets.delete(key)
  }
}

function describe(pod: CoreV1Pod, facts: PodFacts, workload: Workload | undefined): Pick<KnownPod, 'pod' | 'containers' | 'others'> {
  const namespace = pod.metadata.namespace!
  const podName = pod.metadata.name!
  const labels = {
    nodename: pod.spec.nodeName!,
    namespace_name: namespace,
    pod_name: podName,
    pod_id: pod.metadata.uid ?? '',
    labels: facts.labels,
    ...(workload === undefined ? {} : { workload_kind: workload.kind, workload_name: workload.name }),
  }
  const describeContainer = ({ name, image }: { readonly name: string; readonly image: string }) =>
    createEntity('pod_container', entityKeys.container(namespace, podName, name), {
      ...labels,
      container_name: name,
      container_base_image: image,
    })
  return {
    pod: createEntity('pod', entityKeys.pod(namespace, podName), labels),
    containers: [...facts.containers.values()].map(describeContainer),
    others: facts.others.map(describeContainer),
  }
}

function enrichPod({ sets }: Batch, { facts, pod, containers, others }: KnownPod): void {
  const podSet = sets.get(pod.key)
  if (facts.hasEnded && podSet === undefined) return
  const set = podSet ?? createMetricSet(pod, { presence: 'idle' })
  set.entity = pod
  if (podSet === undefined) sets.set(pod.key, set)
  if (!facts.hasEnded) for (const [column, value] of facts.beyond) set.values[column] = value
  let index = 0
  for (const container of facts.containers.values()) {
    const entity = containers[index++]!
    const known = sets.get(entity.key)
    const set = known ?? createMetricSet(entity, { presence: container.isRunning ? 'missing' : 'idle' })
    set.entity = entity
    if (!facts.hasEnded) {
      for (let fact = 0; fact < factColumns.length; fact++) set.values[factColumns[fact]!] = container.values[fact]!
      set.labelled.push(...container.extended)
    }
    if (known === undefined) sets.set(entity.key, set)
  }
  for (const entity of others) {
    const set = sets.get(entity.key)
    if (set !== undefined) set.entity = entity
  }
}
