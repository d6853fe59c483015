/** One line of what the doctor says. */
export interface Finding {
  readonly level: 'ok' | 'warn' | 'problem'
  /** The part that it is about: `node a4`, `InfluxDB`, `pod default/web`. */
  readonly where: string
  readonly what: string
  /** What to do about it; absent where nothing is to be done. */
  readonly advice?: string
}

export const ok = (where: string, what: string): Finding => ({ level: 'ok', where, what })

export const warn = (where: string, what: string, advice: string): Finding => ({ level: 'warn', where, what, advice })

export const problem = (where: string, what: string, advice: string): Finding => ({ level: 'problem', where, what, advice })

/** The line for a person. */
export function formatFinding({ level, where, what, advice }: Finding): string {
  return `${level.padEnd(7)} ${where}: ${what}${advice === undefined ? '' : ` → ${advice}`}`
}

/** At most `limit` findings of one kind; the last says how many more there are. */
export function shorten(findings: readonly Finding[], limit: number): readonly Finding[] {
  if (findings.length <= limit) return findings
  const rest = findings.length - limit
  return [...findings.slice(0, limit), { ...findings[limit]!, where: 'and more', what: `${rest} like the ones above` }]
}
