import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import type { MetricName } from '../../aggregator/catalog.ts'
import type { InfluxQuery } from './influx-query.ts'
import { dashboard, figure, tagVariable, timeChart } from './panels.ts'

const ofCluster = (metric: MetricName, alias: string, factor?: number): InfluxQuery => ({
  metric,
  where: [`"type" = 'cluster'`],
  alias,
  ...(factor === undefined ? {} : { factor }),
})
const ofAllNodes = (metric: MetricName, alias: string, more: Partial<InfluxQuery> = {}): InfluxQuery => ({
  metric,
  where: [`"type" = 'node'`],
  sumOver: ['nodename'],
  alias,
  ...more,
})
const byNode = (metric: MetricName, more: Partial<InfluxQuery> = {}): InfluxQuery => ({
  metric,
  where: [`"type" = 'node'`, '"nodename" =~ /^$node$/'],
  groupBy: ['nodename'],
  alias: '$tag_nodename',
  ...more,
})
const byNamespace = (metric: MetricName, factor?: number): InfluxQuery => ({
  metric,
  where: [`"type" = 'ns'`],
  groupBy: ['namespace_name'],
  alias: '$tag_namespace_name',
  ...(factor === undefined ? {} : { factor }),
})
const rootDisk = [`"type" = 'node'`, `"resource_id" = '/'`]

/** The whole cluster: totals against requests, limits and capacity, then each node, then each namespace. */
export function clusterDashboard(): DashboardBuilder {
  return withNamespaces(withNodes(withTotals(withFigures(dashboard('Binnacle / Cluster', 'binnacle-cluster')))))
}

function withFigures(board: DashboardBuilder): DashboardBuilder {
  return board
    .withVariable(tagVariable('node', 'Node', `SHOW TAG VALUES FROM "uptime" WITH KEY = "nodename" WHERE "type" = 'node'`))
    .withPanel(
      figure({
        title: 'CPU in use',
        description: 'Cores in use by all nodes.',
        unit: 'short',
        queries: [ofCluster('cpu/usage_rate', 'in use', 0.001)],
      }),
    )
    .withPanel(
      figure({
        title: 'CPU capacity',
        description: 'Cores of all nodes that pods may use.',
        unit: 'short',
        queries: [ofAllNodes('cpu/node_allocatable', 'allocatable', { factor: 0.001 })],
      }),
    )
    .withPanel(
      figure({
        title: 'Memory in use',
        description: 'Working set of all nodes: what cannot be reclaimed.',
        unit: 'bytes',
        queries: [ofCluster('memory/working_set', 'working set')],
      }),
    )
    .withPanel(
      figure({
        title: 'Memory capacity',
        description: 'Memory of all nodes that pods may use.',
        unit: 'bytes',
        queries: [ofAllNodes('memory/node_allocatable', 'allocatable')],
      }),
    )
    .withPanel(
      figure({
        title: 'Disk in use',
        description: 'Root file systems of all nodes.',
        unit: 'bytes',
        queries: [ofAllNodes('filesystem/usage', 'in use', { where: rootDisk })],
      }),
    )
    .withPanel(
      figure({
        title: 'Restarts',
        description: 'Container restarts of all pods that exist.',
        unit: 'short',
        queries: [ofCluster('restart_count', 'restarts')],
      }),
    )
}

function withTotals(board: DashboardBuilder): DashboardBuilder {
  return board
    .withRow(new RowBuilder('Overall'))
    .withPanel(
      timeChart({
        title: 'CPU, whole cluster',
        description: 'Sum over nodes in cores, beside what pods ask for, what they are limited to, and what there is.',
        unit: 'short',
        queries: [
          ofCluster('cpu/usage_rate', 'in use', 0.001),
          ofCluster('cpu/request', 'requested', 0.001),
          ofCluster('cpu/limit', 'limits', 0.001),
          ofAllNodes('cpu/node_allocatable', 'allocatable', { factor: 0.001 }),
        ],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Memory, whole cluster',
        description: 'Sum over nodes, beside what pods ask for, what they are limited to, and what there is.',
        unit: 'bytes',
        queries: [
          ofCluster('memory/usage', 'usage'),
          ofCluster('memory/working_set', 'working set'),
          ofCluster('memory/request', 'requested'),
          ofCluster('memory/limit', 'limits'),
          ofAllNodes('memory/node_allocatable', 'allocatable'),
        ],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Network, whole cluster',
        description: 'Bytes per second, summed over nodes.',
        unit: 'Bps',
        queries: [ofCluster('network/rx_rate', 'received'), ofCluster('network/tx_rate', 'sent')],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Disk, whole cluster',
        description: 'Root file systems of all nodes, in use and in all.',
        unit: 'bytes',
        queries: [
          ofAllNodes('filesystem/usage', 'in use', { where: rootDisk }),
          ofAllNodes('filesystem/limit', 'capacity', { where: rootDisk }),
        ],
      }),
    )
}

function withNodes(board: DashboardBuilder): DashboardBuilder {
  return board
    .withRow(new RowBuilder('By node'))
    .withPanel(
      timeChart({
        title: 'CPU by node',
        description: 'Share of what pods may use.',
        unit: 'percentunit',
        queries: [byNode('cpu/node_utilization')],
      }),
    )
    .withPanel(
      timeChart({
        title: 'CPU reserved by node',
        description: 'Requests as a share of what pods may use.',
        unit: 'percentunit',
        queries: [byNode('cpu/node_reservation')],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Memory by node',
        description: 'Share of what pods may use.',
        unit: 'percentunit',
        queries: [byNode('memory/node_utilization')],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Memory working set by node',
        description: 'What cannot be reclaimed.',
        unit: 'bytes',
        queries: [byNode('memory/working_set')],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Network by node',
        description: 'Bytes per second.',
        unit: 'Bps',
        queries: [
          byNode('network/rx_rate', { alias: '$tag_nodename received' }),
          byNode('network/tx_rate', { alias: '$tag_nodename sent' }),
        ],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Disk by node',
        description: 'Root file system in use.',
        unit: 'bytes',
        queries: [byNode('filesystem/usage', { where: [...rootDisk, '"nodename" =~ /^$node$/'] })],
      }),
    )
}

function withNamespaces(board: DashboardBuilder): DashboardBuilder {
  return board
    .withRow(new RowBuilder('By namespace'))
    .withPanel(
      timeChart({
        title: 'CPU by namespace',
        description: 'Cores in use.',
        unit: 'short',
        queries: [byNamespace('cpu/usage_rate', 0.001)],
      }),
    )
    .withPanel(
      timeChart({ title: 'Memory by namespace', description: 'Working set.', unit: 'bytes', queries: [byNamespace('memory/working_set')] }),
    )
}
