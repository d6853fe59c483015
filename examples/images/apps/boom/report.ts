/** One request's outcome: a status code, or what went wrong. */
export interface Outcome {
  readonly seconds: number
  readonly status: number | undefined
  readonly error: string | undefined
}

const histogramBars = 10
const barWidth = 40
const percentiles = [10, 25, 50, 75, 90, 95, 99]

/** The summary of a run in the form that boom prints. */
export function renderReport(outcomes: readonly Outcome[], totalSeconds: number): string {
  const answered = outcomes.filter(({ status }) => status !== undefined)
  const times = answered.map(({ seconds }) => seconds).sort((left, right) => left - right)
  const sections: string[] = []
  if (times.length > 0) {
    sections.push(summary(times, totalSeconds), histogram(times), latencies(times), statusCodes(answered))
  }
  const errors = countBy(outcomes.flatMap(({ error }) => error ?? []))
  if (errors.length > 0) sections.push(`Error distribution:\n${errors.map(([text, count]) => `  [${count}]\t${text}\n`).join('')}`)
  return sections.join('\n')
}

/** Every request's time and status on a line of its own. */
export function renderCsv(outcomes: readonly Outcome[]): string {
  return outcomes.map(({ seconds, status }) => `${seconds.toFixed(4)},${status ?? 0}\n`).join('')
}

function summary(times: readonly number[], totalSeconds: number): string {
  const average = times.reduce((sum, time) => sum + time, 0) / times.length
  return `Summary:
  Total:\t${totalSeconds.toFixed(4)} secs.
  Slowest:\t${times.at(-1)!.toFixed(4)} secs.
  Fastest:\t${times[0]!.toFixed(4)} secs.
  Average:\t${average.toFixed(4)} secs.
  Requests/sec:\t${(times.length / totalSeconds).toFixed(4)}
`
}

function histogram(times: readonly number[]): string {
  const [fastest, slowest] = [times[0]!, times.at(-1)!]
  const width = (slowest - fastest) / histogramBars
  const counts = Array.from({ length: histogramBars + 1 }, () => 0)
  for (const time of times) {
    const bar = width === 0 ? 0 : Math.min(Math.ceil((time - fastest) / width), histogramBars)
    counts[bar]!++
  }
  const highest = Math.max(...counts)
  const lines = counts.map((count, bar) => {
    const mark = (fastest + width * bar).toFixed(3)
    return `  ${mark} [${count}]\t|${'∎'.repeat(Math.floor((count * barWidth) / highest))}\n`
  })
  return `Response time histogram:\n${lines.join('')}`
}

function latencies(times: readonly number[]): string {
  const lines = percentiles.map((percent) => {
    const at = Math.min(Math.ceil((times.length * percent) / 100), times.length) - 1
    return `  ${percent}% in ${times[Math.max(at, 0)]!.toFixed(4)} secs.\n`
  })
  return `Latency distribution:\n${lines.join('')}`
}

function statusCodes(outcomes: readonly Outcome[]): string {
  const lines = countBy(outcomes.map(({ status }) => String(status))).map(([code, count]) => `  [${code}]\t${count} responses\n`)
  return `Status code distribution:\n${lines.join('')}`
}

function countBy(values: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([left], [right]) => left.localeCompare(right))
}
