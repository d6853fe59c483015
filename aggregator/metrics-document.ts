import { metrics } from './catalog.ts'
import type { Metric } from './catalog.ts'

/** The text of docs/metrics.md: every metric of the catalogue in a table, by family. Deterministic, ends with a newline. */
export function renderMetricsDocument(): string {
  const families = Map.groupBy(metrics, (metric) => metric.name.split('/')[0]!)
  const sections = [...families].map(([family, members]) => `## ${family}\n\n${renderTable(members)}`)
  return `${introduction}\n\n${sections.join('\n\n')}\n`
}

const introduction = `# Metrics

Made from \`aggregator/catalog.ts\` by \`npm run generate\`; do not edit.

Names are Heapster's. In InfluxDB a metric is a measurement of that name with one field \`value\`; \`int\` and \`float\` say how it is written.
Entities are the values of the tag \`type\`. A metric marked with * has one series per \`resource_id\`.
The Prometheus name is what exporters call the same figure, often in another unit.`

function renderTable(members: readonly Metric[]): string {
  const head = '| name | type | value | unit | entities | source | Prometheus | description |\n|---|---|---|---|---|---|---|---|'
  return [head, ...members.map(renderRow)].join('\n')
}

function renderRow(metric: Metric): string {
  const cells = [
    `\`${metric.name}\`${metric.isLabelled === true ? ' *' : ''}`,
    metric.type,
    metric.valueType,
    metric.unit,
    metric.entities.join(', '),
    metric.source,
    metric.prometheus === '' ? '' : `\`${metric.prometheus}\``,
    metric.description,
  ]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}
