import type {
  CoreV1Container,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
  CoreV1ResourceQuotaSpec,
  CoreV1ScopedResourceSelectorRequirement,
  CoreV1Service,
} from './generated/kinds.ts'
import { qosClassOf } from './kinds/pod-resources.ts'
import type { Kind, KubeObject } from './object.ts'
import { addQuantities, parseQuantity, type Quantity } from './quantity.ts'

/** Amounts by the names that quotas use: `requests.cpu`, `pods`, `count/jobs.batch`. */
export type QuotaUsage = ReadonlyMap<string, Quantity>
type Usage = Map<string, Quantity>

const zero = parseQuantity('0')
const one = parseQuantity('1')

const isFinished = ({ status }: CoreV1Pod) => status?.phase === 'Succeeded' || status?.phase === 'Failed'

/** Adds what is used to a total, in place. */
export function addQuotaUsage(total: Map<string, Quantity>, usage: QuotaUsage): void {
  for (const [name, amount] of usage) total.set(name, addQuantities(total.get(name) ?? zero, amount))
}

/** What one object counts as, by the names that quotas use. A pod that has ended counts as nothing but an object. */
export function quotaUsageOf({ group, plural }: Kind, object: KubeObject): QuotaUsage {
  const usage: Usage = new Map([[`count/${group === '' ? plural : `${plural}.${group}`}`, one]])
  if (group === '' && countedPlurals.has(plural)) usage.set(plural, one)
  if (group !== '') return usage
  if (plural === 'pods') {
    if (isFinished(object as CoreV1Pod)) return new Map([['count/pods', one]])
    addPod(usage, object as CoreV1Pod)
  }
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
    addQuotaUsage(total, new Map(Object.entries(resources?.[kind] ?? {}).map(([name, amount]) => [name, parseQuantity(amount)])))
  return total
}

function addService(usage: Usage, { spec }: CoreV1Service): void {
  if (spec?.type === 'LoadBalancer') usage.set('services.loadbalancers', one)
  if (spec?.type === 'NodePort' || spec?.type === 'LoadBalancer')
    usage.set('services.nodeports', parseQuantity(String(spec.ports?.length ?? 0)))
}

/** Whether a quota limits anything of this kind. */
export function isCounted({ group, plural }: Kind, name: string): boolean {
  if (name === `count/${group === '' ? plural : `${plural}.${group}`}`) return true
  if (group !== '') return false
  if (plural === 'pods') return name === 'pods' || podResource.test(name)
  if (plural === 'services') return name === 'services' || name.startsWith('services.')
  if (plural === 'persistentvolumeclaims')
    return name === plural || name === 'requests.storage' || name.includes('.storageclass.storage.k8s.io/')
  return name === plural && countedPlurals.has(plural)
}

/** Amounts of compute: with or without `requests.` and `limits.`. */
const podResource = /^((requests|limits)\.)?(cpu|memory|ephemeral-storage|hugepages-.+)$|^requests\.[^/]+\/.+$/

/** Whether a pod is within the scopes of a quota. Quotas with scopes count pods only; one without counts everything. */
export function isInScopes(
  spec: CoreV1ResourceQuotaSpec | undefined,
  { kind, plural }: Pick<Kind, 'kind' | 'plural'>,
  object: KubeObject,
): boolean {
  const expressions: CoreV1ScopedResourceSelectorRequirement[] = [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ]
  if (expressions.length === 0) return true
  if (plural !== 'pods' || kind !== 'Pod') return false
  return expressions.every((expression) => matchesScope(expression, object as CoreV1Pod))
}

function matchesScope({ scopeName, operator, values = [] }: CoreV1ScopedResourceSelectorRequirement, { spec }: CoreV1Pod): boolean {
  const isTerminating = spec.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds >= 0
  if (scopeName === 'Terminating') return isTerminating
  if (scopeName === 'NotTerminating') return !isTerminating
  if (scopeName === 'BestEffort') return qosClassOf(spec) === 'BestEffort'
  if (scopeName === 'NotBestEffort') return qosClassOf(spec) !== 'BestEffort'
  if (scopeName === 'CrossNamespacePodAffinity') return reachesOtherNamespaces(spec)
  const name = spec.priorityClassName ?? ''
  if (operator === 'In') return values.includes(name)
  if (operator === 'NotIn') return !values.includes(name)
  return operator === 'Exists' ? name !== '' : name === ''
}

function reachesOtherNamespaces({ affinity }: CoreV1Pod['spec']): boolean {
  const terms = [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((part) => [
    ...(part?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(part?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ])
  return terms.some(({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || namespaceSelector !== undefined)
}
