import { AppsV1ReplicaSet, AppsV1StatefulSet, CoreV1ReplicationController, CoreV1Service } from '../api/generated/kinds.ts'
import type { CoreV1Pod } from '../api/generated/kinds.ts'
import { matchesLabels, selectorFromMap, selectorFromObject } from '../api/labels.ts'
import type { LabelSelector } from '../api/labels.ts'
import type { InformerFactory } from '../client/informer.ts'

/** The caches by which pods of one kind are recognised. */
export function createOwnSelectorFinder(informers: InformerFactory): (pod: CoreV1Pod) => LabelSelector | undefined {
  const byNamespace = { indexes: { namespace: ({ metadata }: { metadata: { namespace?: string } }) => [metadata.namespace!] } }
  const services = informers.informer(CoreV1Service, byNamespace)
  const replicationControllers = informers.informer(CoreV1ReplicationController)
  const replicaSets = informers.informer(AppsV1ReplicaSet)
  const statefulSets = informers.informer(AppsV1StatefulSet)

  function ownerSelector(pod: CoreV1Pod): LabelSelector {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)
    if (owner === undefined) return []
    const key = `${pod.metadata.namespace}/${owner.name}`
    if (owner.kind === 'ReplicationController') return selectorFromMap(replicationControllers.get(key)?.spec.selector)
    if (owner.kind === 'ReplicaSet') return selectorFromObject(replicaSets.get(key)?.spec.selector) ?? []
    if (owner.kind === 'StatefulSet') return selectorFromObject(statefulSets.get(key)?.spec.selector) ?? []
    return []
  }

  /** What a pod's Services and its owner select by, together; `undefined` for a pod that belongs to nothing. */
  return (pod) => {
    const labels: Record<string, string> = {}
    for (const { spec } of services.byIndex('namespace', pod.metadata.namespace!)) {
      const { selector = {} } = spec
      if (Object.keys(selector).length > 0 && matchesLabels(selectorFromMap(selector), pod.metadata.labels)) Object.assign(labels, selector)
    }
    const selector = [
      ...selectorFromMap(labels),
      ...ownerSelector(pod).filter(({ key, operator }) => operator !== 'In' || labels[key] === undefined),
    ]
    return selector.length === 0 ? undefined : selector
  }
}
