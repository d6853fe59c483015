import type { Summary, SwapStats } from '../summary.ts'
import { Exposition } from './exposition.ts'
import type { Family, Format } from './exposition.ts'
import { noLabels, renderLabels, type Labels } from './labels.ts'

interface Row {
  readonly labels: Labels
  readonly timestampMs: number | undefined
  readonly value: number | undefined
}

interface ResourceFamily extends Family {
  /** Whether samples carry the time of measurement. */
  readonly isTimed: boolean
  readonly rows: (summary: Summary) => Row[]
}

/** The kubelet's `/metrics/resource`: names, units, labels and order as upstream. */
const families: readonly ResourceFamily[] = [
  {
    name: 'node_cpu_usage_seconds_total',
    help: 'Cumulative CPU time of the node in core-seconds',
    type: 'counter',
    isTimed: true,
    rows: ({ node }) => [row(noLabels, node.cpu, seconds(node.cpu?.usageCoreNanoSeconds))],
  },
  {
    name: 'node_memory_working_set_bytes',
    help: 'Working set of the node in bytes',
    type: 'gauge',
    isTimed: true,
    rows: ({ node }) => [row(noLabels, node.memory, node.memory?.workingSetBytes)],
  },
  {
    name: 'node_swap_usage_bytes',
    help: 'Swap in use on the node in bytes',
    type: 'gauge',
    isTimed: true,
    rows: ({ node }) => [row(noLabels, node.swap, node.swap?.swapUsageBytes)],
  },
  {
    name: 'container_cpu_usage_seconds_total',
    help: 'Cumulative CPU time of the container in core-seconds',
    type: 'counter',
    isTimed: true,
    rows: containerRows(({ cpu }, labels) => row(labels, cpu, seconds(cpu?.usageCoreNanoSeconds))),
  },
  {
    name: 'container_memory_working_set_bytes',
    help: 'Working set of the container in bytes',
    type: 'gauge',
    isTimed: true,
    rows: containerRows(({ memory }, labels) => row(labels, memory, memory?.workingSetBytes)),
  },
  {
    name: 'container_swap_usage_bytes',
    help: 'Swap in use by the container in bytes',
    type: 'gauge',
    isTimed: true,
    rows: containerRows(({ swap }, labels) => row(labels, swap, swap?.swapUsageBytes)),
  },
  {
    name: 'container_swap_limit_bytes',
    help: 'Swap that the container may use, in bytes; absent where there is no limit',
    type: 'gauge',
    isTimed: true,
    rows: containerRows(({ swap }, labels) => row(labels, swap, limitOf(swap))),
  },
  {
    name: 'container_start_time_seconds',
    help: 'Start time of the container, seconds since the epoch',
    type: 'gauge',
    isTimed: false,
    rows: containerRows(({ startTime }, labels) => row(labels, undefined, Date.parse(startTime) / 1000)),
  },
  {
    name: 'pod_cpu_usage_seconds_total',
    help: 'Cumulative CPU time of the pod in core-seconds',
    type: 'counter',
    isTimed: true,
    rows: ({ pods }) => pods.map((pod) => row(podLabels(pod), pod.cpu, seconds(pod.cpu?.usageCoreNanoSeconds))),
  },
  {
    name: 'pod_memory_working_set_bytes',
    help: 'Working set of the pod in bytes',
    type: 'gauge',
    isTimed: true,
    rows: ({ pods }) => pods.map((pod) => row(podLabels(pod), pod.memory, pod.memory?.workingSetBytes)),
  },
  {
    name: 'pod_swap_usage_bytes',
    help: 'Swap in use by the pod in bytes',
    type: 'gauge',
    isTimed: true,
    rows: ({ pods }) => pods.map((pod) => row(podLabels(pod), pod.swap, pod.swap?.swapUsageBytes)),
  },
]

/** The text of `/metrics/resource` for a summary. */
export function renderResourceMetrics(summary: Summary, format: Format = 'text'): Buffer {
  const text = new Exposition({ format })
  const distinct = { ...summary, pods: newestOfEachName(summary.pods) }
  for (const family of families) {
    text.family(family)
    for (const { labels, timestampMs, value } of family.rows(distinct)) {
      if (value !== undefined) text.sample(labels, value, family.isTimed ? timestampMs : undefined)
    }
  }
  text.family({
    name: 'resource_scrape_error',
    help: '1 if there was an error while getting container metrics, 0 otherwise',
    type: 'gauge',
  })
  text.sample(noLabels, summary.node.cpu === undefined ? 1 : 0)
  return text.finish()
}

type PodOf = Summary['pods'][number]

/** A pod that ends may still be there beside the one that replaces it; the same series twice would spoil the whole page. */
function newestOfEachName(pods: readonly PodOf[]): PodOf[] {
  const newest = new Map<string, PodOf>()
  for (const pod of pods) {
    const key = JSON.stringify([pod.podRef.namespace, pod.podRef.name])
    const known = newest.get(key)
    if (known === undefined || known.startTime < pod.startTime) newest.set(key, pod)
  }
  return [...newest.values()]
}

function containerRows(of: (container: PodOf['containers'][number], labels: Labels) => Row): (summary: Summary) => Row[] {
  return ({ pods }) =>
    pods.flatMap((pod) =>
      pod.containers.map((container) =>
        of(container, renderLabels({ container: container.name, namespace: pod.podRef.namespace, pod: pod.podRef.name })),
      ),
    )
}

function podLabels({ podRef }: PodOf): Labels {
  return renderLabels({ namespace: podRef.namespace, pod: podRef.name })
}

function row(labels: Labels, timed: { readonly time: string } | undefined, value: number | undefined): Row {
  return { labels, timestampMs: timed === undefined ? undefined : Date.parse(timed.time), value }
}

function limitOf(swap: SwapStats | undefined): number | undefined {
  if (swap?.swapUsageBytes === undefined || swap.swapAvailableBytes === undefined) return undefined
  return swap.swapUsageBytes + swap.swapAvailableBytes
}

function seconds(nanoseconds: number | undefined): number | undefined {
  return nanoseconds === undefined ? undefined : nanoseconds / 1e9
}
