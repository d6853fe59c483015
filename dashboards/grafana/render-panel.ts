import {
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  TableSortByFieldStateBuilder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import { DashboardLinkBuilder, DashboardLinkType, ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard'
import * as stat from '@grafana/grafana-foundation-sdk/stat'
import * as table from '@grafana/grafana-foundation-sdk/table'
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries'
import type { BoardLink, ChartPanel, EventChartPanel, EventTablePanel, FigurePanel, Panel, TablePanel } from './board.ts'
import { eventCountQl, eventListQl } from './event-query.ts'
import { influxQl, tableQl, type Layout } from './influx-query.ts'

/** What the JSON depends on beside the board. */
export interface RenderOptions extends Layout {
  /** How far apart points are. */
  readonly resolutionSeconds: number
}

/** An InfluxQL target of a panel, with the fields that Grafana's InfluxDB data source reads. */
export interface InfluxTarget {
  readonly refId: string
  readonly datasource: { readonly type: 'influxdb'; readonly uid: string }
  readonly rawQuery: true
  readonly query: string
  readonly resultFormat: 'time_series' | 'table'
  readonly alias?: string
  /** Marks it for the dashboard builder; dropped when written as JSON. */
  _implementsDataqueryVariant(): void
}

/** The data source variable that every panel, query and annotation uses. */
export const datasource = { type: 'influxdb', uid: '${datasource}' } as const

const refIds = 'ABCDEFGHIJ'
const noValue = 'no data in this range: is the monitor running, is the range later than its start, does anything match the choices above?'
const noEvents = 'no events in this range match the choices above'

/** Dashboards of a tier stand beside those of the points themselves. */
export function uidOf(uid: string, { tier }: Layout): string {
  return tier === undefined ? uid : `${uid}-${tier}`
}

/** A target for the panel builders' `withTarget`. */
export function influxTarget(
  refId: string,
  query: string,
  more: Partial<Pick<InfluxTarget, 'alias' | 'resultFormat'>> = {},
): { build(): InfluxTarget } {
  const target: InfluxTarget = {
    refId,
    datasource,
    rawQuery: true,
    query,
    resultFormat: 'time_series',
    ...more,
    _implementsDataqueryVariant: () => {},
  }
  return { build: () => target }
}

/** Grafana's builder of a panel. */
export function renderPanel(panel: Panel, options: RenderOptions) {
  switch (panel.kind) {
    case 'chart':
      return renderChart(panel, options)
    case 'figure':
      return renderFigure(panel, options)
    case 'table':
      return renderTable(panel, options)
    case 'event-chart':
      return renderEventChart(panel, options)
    case 'event-table':
      return renderEventTable(panel, options)
  }
}

/**
 * Twice the resolution: with less, samples that come a moment late would leave an interval empty, and a sum over entities would dip.
 */
const minInterval = ({ resolutionSeconds }: RenderOptions) => `${2 * resolutionSeconds}s`
/** Lines go on over missing samples up to this long; longer gaps stay gaps. */
const bridgedMs = ({ resolutionSeconds }: RenderOptions) => 6 * resolutionSeconds * 1000

function lineChart({ title, description, span = 12, height = 8 }: Panel, options: RenderOptions): timeseries.PanelBuilder {
  return new timeseries.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(datasource)
    .min(0)
    .span(span)
    .height(height)
    .interval(minInterval(options))
    .noValue(noValue)
    .lineWidth(1)
    .fillOpacity(10)
    .showPoints(VisibilityMode.Never)
    .spanNulls(bridgedMs(options))
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
}

function renderChart(panel: ChartPanel, options: RenderOptions): timeseries.PanelBuilder {
  const builder = lineChart(panel, options).unit(panel.unit)
  if (panel.max !== undefined) builder.max(panel.max)
  if (panel.isBars) asBars(builder)
  if (panel.links !== undefined)
    builder.dataLinks(panel.links.map((link) => renderLink(link, options, (tag) => `\${__field.labels.${tag}}`)))
  panel.queries.forEach((query, index) =>
    builder.withTarget(influxTarget(refIds[index]!, influxQl(options, query), { alias: query.alias })),
  )
  return builder
}

function asBars(builder: timeseries.PanelBuilder): void {
  builder
    .drawStyle(GraphDrawStyle.Bars)
    .fillOpacity(80)
    .legend(
      new VizLegendOptionsBuilder().showLegend(true).displayMode(LegendDisplayMode.Table).placement(LegendPlacement.Bottom).calcs(['sum']),
    )
}

function renderFigure(panel: FigurePanel, options: RenderOptions): stat.PanelBuilder {
  const builder = new stat.PanelBuilder()
    .title(panel.title)
    .description(panel.description)
    .datasource(datasource)
    .unit(panel.unit)
    .span(panel.span ?? 4)
    .height(panel.height ?? 4)
    .interval(minInterval(options))
    .noValue(noValue)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs([panel.sumOfRange ? 'sum' : 'lastNotNull']).values(false))
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(thresholds(panel)))
  if (panel.links !== undefined)
    builder.dataLinks(panel.links.map((link) => renderLink(link, options, (tag) => `\${__field.labels.${tag}}`)))
  panel.queries.forEach((query, index) =>
    builder.withTarget(influxTarget(refIds[index]!, influxQl(options, query), { alias: query.alias })),
  )
  return builder
}

function thresholds({ warnAt, redBelow }: FigurePanel): { value: number | null; color: string }[] {
  if (redBelow !== undefined)
    return [
      { value: null, color: 'red' },
      { value: redBelow, color: 'green' },
    ]
  if (warnAt === undefined) return [{ value: null, color: 'text' }]
  return [
    { value: null, color: 'green' },
    { value: warnAt[0], color: 'orange' },
    ...(warnAt[1] === warnAt[0] ? [] : [{ value: warnAt[1], color: 'red' }]),
  ]
}

function renderTable(panel: TablePanel, options: RenderOptions): table.PanelBuilder {
  const builder = new table.PanelBuilder()
    .title(panel.title)
    .description(panel.description)
    .datasource(datasource)
    .unit('short')
    .span(panel.span ?? 24)
    .height(panel.height ?? 9)
    .noValue(noValue)
    .filterable(true)
    .sortBy([new TableSortByFieldStateBuilder().displayName(panel.sortBy).desc(true)])
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: { excludeByName: { Time: true, time: true }, indexByName: columnOrder(panel), renameByName: {} },
    })
  for (const { tag, title, link } of panel.rows) {
    const links = link === undefined ? [] : [renderLink(link, options, (name) => `\${__data.fields.${name}}`).build()]
    builder.overrideByName(tag, [
      { id: 'displayName', value: title },
      ...(links.length === 0 ? [] : [{ id: 'links', value: links.map(({ title: text, url }) => ({ title: text, url })) }]),
    ])
  }
  for (const { unit, columns } of panel.queries) {
    for (const { title } of columns) if (unit !== 'short') builder.overrideByName(title, [{ id: 'unit', value: unit }])
  }
  panel.queries.forEach((query, index) =>
    builder.withTarget(influxTarget(refIds[index]!, tableQl(options, query), { resultFormat: 'table' })),
  )
  return builder
}

function columnOrder({ rows, queries }: TablePanel): Record<string, number> {
  const names = [...rows.map(({ tag }) => tag), ...queries.flatMap(({ columns }) => columns.map(({ title }) => title))]
  return Object.fromEntries(names.map((name, index) => [name, index]))
}

function renderEventChart(panel: EventChartPanel, options: RenderOptions): timeseries.PanelBuilder {
  const builder = lineChart(panel, options).unit('short').noValue(noEvents)
  asBars(builder)
  panel.queries.forEach((query, index) =>
    builder.withTarget(influxTarget(refIds[index]!, eventCountQl(options.schema, query), { alias: query.alias ?? 'events' })),
  )
  return builder
}

function renderEventTable(panel: EventTablePanel, { schema }: RenderOptions): table.PanelBuilder {
  const builder = new table.PanelBuilder()
    .title(panel.title)
    .description(panel.description)
    .datasource(datasource)
    .unit('short')
    .span(panel.span ?? 24)
    .height(panel.height ?? 16)
    .noValue(noEvents)
    .filterable(true)
    .withTarget(influxTarget('A', eventListQl(schema, panel.query), { resultFormat: 'table' }))
  if (schema === 'withfields') return builder
  return builder
    .withTransformation({ id: 'extractFields', options: { source: 'value', format: 'json', replace: true, keepTime: true } })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { uid: true, firstSeen: true, lastSeen: true, added: true },
        indexByName: Object.fromEntries(
          ['Time', 'type', 'reason', 'namespace', 'object', 'message', 'count'].map((name, at) => [name, at]),
        ),
        renameByName: {},
      },
    })
}

/** The way to another dashboard: its variables, the data source and the range are in the address. */
function renderLink({ title, uid, variables }: BoardLink, options: RenderOptions, ofTag: (tag: string) => string): DashboardLinkBuilder {
  const values = Object.entries(variables).map(([name, from]) => `var-${name}=${'tag' in from ? ofTag(from.tag) : `\${${from.variable}}`}`)
  const url = `/d/${uidOf(uid, options)}?${['var-datasource=${datasource}', ...values, '${__url_time_range}'].join('&')}`
  return new DashboardLinkBuilder(title).type(DashboardLinkType.Link).url(url)
}
