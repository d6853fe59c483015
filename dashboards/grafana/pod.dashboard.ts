import type { Board } from './board.ts'
import {
  accidentPanels,
  cpuPanel,
  diskPanels,
  fileSystemPanels,
  localDiskPanel,
  memoryKindsPanels,
  memoryPanel,
  networkPanels,
  pressurePanels,
  processPanels,
  throttlingPanel,
} from './resource-panels.ts'
import { containersOfPods, links, podScope, sum, variables } from './scope.ts'
import { usageTable } from './usage-table.ts'

const together = { scope: podScope, suffix: ', sum', select: sum }
const pod = { scope: podScope, suffix: '' }
const byContainer = { scope: containersOfPods, suffix: ' by container', links: [links.container] }

/** Pods: their sum, each container beside its request and limit, then what each pod does with network and disks. */
export const podBoard: Board = {
  uid: 'binnacle-pod',
  title: 'Binnacle / Pod',
  description: 'The chosen pods together, their containers beside requests and limits, network, disks, pressure and accidents.',
  variables: [variables.cluster, variables.namespace, variables.pod],
  marks: [
    {
      name: 'Out of memory',
      colour: 'red',
      metric: 'memory/oom_kills',
      of: 'pod_container',
      where: containersOfPods.where!,
      per: containersOfPods.per,
      text: 'container_name',
    },
    {
      name: 'Restart',
      colour: 'orange',
      metric: 'restart_count',
      of: 'pod_container',
      where: containersOfPods.where!,
      per: containersOfPods.per,
      text: 'container_name',
    },
  ],
  sections: [
    { panels: [cpuPanel(together), memoryPanel(together)] },
    {
      title: 'Containers',
      panels: [
        usageTable(containersOfPods, {
          title: 'Containers over the range',
          description: 'Mean and largest use of each container in the range, beside request and limit. A click opens the container.',
          rows: [
            { tag: 'namespace_name', title: 'Namespace', link: links.namespace },
            { tag: 'pod_name', title: 'Pod' },
            { tag: 'container_name', title: 'Container', link: links.container },
          ],
        }),
        cpuPanel(byContainer),
        memoryPanel(byContainer),
      ],
    },
    { title: 'Waiting and accidents', panels: [...pressurePanels(pod), throttlingPanel(pod), ...accidentPanels(pod)] },
    { title: 'Network and disks', panels: [...networkPanels(pod), ...diskPanels(pod), localDiskPanel(pod)] },
    {
      title: 'More',
      isCollapsed: true,
      panels: [...memoryKindsPanels(pod), ...processPanels(pod), ...fileSystemPanels(pod)],
    },
  ],
}
