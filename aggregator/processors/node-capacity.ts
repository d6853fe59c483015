import { milliValueOf, valueOf } from '../../orchestrator/api/quantity.ts'
import { columnOf } from '../catalog.ts'
import { createEntity, entityKeys } from '../entity.ts'
import type { ClusterView, NodeProcessor } from '../processors.ts'
import { formatLabels } from './pod-facts.ts'

const resources = [
  { resource: 'cpu', prefix: 'cpu', used: columnOf('cpu/usage_rate'), read: milliValueOf },
  { resource: 'memory', prefix: 'memory', used: columnOf('memory/usage'), read: valueOf },
  { resource: 'ephemeral-storage', prefix: 'ephemeral_storage', used: columnOf('ephemeral_storage/usage'), read: valueOf },
] as const

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
      for (const { resource, prefix, used, read } of resources) {
        const capacity = node.status?.capacity?.[resource]
        const allocatable = read(node.status?.allocatable?.[resource] ?? capacity)
        if (capacity !== undefined) set.values[columnOf(`${prefix}/node_capacity`)] = read(capacity)
        if (!(allocatable > 0)) continue
        set.values[columnOf(`${prefix}/node_allocatable`)] = allocatable
        set.values[columnOf(`${prefix}/node_utilization`)] = set.values[used]! / allocatable
        set.values[columnOf(`${prefix}/node_reservation`)] = set.values[columnOf(`${prefix}/request`)]! / allocatable
      }
    },
  }
}
