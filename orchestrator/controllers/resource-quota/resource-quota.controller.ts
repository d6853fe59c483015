import { CoreV1ResourceQuota } from '../../api/generated/kinds.ts'
import { keyOf } from '../../api/object.ts'
import type { Kind, KubeObject } from '../../api/object.ts'
import { formatQuantity, parseQuantity } from '../../api/quantity.ts'
import type { Quantity } from '../../api/quantity.ts'
import { addQuotaUsage, isCounted, isInScopes, quotaUsageOf } from '../../api/quota.ts'
import type { Informer, InformerFactory } from '../../client/informer.ts'
import { reportStatus } from '../status.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration } from '../controller.ts'

/** Keeps in each ResourceQuota's status what its namespace uses of what it limits. Admission counts for itself; this is for people and clients. */
export function createResourceQuotaController({
  informers,
  kinds,
}: {
  readonly informers: InformerFactory
  /** Kinds that quotas may count. */
  readonly kinds: readonly Kind[]
}): ControllerDeclaration<CoreV1ResourceQuota> {
  const byNamespace = { namespace: ({ metadata }: KubeObject) => [metadata.namespace!] }
  const quotas = informers.informer(CoreV1ResourceQuota, { indexes: byNamespace })
  const namespaced = kinds.filter(({ isNamespaced }) => isNamespaced)
  const caches = new Map<Kind, Informer<KubeObject>>(namespaced.map((kind) => [kind, informers.informer(kind, { indexes: byNamespace })]))
  function* quotasFor(kind: Kind, { metadata }: KubeObject): Iterable<string> {
    for (const quota of quotas.byIndex('namespace', metadata.namespace!)) {
      if (Object.keys(quota.spec?.hard ?? {}).some((name) => isCounted(kind, name))) yield keyOf(quota)
    }
  }
  return {
    name: 'resourcequota',
    for: CoreV1ResourceQuota,
    watches: namespaced.map((kind) => watch(kind, (object) => quotasFor(kind, object))),
    async reconcile(quota, { client }) {
      if (quota.metadata.deletionTimestamp !== undefined) return undefined
      const { hard = {} } = quota.spec ?? {}
      const total = new Map<string, Quantity>()
      for (const [kind, cache] of caches) {
        if (!Object.keys(hard).some((name) => isCounted(kind, name))) continue
        for (const object of cache.byIndex('namespace', quota.metadata.namespace!)) {
          if (isInScopes(quota.spec, kind, object)) addQuotaUsage(total, quotaUsageOf(kind, object))
        }
      }
      const used = Object.fromEntries(Object.keys(hard).map((name) => [name, formatQuantity(total.get(name) ?? parseQuantity('0'))]))
      const status = { hard, used }
      await reportStatus(client, CoreV1ResourceQuota, quota, status)
      return undefined
    },
  }
}
