import { createHash } from 'node:crypto'
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'

/** The oldest Grafana we write for reads this schema; newer ones migrate it on load. */
export const schemaVersion = 39

interface MutablePanel {
  id?: number
  type?: string
  title?: string
  panels?: MutablePanel[]
  fieldConfig?: { defaults?: { links?: MutableLink[] } }
}

interface MutableLink {
  title?: string
  url?: string
}

/**
 * The JSON text of a built dashboard, with what the builder leaves wrong put right: panel ids that stay the same wherever a panel moves
 * (made from its title), no `inControlsMenu` placement (it hides links in some releases), links of data without what only links of
 * dashboards have, no live object shared with the builder, keys as Grafana's file provisioning wants.
 */
export function finalizeDashboard(built: Dashboard): string {
  const plain = JSON.parse(JSON.stringify(built)) as Record<string, unknown> & { panels?: MutablePanel[] }
  for (const panel of plain.panels ?? []) {
    finalizePanel(panel)
    panel.panels?.forEach(finalizePanel)
  }
  plain['schemaVersion'] = schemaVersion
  plain['id'] = null
  dropKey(plain, 'placement', 'inControlsMenu')
  return `${JSON.stringify(plain, null, 2)}\n`
}

function finalizePanel(panel: MutablePanel): void {
  const name = `${panel.type === 'row' ? 'row ' : ''}${panel.title}`
  panel.id = 1 + createHash('sha256').update(name).digest().readUIntBE(0, 3)
  const defaults = panel.fieldConfig?.defaults
  if (defaults?.links !== undefined) defaults.links = defaults.links.map(({ title = '', url = '' }) => ({ title, url }))
}

function dropKey(value: unknown, key: string, wanted: unknown): void {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value) && (value as Record<string, unknown>)[key] === wanted) delete (value as Record<string, unknown>)[key]
  for (const child of Object.values(value)) dropKey(child, key, wanted)
}
