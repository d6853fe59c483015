/** One parsed series of the text exposition format. */
export interface ParsedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly timestampMs: number | undefined
}

/**
 * Parses the text exposition format 0.0.4 strictly, for tests: throws on any line that is not a comment of a known kind or a whole
 * sample, on a family that comes twice, on a sample outside its family, on a repeated label and on a repeated series.
 */
export function parseExposition(page: string | Buffer): ParsedSample[] {
  const text = page.toString()
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no line feed')
  const samples: ParsedSample[] = []
  const families = new Set<string>()
  const series = new Set<string>()
  let family = ''
  for (const line of text.split('\n').slice(0, -1)) {
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) /.exec(line)?.[1]
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|untyped)$/.exec(line)?.[1]
    if (help !== undefined) {
      if (families.has(help)) throw new Error(`family ${help} comes twice`)
      families.add(help)
      family = help
    } else if (type !== undefined) {
      if (type !== family) throw new Error(`type of ${type} inside ${family}`)
    } else {
      const sample = parseSample(line)
      if (sample.name !== family) throw new Error(`sample of ${sample.name} inside ${family}`)
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).toSorted(([left], [right]) => (left < right ? -1 : 1))])
      if (series.has(key)) throw new Error(`series ${key} comes twice`)
      series.add(key)
      samples.push(sample)
    }
  }
  return samples
}

const valuePattern = /^ (NaN|[+-]Inf|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?: (-?\d+))?$/

function parseSample(line: string): ParsedSample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0]
  if (name === undefined) throw new Error(`no sample: ${JSON.stringify(line)}`)
  let position = name.length
  const labels: Record<string, string> = {}
  if (line[position] === '{') {
    do {
      position++
      const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/.exec(line.slice(position))
      if (label === null) throw new Error(`no label at ${position} of ${JSON.stringify(line)}`)
      const [whole, key = '', value = ''] = label
      if (Object.hasOwn(labels, key)) throw new Error(`label ${key} comes twice`)
      labels[key] = value.replace(/\\(["\\n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
      position += whole.length
    } while (line[position] === ',')
    if (line[position] !== '}') throw new Error(`no end of labels in ${JSON.stringify(line)}`)
    position++
  }
  const [, value, timestamp] = valuePattern.exec(line.slice(position)) ?? []
  if (value === undefined) throw new Error(`no value in ${JSON.stringify(line)}`)
  return {
    name,
    labels,
    value: Number(value.replace('Inf', 'Infinity')),
    timestampMs: timestamp === undefined ? undefined : Number(timestamp),
  }
}
