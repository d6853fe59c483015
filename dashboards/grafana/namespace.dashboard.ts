import type { Board } from './board.ts'
import {
  accidentPanels,
  cpuPanel,
  diskPanels,
  localDiskPanel,
  memoryKindsPanels,
  memoryPanel,
  networkPanels,
  processPanels,
  throttlingPanel,
} from './resource-panels.ts'
import { links, namespaceScope, podScope, sum, variables, workloadScope, type Scope } from './scope.ts'
import { usageTable } from './usage-table.ts'

const together = { scope: namespaceScope, suffix: ', sum', select: sum }
const byNamespace = { scope: namespaceScope, suffix: ' by namespace' }
const workloads: Scope = { ...workloadScope, where: namespaceScope.where! }
const pods: Scope = { ...podScope, where: namespaceScope.where! }

/** One namespace or several: their sum beside requests and limits, then workloads and pods with ways to their dashboards. */
export const namespaceBoard: Board = {
  uid: 'binnacle-namespace',
  title: 'Binnacle / Namespace',
  description: 'The chosen namespaces together and each by itself; their workloads and pods, each with a way to its own dashboard.',
  variables: [variables.cluster, variables.namespace],
  sections: [
    { panels: [cpuPanel(together), memoryPanel(together)] },
    {
      title: 'Workloads and pods',
      panels: [
        usageTable(workloads, {
          title: 'Workloads over the range',
          description: 'Mean and largest use of each Deployment, StatefulSet, DaemonSet, Job or controller in the range. A click opens it.',
          rows: [
            { tag: 'namespace_name', title: 'Namespace' },
            { tag: 'workload_kind', title: 'Kind' },
            { tag: 'workload_name', title: 'Workload', link: links.workload },
          ],
        }),
        usageTable(pods, {
          title: 'Pods over the range',
          description: 'Mean and largest use of each pod in the range. A click opens the pod.',
          rows: [
            { tag: 'namespace_name', title: 'Namespace' },
            { tag: 'pod_name', title: 'Pod', link: links.pod },
          ],
        }),
      ],
    },
    {
      title: 'Network, disks, accidents',
      panels: [...networkPanels(together), ...diskPanels(together), throttlingPanel(together), ...accidentPanels(together)],
    },
    {
      title: 'Each namespace',
      isCollapsed: true,
      panels: [
        cpuPanel(byNamespace),
        memoryPanel(byNamespace),
        ...memoryKindsPanels(byNamespace),
        ...networkPanels(byNamespace),
        localDiskPanel(byNamespace),
        ...processPanels(byNamespace),
      ],
    },
  ],
}
