/** A family of series: name, help and type of the text exposition format 0.0.4. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'untyped'
}

/** The content type of the text format. */
export const expositionContentType = 'text/plain; version=0.0.4; charset=utf-8'

/** Label values longer than this are cut, so that nobody's label fills a time series database. */
const maxLabelLength = 1024

/** A label value as it stands between quotes: backslash, quote and line feed escaped, malformed UTF-16 replaced, length bounded. */
export function escapeLabel(value: string): string {
  const bounded = value.length > maxLabelLength ? value.slice(0, maxLabelLength) : value
  return bounded.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Labels as text without braces: `a="1",b="2"`. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',')
}

/** A sample value as the format has it. */
function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

/** Collects the text of one scrape. A family is written with its first series, so an empty one leaves nothing. */
export class Exposition {
  #text = ''
  #family: Family | undefined
  #isStarted = false

  /** All series up to the next call belong to this family. A name must come once. */
  family(family: Family): void {
    this.#family = family
    this.#isStarted = false
  }

  /** Adds a series; `labels` comes from `formatLabels`. NaN stands for absent and adds nothing. */
  sample(labels: string, value: number, timestampMs?: number): void {
    if (Number.isNaN(value)) return
    const { name, help, type } = this.#family!
    if (!this.#isStarted) {
      this.#text += `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`
      this.#isStarted = true
    }
    this.#text += name
    if (labels !== '') this.#text += `{${labels}}`
    this.#text += ` ${formatValue(value)}`
    if (timestampMs !== undefined) this.#text += ` ${Math.round(timestampMs)}`
    this.#text += '\n'
  }

  /** What was collected. */
  toString(): string {
    return this.#text
  }
}
