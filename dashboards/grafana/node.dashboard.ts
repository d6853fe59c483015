import type { Board, FigurePanel, Panel } from './board.ts'
import {
  cpuPanel,
  diskPanels,
  fileSystemPanels,
  memoryKindsPanels,
  memoryPanel,
  networkPanels,
  pressurePanels,
  processPanels,
  throttlingPanel,
} from './resource-panels.ts'
import { each, links, nodeScope, podScope, variables, type Scope } from './scope.ts'
import { usageTable } from './usage-table.ts'

const node = { scope: nodeScope, suffix: '' }
const onNode = nodeScope.where!
const pods: Scope = { ...podScope, where: onNode }
const systemContainers: Scope = {
  of: 'sys_container',
  where: onNode,
  per: ['nodename', 'container_name'],
  name: '$tag_nodename/$tag_container_name',
}

const share = (title: string, description: string, metric: Parameters<typeof each>[1]): FigurePanel => ({
  kind: 'figure',
  title,
  description,
  unit: 'percentunit',
  warnAt: [0.8, 0.95],
  queries: [each(nodeScope, metric, '')],
})

const accidents: readonly Panel[] = [
  {
    kind: 'chart',
    title: 'Killed for want of memory',
    description: 'Processes on the node that the kernel killed because memory ran out, per interval.',
    unit: 'short',
    isBars: true,
    queries: [each(nodeScope, 'memory/oom_kills', 'kills', { aggregate: 'increase' })],
  },
  {
    kind: 'chart',
    title: 'Restarts',
    description: 'Containers on the node that were started again, per interval.',
    unit: 'short',
    isBars: true,
    queries: [
      each(pods, 'restart_count', '', {
        aggregate: 'increase',
        per: ['nodename'],
        sumOver: ['namespace_name', 'pod_name'],
        alias: '$tag_nodename restarts',
      }),
    ],
  },
]

/** One node or several: use against what pods may have, pressure, disks, and the pods that run there. */
export const nodeBoard: Board = {
  uid: 'binnacle-node',
  title: 'Binnacle / Node',
  description: 'The chosen nodes: use beside what there is, pressure, disks, network, and the pods that run there.',
  variables: [variables.cluster, variables.node],
  sections: [
    {
      panels: [
        share('CPU used', 'Cores in use as a share of what pods may have.', 'cpu/node_utilization'),
        share('CPU requested', 'Requests of the pods as a share of what they may have.', 'cpu/node_reservation'),
        share('Memory used', 'Memory in use, caches included, as a share of what pods may have.', 'memory/node_utilization'),
        share('Memory requested', 'Requests of the pods as a share of what they may have.', 'memory/node_reservation'),
        share('Local disk used', 'Root file system in use as a share of what pods may have.', 'ephemeral_storage/node_utilization'),
        {
          kind: 'figure',
          title: 'Up',
          description: 'Time since the node was booted.',
          unit: 'ms',
          queries: [each(nodeScope, 'uptime', '', { aggregate: 'last' })],
        },
      ],
    },
    { title: 'Use', panels: [cpuPanel(node, { hasCapacity: true }), memoryPanel(node, { hasCapacity: true })] },
    { title: 'Pressure', panels: pressurePanels(node) },
    {
      title: 'Pods',
      panels: [
        usageTable(pods, {
          title: 'Pods over the range',
          description: 'Mean and largest use of each pod on the chosen nodes in the range. A click opens the pod.',
          rows: [
            { tag: 'namespace_name', title: 'Namespace', link: links.namespace },
            { tag: 'pod_name', title: 'Pod', link: links.pod },
          ],
        }),
      ],
    },
    { title: 'Network and disks', panels: [...networkPanels(node), ...diskPanels(node), ...fileSystemPanels(node)] },
    {
      title: 'More',
      isCollapsed: true,
      panels: [
        ...memoryKindsPanels(node),
        throttlingPanel(node),
        {
          kind: 'chart',
          title: 'Load',
          description:
            'Tasks that run, want to run or wait for a disk, smoothed over 10 s. More than there are cores: they wait for each other.',
          unit: 'short',
          queries: [each(nodeScope, 'cpu/load', 'load', { factor: 0.001 })],
        },
        ...processPanels(node),
        ...accidents,
        {
          kind: 'chart',
          title: 'CPU of system services',
          description: 'Cores in use by what runs beside the pods: kubelet, container runtime, the rest of the system.',
          unit: 'short',
          queries: [each(systemContainers, 'cpu/usage_rate', '', { factor: 0.001 })],
        },
        {
          kind: 'chart',
          title: 'Memory of system services',
          description: 'Working set of what runs beside the pods.',
          unit: 'bytes',
          queries: [each(systemContainers, 'memory/working_set', '')],
        },
      ],
    },
  ],
}
