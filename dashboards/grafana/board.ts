import type { MetricName } from '../../aggregator/catalog.ts'
import type { EntityType } from '../../aggregator/window.ts'
import type { EventQuery } from './event-query.ts'
import type { MetricQuery, TableQuery } from './influx-query.ts'

/** A dashboard as data; `render-board.ts` makes Grafana's JSON of it. */
export interface Board {
  /** Stable for ever: links and bookmarks go by it. */
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly variables: readonly Variable[]
  readonly marks?: readonly Mark[]
  /** The first section is open and without a heading. */
  readonly sections: readonly Section[]
}

/** A row of panels under a heading. Collapsed ones ask nothing of the database until they are opened. */
export interface Section {
  readonly title?: string
  readonly isCollapsed?: true
  readonly panels: readonly Panel[]
}

export type Panel = ChartPanel | FigurePanel | TablePanel | EventChartPanel | EventTablePanel

interface PanelBase {
  /** Unique in its dashboard. */
  readonly title: string
  /** What is seen, and what to think of it. */
  readonly description: string
  /** Of 24; default 12 (figures 4). */
  readonly span?: number
  readonly height?: number
}

/** Lines over time. */
export interface ChartPanel extends PanelBase {
  readonly kind: 'chart'
  readonly unit: Unit
  readonly queries: readonly MetricQuery[]
  readonly max?: number
  /** For what happens rather than is. */
  readonly isBars?: true
  /** A click on a line goes there. */
  readonly links?: readonly BoardLink[]
}

/** One number with a line behind it. */
export interface FigurePanel extends PanelBase {
  readonly kind: 'figure'
  readonly unit: Unit
  readonly queries: readonly MetricQuery[]
  readonly links?: readonly BoardLink[]
  /** From here on orange, and red. */
  readonly warnAt?: readonly [orange: number, red: number]
  /** From here down red, for what should be there. */
  readonly redBelow?: number
  readonly sumOfRange?: true
}

/** One row per entity. */
export interface TablePanel extends PanelBase {
  readonly kind: 'table'
  /** The tags that make the rows, as columns: tag → heading and where a click goes. */
  readonly rows: readonly { readonly tag: string; readonly title: string; readonly link?: BoardLink }[]
  readonly queries: readonly (TableQuery & { readonly unit: Unit })[]
  /** The title of the column by which the largest come first. */
  readonly sortBy: string
}

export interface EventChartPanel extends PanelBase {
  readonly kind: 'event-chart'
  readonly queries: readonly EventQuery[]
}

export interface EventTablePanel extends PanelBase {
  readonly kind: 'event-table'
  readonly query: EventQuery
}

/** Units of Grafana that our figures come in. */
export type Unit = 'short' | 'none' | 'bytes' | 'Bps' | 'pps' | 'iops' | 'cps' | 'percentunit' | 'percent' | 'ms'

/** Another dashboard and the variables that it gets: name → tag of the clicked line or column, or a variable of this dashboard. */
export interface BoardLink {
  readonly title: string
  readonly uid: string
  readonly variables: Readonly<Record<string, { readonly tag: string } | { readonly variable: string }>>
}

/** A choice at the top. `tag` variables list what is in the database, All included unless `isSingle`. */
export type Variable =
  | {
      readonly kind: 'tag'
      readonly name: string
      readonly label: string
      /** A metric with few series of the type, so that listing stays cheap. */
      readonly metric: MetricName
      readonly of: EntityType
      readonly tag: string
      readonly where?: readonly string[]
      readonly isSingle?: true
    }
  | { readonly kind: 'text'; readonly name: string; readonly label: string; readonly value: string }
  | { readonly kind: 'choice'; readonly name: string; readonly label: string; readonly values: readonly string[] }

/** Marks on all charts where a counter grew. */
export interface Mark {
  readonly name: string
  readonly colour: string
  readonly metric: MetricName
  readonly of: EntityType
  readonly where?: readonly string[]
  readonly per: readonly string[]
  /** The tag whose value is the mark's text. */
  readonly text: string
}
