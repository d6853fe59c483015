/** How much of a page counts. What is beyond is left out and counted. */
export interface ExpositionLimits {
  readonly maxSeries: number
  readonly maxNames: number
  /** Of one series. */
  readonly maxLabels: number
  /** Of a name, of a label's name and of a label's value. */
  readonly maxLength: number
}

/** One line of a page. */
export interface ExpositionSample {
  readonly name: string
  /** What its family was declared as; parts of histograms and summaries that only grow are counters, everything undeclared is a gauge. */
  readonly type: 'gauge' | 'counter'
  readonly labels: Readonly<Record<string, string>>
  /** May be NaN or infinite. */
  readonly value: number
  /** When the page says that it was measured, ms since the epoch. */
  readonly timestamp: number | undefined
}

export interface Exposition {
  readonly samples: readonly ExpositionSample[]
  /** Series left out because of the limits. */
  readonly cut: number
}

/** A page that is not in the format. One bad line makes all of it doubtful: nothing of the page counts. */
export class ExpositionError extends Error {
  readonly code = 'EXPOSITION'
  readonly line: number

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`)
    this.name = 'ExpositionError'
    this.line = line
  }
}

const familyTypes = ['counter', 'gauge', 'histogram', 'summary', 'untyped', 'unknown', 'info', 'stateset', 'gaugehistogram'] as const
type FamilyType = (typeof familyTypes)[number]

const declarationPattern = /^# (TYPE|HELP|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*)(?: (.*))?$/
const namePattern = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const labelPattern = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*/y
const restPattern = /[ \t]*([^ \t]+)(?:[ \t]+([^ \t#]+))?[ \t]*(#.*)?/y
const numberPattern = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)$/i
const counterSuffixes = ['_total', '_bucket', '_count', '_sum'] as const

/**
 * Reads a page in Prometheus' text format (0.0.4) or, when `isOpenMetrics`, in OpenMetrics. Throws an `ExpositionError` with the line of
 * the first mistake; a page of OpenMetrics without its `# EOF` is cut off and counts as one.
 */
export function readExposition(text: string, isOpenMetrics: boolean, limits: ExpositionLimits): Exposition {
  return new ExpositionReader(isOpenMetrics, limits).read(text)
}

class ExpositionReader {
  readonly #isOpenMetrics: boolean
  readonly #limits: ExpositionLimits
  readonly #types = new Map<string, FamilyType>()
  readonly #names = new Set<string>()
  readonly #samples: ExpositionSample[] = []
  #cut = 0
  #line = 0

  constructor(isOpenMetrics: boolean, limits: ExpositionLimits) {
    this.#isOpenMetrics = isOpenMetrics
    this.#limits = limits
  }

  read(text: string): Exposition {
    let hasEnded = false
    for (let start = 0; start < text.length;) {
      const newline = text.indexOf('\n', start)
      const end = newline < 0 ? text.length : newline
      this.#line++
      const line = text.slice(start, end)
      start = end + 1
      if (hasEnded) throw this.#error('there is something behind "# EOF"')
      if (line.startsWith('#')) hasEnded = this.#readComment(line)
      else if (line.trim() !== '') this.#readSample(line)
    }
    if (this.#isOpenMetrics && !hasEnded) throw this.#error('the page ends without "# EOF"')
    return { samples: this.#samples, cut: this.#cut }
  }

  /** Whether it is the end of the page. */
  #readComment(line: string): boolean {
    if (this.#isOpenMetrics && line === '# EOF') return true
    const [, keyword, name, word] = declarationPattern.exec(line) ?? []
    if (keyword !== 'TYPE') return false
    const type = familyTypes.find((known) => known === word)
    if (type === undefined) throw this.#error(`${quote(word ?? '')} is no type; allowed: ${familyTypes.join(', ')}`)
    if (this.#types.size < this.#limits.maxNames) this.#types.set(name!, type)
    return false
  }

  #readSample(line: string): void {
    namePattern.lastIndex = line.length - line.trimStart().length
    const name = namePattern.exec(line)?.[0]
    if (name === undefined) throw this.#error(`${quote(line)} does not begin with the name of a metric`)
    const { labels, at } = this.#readLabels(line, namePattern.lastIndex)
    restPattern.lastIndex = at
    const [, valueText, timeText, exemplar] = restPattern.exec(line) ?? []
    if (valueText === undefined || restPattern.lastIndex !== line.length || (exemplar !== undefined && !this.#isOpenMetrics)) {
      throw this.#error(`${quote(line.slice(at))} is not a value and perhaps a time`)
    }
    const value = this.#readNumber(valueText)
    const time = timeText === undefined ? undefined : this.#readNumber(timeText)
    if (time !== undefined && !Number.isFinite(time)) throw this.#error(`${quote(timeText!)} is no time`)
    if (labels === undefined || !this.#hasRoom(name)) {
      this.#cut++
      return
    }
    const timestamp = time === undefined || !this.#isOpenMetrics ? time : time * 1000
    this.#samples.push({ name, type: this.#typeOf(name), labels, value, timestamp })
  }

  /** The labels, `undefined` if they are beyond the limits, and where the rest of the line begins. */
  #readLabels(line: string, from: number): { readonly labels: Record<string, string> | undefined; readonly at: number } {
    let at = skipBlanks(line, from)
    const labels: Record<string, string> = Object.create(null) as Record<string, string>
    if (line[at] !== '{') return { labels, at }
    let count = 0
    let isWithin = true
    at = skipBlanks(line, at + 1)
    while (line[at] !== '}') {
      labelPattern.lastIndex = at
      const [, name, raw] = labelPattern.exec(line) ?? []
      if (name === undefined || raw === undefined) throw this.#error(`${quote(line.slice(at))} is not a label such as code="200"`)
      if (name in labels) throw this.#error(`label ${quote(name)} is there twice`)
      at = labelPattern.lastIndex
      const isLast = line[at] === '}'
      if (line[at] !== ',' && !isLast) throw this.#error(`${quote(line.slice(at))} is neither "," nor "}"`)
      if (!isLast) at = skipBlanks(line, at + 1)
      const value = this.#unescape(raw)
      isWithin &&= ++count <= this.#limits.maxLabels && name.length <= this.#limits.maxLength && value.length <= this.#limits.maxLength
      if (isWithin) labels[name] = value
    }
    return { labels: isWithin ? labels : undefined, at: at + 1 }
  }

  #unescape(raw: string): string {
    if (!raw.includes('\\')) return raw
    return raw.replaceAll(/\\(.)/gs, (_, character: string) => {
      if (character === 'n') return '\n'
      if (character === '\\' || character === '"') return character
      throw this.#error(`\\${character} is no escape; allowed: \\\\, \\" and \\n`)
    })
  }

  #readNumber(text: string): number {
    if (!numberPattern.test(text)) throw this.#error(`${quote(text)} is no number`)
    const word = text.toLowerCase().replace(/^[+-]/, '')
    if (word === 'nan') return Number.NaN
    if (word.startsWith('inf')) return text.startsWith('-') ? -Infinity : Infinity
    return Number(text)
  }

  #hasRoom(name: string): boolean {
    if (this.#samples.length >= this.#limits.maxSeries || name.length > this.#limits.maxLength) return false
    if (!this.#names.has(name) && this.#names.size >= this.#limits.maxNames) return false
    this.#names.add(name)
    return true
  }

  #typeOf(name: string): 'gauge' | 'counter' {
    if (this.#types.get(name) === 'counter') return 'counter'
    for (const suffix of counterSuffixes) {
      if (!name.endsWith(suffix)) continue
      const type = this.#types.get(name.slice(0, -suffix.length))
      if (suffix === '_total' ? type === 'counter' : type === 'histogram' || type === 'summary') return 'counter'
    }
    return 'gauge'
  }

  #error(message: string): ExpositionError {
    return new ExpositionError(this.#line, message)
  }
}

function skipBlanks(line: string, from: number): number {
  let at = from
  while (line[at] === ' ' || line[at] === '\t') at++
  return at
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
