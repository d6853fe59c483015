import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard'
import {
  AnnotationQueryBuilder,
  CustomVariableBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  TimePickerBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import type { Board, Mark, Variable } from './board.ts'
import { growthQl, tagValuesQl } from './influx-query.ts'
import { datasource, influxTarget, renderPanel, uidOf, type RenderOptions } from './render-panel.ts'

/** What a dashboard shows when it is opened, by tier. */
const firstRange = { raw: 'now-1h', '5m': 'now-7d', '1h': 'now-90d' } as const

/** Grafana's builder filled with a board. All boards of a set carry one tag; their links to each other go by it. */
export function renderBoard(board: Board, options: RenderOptions): DashboardBuilder {
  const tag = uidOf('binnacle', options)
  const builder = new DashboardBuilder(options.tier === undefined ? board.title : `${board.title} (${options.tier})`)
    .uid(uidOf(board.uid, options))
    .description(board.description)
    .tags([tag])
    .readonly()
    .refresh('30s')
    .time({ from: firstRange[options.tier ?? 'raw'], to: 'now' })
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .timepicker(new TimePickerBuilder().refreshIntervals(['5s', '10s', '30s', '1m', '5m']))
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('influxdb'))
    .link(
      new DashboardLinkBuilder('Dashboards')
        .type(DashboardLinkType.Dashboards)
        .tags([tag])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
  for (const variable of board.variables) builder.withVariable(renderVariable(variable, options))
  for (const mark of board.marks ?? []) builder.annotation(renderMark(mark, options))
  for (const { title, isCollapsed, panels } of board.sections) {
    if (isCollapsed) {
      const row = new RowBuilder(title ?? '').collapsed(true)
      for (const panel of panels) row.withPanel(renderPanel(panel, options))
      builder.withRow(row)
    } else {
      if (title !== undefined) builder.withRow(new RowBuilder(title))
      for (const panel of panels) builder.withPanel(renderPanel(panel, options))
    }
  }
  return builder
}

function renderVariable(variable: Variable, options: RenderOptions) {
  if (variable.kind === 'text') return new TextBoxVariableBuilder(variable.name).label(variable.label).defaultValue(variable.value)
  if (variable.kind === 'choice') {
    return new CustomVariableBuilder(variable.name)
      .label(variable.label)
      .values(variable.values.join(','))
      .multi(true)
      .includeAll(true)
      .allValue('.*')
      .current({ text: 'All', value: '$__all' })
  }
  const builder = new QueryVariableBuilder(variable.name)
    .label(variable.label)
    .query(tagValuesQl(options, variable))
    .datasource(datasource)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
  if (variable.isSingle) return builder
  return builder.multi(true).includeAll(true).allValue('.*').current({ text: 'All', value: '$__all' })
}

function renderMark({ name, colour, text, per, ...query }: Mark, options: RenderOptions): AnnotationQueryBuilder {
  const target = {
    ...influxTarget('Anno', growthQl(options, { ...query, per }), { resultFormat: 'table' }).build(),
    fromAnnotations: true,
    textColumn: text,
    tagsColumn: per.filter((tag) => tag !== text).join(','),
  }
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(datasource)
    .enable(true)
    .iconColor(colour)
    .target({ build: () => target })
}
