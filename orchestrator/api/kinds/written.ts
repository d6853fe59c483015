import type { KindPart } from '../kind-declaration.ts'
import type { KubeObject } from '../object.ts'
import { apiService } from './api-service.ts'
import { configMap } from './config-map.ts'
import { cronJob } from './cron-job.ts'
import { daemonSet } from './daemon-set.ts'
import { deployment } from './deployment.ts'
import { endpointSlice } from './endpoint-slice.ts'
import { endpoints } from './endpoints.ts'
import { coreEvent, event } from './event.ts'
import { horizontalPodAutoscaler, horizontalPodAutoscalerV1 } from './horizontal-pod-autoscaler.ts'
import { job } from './job.ts'
import { limitRange } from './limit-range.ts'
import { namespace } from './namespace.ts'
import { node } from './node.ts'
import { persistentVolume } from './persistent-volume.ts'
import { persistentVolumeClaim } from './persistent-volume-claim.ts'
import { pod } from './pod.ts'
import { clusterRole, clusterRoleBinding, role, roleBinding } from './rbac.ts'
import { replicaSet } from './replica-set.ts'
import { replicationController } from './replication-controller.ts'
import { resourceQuota } from './resource-quota.ts'
import { reviews } from './reviews.ts'
import { secret } from './secret.ts'
import { serviceAccount } from './service-account.ts'
import { service } from './service.ts'
import { smallKinds } from './small-kinds.ts'
import { statefulSet } from './stateful-set.ts'
import { storageClass } from './storage-class.ts'
import { storageKinds } from './storage-kinds.ts'
import { versionViews } from './version-views.ts'

/** Every hand-written part, one per kind. */
export const writtenParts: readonly KindPart<KubeObject>[] = [
  apiService,
  clusterRole,
  clusterRoleBinding,
  configMap,
  coreEvent,
  cronJob,
  daemonSet,
  deployment,
  endpoints,
  endpointSlice,
  event,
  horizontalPodAutoscaler,
  horizontalPodAutoscalerV1,
  job,
  limitRange,
  namespace,
  node,
  persistentVolume,
  persistentVolumeClaim,
  pod,
  replicaSet,
  replicationController,
  resourceQuota,
  role,
  roleBinding,
  secret,
  service,
  serviceAccount,
  statefulSet,
  storageClass,
  ...reviews,
  ...smallKinds,
  ...storageKinds,
  ...versionViews,
]
