import type { CoreV1Container, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { milliValueOf, valueOf } from '../../orchestrator/api/quantity.ts'
import { columnOf } from '../catalog.ts'
import type { MetricName } from '../catalog.ts'
import type { LabelledValue } from '../metric-set.ts'

/** What the metrics of a container need to know from the API. */
export interface ContainerFacts {
  readonly name: string
  readonly image: string
  /** Requests, limits and restarts, each in the column of `factColumns` at the same place. */
  readonly values: readonly number[]
  /** Requests of extended resources. */
  readonly extended: readonly LabelledValue[]
  /** Whether the API says that it runs, so that a measurement is due. */
  readonly isRunning: boolean
}

/** What the metrics of a pod need to know from the API. */
export interface PodFacts {
  readonly labels: string
  /** The uid under which the node reports it: for mirror pods that of the manifest. */
  readonly reportedUid: string
  readonly containers: ReadonlyMap<string, ContainerFacts>
  /** Init containers that run to their end, and ephemeral ones: they may use something, and no figure is due from them. */
  readonly others: readonly { readonly name: string; readonly image: string }[]
  /** What the pod as a whole asks for or is limited to beyond the sum of its containers, by column: pod-level resources and overhead. */
  readonly beyond: readonly (readonly [column: number, value: number])[]
  /** Whether it has ended for good, so that its requests are free again. */
  readonly hasEnded: boolean
}

const amounts: readonly {
  readonly resource: string
  readonly field: 'requests' | 'limits'
  readonly name: MetricName
  readonly read: (text: string | undefined) => number
}[] = [
  { resource: 'cpu', field: 'requests', name: 'cpu/request', read: milliValueOf },
  { resource: 'cpu', field: 'limits', name: 'cpu/limit', read: milliValueOf },
  { resource: 'memory', field: 'requests', name: 'memory/request', read: valueOf },
  { resource: 'memory', field: 'limits', name: 'memory/limit', read: valueOf },
  { resource: 'ephemeral-storage', field: 'requests', name: 'ephemeral_storage/request', read: valueOf },
  { resource: 'ephemeral-storage', field: 'limits', name: 'ephemeral_storage/limit', read: valueOf },
]

/** The columns of `ContainerFacts.values`. */
export const factColumns: readonly number[] = [
  ...amounts.map(({ name }) => columnOf(name)),
  columnOf('restart_count'),
  columnOf('accelerator/request'),
]
const extendedRequest = columnOf('extended_resource/request')

/** The facts of a pod. Sidecars (init containers that restart always) count as containers; other init containers do not. */
export function readPodFacts(pod: CoreV1Pod): PodFacts {
  const containers = [
    ...(pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy === 'Always'),
    ...(pod.spec?.containers ?? []),
  ]
  const phase = pod.status?.phase
  const facts = containers.map((container) => readContainerFacts(container, pod))
  return {
    labels: formatLabels(pod.metadata.labels ?? {}),
    reportedUid: pod.metadata.annotations?.['kubernetes.io/config.hash'] ?? pod.metadata.uid ?? '',
    containers: new Map(facts.map((container) => [container.name, container])),
    beyond: readBeyond(pod, facts),
    others: [
      ...(pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy !== 'Always'),
      ...(pod.spec?.ephemeralContainers ?? []),
    ].map(({ name, image = '' }) => ({ name, image })),
    hasEnded: phase === 'Succeeded' || phase === 'Failed',
  }
}

function readBeyond({ spec }: CoreV1Pod, containers: readonly ContainerFacts[]): PodFacts['beyond'] {
  if (spec?.resources === undefined && spec?.overhead === undefined) return []
  return amounts.map(({ resource, field, read }, index) => {
    const sum = containers.reduce((total, { values }) => total + values[index]!, 0)
    const whole = spec.resources?.[field]?.[resource]
    const asked = whole === undefined ? sum : read(whole)
    // As upstream: what has no limit gets none from the overhead.
    const overhead = field === 'limits' && asked === 0 ? 0 : read(spec.overhead?.[resource])
    return [factColumns[index]!, asked - sum + overhead]
  })
}

function readContainerFacts(container: CoreV1Container, pod: CoreV1Pod): ContainerFacts {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
  const status = statuses.find((entry) => entry.name === container.name)
  // Requests that are not there count as zero, as Heapster has them: a sum over pods then never lacks a part.
  const values = amounts.map(({ resource, field, read }) => read(container.resources?.[field]?.[resource]))
  values.push(status?.restartCount ?? 0)
  const requests = Object.entries(container.resources?.requests ?? {})
  const extended = requests
    .filter(([resource]) => isExtendedResource(resource))
    .map(([resource, amount]) => ({ column: extendedRequest, resource, value: valueOf(amount) }))
  const accelerators = extended.filter(({ resource }) => acceleratorPattern.test(resource))
  values.push(accelerators.reduce((sum, { value }) => sum + value, 0))
  return { name: container.name, image: container.image ?? '', values, extended, isRunning: status?.state?.running !== undefined }
}

/** `nvidia.com/gpu`, `amd.com/gpu`, `alpha.kubernetes.io/nvidia-gpu` and their like. */
const acceleratorPattern = /(^|[/-])gpu$/

/** Whether a resource is one that a device plugin or a person added: its name has a domain. */
export function isExtendedResource(resource: string): boolean {
  return resource.includes('/')
}

/** Heapster's form of labels in one tag: `k:v` sorted, joined by commas. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.keys(labels)
    .sort()
    .map((name) => `${name}:${labels[name]}`)
    .join(',')
}
