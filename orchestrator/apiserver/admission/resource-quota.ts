import type { CoreV1Pod, CoreV1ResourceQuota } from '../../api/generated/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import { addQuantities, compareQuantities, formatQuantity, parseQuantity, type Quantity } from '../../api/quantity.ts'
import { addQuotaUsage, isInScopes, quotaUsageOf, type QuotaUsage } from '../../api/quota.ts'
import { forbidden } from '../../api/status-error.ts'
import type { Store } from '../../store/store.ts'
import { type AdmissionPlugin, type Attributes, resourceOf } from './admission.ts'

interface Grant {
  readonly object: KubeObject
  readonly usage: QuotaUsage
}

/**
 * Refuses a creation that would go beyond a ResourceQuota of the namespace. What is used is counted from the stored objects, plus what
 * creations under way have been granted, so concurrent ones cannot pass together.
 */
export function resourceQuota(store: Store): AdmissionPlugin {
  const granted = new Map<string, Grant[]>()

  return {
    name: 'ResourceQuota',
    admit(attributes) {
      const { operation, declaration, namespace, subresource, object } = attributes
      if (operation !== 'CREATE' || subresource !== '' || object === undefined || !declaration.kind.isNamespaced) return
      const quotas = store.list(`core/resourcequotas/${namespace}/`).entries.map((entry) => entry.object as CoreV1ResourceQuota)
      if (quotas.length === 0) return
      const requested = quotaUsageOf(declaration.kind, object)
      for (const quota of quotas) if (isInScopes(quota.spec, declaration.kind, object)) check(quota, requested, attributes)
      if (requested.size > 0 && !attributes.isDryRun) grant(attributes, { object, usage: requested })
    },
  }

  function check(quota: CoreV1ResourceQuota, requested: QuotaUsage, attributes: Attributes): void {
    const { declaration, object, name: objectName } = attributes
    const hard = Object.entries(quota.spec?.hard ?? {})
    if (declaration.kind.kind === 'Pod') refuseUnspecified(quota, object as CoreV1Pod, attributes)
    const limited = hard.filter(([name]) => requested.has(name))
    if (limited.length === 0) return
    const used = usedIn(quota, attributes)
    const exceeded = limited.filter(
      ([name, limit]) => compareQuantities(addQuantities(used.get(name) ?? zero, requested.get(name)!), parseQuantity(limit)) > 0,
    )
    if (exceeded.length === 0) return
    const list = (amount: (name: string, limit: string) => string) =>
      exceeded.map(([name, limit]) => `${name}=${amount(name, limit)}`).join(',')
    const text = `requested: ${list((name) => formatQuantity(requested.get(name)!))}, used: ${list((name) => formatQuantity(used.get(name) ?? zero))}, limited: ${list((_, limit) => limit)}`
    throw forbidden(declaration.kind, objectName, `exceeded quota: ${quota.metadata.name}, ${text}`)
  }

  function usedIn({ spec }: CoreV1ResourceQuota, { declaration: { kind }, declaration, namespace }: Attributes): QuotaUsage {
    const total = new Map<string, Quantity>()
    const count = (object: KubeObject, usage: QuotaUsage) => {
      if (isInScopes(spec, kind, object)) addQuotaUsage(total, usage)
    }
    for (const { object } of store.list(`${kind.group === '' ? 'core' : kind.group}/${kind.plural}/${namespace}/`).entries)
      count(object as KubeObject, quotaUsageOf(kind, object as KubeObject))
    for (const { object, usage } of granted.get(`${namespace}/${resourceOf(declaration)}`) ?? []) count(object, usage)
    return total
  }

  /** Counts what was granted until the object is stored, or its creation given up. */
  function grant({ declaration, namespace, name, undo }: Attributes, given: Grant): void {
    const key = `${namespace}/${resourceOf(declaration)}`
    const list = granted.get(key) ?? []
    granted.set(key, [...list, given])
    const { group, plural } = declaration.kind
    const unsubscribe = store.watch(`${group === '' ? 'core' : group}/${plural}/${namespace}/${name}`, store.revision, {
      changed: () => release(),
      closed: () => {},
    })
    function release() {
      unsubscribe()
      const left = (granted.get(key) ?? []).filter((other) => other !== given)
      if (left.length === 0) granted.delete(key)
      else granted.set(key, left)
    }
    undo.push(release)
  }
}

const zero = parseQuantity('0')

/** Where a quota limits an amount that a container doesn't say, what it uses could not be counted. */
function refuseUnspecified({ spec, metadata }: CoreV1ResourceQuota, pod: CoreV1Pod, { declaration, name }: Attributes): void {
  const missing = Object.keys(spec?.hard ?? {}).flatMap((limited) => {
    const match = /^(?:(requests|limits)\.)?(cpu|memory)$/.exec(limited)
    if (match === null) return []
    const [, kind = 'requests', resource] = match
    const without = (pod.spec?.containers ?? []).filter(({ resources }) => resources?.[kind as 'limits']?.[resource!] === undefined)
    return without.length === 0 ? [] : [`${limited} for: ${without.map((container) => container.name).join(',')}`]
  })
  if (missing.length > 0)
    throw forbidden(declaration.kind, name, `failed quota: ${metadata.name}: must specify ${missing.sort().join('; ')}`)
}
