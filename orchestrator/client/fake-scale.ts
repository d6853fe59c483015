import type { AutoscalingV1Scale } from '../api/generated/kinds.ts'
import { formatLabelSelector, selectorFromMap, selectorFromObject } from '../api/labels.ts'
import type { KubeObject } from '../api/object.ts'

interface Scalable extends KubeObject {
  readonly spec: { readonly replicas?: number; readonly selector?: Record<string, string> | object }
  readonly status?: { readonly replicas?: number }
}

/** The `scale` view of an object that has spec.replicas, as the server serves it. */
export function readScale(object: KubeObject): AutoscalingV1Scale {
  const { kind, spec, status, metadata } = object as Scalable
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  const selector =
    kind === 'ReplicationController' ? selectorFromMap(spec.selector as Record<string, string>) : (selectorFromObject(spec.selector) ?? [])
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, selector: formatLabelSelector(selector) },
  }
}

/** The object with the replicas of a `scale` body. */
export function writeScale(object: KubeObject, scale: KubeObject): KubeObject {
  const { spec } = object as Scalable
  return { ...object, spec: { ...spec, replicas: (scale as AutoscalingV1Scale).spec?.replicas ?? 0 } } as KubeObject
}
