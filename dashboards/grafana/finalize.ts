import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'

/** The oldest Grafana we write for reads this schema; newer ones migrate it on load. */
const schemaVersion = 39

interface MutablePanel {
  id?: number
  type?: string
  panels?: MutablePanel[]
  [key: string]: unknown
}

/**
 * The JSON text of a built dashboard, with what the builder leaves wrong put right: stable panel ids in order of appearance, no
 * `inControlsMenu` placement (it hides links in some releases), no live object shared with the builder, keys as Grafana's file provisioning wants.
 */
export function finalizeDashboard(built: Dashboard): string {
  const plain = JSON.parse(JSON.stringify(built)) as Record<string, unknown> & { panels?: MutablePanel[] }
  let nextId = 1
  const number = (panels: readonly MutablePanel[]) => {
    for (const panel of panels) {
      panel.id = nextId++
      if (panel.panels !== undefined) number(panel.panels)
    }
  }
  number(plain.panels ?? [])
  plain['schemaVersion'] = schemaVersion
  delete plain['id']
  dropKey(plain, 'placement', 'inControlsMenu')
  return `${JSON.stringify(plain, null, 2)}\n`
}

function dropKey(value: unknown, key: string, wanted: unknown): void {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value) && (value as Record<string, unknown>)[key] === wanted) delete (value as Record<string, unknown>)[key]
  for (const child of Object.values(value)) dropKey(child, key, wanted)
}
