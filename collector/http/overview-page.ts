import type { Container } from '../container.ts'
import { column, fieldIndex } from '../metrics.ts'
import type { Source } from '../source.ts'

export interface OverviewOptions {
  readonly source: Source
  readonly nodeName: string
  readonly nowMs: number
}

const style = `:root{color-scheme:light dark}body{font:14px system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}svg{width:100%;height:4rem}polyline{fill:none;stroke:#2a7ae2;stroke-width:1.5}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:2rem}code{word-break:break-all}nav a{margin-right:1rem}`

/** The start page: what this node runs, with links to everything else. No script, nothing from elsewhere. */
export function renderOverview({ source, nodeName, nowMs }: OverviewOptions): string {
  const containers = [...source.store.all()].filter(({ ring }) => ring.count > 0)
  const running = containers.filter(({ description }) => description.id !== '' && description.pod?.isSandbox !== true)
  const others = containers.filter(({ description }) => description.id === '')
  const docker = source.docker()
  const state =
    docker.status === 'connected'
      ? `Docker ${docker.info.version}`
      : `Docker: ${docker.status === 'degraded' ? docker.reason : 'connecting'}`
  return document(
    `Node ${nodeName}`,
    `
<p>${escapeHtml(source.machine().osVersion)} · ${source.machine().cores} cores · ${bytes(source.machine().memoryBytes)} · ${escapeHtml(state)} · ${new Date(nowMs).toISOString()}</p>
<h2>Containers</h2>${table(running)}
<h2>Machine and other cgroups</h2>${table(others)}`,
  )
}

/** The page of one container; `undefined` when there is none of that name. */
export function renderContainerPage({ source }: OverviewOptions, name: string): string | undefined {
  const container = source.store.get(name === '' ? '/' : name)
  if (container === undefined) return undefined
  const { description, spec, ring } = container
  const facts: readonly (readonly [string, string])[] = [
    ['Name', titleOf(container)],
    ['Cgroup', description.name],
    ['Image', description.image],
    ['Started', new Date(description.startedMs).toISOString()],
    ['CPU limit', spec.cpuQuotaUs === undefined ? 'none' : `${(spec.cpuQuotaUs / (spec.cpuPeriodUs ?? 100_000)).toFixed(2)} cores`],
    ['Memory limit', spec.memoryLimitBytes === undefined ? 'none' : bytes(spec.memoryLimitBytes)],
    ...Object.entries(description.labels).map(([label, value]) => [`Label ${label}`, value] as const),
  ]
  const rows = facts.map(([label, value]) => `<tr><th>${escapeHtml(label)}</th><td><code>${escapeHtml(value)}</code></td></tr>`).join('')
  const samples = Array.from({ length: ring.count }, (_, index) => ring.count - 1 - index)
  return document(
    titleOf(container),
    `
<table>${rows}</table>
<h2>CPU, cores</h2>${chart(
      samples.map((ago) => ring.rate(column.cpuUsage, ago) / 1e9),
      (value) => value.toFixed(3),
    )}
<h2>Working set</h2>${chart(
      samples.map((ago) => ring.get(column.memoryWorkingSet, ago)),
      bytes,
    )}`,
  )
}

function document(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${style}</style></head><body><h1>${escapeHtml(title)}</h1>
<nav><a href="/">Overview</a><a href="/containers/">Machine</a><a href="/metrics">Metrics</a><a href="/stats/summary">Summary</a><a href="/api/v1.3/containers/">Containers (JSON)</a><a href="/api/v1.3/docker/">Docker (JSON)</a><a href="/api/v1.3/machine">Machine (JSON)</a><a href="/validate/">Validate</a></nav>${body}</body></html>`
}

function table(containers: readonly Container[]): string {
  const rows = containers
    .toSorted((left, right) => (right.ring.rate(column.cpuUsage) || 0) - (left.ring.rate(column.cpuUsage) || 0))
    .map((container) => {
      const { description, ring } = container
      const cells = [
        cores(ring.rate(column.cpuUsage)),
        bytes(ring.get(column.memoryWorkingSet)),
        bytes(total(container, 'rxBytes')),
        bytes(total(container, 'txBytes')),
        count(ring.get(column.processes)),
      ]
      const link = `/containers${description.name.split('/').map(encodeURIComponent).join('/')}`
      return `<tr><td><a href="${escapeHtml(link)}">${escapeHtml(titleOf(container))}</a></td><td>${escapeHtml(description.image)}</td>${cells.map((cell) => `<td class="n">${cell}</td>`).join('')}</tr>`
    })
  const heads = ['CPU cores', 'Working set', 'Received', 'Sent', 'Tasks'].map((head) => `<th class="n">${head}</th>`).join('')
  return `<table><thead><tr><th>Name</th><th>Image</th>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function titleOf({ description }: Container): string {
  const { pod, aliases, name } = description
  return pod === undefined ? (aliases[0] ?? name) : `${pod.namespace}/${pod.name}/${pod.container}`
}

function total({ ring }: Container, field: 'rxBytes' | 'txBytes'): number {
  const instances = ring.instances('network')
  if (instances.length === 0) return Number.NaN
  return instances.reduce((sum, instance) => sum + (ring.instanceValue('network', instance, fieldIndex('network', field)) || 0), 0)
}

/** A line over the samples held, with its highest value. */
function chart(values: readonly number[], format: (value: number) => string): string {
  const known = values.filter((value) => !Number.isNaN(value))
  if (known.length < 2) return '<p>not enough samples yet</p>'
  const highest = Math.max(...known)
  const points = known.map(
    (value, index) => `${((index / (known.length - 1)) * 600).toFixed(1)},${(58 - (highest > 0 ? value / highest : 0) * 54).toFixed(1)}`,
  )
  return `<p>now ${format(known.at(-1)!)}, highest ${format(highest)}</p><svg viewBox="0 0 600 60" preserveAspectRatio="none"><polyline points="${points.join(' ')}"/></svg>`
}

function cores(perSecond: number): string {
  return Number.isNaN(perSecond) ? '' : (perSecond / 1e9).toFixed(3)
}

function count(value: number): string {
  return Number.isNaN(value) ? '' : String(value)
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

function bytes(value: number): string {
  if (Number.isNaN(value)) return ''
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10))
  return `${(value / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

/** Text for HTML, in elements and in quoted attributes. */
function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')
}
