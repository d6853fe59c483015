import type { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { keyOf } from '../../orchestrator/api/object.ts'
import { createEntity, entityKeys } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { Batch, MetricSet } from '../metric-set.ts'
import type { ClusterView, NodeProcessor } from '../processors.ts'
import { factColumns, readPodFacts } from './pod-facts.ts'
import type { ContainerFacts, PodFacts } from './pod-facts.ts'
import { findWorkload } from './workload.ts'

/**
 * Joins a node's measurements with the API: requests, limits, restarts, labels, image, workload. What the node says of pods that the API
 * does not know, knows elsewhere, or knows under another uid is dropped: a node cannot speak for pods that are not its own. Containers
 * that the API knows and the node did not report get a set of their own, so that requests add up and a gap is seen as one.
 */
export function createPodEnricher(view: Pick<ClusterView, 'pods' | 'replicaSets' | 'jobs'>): NodeProcessor {
  const factsOfPods = new WeakMap<CoreV1Pod, PodFacts>()
  const factsOf = (pod: CoreV1Pod) => {
    const known = factsOfPods.get(pod) ?? readPodFacts(pod)
    factsOfPods.set(pod, known)
    return known
  }
  return {
    name: 'pod enricher',
    process(batch) {
      const pods = new Map<string, CoreV1Pod>()
      for (const pod of view.pods.byIndex('node', batch.nodeName!)) pods.set(keyOf(pod), pod)
      dropForeignPods(batch, (namespace, name, uid) => {
        const pod = pods.get(`${namespace}/${name}`)
        // The resource endpoint does not say which pod of a name it means.
        return pod !== undefined && (uid === undefined || [pod.metadata.uid, factsOf(pod).reportedUid].includes(uid))
      })
      for (const pod of pods.values())
        enrichPod(batch, pod, { facts: factsOf(pod), labels: labelsOf(pod, batch.nodeName!, factsOf(pod), view) })
    },
  }
}

function dropForeignPods({ sets }: Batch, isOwn: (namespace: string, name: string, uid: string | undefined) => boolean): void {
  for (const [key, { entity }] of sets) {
    const { namespace_name: namespace, pod_name: name, pod_id: uid } = entity.labels
    if (namespace !== undefined && !isOwn(namespace, name!, uid)) sets.delete(key)
  }
}

function labelsOf(
  pod: CoreV1Pod,
  nodeName: string,
  facts: PodFacts,
  view: Parameters<typeof findWorkload>[1],
): Readonly<Record<string, string>> {
  const workload = findWorkload(pod, view)
  return {
    nodename: nodeName,
    namespace_name: pod.metadata.namespace!,
    pod_name: pod.metadata.name!,
    pod_id: pod.metadata.uid ?? '',
    labels: facts.labels,
    ...(workload === undefined ? {} : { workload_kind: workload.kind, workload_name: workload.name }),
  }
}

function enrichPod(
  batch: Batch,
  pod: CoreV1Pod,
  known: { readonly facts: PodFacts; readonly labels: Readonly<Record<string, string>> },
): void {
  const { facts, labels } = known
  const namespace = pod.metadata.namespace!
  const key = entityKeys.pod(namespace, pod.metadata.name!)
  const podSet = batch.sets.get(key)
  if (facts.hasEnded && podSet === undefined) return
  const entity = createEntity('pod', key, labels)
  const set = podSet ?? createMetricSet(entity, { presence: 'idle' })
  set.entity = entity
  batch.sets.set(key, set)
  if (!facts.hasEnded) for (const [column, value] of facts.beyond) set.values[column] = value
  for (const container of facts.containers.values()) {
    const containerKey = entityKeys.container(namespace, pod.metadata.name!, container.name)
    const set = batch.sets.get(containerKey) ?? createStub(containerKey, container)
    set.entity = createEntity('pod_container', containerKey, {
      ...labels,
      container_name: container.name,
      container_base_image: container.image,
    })
    if (!facts.hasEnded) {
      for (const [index, column] of factColumns.entries()) set.values[column] = container.values[index]!
      set.labelled.push(...container.extended)
    }
    batch.sets.set(containerKey, set)
  }
  for (const { name, image } of facts.others) {
    const containerKey = entityKeys.container(namespace, pod.metadata.name!, name)
    const set = batch.sets.get(containerKey)
    if (set === undefined) continue
    set.entity = createEntity('pod_container', containerKey, { ...labels, container_name: name, container_base_image: image })
  }
}

function createStub(key: string, container: ContainerFacts): MetricSet {
  return createMetricSet(createEntity('pod_container', key), { presence: container.isRunning ? 'missing' : 'idle' })
}
