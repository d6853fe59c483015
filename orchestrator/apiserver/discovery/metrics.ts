import type { RequestInfo } from '../rest/request-info.ts'

const buckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]
/** More label combinations than this are lumped together: paths are hostile. */
const maxSeries = 2_000

/** What the figures are that others count. */
const helpOf: Readonly<Record<string, string>> = {
  apiserver_storage_objects: 'Objects stored.',
  apiserver_storage_revision: 'Revision of the last write.',
  apiserver_audit_event_total: 'Audit events made.',
  apiserver_audit_dropped_total: 'Audit events for which there was no room.',
  apiserver_audit_error_total: 'Audit events that could not be written.',
}

interface Series {
  readonly labels: string
  count: number
}

interface Histogram {
  readonly labels: string
  readonly counts: number[]
  sum: number
  count: number
}

/** Counts requests and their durations under upstream's metric names. */
export class RequestMetrics {
  readonly #totals = new Map<string, Series>()
  readonly #durations = new Map<string, Histogram>()

  /** Notes one answered request. Watches and streams count, their durations do not. */
  observe(info: RequestInfo | undefined, code: number, durationMs: number): void {
    const { verb = '', group = '', version = '', resource = '', subresource = '', isResource = false } = info ?? {}
    const place = isResource
      ? `group="${escape(group)}",version="${escape(version)}",resource="${escape(resource)}",subresource="${escape(subresource)}"`
      : 'group="",version="",resource="",subresource=""'
    const labels =
      this.#totals.size < maxSeries ? `verb="${verb.toUpperCase()}",${place}` : 'verb="",group="",version="",resource="",subresource=""'
    const key = `${labels},code="${code}"`
    const total = this.#totals.get(key)
    if (total === undefined) this.#totals.set(key, { labels: key, count: 1 })
    else total.count++
    if (verb !== 'watch' && verb !== 'connect') this.#observeDuration(labels, durationMs / 1000)
  }

  #observeDuration(labels: string, seconds: number): void {
    let histogram = this.#durations.get(labels)
    if (histogram === undefined) {
      histogram = { labels, counts: buckets.map(() => 0), sum: 0, count: 0 }
      this.#durations.set(labels, histogram)
    }
    histogram.sum += seconds
    histogram.count++
    const at = buckets.findIndex((bound) => seconds <= bound)
    if (at >= 0) histogram.counts[at]!++
  }

  /** The Prometheus text format, with the figures that others count: name → value. Those that end in `_total` are counters. */
  render(gauges: Readonly<Record<string, number>>): string {
    const lines = ['# HELP apiserver_request_total Requests answered.', '# TYPE apiserver_request_total counter']
    for (const { labels, count } of this.#totals.values()) lines.push(`apiserver_request_total{${labels}} ${count}`)
    lines.push(
      '# HELP apiserver_request_duration_seconds Time from a request to its answer.',
      '# TYPE apiserver_request_duration_seconds histogram',
    )
    for (const histogram of this.#durations.values()) renderHistogram(histogram, lines)
    for (const [name, value] of Object.entries(gauges)) {
      const type = name.endsWith('_total') ? 'counter' : 'gauge'
      lines.push(`# HELP ${name} ${helpOf[name] ?? name}`, `# TYPE ${name} ${type}`, `${name} ${value}`)
    }
    return `${lines.join('\n')}\n`
  }
}

function renderHistogram({ labels, counts, sum, count }: Histogram, lines: string[]): void {
  let below = 0
  for (const [index, bound] of buckets.entries()) {
    below += counts[index]!
    lines.push(`apiserver_request_duration_seconds_bucket{${labels},le="${bound}"} ${below}`)
  }
  lines.push(`apiserver_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}`)
  lines.push(`apiserver_request_duration_seconds_sum{${labels}} ${sum}`, `apiserver_request_duration_seconds_count{${labels}} ${count}`)
}

const escape = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
