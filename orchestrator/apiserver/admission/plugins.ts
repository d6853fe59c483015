import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import type { Store } from '../../store/store.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import type { RbacAuthorizer } from '../auth/rbac.ts'
import type { AdmissionPlugin } from './admission.ts'
import { certificateSigningRequests } from './certificate-signing-requests.ts'
import { defaultStorageClass } from './default-storage-class.ts'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { limitRanger } from './limit-ranger.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { nodeRestriction } from './node-restriction.ts'
import { podSecurity } from './pod-security/pod-security.ts'
import { priority } from './priority.ts'
import { rbacEscalation } from './rbac-escalation.ts'
import { resourceQuota } from './resource-quota.ts'
import { runtimeClass } from './runtime-class.ts'
import { serviceAccount } from './service-account.ts'
import { serviceAddresses } from './service-addresses.ts'
import type { ServiceAllocator } from './service-allocator.ts'

export interface PluginOptions {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly authorizer: Authorizer
  readonly rbac: RbacAuthorizer
  readonly allocator: ServiceAllocator
}

/** Every admission plugin, in the order in which writes pass them. */
export function createPlugins({ store, clock, random, authorizer, rbac, allocator }: PluginOptions): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle(store),
    nodeRestriction,
    rbacEscalation(authorizer, rbac),
    certificateSigningRequests({ authorizer, clock }),
    limitRanger(store),
    serviceAccount({ store, clock, random }),
    priority(store),
    defaultTolerationSeconds,
    runtimeClass(store),
    defaultStorageClass(store),
    podSecurity(store, clock),
    serviceAddresses(allocator),
    resourceQuota(store),
  ]
}
