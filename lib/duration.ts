const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
}

const durationPattern = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/
const unitsInOrder = ['y', 'w', 'd', 'h', 'm', 's', 'ms']

/** What `parseDuration` takes, for error messages. */
export const durationForm = 'a duration such as 30s, 5m, 1h30m or 2d'

/** Milliseconds of a duration in Prometheus' notation (`1h30m`, units from large to small, `0` alone), or `undefined` if it is none. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  const match = durationPattern.exec(text)
  if (match === null || text === '') return undefined
  let total = 0
  for (const [index, unit] of unitsInOrder.entries()) total += Number(match[index + 1] ?? 0) * unitMs[unit]!
  return Number.isSafeInteger(total) ? total : undefined
}

/** The shortest text that `parseDuration` reads back. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  let rest = Math.round(ms)
  let text = ''
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const count = Math.floor(rest / unitMs[unit]!)
    if (count > 0) text += `${count}${unit}`
    rest -= count * unitMs[unit]!
  }
  return text
}
