/** A dashboard as its JSON file has it, as far as the rules and the tests look. */
export interface DashboardJson {
  readonly title: string
  readonly uid: string
  readonly description?: string
  readonly schemaVersion: number
  readonly id: null
  readonly editable?: boolean
  readonly refresh?: string
  readonly tags?: readonly string[]
  readonly templating: { readonly list: readonly VariableJson[] }
  readonly annotations: { readonly list?: readonly AnnotationJson[] }
  readonly panels: readonly PanelJson[]
  readonly links?: readonly { readonly includeVars?: boolean; readonly keepTime?: boolean; readonly placement?: string }[]
}

export interface VariableJson {
  readonly name: string
  readonly type: string
  readonly query?: string
  readonly multi?: boolean
  readonly includeAll?: boolean
  readonly allValue?: string
  readonly refresh?: number
  readonly datasource?: { readonly uid: string }
}

export interface AnnotationJson {
  readonly name: string
  readonly datasource?: { readonly uid: string }
  readonly target: TargetJson & { readonly fromAnnotations?: boolean; readonly textColumn?: string }
}

export interface TargetJson {
  readonly refId: string
  readonly query: string
  readonly resultFormat: string
  readonly datasource: { readonly uid: string }
}

export interface PanelJson {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly collapsed?: boolean
  readonly panels?: readonly PanelJson[]
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource?: { readonly uid: string }
  readonly fieldConfig?: {
    readonly defaults?: { readonly unit?: string; readonly noValue?: string; readonly links?: readonly LinkJson[] }
    readonly overrides?: readonly { readonly properties: readonly { readonly id: string; readonly value?: unknown }[] }[]
  }
  readonly options?: {
    readonly legend?: { readonly showLegend?: boolean }
    readonly reduceOptions?: { readonly calcs?: readonly string[] }
  }
  readonly targets?: readonly TargetJson[]
}

export interface LinkJson {
  readonly title: string
  readonly url: string
}

/** Every panel that shows something, those in collapsed rows included. */
export function panelsOf(dashboard: DashboardJson): readonly PanelJson[] {
  return dashboard.panels.flatMap((panel) => (panel.type === 'row' ? (panel.panels ?? []) : [panel]))
}

/** The links from a panel's data to other dashboards. */
export function dataLinksOf(panel: PanelJson): readonly LinkJson[] {
  const overrides = (panel.fieldConfig?.overrides ?? []).flatMap(({ properties }) => properties.filter(({ id }) => id === 'links'))
  return [...(panel.fieldConfig?.defaults?.links ?? []), ...overrides.flatMap(({ value }) => value as readonly LinkJson[])]
}
