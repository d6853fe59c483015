import { LegendDisplayMode, LegendPlacement, SortOrder, TooltipDisplayMode, VisibilityMode } from '@grafana/grafana-foundation-sdk/common'
import { ReduceDataOptionsBuilder, VizLegendOptionsBuilder, VizTooltipOptionsBuilder } from '@grafana/grafana-foundation-sdk/common'
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TimePickerBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import * as stat from '@grafana/grafana-foundation-sdk/stat'
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries'
import { datasource, influxTarget, type InfluxQuery } from './influx-query.ts'

/** The tag that all our dashboards carry; their links to each other go by it. */
export const dashboardTag = 'binnacle'

/** What a panel shows: one unit, one or more queries. */
export interface PanelOptions {
  readonly title: string
  readonly description: string
  /** A unit of Grafana, e.g. `bytes`, `Bps`, `percentunit`, `short`. */
  readonly unit: string
  readonly queries: readonly InfluxQuery[]
  readonly span?: number
  readonly height?: number
  readonly max?: number
}

const noValue = 'no data in this range: is the monitor running, and is the range later than its start?'
const refIds = 'ABCDEFGHIJ'
const minInterval = '5s'

/** A chart over time; gaps stay gaps, the legend lists the last and the largest value. */
export function timeChart(options: PanelOptions): timeseries.PanelBuilder {
  const panel = new timeseries.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(datasource)
    .unit(options.unit)
    .min(0)
    .span(options.span ?? 12)
    .height(options.height ?? 8)
    .interval(minInterval)
    .noValue(noValue)
    .lineWidth(1)
    .fillOpacity(10)
    .showPoints(VisibilityMode.Never)
    .spanNulls(false)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
  options.queries.forEach((query, index) => panel.withTarget(influxTarget(refIds[index]!, query)))
  return options.max === undefined ? panel : panel.max(options.max)
}

/** One figure with a line behind it. */
export function figure(options: PanelOptions): stat.PanelBuilder {
  const panel = new stat.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(datasource)
    .unit(options.unit)
    .span(options.span ?? 4)
    .height(options.height ?? 4)
    .interval(minInterval)
    .noValue(noValue)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
  options.queries.forEach((query, index) => panel.withTarget(influxTarget(refIds[index]!, query)))
  return panel
}

/** A variable that takes its values from a tag of the smallest measurement that has it. */
export function tagVariable(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .query(query)
    .datasource(datasource)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ text: 'All', value: '$__all' })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
}

/** A dashboard with what all of ours share: data source variable, links, crosshair, range, refresh. */
export function dashboard(title: string, uid: string): DashboardBuilder {
  return new DashboardBuilder(title)
    .uid(uid)
    .tags([dashboardTag])
    .readonly()
    .refresh('30s')
    .time({ from: 'now-1h', to: 'now' })
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .timepicker(new TimePickerBuilder().refreshIntervals(['5s', '10s', '30s', '1m', '5m']))
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('influxdb'))
    .link(
      new DashboardLinkBuilder('Dashboards')
        .type(DashboardLinkType.Dashboards)
        .tags([dashboardTag])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
}
