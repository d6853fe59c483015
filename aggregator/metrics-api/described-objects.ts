import {
  AppsV1DaemonSet,
  AppsV1Deployment,
  AppsV1ReplicaSet,
  AppsV1StatefulSet,
  BatchV1CronJob,
  BatchV1Job,
  CoreV1Namespace,
  CoreV1Node,
  CoreV1Pod,
  CoreV1ReplicationController,
  CoreV1Service,
} from '../../orchestrator/api/generated/kinds.ts'
import type { Kind } from '../../orchestrator/api/object.ts'
import { entityKeys } from '../entity.ts'
import type { EntityType } from '../window.ts'

/** A kind of object that custom metrics can be about. */
export interface DescribedKind {
  /** As the metrics API spells it: `pods`, `deployments.apps`. */
  readonly resource: string
  readonly kind: Kind
  /** The entities of the memory window that have its figures; absent: they are summed up over its pods. */
  readonly entity?: EntityType
}

const workload = (kind: Kind): DescribedKind => ({ resource: `${kind.plural}.${kind.group}`, kind, entity: 'workload' })

/** Everything that metrics are offered about. */
export const describedKinds: readonly DescribedKind[] = [
  { resource: 'pods', kind: CoreV1Pod, entity: 'pod' },
  { resource: 'namespaces', kind: CoreV1Namespace, entity: 'ns' },
  { resource: 'nodes', kind: CoreV1Node, entity: 'node' },
  { resource: 'services', kind: CoreV1Service },
  { resource: 'replicationcontrollers', kind: CoreV1ReplicationController, entity: 'workload' },
  ...[AppsV1Deployment, AppsV1StatefulSet, AppsV1DaemonSet, AppsV1ReplicaSet, BatchV1Job, BatchV1CronJob].map(workload),
]

/** The key of an object's entity in the memory window; `undefined` for a kind without one. */
export function entityKeyOf({ entity, kind }: DescribedKind, namespace: string | undefined, name: string): string | undefined {
  switch (entity) {
    case 'pod':
      return entityKeys.pod(namespace ?? '', name)
    case 'ns':
      return entityKeys.namespace(name)
    case 'node':
      return entityKeys.node(name)
    case 'workload':
      return entityKeys.workload(namespace ?? '', kind.kind, name)
    default:
      return undefined
  }
}
