import type {
  CoreV1Container,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
  CoreV1ResourceQuota,
  CoreV1Service,
} from '../../api/generated/kinds.ts'
import type { KindDeclaration } from '../../api/kind-declaration.ts'
import type { KubeObject } from '../../api/object.ts'
import { addQuantities, compareQuantities, formatQuantity, parseQuantity, type Quantity } from '../../api/quantity.ts'
import { forbidden } from '../../api/status-error.ts'
import type { Store } from '../../store/store.ts'
import { type AdmissionPlugin, type Attributes, resourceOf } from './admission.ts'

type Usage = Map<string, Quantity>

/**
 * Refuses a creation that would go beyond a ResourceQuota of the namespace. What is used is counted from the stored objects, plus what
 * creations under way have been granted, so concurrent ones cannot pass together. Quotas with scopes are not enforced.
 */
export function resourceQuota(store: Store): AdmissionPlugin {
  const granted = new Map<string, Usage[]>()

  return {
    name: 'ResourceQuota',
    admit(attributes) {
      const { operation, declaration, namespace, subresource, object } = attributes
      if (operation !== 'CREATE' || subresource !== '' || object === undefined || !declaration.kind.isNamespaced) return
      const quotas = store.list(`core/resourcequotas/${namespace}/`).entries.map((entry) => entry.object as CoreV1ResourceQuota)
      if (quotas.length === 0) return
      const requested = usageOf(declaration, object)
      for (const quota of quotas)
        if ((quota.spec?.scopes ?? []).length === 0 && quota.spec?.scopeSelector === undefined) check(quota, requested, attributes)
      if (requested.size > 0 && !attributes.isDryRun) grant(attributes, requested)
    },
  }

  function check({ spec, metadata }: CoreV1ResourceQuota, requested: Usage, attributes: Attributes): void {
    const limited = Object.entries(spec?.hard ?? {}).filter(([name]) => requested.has(name))
    if (limited.length === 0) return
    const used = usedIn(attributes)
    const exceeded = limited.filter(
      ([name, hard]) => compareQuantities(addQuantities(used.get(name) ?? zero, requested.get(name)!), parseQuantity(hard)) > 0,
    )
    if (exceeded.length === 0) return
    const list = (amount: (name: string, hard: string) => string) =>
      exceeded.map(([name, hard]) => `${name}=${amount(name, hard)}`).join(',')
    const text = `requested: ${list((name) => formatQuantity(requested.get(name)!))}, used: ${list((name) => formatQuantity(used.get(name) ?? zero))}, limited: ${list((_, hard) => hard)}`
    throw forbidden(attributes.declaration.kind, attributes.name, `exceeded quota: ${metadata.name}, ${text}`)
  }

  function usedIn({ declaration, namespace }: Attributes): Usage {
    const total: Usage = new Map()
    const { group, plural } = declaration.kind
    for (const { object } of store.list(`${group === '' ? 'core' : group}/${plural}/${namespace}/`).entries) {
      if (!isFinished(object as CoreV1Pod)) addTo(total, usageOf(declaration, object as KubeObject))
    }
    for (const usage of granted.get(`${namespace}/${resourceOf(declaration)}`) ?? []) addTo(total, usage)
    return total
  }

  /** Counts what was granted until the object is stored, or its creation given up. */
  function grant({ declaration, namespace, name, undo }: Attributes, usage: Usage): void {
    const key = `${namespace}/${resourceOf(declaration)}`
    const list = granted.get(key) ?? []
    granted.set(key, [...list, usage])
    const { group, plural } = declaration.kind
    const unsubscribe = store.watch(`${group === '' ? 'core' : group}/${plural}/${namespace}/${name}`, store.revision, {
      changed: () => release(),
      closed: () => {},
    })
    function release() {
      unsubscribe()
      const left = (granted.get(key) ?? []).filter((other) => other !== usage)
      if (left.length === 0) granted.delete(key)
      else granted.set(key, left)
    }
    undo.push(release)
  }
}

const zero = parseQuantity('0')
const one = parseQuantity('1')

const isFinished = ({ kind, status }: CoreV1Pod) => kind === 'Pod' && (status?.phase === 'Succeeded' || status?.phase === 'Failed')

function addTo(total: Usage, usage: Usage): void {
  for (const [name, amount] of usage) total.set(name, addQuantities(total.get(name) ?? zero, amount))
}

/** What one object counts as, by the names that quotas use. */
function usageOf(declaration: KindDeclaration, object: KubeObject): Usage {
  const { group, plural } = declaration.kind
  const usage: Usage = new Map([[`count/${resourceOf(declaration)}`, one]])
  if (group === '' && countedPlurals.has(plural)) usage.set(plural, one)
  if (group !== '') return usage
  if (plural === 'pods') addPod(usage, object as CoreV1Pod)
  if (plural === 'services') addService(usage, object as CoreV1Service)
  if (plural === 'persistentvolumeclaims') {
    const storage = (object as CoreV1PersistentVolumeClaim).spec?.resources?.requests?.['storage']
    if (storage !== undefined) usage.set('requests.storage', parseQuantity(storage))
  }
  return usage
}

const countedPlurals = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
])

function addPod(usage: Usage, { spec }: CoreV1Pod): void {
  for (const kind of ['requests', 'limits'] as const) {
    for (const [name, amount] of sumOf(spec?.containers ?? [], kind)) {
      usage.set(`${kind}.${name}`, amount)
      if (kind === 'requests') usage.set(name, amount)
    }
  }
}

function sumOf(containers: readonly CoreV1Container[], kind: 'requests' | 'limits'): Usage {
  const total: Usage = new Map()
  for (const { resources } of containers)
    addTo(total, new Map(Object.entries(resources?.[kind] ?? {}).map(([name, amount]) => [name, parseQuantity(amount)])))
  return total
}

function addService(usage: Usage, { spec }: CoreV1Service): void {
  if (spec?.type === 'LoadBalancer') usage.set('services.loadbalancers', one)
  if (spec?.type === 'NodePort' || spec?.type === 'LoadBalancer')
    usage.set('services.nodeports', parseQuantity(String(spec.ports?.length ?? 0)))
}
