import type {
  CoreV1Container,
  CoreV1LimitRange,
  CoreV1LimitRangeItem,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
} from '../../api/generated/kinds.ts'
import { addQuantities, compareQuantities, formatQuantity, parseQuantity, quantityValue } from '../../api/quantity.ts'
import { forbidden } from '../../api/status-error.ts'
import type { Store } from '../../store/store.ts'
import { type AdmissionPlugin, resourceOf } from './admission.ts'

type Resources = Readonly<Record<string, string>>

/** Fills in the requests and limits that a namespace's LimitRanges give, and refuses what lies outside of them. */
export function limitRanger(store: Store): AdmissionPlugin {
  return {
    name: 'LimitRanger',
    admit({ operation, declaration, namespace, name, subresource, object }) {
      if (operation === 'DELETE' || subresource !== '' || object === undefined) return
      const resource = resourceOf(declaration)
      if (!(resource === 'pods' && operation === 'CREATE') && resource !== 'persistentvolumeclaims') return
      const items = store
        .list(`core/limitranges/${namespace}/`)
        .entries.flatMap((entry) => (entry.object as CoreV1LimitRange).spec?.limits ?? [])
      if (items.length === 0) return
      const problems = resource === 'pods' ? limitPod(object as CoreV1Pod, items) : limitClaim(object as CoreV1PersistentVolumeClaim, items)
      if (problems.length > 0) throw forbidden(declaration.kind, name, problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`)
    },
  }
}

function limitPod({ spec }: CoreV1Pod, items: readonly CoreV1LimitRangeItem[]): string[] {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
  const forContainers = items.filter(({ type }) => type === 'Container')
  for (const container of containers) for (const item of forContainers) setDefaults(container, item)
  const problems = containers.flatMap(({ resources = {} }) =>
    forContainers.flatMap((item) => check(item, resources.requests ?? {}, resources.limits ?? {})),
  )
  const requests = sum((spec?.containers ?? []).map(({ resources }) => resources?.requests ?? {}))
  const limits = sum((spec?.containers ?? []).map(({ resources }) => resources?.limits ?? {}))
  return [...problems, ...items.filter(({ type }) => type === 'Pod').flatMap((item) => check(item, requests, limits))]
}

function limitClaim({ spec }: CoreV1PersistentVolumeClaim, items: readonly CoreV1LimitRangeItem[]): string[] {
  const { requests = {}, limits = {} } = spec?.resources ?? {}
  return items.filter(({ type }) => type === 'PersistentVolumeClaim').flatMap((item) => check(item, requests, limits))
}

function setDefaults(container: CoreV1Container, { default: limits = {}, defaultRequest = {} }: CoreV1LimitRangeItem): void {
  if (Object.keys(limits).length === 0 && Object.keys(defaultRequest).length === 0) return
  const resources = (container.resources ??= {})
  // A limit that the container itself sets stands for its request where it has none.
  const requests = { ...defaultRequest, ...resources.limits, ...resources.requests }
  const hasLimits = Object.keys(limits).length > 0 || resources.limits !== undefined
  if (hasLimits) resources.limits = { ...limits, ...resources.limits }
  if (Object.keys(requests).length > 0) resources.requests = requests
}

function check(
  { type, min = {}, max = {}, maxLimitRequestRatio = {} }: CoreV1LimitRangeItem,
  requests: Resources,
  limits: Resources,
): string[] {
  const problems: string[] = []
  for (const [name, least] of Object.entries(min)) {
    const request = requests[name] ?? limits[name]
    if (request === undefined) problems.push(`minimum ${name} usage per ${type} is ${least}.  No request is specified`)
    else if (isLess(request, least)) problems.push(`minimum ${name} usage per ${type} is ${least}, but request is ${request}`)
  }
  for (const [name, most] of Object.entries(max)) {
    const limit = limits[name] ?? (type === 'PersistentVolumeClaim' ? requests[name] : undefined)
    if (limit === undefined) problems.push(`maximum ${name} usage per ${type} is ${most}.  No limit is specified`)
    else if (isLess(most, limit)) problems.push(`maximum ${name} usage per ${type} is ${most}, but limit is ${limit}`)
  }
  for (const [name, ratio] of Object.entries(maxLimitRequestRatio)) {
    const [request, limit] = [requests[name], limits[name]]
    if (request === undefined || limit === undefined)
      problems.push(`${name} max limit to request ratio per ${type} is ${ratio}, but no request or limit is specified`)
    else if (quantityValue(parseQuantity(limit)) > quantityValue(parseQuantity(ratio)) * quantityValue(parseQuantity(request)))
      problems.push(
        `${name} max limit to request ratio per ${type} is ${ratio}, but provided ratio is ${quantityValue(parseQuantity(limit)) / quantityValue(parseQuantity(request))}`,
      )
  }
  return problems
}

/** Malformed quantities are left to validation. */
function isLess(a: string, b: string): boolean {
  return compareQuantities(parseQuantity(a), parseQuantity(b)) < 0
}

function sum(all: readonly Resources[]): Record<string, string> {
  const total: Record<string, string> = {}
  for (const resources of all) {
    for (const [name, amount] of Object.entries(resources)) {
      const before = total[name]
      total[name] = before === undefined ? amount : formatQuantity(addQuantities(parseQuantity(before), parseQuantity(amount)))
    }
  }
  return total
}
