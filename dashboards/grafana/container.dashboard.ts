import type { Board } from './board.ts'
import {
  accidentPanels,
  cpuPanel,
  diskPanels,
  fileSystemPanels,
  localDiskPanel,
  memoryKindsPanels,
  memoryPanel,
  pressurePanels,
  processPanels,
  throttlingPanel,
} from './resource-panels.ts'
import { containerScope, each, variables } from './scope.ts'

const container = { scope: containerScope, suffix: '' }
const marked = { of: 'pod_container', where: containerScope.where!, per: containerScope.per, text: 'container_name' } as const

/** Containers as closely as they are measured: use against limits, throttling, pressure, kills, disks. */
export const containerBoard: Board = {
  uid: 'binnacle-container',
  title: 'Binnacle / Container',
  description: 'The chosen containers as closely as they are measured. Network belongs to the pod: its containers share it.',
  variables: [variables.cluster, variables.namespace, variables.pod, variables.container],
  marks: [
    { name: 'Out of memory', colour: 'red', metric: 'memory/oom_kills', ...marked },
    { name: 'Restart', colour: 'orange', metric: 'restart_count', ...marked },
  ],
  sections: [
    { panels: [cpuPanel(container), memoryPanel(container)] },
    {
      title: 'Throttling and waiting',
      panels: [
        {
          kind: 'chart',
          title: 'Throttled periods',
          description:
            'Share of the periods of the CPU quota in which the container was held back. Above a quarter for long: raise the limit.',
          unit: 'percentunit',
          max: 1,
          queries: [each(containerScope, 'cpu/cfs_throttled_share', 'throttled')],
        },
        throttlingPanel(container),
        ...pressurePanels(container),
      ],
    },
    { title: 'Accidents', panels: accidentPanels(container) },
    { title: 'Disks', panels: [...diskPanels(container), localDiskPanel(container), ...fileSystemPanels(container)] },
    {
      title: 'More',
      isCollapsed: true,
      panels: [
        ...memoryKindsPanels(container),
        ...processPanels(container),
        {
          kind: 'chart',
          title: 'Memory left',
          description: 'Bytes up to the limit; without a limit, up to what the node has.',
          unit: 'bytes',
          queries: [each(containerScope, 'memory/available', 'left')],
        },
        {
          kind: 'chart',
          title: 'Age',
          description: 'Time since the container was started; it drops to zero at a restart.',
          unit: 'ms',
          queries: [each(containerScope, 'uptime', 'up', { aggregate: 'last' })],
        },
      ],
    },
  ],
}
