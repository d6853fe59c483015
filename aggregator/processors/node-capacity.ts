import { milliValueOf, valueOf } from '../../orchestrator/api/quantity.ts'
import { columnOf } from '../catalog.ts'
import { createEntity, entityKeys } from '../entity.ts'
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
      for (const { resource, prefix, read } of resources) {
        const capacity = node.status?.capacity?.[resource]
        const allocatable = node.status?.allocatable?.[resource] ?? capacity
        if (capacity !== undefined) set.values[columnOf(`${prefix}/node_capacity`)] = read(capacity)
        if (allocatable !== undefined) set.values[columnOf(`${prefix}/node_allocatable`)] = read(allocatable)
      }
      for (const [resource, amount] of Object.entries(node.status?.allocatable ?? {})) {
        if (isExtendedResource(resource)) set.labelled.push({ column: extended, resource, value: valueOf(amount) })
      }
      setShares(set)
    },
  }
}
