import type { Board, FigurePanel } from './board.ts'
import {
  accidentPanels,
  cpuPanel,
  diskPanels,
  memoryKindsPanels,
  memoryPanel,
  networkPanels,
  processPanels,
  throttlingPanel,
} from './resource-panels.ts'
import { clusterScope, each, links, namespaceScope, nodeScope, variables } from './scope.ts'
import { usageTable } from './usage-table.ts'

const whole = { scope: clusterScope, suffix: ', whole cluster' }
const byNode = { scope: nodeScope, suffix: ' by node', links: [links.node] }
const byNamespace = { scope: { ...namespaceScope, where: [] }, suffix: ' by namespace', links: [links.namespace] }

const share = (title: string, description: string, metric: Parameters<typeof each>[1]): FigurePanel => ({
  kind: 'figure',
  title,
  description,
  unit: 'percentunit',
  warnAt: [0.8, 0.95],
  queries: [each(clusterScope, metric, title)],
})

const figures: readonly FigurePanel[] = [
  share('CPU used', 'Cores in use as a share of what pods may have on all nodes.', 'cpu/node_utilization'),
  share(
    'CPU requested',
    'Requests as a share of what pods may have. At 100 % nothing more is scheduled, whatever is used.',
    'cpu/node_reservation',
  ),
  share('Memory used', 'Memory in use, caches included, as a share of what pods may have on all nodes.', 'memory/node_utilization'),
  share('Memory requested', 'Requests as a share of what pods may have. At 100 % nothing more is scheduled.', 'memory/node_reservation'),
  {
    kind: 'figure',
    title: 'Restarts',
    description: 'Containers that were started again within the range.',
    unit: 'short',
    warnAt: [1, 10],
    sumOfRange: true,
    queries: [each(clusterScope, 'restart_count', 'restarts', { aggregate: 'increase' })],
  },
  {
    kind: 'figure',
    title: 'Kills for want of memory',
    description: 'Processes that the kernel killed within the range because memory ran out.',
    unit: 'short',
    warnAt: [1, 1],
    sumOfRange: true,
    queries: [each(clusterScope, 'memory/oom_kills', 'kills', { aggregate: 'increase' })],
  },
]

/** The whole cluster: totals against requests, limits and capacity, then each node, then each namespace. */
export const clusterBoard: Board = {
  uid: 'binnacle-cluster',
  title: 'Binnacle / Cluster',
  description: 'Totals of the whole cluster beside what there is; then nodes and namespaces, each with a way to its own dashboard.',
  variables: [variables.cluster, variables.node],
  marks: [
    {
      name: 'Out of memory',
      colour: 'red',
      metric: 'memory/oom_kills',
      of: 'pod_container',
      per: ['namespace_name', 'pod_name', 'container_name'],
      text: 'pod_name',
    },
  ],
  sections: [
    { panels: figures },
    {
      title: 'Overall',
      panels: [
        cpuPanel(whole, { hasCapacity: true }),
        memoryPanel(whole, { hasCapacity: true }),
        ...networkPanels(whole).slice(0, 1),
        ...diskPanels(whole).slice(0, 1),
      ],
    },
    {
      title: 'Nodes',
      panels: [
        usageTable(
          { ...nodeScope, where: [] },
          {
            title: 'Nodes over the range',
            description: 'Mean and largest use of each node in the range, beside what its pods ask for. A click opens the node.',
            rows: [{ tag: 'nodename', title: 'Node', link: links.node }],
          },
        ),
        {
          kind: 'chart',
          title: 'CPU share by node',
          description: 'CPU in use as a share of what pods may have on the node.',
          unit: 'percentunit',
          queries: [each(nodeScope, 'cpu/node_utilization', '')],
          links: [links.node],
        },
        {
          kind: 'chart',
          title: 'Memory share by node',
          description: 'Memory in use, caches included, as a share of what pods may have on the node.',
          unit: 'percentunit',
          queries: [each(nodeScope, 'memory/node_utilization', '')],
          links: [links.node],
        },
      ],
    },
    {
      title: 'Namespaces',
      panels: [
        usageTable(byNamespace.scope, {
          title: 'Namespaces over the range',
          description: 'Mean and largest use of each namespace in the range, beside requests and limits. A click opens the namespace.',
          rows: [{ tag: 'namespace_name', title: 'Namespace', link: links.namespace }],
        }),
      ],
    },
    {
      title: 'More of the whole cluster',
      isCollapsed: true,
      panels: [
        ...networkPanels(whole).slice(1),
        ...diskPanels(whole).slice(1),
        throttlingPanel(whole),
        ...memoryKindsPanels(whole),
        ...processPanels(whole),
        ...accidentPanels(whole),
      ],
    },
    {
      title: 'More by node',
      isCollapsed: true,
      panels: [...networkPanels(byNode), ...diskPanels(byNode), throttlingPanel(byNode)],
    },
  ],
}
