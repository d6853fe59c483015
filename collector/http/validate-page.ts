import type { Finding } from '../source.ts'

const marks: Readonly<Record<Finding['level'], string>> = { ok: '[ok]     ', missing: '[absent] ', problem: '[problem]' }

/** The text of `/validate/`: what can be read on this node and what can't, and why. */
export function renderFindings(nodeName: string, findings: readonly Finding[]): string {
  const lines = findings.map(({ level, subject, text }) => `${marks[level]} ${oneLine(subject)}: ${oneLine(text)}`)
  const problems = findings.filter(({ level }) => level === 'problem').length
  const verdict = problems === 0 ? 'Everything that this machine offers is read.' : `${problems} problem(s), see below.`
  return `Collector on ${oneLine(nodeName)}\n${verdict}\n\n${lines.join('\n')}\n`
}

/** The same for programs. */
export function findingsJson(nodeName: string, findings: readonly Finding[]) {
  return { node: nodeName, problems: findings.filter(({ level }) => level === 'problem').length, findings }
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}]/gu, '?')
}
