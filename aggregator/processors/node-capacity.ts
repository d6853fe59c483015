import type { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import { milliValueOf, valueOf } from '../../orchestrator/api/quantity.ts'
import { columnOf } from '../catalog.ts'
import { createEntity, entityKeys } from '../entity.ts'
import type { MetricSet } from '../metric-set.ts'
import type { ClusterView, NodeProcessor } from '../processors.ts'
import { formatLabels, isExtendedResource } from './pod-facts.ts'
import { setShares } from './shares.ts'

const resources = [
  { resource: 'cpu', prefix: 'cpu', read: milliValueOf },
  { resource: 'memory', prefix: 'memory', read: valueOf },
  { resource: 'ephemeral-storage', prefix: 'ephemeral_storage', read: valueOf },
] as const
const extended = columnOf('extended_resource/node_allocatable')

/** Capacity and allocatable of a node, and use and requests as shares of allocatable; also the labels that only the API knows. */
export function createNodeCapacity({ nodes }: Pick<ClusterView, 'nodes'>): NodeProcessor {
  return {
    name: 'node capacity',
    process({ nodeName, sets }) {
      const set = sets.get(entityKeys.node(nodeName!))
      const node = nodes.get(nodeName!)
      if (set === undefined || node === undefined) return
      const hostname = node.status?.addresses?.find((address) => address.type === 'Hostname')?.address ?? nodeName!
      const labels = formatLabels(node.metadata.labels ?? {})
      set.entity = createEntity('node', set.entity.key, { nodename: nodeName!, hostname, ...(labels === '' ? {} : { labels }) })
      setCapacity(set, node)
      setShares(set)
    },
  }
}

function setCapacity(set: MetricSet, { status }: CoreV1Node): void {
  const { capacity = {}, allocatable = {} } = status ?? {}
  for (const { resource, prefix, read } of resources) {
    const whole = capacity[resource]
    const part = allocatable[resource] ?? whole
    if (whole !== undefined) set.values[columnOf(`${prefix}/node_capacity`)] = read(whole)
    if (part !== undefined) set.values[columnOf(`${prefix}/node_allocatable`)] = read(part)
  }
  for (const [resource, amount] of Object.entries(allocatable)) {
    if (isExtendedResource(resource)) set.labelled.push({ column: extended, resource, value: valueOf(amount) })
  }
}
