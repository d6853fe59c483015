import type { CoreV1Container, CoreV1Pod, CoreV1ResourceFieldSelector } from '../../api/generated/kinds.ts'
import { parseQuantity, tryParseQuantity } from '../../api/quantity.ts'

/** What the node adds to a pod's own fields. */
export interface NodeFacts {
  readonly hostIp: string
  readonly podIp: string
  /** What an absent limit falls back to. */
  readonly allocatable: Readonly<Record<string, string>>
}

/** The value of a downward API field path such as `metadata.name` or `metadata.labels['app']`; throws where there is none of that name. */
export function fieldValue(pod: CoreV1Pod, path: string, facts: NodeFacts): string {
  const subscript = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (subscript !== null) return pod.metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2]!] ?? ''
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name ?? ''
    case 'metadata.namespace':
      return pod.metadata.namespace ?? ''
    case 'metadata.uid':
      return pod.metadata.uid ?? ''
    case 'metadata.labels':
      return formatMap(pod.metadata.labels)
    case 'metadata.annotations':
      return formatMap(pod.metadata.annotations)
    case 'spec.nodeName':
      return pod.spec.nodeName ?? ''
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? ''
    case 'status.hostIP':
    case 'status.hostIPs':
      return facts.hostIp
    case 'status.podIP':
    case 'status.podIPs':
      return facts.podIp
    default:
      throw new RangeError(`unsupported fieldPath: ${path}`)
  }
}

/** One `key="escaped value"` per line, sorted. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n')
}

/** The value of `limits.cpu` and the like in units of the divisor, rounded up; limits that are absent are the node's own. */
export function resourceValue(pod: CoreV1Pod, container: CoreV1Container, selector: CoreV1ResourceFieldSelector, facts: NodeFacts): string {
  const target =
    selector.containerName === undefined || selector.containerName === ''
      ? container
      : [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(({ name }) => name === selector.containerName)
  if (target === undefined) throw new RangeError(`container ${selector.containerName} not found`)
  const match = /^(limits|requests)\.(.+)$/.exec(selector.resource)
  if (match === null) throw new RangeError(`unsupported container resource : ${selector.resource}`)
  const [, list, resource] = match as unknown as [string, 'limits' | 'requests', string]
  const text = target.resources?.[list]?.[resource] ?? (list === 'limits' ? facts.allocatable[resource] : undefined) ?? '0'
  const divisor = tryParseQuantity(selector.divisor ?? '1')
  const divisorNanos = divisor === undefined || divisor.nanos === 0n ? 1_000_000_000n : divisor.nanos
  const { nanos } = parseQuantity(text)
  return String((nanos + divisorNanos - 1n) / divisorNanos)
}
