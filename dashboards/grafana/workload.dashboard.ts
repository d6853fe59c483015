import type { Board, ChartPanel } from './board.ts'
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
import { each, links, podScope, sum, variables, workloadScope, type Scope } from './scope.ts'
import { usageTable } from './usage-table.ts'

const together = { scope: workloadScope, suffix: ', sum', select: sum }
const pods: Scope = {
  of: 'pod',
  where: workloadScope.where!,
  per: podScope.per,
  name: podScope.name,
}

const byPod = (title: string, description: string, unit: ChartPanel['unit'], query: ChartPanel['queries'][number]): ChartPanel => ({
  kind: 'chart',
  title,
  description,
  unit,
  links: [links.pod],
  queries: [query],
})

/** A Deployment, StatefulSet, DaemonSet, Job or controller: all of its pods together, then each pod. */
export const workloadBoard: Board = {
  uid: 'binnacle-workload',
  title: 'Binnacle / Workload',
  description: 'All pods of the chosen workloads together, those that have gone included, then each pod beside the others.',
  variables: [variables.cluster, variables.namespace, variables.workload],
  sections: [
    { panels: [cpuPanel(together), memoryPanel(together)] },
    {
      title: 'Pods',
      panels: [
        usageTable(pods, {
          title: 'Pods over the range',
          description: 'Mean and largest use of each pod of the workload in the range. A click opens the pod.',
          rows: [
            { tag: 'namespace_name', title: 'Namespace' },
            { tag: 'pod_name', title: 'Pod', link: links.pod },
          ],
        }),
        byPod(
          'CPU by pod',
          'Cores in use: pods of a workload ought to be alike.',
          'short',
          each(pods, 'cpu/usage_rate', '', { factor: 0.001 }),
        ),
        byPod('Memory by pod', 'Working set: pods of a workload ought to be alike.', 'bytes', each(pods, 'memory/working_set', '')),
      ],
    },
    {
      title: 'Network, disks, accidents',
      panels: [...networkPanels(together), ...diskPanels(together), throttlingPanel(together), ...accidentPanels(together)],
    },
    {
      title: 'More',
      isCollapsed: true,
      panels: [...memoryKindsPanels(together), localDiskPanel(together), ...processPanels(together)],
    },
  ],
}
