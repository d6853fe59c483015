import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { CoreV1Namespace, CoreV1Pod, NetworkingV1NetworkPolicy } from '../../api/generated/kinds.ts'
import type { CoreV1Node } from '../../api/generated/kinds.ts'
import type { Informer, InformerFactory } from '../../client/informer.ts'
import type { Nft } from '../table/nft.ts'
import { createTableKeeper } from '../table/table-keeper.ts'
import type { TableKeeper } from '../table/table-keeper.ts'
import { internalIpOf } from '../service-catalog.ts'
import { ownAddressOf, planPolicyTable, planScope } from './policy-table.plan.ts'
import type { PolicyScope, PolicyTableOptions } from './policy-table.plan.ts'

export interface PolicyEnforcerOptions extends PolicyTableOptions {
  readonly informers: InformerFactory
  readonly nodes: Informer<CoreV1Node>
  readonly nft: Nft
  readonly clock: Clock
  readonly log: Log
  /** The table's name, from `policyTableNameOf`. */
  readonly table: string
  /** Makes frames that the bridge switches between two pods pass the packet filter. Resolves with false where the kernel cannot do that. */
  readonly filterBridge: () => Promise<boolean>
}

/**
 * Holds the pods of this host to the NetworkPolicies: connections are judged when they begin, at the address of the pod itself. Pods and
 * namespaces are watched from the first policy on; while there is none there is no table.
 */
export function createPolicyEnforcer(options: PolicyEnforcerOptions): TableKeeper {
  const { informers, filterBridge, log, table } = options
  const policies = informers.informer(NetworkingV1NetworkPolicy)
  let caches: Caches | undefined
  let scope: PolicyScope | undefined
  let isFiltered: boolean | undefined
  let tell: () => void = () => {}
  const rescope = () => {
    scope = undefined
    tell()
  }

  async function seeToFiltering(): Promise<void> {
    const before = isFiltered
    isFiltered = await filterBridge()
    if (before === isFiltered) return
    if (isFiltered) log.info({ table }, 'network policies are enforced')
    else log.warn({ table }, 'network policies do not hold between pods of this host: the kernel has no br_netfilter')
  }

  return createTableKeeper(
    { ...options, what: 'network policies' },
    {
      // Given up only with everything else.
      ready: (signal) => policies.waitForSync(signal).catch(() => undefined),
      onChange(listener) {
        tell = listener
        const unsubscribe = policies.onChange({ added: rescope, updated: rescope, deleted: rescope })
        return () => {
          tell = () => {}
          unsubscribe()
          caches?.close()
        }
      },
      async desired({ isAudit, signal }) {
        if (Iterator.from(policies.list()).next().done === true) {
          isFiltered = undefined
          return undefined
        }
        if (isAudit || isFiltered === undefined) await seeToFiltering()
        caches ??= openCaches(options, { rescope, changed: () => tell() })
        await caches.synced(signal)
        scope ??= planScope(policies.list(), caches.namespaces.list())
        return planPolicyTable(scope, caches.pods.list(), options)
      },
    },
  )
}

interface Caches {
  readonly pods: Informer<CoreV1Pod>
  readonly namespaces: Informer<CoreV1Namespace>
  synced(signal: AbortSignal): Promise<unknown>
  close(): void
}

/** Begins to watch pods and namespaces; `changed` is called for what matters to the table, `rescope` where it is about whole namespaces. */
function openCaches(
  { informers, nodes }: PolicyEnforcerOptions,
  { rescope, changed }: { readonly rescope: () => void; readonly changed: () => void },
): Caches {
  const pods = informers.informer(CoreV1Pod)
  const namespaces = informers.informer(CoreV1Namespace)
  const comesOrGoes = (pod: CoreV1Pod) => {
    if (ownAddressOf(pod) !== undefined) changed()
  }
  const closers = [
    pods.onChange({
      added: comesOrGoes,
      deleted: comesOrGoes,
      updated: (pod, previous) => {
        if (isOther(pod, previous)) changed()
      },
    }),
    namespaces.onChange({
      added: rescope,
      deleted: rescope,
      updated: ({ metadata }, previous) => {
        if (!isDeepStrictEqual(metadata.labels, previous.metadata.labels)) rescope()
      },
    }),
    nodes.onChange({
      added: changed,
      deleted: changed,
      updated: (node, previous) => {
        if (internalIpOf(node) !== internalIpOf(previous)) changed()
      },
    }),
  ]
  return {
    pods,
    namespaces,
    synced: (signal) => Promise.all([pods.waitForSync(signal), namespaces.waitForSync(signal)]),
    close() {
      for (const close of closers) close()
    },
  }
}

/** Whether a pod has another address or, where it has one, other labels. */
function isOther(pod: CoreV1Pod, previous: CoreV1Pod): boolean {
  const address = ownAddressOf(pod)
  if (address !== ownAddressOf(previous)) return true
  return address !== undefined && !isDeepStrictEqual(pod.metadata.labels, previous.metadata.labels)
}
