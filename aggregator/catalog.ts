import { selfRows } from './self-catalog.ts'
import type { SelfMetricName } from './self-catalog.ts'
import type { EntityType } from './window.ts'

/** One metric, named once. Sinks, model API, dashboards, alert rules and docs/metrics.md are typed by or made from these rows. */
export interface MetricRow {
  /** Heapster's name: the measurement in InfluxDB and the name in the model API. */
  readonly name: string
  readonly type: 'gauge' | 'cumulative'
  readonly unit:
    | 'count'
    | 'bytes'
    | 'nanoseconds'
    | 'milliseconds'
    | 'millicores'
    | 'milliload'
    | 'share'
    | 'percent'
    | 'per second'
    | 'bytes per second'
  /** How sinks write it and whether the model API rounds it. The memory window keeps every digit. */
  readonly valueType: 'int' | 'float'
  readonly entities: readonly EntityType[]
  /** The name under which the collector or Prometheus exporters know the same figure; empty where there is none. */
  readonly prometheus: string
  /** The field of the summary or the API object, or the formula. */
  readonly source: string
  readonly description: string
  /** Whether the sum over parts is the figure of the whole (pods of a namespace, nodes of a cluster); of labelled metrics the sum per resource. */
  readonly isAdditive: boolean
  /** Set where one entity has several series of it, told apart by the tag `resource_id`. */
  readonly isLabelled?: true
  /** Set on rates: the cumulative metric whose growth it is, and what a unit per second is multiplied with. */
  readonly rate?: { readonly of: string; readonly factor: number }
}

const everything = ['cluster', 'node', 'ns', 'workload', 'pod', 'pod_container', 'sys_container'] as const
const totals = ['cluster', 'node', 'ns', 'workload', 'pod'] as const
const withContainers = ['cluster', 'node', 'ns', 'workload', 'pod', 'pod_container'] as const
const measured = ['node', 'pod', 'pod_container', 'sys_container'] as const
const nodesAndCluster = ['cluster', 'node'] as const
const withDisks = ['node', 'pod', 'pod_container'] as const
const withFileSystems = ['cluster', 'node', 'pod', 'pod_container'] as const

// oxfmt-ignore
const rows = [
  { name: 'uptime', type: 'cumulative', unit: 'milliseconds', valueType: 'int', entities: measured, isAdditive: false, prometheus: 'container_start_time_seconds', source: 'now - startTime', description: 'Time since the start of the container, pod or node' },
  { name: 'restart_count', type: 'cumulative', unit: 'count', valueType: 'int', entities: ['cluster', 'ns', 'workload', 'pod', 'pod_container'], isAdditive: true, prometheus: 'kube_pod_container_status_restarts_total', source: 'pod.status.containerStatuses[].restartCount', description: 'Restarts of the container' },
  { name: 'pods/pending', type: 'gauge', unit: 'count', valueType: 'int', entities: ['cluster', 'ns'], isAdditive: true, prometheus: 'kube_pod_status_phase', source: 'pod.status.phase', description: 'Pods that have not begun to run: they wait for a node, an image, a volume or their init containers' },

  { name: 'cpu/usage', type: 'cumulative', unit: 'nanoseconds', valueType: 'int', entities: measured, isAdditive: false, prometheus: 'container_cpu_usage_seconds_total', source: 'cpu.usageCoreNanoSeconds', description: 'CPU time used on all cores since the start' },
  { name: 'cpu/usage_rate', type: 'gauge', unit: 'millicores', valueType: 'int', entities: everything, isAdditive: true, rate: { of: 'cpu/usage', factor: 1e-6 }, prometheus: '', source: 'rate of cpu/usage; cpu.usageNanoCores on first sight', description: 'CPU in use' },
  { name: 'cpu/load', type: 'gauge', unit: 'milliload', valueType: 'int', entities: measured, isAdditive: false, prometheus: 'container_cpu_load_average_10s', source: 'cpu.load', description: 'Runnable and uninterruptible tasks, smoothed over 10 s' },
  { name: 'cpu/request', type: 'gauge', unit: 'millicores', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: 'kube_pod_container_resource_requests', source: 'pod.spec.containers[].resources.requests.cpu', description: 'CPU asked for (guaranteed)' },
  { name: 'cpu/limit', type: 'gauge', unit: 'millicores', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: 'kube_pod_container_resource_limits', source: 'pod.spec.containers[].resources.limits.cpu', description: 'CPU limit (hard)' },
  { name: 'cpu/node_capacity', type: 'gauge', unit: 'millicores', valueType: 'float', entities: nodesAndCluster, isAdditive: true, prometheus: 'kube_node_status_capacity', source: 'node.status.capacity.cpu', description: 'CPU of the node' },
  { name: 'cpu/node_allocatable', type: 'gauge', unit: 'millicores', valueType: 'float', entities: nodesAndCluster, isAdditive: true, prometheus: 'kube_node_status_allocatable', source: 'node.status.allocatable.cpu', description: 'CPU of the node that pods may have' },
  { name: 'cpu/node_utilization', type: 'gauge', unit: 'share', valueType: 'float', entities: nodesAndCluster, isAdditive: false, prometheus: '', source: 'cpu/usage_rate / cpu/node_allocatable', description: 'CPU in use as a share of allocatable' },
  { name: 'cpu/node_reservation', type: 'gauge', unit: 'share', valueType: 'float', entities: nodesAndCluster, isAdditive: false, prometheus: '', source: 'cpu/request / cpu/node_allocatable', description: 'CPU asked for as a share of allocatable' },
  { name: 'cpu/cfs_periods', type: 'cumulative', unit: 'count', valueType: 'int', entities: ['pod_container'], isAdditive: false, prometheus: 'container_cpu_cfs_periods_total', source: 'cpu.throttling.periods', description: 'Periods of the CPU quota that have passed' },
  { name: 'cpu/cfs_throttled_periods', type: 'cumulative', unit: 'count', valueType: 'int', entities: ['pod_container'], isAdditive: false, prometheus: 'container_cpu_cfs_throttled_periods_total', source: 'cpu.throttling.throttledPeriods', description: 'Periods in which the CPU quota held the container back' },
  { name: 'cpu/cfs_throttled_time', type: 'cumulative', unit: 'nanoseconds', valueType: 'int', entities: ['pod_container'], isAdditive: false, prometheus: 'container_cpu_cfs_throttled_seconds_total', source: 'cpu.throttling.throttledNanoSeconds', description: 'Time for which the CPU quota held the container back' },
  { name: 'cpu/cfs_throttled_time_rate', type: 'gauge', unit: 'millicores', valueType: 'float', entities: withContainers, isAdditive: true, rate: { of: 'cpu/cfs_throttled_time', factor: 1e-6 }, prometheus: '', source: 'rate of cpu/cfs_throttled_time', description: 'CPU that the quota withheld from tasks that were ready to run' },
  { name: 'cpu/cfs_throttled_share', type: 'gauge', unit: 'share', valueType: 'float', entities: ['pod_container'], isAdditive: false, prometheus: '', source: 'growth of cpu/cfs_throttled_periods / growth of cpu/cfs_periods', description: 'Share of the periods in which the CPU quota held the container back' },
  { name: 'cpu/pressure', type: 'gauge', unit: 'percent', valueType: 'float', entities: measured, isAdditive: false, prometheus: 'container_pressure_cpu_waiting_seconds_total', source: 'cpu.psi.some.avg10', description: 'Share of the last 10 s in which some task waited for CPU' },
  { name: 'cpu/pressure_full', type: 'gauge', unit: 'percent', valueType: 'float', entities: measured, isAdditive: false, prometheus: 'container_pressure_cpu_stalled_seconds_total', source: 'cpu.psi.full.avg10', description: 'Share of the last 10 s in which all tasks waited for CPU' },

  { name: 'memory/usage', type: 'gauge', unit: 'bytes', valueType: 'int', entities: everything, isAdditive: true, prometheus: 'container_memory_usage_bytes', source: 'memory.usageBytes', description: 'Memory in use, caches included' },
  { name: 'memory/working_set', type: 'gauge', unit: 'bytes', valueType: 'int', entities: everything, isAdditive: true, prometheus: 'container_memory_working_set_bytes', source: 'memory.workingSetBytes', description: 'Memory in use without inactive file pages: what counts against the limit' },
  { name: 'memory/rss', type: 'gauge', unit: 'bytes', valueType: 'int', entities: everything, isAdditive: true, prometheus: 'container_memory_rss', source: 'memory.rssBytes', description: 'Anonymous memory' },
  { name: 'memory/cache', type: 'gauge', unit: 'bytes', valueType: 'int', entities: everything, isAdditive: true, prometheus: 'container_memory_cache', source: 'memory.cacheBytes', description: 'File pages' },
  { name: 'memory/available', type: 'gauge', unit: 'bytes', valueType: 'int', entities: measured, isAdditive: false, prometheus: '', source: 'memory.availableBytes', description: 'What is left up to the limit, or on the node' },
  { name: 'memory/swap', type: 'gauge', unit: 'bytes', valueType: 'int', entities: everything, isAdditive: true, prometheus: 'container_memory_swap', source: 'swap.swapUsageBytes', description: 'Swap in use' },
  { name: 'memory/swap_limit', type: 'gauge', unit: 'bytes', valueType: 'int', entities: measured, isAdditive: false, prometheus: 'container_spec_memory_swap_limit_bytes', source: 'swap.swapUsageBytes + swap.swapAvailableBytes', description: 'Swap that may be used' },
  { name: 'memory/request', type: 'gauge', unit: 'bytes', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: 'kube_pod_container_resource_requests', source: 'pod.spec.containers[].resources.requests.memory', description: 'Memory asked for (guaranteed)' },
  { name: 'memory/limit', type: 'gauge', unit: 'bytes', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: 'kube_pod_container_resource_limits', source: 'pod.spec.containers[].resources.limits.memory', description: 'Memory limit (hard)' },
  { name: 'memory/page_faults', type: 'cumulative', unit: 'count', valueType: 'int', entities: measured, isAdditive: false, prometheus: 'container_memory_failures_total', source: 'memory.pageFaults', description: 'Page faults' },
  { name: 'memory/page_faults_rate', type: 'gauge', unit: 'per second', valueType: 'float', entities: everything, isAdditive: true, rate: { of: 'memory/page_faults', factor: 1 }, prometheus: '', source: 'rate of memory/page_faults', description: 'Page faults per second' },
  { name: 'memory/major_page_faults', type: 'cumulative', unit: 'count', valueType: 'int', entities: measured, isAdditive: false, prometheus: 'container_memory_failures_total', source: 'memory.majorPageFaults', description: 'Page faults that had to wait for a disk' },
  { name: 'memory/major_page_faults_rate', type: 'gauge', unit: 'per second', valueType: 'float', entities: everything, isAdditive: true, rate: { of: 'memory/major_page_faults', factor: 1 }, prometheus: '', source: 'rate of memory/major_page_faults', description: 'Major page faults per second' },
  { name: 'memory/oom_kills', type: 'cumulative', unit: 'count', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: 'container_oom_events_total', source: 'memory.oomKills', description: 'Processes that the kernel killed for want of memory' },
  { name: 'memory/pressure', type: 'gauge', unit: 'percent', valueType: 'float', entities: measured, isAdditive: false, prometheus: 'container_pressure_memory_waiting_seconds_total', source: 'memory.psi.some.avg10', description: 'Share of the last 10 s in which some task waited for memory' },
  { name: 'memory/pressure_full', type: 'gauge', unit: 'percent', valueType: 'float', entities: measured, isAdditive: false, prometheus: 'container_pressure_memory_stalled_seconds_total', source: 'memory.psi.full.avg10', description: 'Share of the last 10 s in which all tasks waited for memory' },
  { name: 'memory/node_capacity', type: 'gauge', unit: 'bytes', valueType: 'float', entities: nodesAndCluster, isAdditive: true, prometheus: 'kube_node_status_capacity', source: 'node.status.capacity.memory', description: 'Memory of the node' },
  { name: 'memory/node_allocatable', type: 'gauge', unit: 'bytes', valueType: 'float', entities: nodesAndCluster, isAdditive: true, prometheus: 'kube_node_status_allocatable', source: 'node.status.allocatable.memory', description: 'Memory of the node that pods may have' },
  { name: 'memory/node_utilization', type: 'gauge', unit: 'share', valueType: 'float', entities: nodesAndCluster, isAdditive: false, prometheus: '', source: 'memory/usage / memory/node_allocatable', description: 'Memory in use (not the working set) as a share of allocatable' },
  { name: 'memory/node_reservation', type: 'gauge', unit: 'share', valueType: 'float', entities: nodesAndCluster, isAdditive: false, prometheus: '', source: 'memory/request / memory/node_allocatable', description: 'Memory asked for as a share of allocatable' },

  { name: 'network/rx', type: 'cumulative', unit: 'bytes', valueType: 'int', entities: ['node', 'pod'], isAdditive: false, prometheus: 'container_network_receive_bytes_total', source: 'network.rxBytes, summed over interfaces', description: 'Bytes received' },
  { name: 'network/rx_rate', type: 'gauge', unit: 'bytes per second', valueType: 'float', entities: totals, isAdditive: true, rate: { of: 'network/rx', factor: 1 }, prometheus: '', source: 'rate of network/rx', description: 'Bytes received per second' },
  { name: 'network/rx_errors', type: 'cumulative', unit: 'count', valueType: 'int', entities: ['node', 'pod'], isAdditive: false, prometheus: 'container_network_receive_errors_total', source: 'network.rxErrors', description: 'Errors while receiving' },
  { name: 'network/rx_errors_rate', type: 'gauge', unit: 'per second', valueType: 'float', entities: totals, isAdditive: true, rate: { of: 'network/rx_errors', factor: 1 }, prometheus: '', source: 'rate of network/rx_errors', description: 'Errors while receiving per second' },
  { name: 'network/rx_packets', type: 'cumulative', unit: 'count', valueType: 'int', entities: ['node', 'pod'], isAdditive: false, prometheus: 'container_network_receive_packets_total', source: 'network.rxPackets', description: 'Packets received' },
  { name: 'network/rx_packets_rate', type: 'gauge', unit: 'per second', valueType: 'float', entities: totals, isAdditive: true, rate: { of: 'network/rx_packets', factor: 1 }, prometheus: '', source: 'rate of network/rx_packets', description: 'Packets received per second' },
  { name: 'network/rx_dropped', type: 'cumulative', unit: 'count', valueType: 'int', entities: ['node', 'pod'], isAdditive: false, prometheus: 'container_network_receive_packets_dropped_total', source: 'network.rxDropped', description: 'Received packets that were dropped' },
  { name: 'network/rx_dropped_rate', type: 'gauge', unit: 'per second', valueType: 'float', entities: totals, isAdditive: true, rate: { of: 'network/rx_dropped', factor: 1 }, prometheus: '', source: 'rate of network/rx_dropped', description: 'Received packets that were dropped per second' },
  { name: 'network/tx', type: 'cumulative', unit: 'bytes', valueType: 'int', entities: ['node', 'pod'], isAdditive: false, prometheus: 'container_network_transmit_bytes_total', source: 'network.txBytes, summed over interfaces', description: 'Bytes sent' },
  { name: 'network/tx_rate', type: 'gauge', unit: 'bytes per second', valueType: 'float', entities: totals, isAdditive: true, rate: { of: 'network/tx', factor: 1 }, prometheus: '', source: 'rate of network/tx', description: 'Bytes sent per second' },
  { name: 'network/tx_errors', type: 'cumulative', unit: 'count', valueType: 'int', entities: ['node', 'pod'], isAdditive: false, prometheus: 'container_network_transmit_errors_total', source: 'network.txErrors', description: 'Errors while sending' },
  { name: 'network/tx_errors_rate', type: 'gauge', unit: 'per second', valueType: 'float', entities: totals, isAdditive: true, rate: { of: 'network/tx_errors', factor: 1 }, prometheus: '', source: 'rate of network/tx_errors', description: 'Errors while sending per second' },
  { name: 'network/tx_packets', type: 'cumulative', unit: 'count', valueType: 'int', entities: ['node', 'pod'], isAdditive: false, prometheus: 'container_network_transmit_packets_total', source: 'network.txPackets', description: 'Packets sent' },
  { name: 'network/tx_packets_rate', type: 'gauge', unit: 'per second', valueType: 'float', entities: totals, isAdditive: true, rate: { of: 'network/tx_packets', factor: 1 }, prometheus: '', source: 'rate of network/tx_packets', description: 'Packets sent per second' },
  { name: 'network/tx_dropped', type: 'cumulative', unit: 'count', valueType: 'int', entities: ['node', 'pod'], isAdditive: false, prometheus: 'container_network_transmit_packets_dropped_total', source: 'network.txDropped', description: 'Packets to send that were dropped' },
  { name: 'network/tx_dropped_rate', type: 'gauge', unit: 'per second', valueType: 'float', entities: totals, isAdditive: true, rate: { of: 'network/tx_dropped', factor: 1 }, prometheus: '', source: 'rate of network/tx_dropped', description: 'Packets to send that were dropped per second' },

  { name: 'filesystem/usage', type: 'gauge', unit: 'bytes', valueType: 'int', entities: withFileSystems, isAdditive: true, isLabelled: true, prometheus: 'container_fs_usage_bytes', source: 'fs, rootfs, logs, volume[].usedBytes', description: 'Bytes used on a file system' },
  { name: 'filesystem/limit', type: 'gauge', unit: 'bytes', valueType: 'int', entities: withFileSystems, isAdditive: true, isLabelled: true, prometheus: 'container_fs_limit_bytes', source: 'fs, rootfs, logs, volume[].capacityBytes', description: 'Size of a file system' },
  { name: 'filesystem/available', type: 'gauge', unit: 'bytes', valueType: 'int', entities: withFileSystems, isAdditive: true, isLabelled: true, prometheus: '', source: 'fs, rootfs, logs, volume[].availableBytes', description: 'Bytes free on a file system' },
  { name: 'filesystem/inodes', type: 'gauge', unit: 'count', valueType: 'int', entities: withFileSystems, isAdditive: true, isLabelled: true, prometheus: 'container_fs_inodes_total', source: 'fs, rootfs, logs, volume[].inodes', description: 'Inodes of a file system' },
  { name: 'filesystem/inodes_free', type: 'gauge', unit: 'count', valueType: 'int', entities: withFileSystems, isAdditive: true, isLabelled: true, prometheus: 'container_fs_inodes_free', source: 'fs, rootfs, logs, volume[].inodesFree', description: 'Free inodes of a file system' },

  { name: 'ephemeral_storage/usage', type: 'gauge', unit: 'bytes', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: '', source: 'pod ephemeral-storage.usedBytes; rootfs + logs of a container; fs of a node', description: 'Local disk in use' },
  { name: 'ephemeral_storage/request', type: 'gauge', unit: 'bytes', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: 'kube_pod_container_resource_requests', source: 'pod.spec.containers[].resources.requests.ephemeral-storage', description: 'Local disk asked for (guaranteed)' },
  { name: 'ephemeral_storage/limit', type: 'gauge', unit: 'bytes', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: 'kube_pod_container_resource_limits', source: 'pod.spec.containers[].resources.limits.ephemeral-storage', description: 'Local disk limit (hard)' },
  { name: 'ephemeral_storage/node_capacity', type: 'gauge', unit: 'bytes', valueType: 'float', entities: nodesAndCluster, isAdditive: true, prometheus: 'kube_node_status_capacity', source: 'node.status.capacity.ephemeral-storage', description: 'Local disk of the node' },
  { name: 'ephemeral_storage/node_allocatable', type: 'gauge', unit: 'bytes', valueType: 'float', entities: nodesAndCluster, isAdditive: true, prometheus: 'kube_node_status_allocatable', source: 'node.status.allocatable.ephemeral-storage', description: 'Local disk of the node that pods may have' },
  { name: 'ephemeral_storage/node_utilization', type: 'gauge', unit: 'share', valueType: 'float', entities: nodesAndCluster, isAdditive: false, prometheus: '', source: 'ephemeral_storage/usage / ephemeral_storage/node_allocatable', description: 'Local disk in use as a share of allocatable' },
  { name: 'ephemeral_storage/node_reservation', type: 'gauge', unit: 'share', valueType: 'float', entities: nodesAndCluster, isAdditive: false, prometheus: '', source: 'ephemeral_storage/request / ephemeral_storage/node_allocatable', description: 'Local disk asked for as a share of allocatable' },

  { name: 'disk/io_read_bytes', type: 'cumulative', unit: 'bytes', valueType: 'int', entities: withDisks, isAdditive: false, isLabelled: true, prometheus: 'container_fs_reads_bytes_total', source: 'diskio.readBytes', description: 'Bytes read, all devices (resource_id "all")' },
  { name: 'disk/io_read_bytes_rate', type: 'gauge', unit: 'bytes per second', valueType: 'float', entities: withContainers, isAdditive: true, isLabelled: true, rate: { of: 'disk/io_read_bytes', factor: 1 }, prometheus: '', source: 'rate of disk/io_read_bytes', description: 'Bytes read per second' },
  { name: 'disk/io_write_bytes', type: 'cumulative', unit: 'bytes', valueType: 'int', entities: withDisks, isAdditive: false, isLabelled: true, prometheus: 'container_fs_writes_bytes_total', source: 'diskio.writeBytes', description: 'Bytes written, all devices (resource_id "all")' },
  { name: 'disk/io_write_bytes_rate', type: 'gauge', unit: 'bytes per second', valueType: 'float', entities: withContainers, isAdditive: true, isLabelled: true, rate: { of: 'disk/io_write_bytes', factor: 1 }, prometheus: '', source: 'rate of disk/io_write_bytes', description: 'Bytes written per second' },
  { name: 'disk/io_reads', type: 'cumulative', unit: 'count', valueType: 'int', entities: withDisks, isAdditive: false, isLabelled: true, prometheus: 'container_fs_reads_total', source: 'diskio.reads', description: 'Read operations' },
  { name: 'disk/io_reads_rate', type: 'gauge', unit: 'per second', valueType: 'float', entities: withContainers, isAdditive: true, isLabelled: true, rate: { of: 'disk/io_reads', factor: 1 }, prometheus: '', source: 'rate of disk/io_reads', description: 'Read operations per second' },
  { name: 'disk/io_writes', type: 'cumulative', unit: 'count', valueType: 'int', entities: withDisks, isAdditive: false, isLabelled: true, prometheus: 'container_fs_writes_total', source: 'diskio.writes', description: 'Write operations' },
  { name: 'disk/io_writes_rate', type: 'gauge', unit: 'per second', valueType: 'float', entities: withContainers, isAdditive: true, isLabelled: true, rate: { of: 'disk/io_writes', factor: 1 }, prometheus: '', source: 'rate of disk/io_writes', description: 'Write operations per second' },
  { name: 'disk/io_pressure', type: 'gauge', unit: 'percent', valueType: 'float', entities: measured, isAdditive: false, prometheus: 'container_pressure_io_waiting_seconds_total', source: 'io.psi.some.avg10', description: 'Share of the last 10 s in which some task waited for a disk' },
  { name: 'disk/io_pressure_full', type: 'gauge', unit: 'percent', valueType: 'float', entities: measured, isAdditive: false, prometheus: 'container_pressure_io_stalled_seconds_total', source: 'io.psi.full.avg10', description: 'Share of the last 10 s in which all tasks waited for a disk' },

  { name: 'process/count', type: 'gauge', unit: 'count', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: 'container_processes', source: 'process_stats.process_count of pods and containers; rlimit.curproc of a node', description: 'Processes' },
  { name: 'process/threads', type: 'gauge', unit: 'count', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: 'container_threads', source: 'process_stats.threads', description: 'Threads of all processes' },
  { name: 'process/file_descriptors', type: 'gauge', unit: 'count', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: 'container_file_descriptors', source: 'process_stats.fileDescriptors', description: 'Open file descriptors of all processes' },

  { name: 'accelerator/memory_total', type: 'gauge', unit: 'bytes', valueType: 'int', entities: ['pod_container'], isAdditive: false, isLabelled: true, prometheus: 'container_accelerator_memory_total_bytes', source: 'accelerators[].memoryTotal', description: 'Memory of an accelerator; resource_id: make/model/id' },
  { name: 'accelerator/memory_used', type: 'gauge', unit: 'bytes', valueType: 'int', entities: ['pod_container'], isAdditive: false, isLabelled: true, prometheus: 'container_accelerator_memory_used_bytes', source: 'accelerators[].memoryUsed', description: 'Memory in use of an accelerator; resource_id: make/model/id' },
  { name: 'accelerator/duty_cycle', type: 'gauge', unit: 'percent', valueType: 'int', entities: ['pod_container'], isAdditive: false, isLabelled: true, prometheus: 'container_accelerator_duty_cycle', source: 'accelerators[].dutyCycle', description: 'Share of time in which an accelerator was busy; resource_id: make/model/id' },
  { name: 'accelerator/request', type: 'gauge', unit: 'count', valueType: 'int', entities: withContainers, isAdditive: true, prometheus: 'kube_pod_container_resource_requests', source: 'pod.spec.containers[].resources.requests of nvidia.com/gpu and its like', description: 'Accelerators asked for' },
  { name: 'extended_resource/request', type: 'gauge', unit: 'count', valueType: 'int', entities: withContainers, isAdditive: true, isLabelled: true, prometheus: 'kube_pod_container_resource_requests', source: 'pod.spec.containers[].resources.requests of names with a domain', description: 'Extended resources asked for; resource_id: their name' },
  { name: 'extended_resource/node_allocatable', type: 'gauge', unit: 'count', valueType: 'int', entities: nodesAndCluster, isAdditive: true, isLabelled: true, prometheus: 'kube_node_status_allocatable', source: 'node.status.allocatable of names with a domain', description: 'Extended resources that pods may have; resource_id: their name' },
] as const satisfies readonly MetricRow[]

/** The name of any metric, as Heapster spells it. */
export type MetricName = (typeof rows)[number]['name'] | SelfMetricName

/** A row whose name is known to be in the table. */
export type Metric = MetricRow & { readonly name: MetricName; readonly rate?: { readonly of: MetricName; readonly factor: number } }

/** Every metric, in the order of the columns that processors and sinks use. */
export const metrics: readonly Metric[] = [...rows, ...selfRows]

/** The columns of what is monitored; those behind them are the aggregator's of itself. */
export const clusterColumns = rows.length

const columns: ReadonlyMap<string, number> = new Map(metrics.map((row, column) => [row.name, column]))

/** The position of a metric in `metrics`. */
export function columnOf(name: MetricName): number {
  return columns.get(name)!
}

/** The row of a name that comes from outside, or `undefined` if there is no such metric. */
export function findMetric(name: string): Metric | undefined {
  const column = columns.get(name)
  return column === undefined ? undefined : metrics[column]
}

/** Names of Heapster's first model API that clients still use, and what they are called today. */
export const legacyNames: Readonly<Record<string, MetricName>> = {
  'cpu-usage': 'cpu/usage_rate',
  'cpu-limit': 'cpu/limit',
  'memory-limit': 'memory/limit',
  'memory-usage': 'memory/usage',
  'memory-working': 'memory/working_set',
}
