import { ok, problem, warn } from './finding.ts'
import type { Finding } from './finding.ts'
import { complaintOf, jsonOf, probe, samplesOf } from './probe.ts'
import type { Examination } from './subject.ts'

interface Rules {
  readonly data: {
    readonly groups: readonly {
      readonly name: string
      readonly interval: number
      readonly lastEvaluation: string
      readonly rules: readonly { readonly name: string; readonly health: string; readonly lastError?: string }[]
    }[]
  }
}

/** Alerts and the page: rules that are loaded and evaluated, notifications that get through, and whether the page is served. */
export const alertsExamination: Examination = {
  name: 'alerts',
  async examine({ urls, now }) {
    const [alerts, page] = await Promise.all([examineAlerts(urls.alerts, now), examinePage(urls.page)])
    return [...alerts, ...page]
  },
}

async function examineAlerts(url: string | undefined, now: number): Promise<Finding[]> {
  if (url === undefined) return []
  const answer = await probe(`${url}/api/v1/rules`)
  const rules = jsonOf(answer) as Rules | undefined
  if (rules === undefined) return [problem('alerts', `${url}: ${complaintOf(answer)}`, 'is the process monitor running? Read its log')]
  const metrics = await probe(`${url}/metrics`)
  return [...examineRules(rules, now), ...(metrics.status === 200 ? examineDelivery(metrics.text) : [])]
}

/** Whether every group is evaluated in time and no rule fails. */
export function examineRules({ data: { groups } }: Rules, now: number): Finding[] {
  const rules = groups.flatMap((group) => group.rules)
  if (rules.length === 0) return [warn('alert rules', 'none is loaded', 'name a file with --rules')]
  const late = groups.filter(({ lastEvaluation, interval }) => now - Date.parse(lastEvaluation) > 3 * interval * 1000 + 5000)
  const failing = rules.filter(({ health }) => health === 'query failed')
  const findings = [
    ...late.map(({ name, lastEvaluation }) =>
      lastEvaluation.startsWith('0001')
        ? warn(`alert rules ${name}`, 'were not evaluated yet', 'look again in a moment')
        : problem(`alert rules ${name}`, `were last evaluated at ${lastEvaluation}`, 'is the monitor short of CPU, or its disk full?'),
    ),
    ...failing.map(({ name, lastError = 'unknown' }) =>
      problem(`alert rule ${name}`, `cannot be evaluated: ${lastError}`, 'correct the rule, or see whether InfluxDB answers'),
    ),
  ]
  return findings.length > 0 ? findings : [ok('alert rules', `${rules.length} in ${groups.length} groups, evaluated in time`)]
}

function examineDelivery(text: string): Finding[] {
  const pending = samplesOf(text, 'binnacle_alerts_notifications_pending')[0]?.value ?? 0
  const failed = samplesOf(text, 'alertmanager_notifications_failed_total').filter(({ value }) => value > 0)
  const advice = 'read /api/v1/journal of the alerts for the answers of the receiver'
  if (pending === 0 && failed.length === 0) return [ok('notifications', 'none is waiting, none has failed')]
  return [
    ...(pending > 0 ? [warn('notifications', `${pending} are waiting to be delivered`, advice)] : []),
    ...failed.map(({ labels, value }) =>
      warn('notifications', `${value} attempts over ${labels['integration'] ?? 'a receiver'} have failed`, advice),
    ),
  ]
}

async function examinePage(url: string | undefined): Promise<Finding[]> {
  if (url === undefined) return []
  const answer = await probe(`${url}/`)
  return [
    answer.status === 200
      ? ok('page', `is served at ${url}`)
      : problem('page', `${url}: ${complaintOf(answer)}`, 'is the process monitor running? Read its log'),
  ]
}
