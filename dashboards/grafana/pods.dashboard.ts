import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import type { MetricName } from '../../aggregator/catalog.ts'
import type { InfluxQuery } from './influx-query.ts'
import { dashboard, tagVariable, timeChart } from './panels.ts'

const scope = ['"namespace_name" =~ /^$namespace$/', '"pod_name" =~ /^$pod$/']

const byContainer = (metric: MetricName, what: string, factor?: number): InfluxQuery => ({
  metric,
  where: [`"type" = 'pod_container'`, ...scope],
  groupBy: ['pod_name', 'container_name'],
  alias: `$tag_pod_name/$tag_container_name ${what}`,
  ...(factor === undefined ? {} : { factor }),
})
const byPod = (metric: MetricName, what: string): InfluxQuery => ({
  metric,
  where: [`"type" = 'pod'`, ...scope],
  groupBy: ['pod_name'],
  alias: `$tag_pod_name ${what}`,
})
const total = (metric: MetricName, alias: string, factor?: number): InfluxQuery => ({
  metric,
  where: [`"type" = 'pod'`, ...scope],
  sumOver: ['namespace_name', 'pod_name'],
  alias,
  ...(factor === undefined ? {} : { factor }),
})

/** The pods of a namespace, each container beside its request and limit. */
export function podsDashboard(): DashboardBuilder {
  return dashboard('Binnacle / Pods', 'binnacle-pods')
    .withVariable(
      tagVariable('namespace', 'Namespace', `SHOW TAG VALUES FROM "cpu/usage_rate" WITH KEY = "namespace_name" WHERE "type" = 'ns'`),
    )
    .withVariable(
      tagVariable(
        'pod',
        'Pod',
        `SHOW TAG VALUES FROM "uptime" WITH KEY = "pod_name" WHERE "type" = 'pod' AND "namespace_name" =~ /^$namespace$/`,
      ),
    )
    .withRow(new RowBuilder('Chosen pods together'))
    .withPanel(
      timeChart({
        title: 'CPU, sum',
        description: 'Cores in use by the chosen pods together, beside their requests and limits.',
        unit: 'short',
        queries: [total('cpu/usage_rate', 'in use', 0.001), total('cpu/request', 'requested', 0.001), total('cpu/limit', 'limits', 0.001)],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Memory, sum',
        description: 'The chosen pods together, beside their requests and limits.',
        unit: 'bytes',
        queries: [
          total('memory/usage', 'usage'),
          total('memory/working_set', 'working set'),
          total('memory/request', 'requested'),
          total('memory/limit', 'limits'),
        ],
      }),
    )
    .withRow(new RowBuilder('By container'))
    .withPanel(
      timeChart({
        title: 'CPU by container',
        description: 'Cores in use, requested and allowed.',
        unit: 'short',
        height: 10,
        queries: [
          byContainer('cpu/usage_rate', 'in use', 0.001),
          byContainer('cpu/request', 'requested', 0.001),
          byContainer('cpu/limit', 'limit', 0.001),
        ],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Memory by container',
        description: 'Usage with caches, working set without what can be reclaimed, requested and allowed.',
        unit: 'bytes',
        height: 10,
        queries: [
          byContainer('memory/usage', 'usage'),
          byContainer('memory/working_set', 'working set'),
          byContainer('memory/request', 'requested'),
          byContainer('memory/limit', 'limit'),
        ],
      }),
    )
    .withRow(new RowBuilder('By pod'))
    .withPanel(
      timeChart({
        title: 'Network by pod',
        description: 'Bytes per second.',
        unit: 'Bps',
        queries: [byPod('network/rx_rate', 'received'), byPod('network/tx_rate', 'sent')],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Disk by pod',
        description: 'Writable layers, logs and local volumes.',
        unit: 'bytes',
        queries: [byPod('ephemeral_storage/usage', 'in use')],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Restarts by pod',
        description: 'Container restarts since the pod was made.',
        unit: 'short',
        queries: [{ ...byPod('restart_count', 'restarts'), aggregate: 'max' }],
      }),
    )
    .withPanel(
      timeChart({
        title: 'Page faults by pod',
        description: 'Major page faults per second: reads from disk that memory should have spared.',
        unit: 'short',
        queries: [byPod('memory/major_page_faults_rate', 'major faults')],
      }),
    )
}
