import type { Clock } from '../../lib/clock.ts'
import type { Client } from '../client/client.ts'
import type { InformerFactory } from '../client/informer.ts'
import type { AnyController } from './controller.ts'
import { createAttachDetachController, createAttachmentCleanupController } from './attach-detach/attach-detach.controller.ts'
import { createBootstrapSignerController } from './bootstrap-token/bootstrap-signer.controller.ts'
import { createTokenCleanerController } from './bootstrap-token/token-cleaner.controller.ts'
import { createCertificateApprovingController } from './certificate-signing-request/approving.controller.ts'
import type { ServingRules } from './certificate-signing-request/approving.controller.ts'
import { createCertificateCleaningController } from './certificate-signing-request/cleaning.controller.ts'
import { createCertificateSigningController } from './certificate-signing-request/signing.controller.ts'
import type { SignCertificate } from './certificate-signing-request/signing.controller.ts'
import { createClusterRoleAggregationController } from './clusterrole-aggregation/clusterrole-aggregation.controller.ts'
import { createCsiControllers } from './csi/csi-controllers.ts'
import { createCronJobController } from './cronjob/cronjob.controller.ts'
import { createDaemonSetController } from './daemonset/daemonset.controller.ts'
import { createDeploymentController } from './deployment/deployment.controller.ts'
import type { DiscoverNamespaced } from './discovery.ts'
import { createDisruptionController } from './disruption/disruption.controller.ts'
import { createEndpointsCleanupController, createEndpointsController } from './endpoints/endpoints.controller.ts'
import { createEndpointSliceController } from './endpointslice/endpointslice.controller.ts'
import { createEndpointSliceMirroringController } from './endpointslice/mirroring.controller.ts'
import { collectableKinds } from './garbage-collector/collectable-kinds.ts'
import { createJobController, createJobOrphanController } from './job/job.controller.ts'
import { createNamespaceController } from './namespace/namespace.controller.ts'
import { createNodeIpamController } from './node-ipam/node-ipam.controller.ts'
import type { PodRangesOptions } from './node-ipam/pod-ranges.plan.ts'
import { createNodeLifecycleController } from './node-lifecycle/node-lifecycle.controller.ts'
import { createClaimController } from './persistent-volume/claim.controller.ts'
import { createEphemeralVolumeController } from './persistent-volume/ephemeral-volume.controller.ts'
import { createVolumeController } from './persistent-volume/volume.controller.ts'
import { createPodGarbageCollector } from './pod-garbage-collector/pod-garbage-collector.controller.ts'
import { createReplicaSetController } from './replicaset/replicaset.controller.ts'
import { createReplicationControllerController } from './replicationcontroller/replicationcontroller.controller.ts'
import { createResourceQuotaController } from './resource-quota/resource-quota.controller.ts'
import { createRootCaController } from './root-ca/root-ca.controller.ts'
import { createServiceLoadBalancerController } from './service-lb/service-lb.controller.ts'
import type { LoadBalancerSource } from './service-lb/service-lb.plan.ts'
import { createServiceAccountController } from './serviceaccount/serviceaccount.controller.ts'
import { createStatefulSetController } from './statefulset/statefulset.controller.ts'
import { createTaintEvictionController } from './taint-eviction/taint-eviction.controller.ts'

/** What the controllers are told about their cluster. */
export interface ControllerSettings extends ServingRules {
  /** PEM of the cluster's certificate authority, for `kube-root-ca.crt`. Not published where absent. */
  readonly rootCa?: string
  /** The cluster's authority, for certificate signing requests. Nothing is signed where absent. */
  readonly signCertificate?: SignCertificate
  /** The pod network that nodes get their ranges of. Nodes are given none where absent. */
  readonly podRanges?: PodRangesOptions
  /** What load balancers are made of. Absent: Services wait for somebody else's. */
  readonly loadBalancers?: LoadBalancerSource
  /** A node silent for this long is not ready. 40 s. */
  readonly nodeGracePeriodMs?: number
  /** CSI drivers whose controller part is called from here, in place of sidecars: `unix:/path` by name. */
  readonly csiEndpoints?: Readonly<Record<string, string>>
  /** Terminated pods that are kept. 12,500. */
  readonly terminatedPodThreshold?: number
}

export interface ControllerListOptions extends ControllerSettings {
  readonly client: Client
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly discover: DiscoverNamespaced
}

/** Every controller that is one declaration. Those with more around them (autoscaler, garbage collector) are put together in the app. */
export function listControllers(options: ControllerListOptions): readonly AnyController[] {
  const { rootCa, signCertificate: sign, nodeGracePeriodMs: gracePeriodMs, terminatedPodThreshold: terminatedThreshold } = options
  return [
    createReplicationControllerController(options),
    createReplicaSetController(options),
    createDeploymentController(options),
    createStatefulSetController(options),
    createDaemonSetController(options),
    createJobController(options),
    createJobOrphanController(options),
    createCronJobController(options),
    createDisruptionController(options),
    createEndpointsController(options),
    createEndpointsCleanupController(options),
    createEndpointSliceController(options),
    createEndpointSliceMirroringController(options),
    createClaimController(options),
    createVolumeController(options),
    createEphemeralVolumeController(options),
    createAttachDetachController(options),
    createAttachmentCleanupController(options),
    ...createCsiControllers(options),
    createNamespaceController(options),
    ...(options.loadBalancers === undefined ? [] : [createServiceLoadBalancerController({ ...options, source: options.loadBalancers })]),
    createResourceQuotaController({ ...options, kinds: collectableKinds() }),
    createServiceAccountController(options),
    ...(rootCa === undefined ? [] : [createRootCaController({ ...options, rootCa })]),
    createClusterRoleAggregationController(options),
    createBootstrapSignerController(options),
    createTokenCleanerController(),
    createCertificateApprovingController(options),
    createCertificateCleaningController(),
    ...(sign === undefined ? [] : [createCertificateSigningController({ sign })]),
    ...(options.podRanges === undefined ? [] : [createNodeIpamController({ ...options, ranges: options.podRanges })]),
    createNodeLifecycleController({ ...options, ...(gracePeriodMs === undefined ? {} : { gracePeriodMs }) }),
    createTaintEvictionController(options),
    createPodGarbageCollector({ ...options, ...(terminatedThreshold === undefined ? {} : { terminatedThreshold }) }),
  ]
}
