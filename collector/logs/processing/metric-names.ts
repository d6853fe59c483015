/** Names that are the collector's own. */
export const reservedMetricPrefixes = ['binnacle_', 'container_', 'machine_', 'process_', 'node_', 'pod_', 'cadvisor_', 'scrape_']

/** Labels that say where a figure comes from. */
const reservedLabels = new Set(['namespace', 'pod', 'container', 'origin', 'le', 'quantile', 'node'])

/** Whether a user may give a figure this name. */
export function isMetricName(name: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_]{0,99}$/.test(name) && !reservedMetricPrefixes.some((prefix) => name.startsWith(prefix))
}

/** Whether a user may give a figure this label. */
export function isFieldName(name: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_]{0,99}$/.test(name) && !name.startsWith('__') && !reservedLabels.has(name)
}
