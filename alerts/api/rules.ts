import type { FastifyInstance } from 'fastify'
import type { RuleStatus } from '../evaluation/evaluator.ts'
import { isFiring } from '../evaluation/series-state.ts'
import type { SeriesState } from '../evaluation/series-state.ts'
import { alertAnnotations, alertLabels } from '../rules/rule.ts'
import type { Rule, RuleGroup } from '../rules/rule.ts'
import { zeroTime } from '../delivery/message.ts'
import { formatTime } from './body.ts'
import { readParameter } from './query.ts'
import type { Query } from './query.ts'
import type { ApiContext } from './server.ts'

/** How pressing a state is: a rule shows the most pressing one of its series. */
const urgency = { inactive: 0, pending: 1, firing: 2 } as const

/** `/api/v1/rules`: every rule (or the one that `rule` names) with its health and its series, in the shape of Prometheus' answer. */
export function serveRules(server: FastifyInstance, { evaluator, evaluationIntervalMs }: ApiContext): void {
  server.get('/api/v1/rules', (request) => {
    const wanted = readParameter(request.query as Query, 'rule')
    const groups = evaluator.status().flatMap(({ group, rules: all }) => {
      const rules = all.filter((status) => wanted === undefined || status.rule.id === wanted)
      return rules.length === 0 && wanted !== undefined ? [] : [showGroup(group, rules, evaluationIntervalMs)]
    })
    return { status: 'success', data: { groups } }
  })
}

function showGroup(group: RuleGroup, rules: readonly RuleStatus[], evaluationIntervalMs: number) {
  return {
    name: group.name,
    file: group.file,
    interval: (group.intervalMs ?? evaluationIntervalMs) / 1000,
    lastEvaluation: formatOptional(Math.max(...rules.map((rule) => rule.evaluatedAt ?? 0), 0)),
    lateness: Math.max(...rules.map((rule) => rule.latenessMs), 0) / 1000,
    evaluationTime: rules.reduce((total, rule) => total + rule.durationMs, 0) / 1000,
    rules: rules.map(showRule),
  }
}

function showRule(status: RuleStatus) {
  const { rule } = status
  const alerts = status.states.filter((state) => state.phase !== 'inactive').map((state) => showSeries(rule, state))
  return {
    type: 'alerting',
    name: rule.alert,
    id: rule.id,
    query: rule.query,
    duration: rule.forMs / 1000,
    keepFiringFor: rule.keepFiringForMs / 1000,
    labels: Object.fromEntries(Object.entries(rule.labels).map(([name, template]) => [name, template.source])),
    annotations: Object.fromEntries(Object.entries(rule.annotations).map(([name, template]) => [name, template.source])),
    state: alerts.reduce<keyof typeof urgency>((most, { state }) => (urgency[state] > urgency[most] ? state : most), 'inactive'),
    health: status.health,
    ...(status.lastError !== '' && { lastError: status.lastError }),
    lastEvaluation: formatOptional(status.evaluatedAt ?? 0),
    evaluationTime: status.durationMs / 1000,
    lateness: status.latenessMs / 1000,
    alerts,
  }
}

function showSeries(rule: Rule, state: SeriesState) {
  const labels = alertLabels(rule, state.labels)
  return {
    labels,
    annotations: alertAnnotations(rule, { labels, value: state.value, details: state.details ?? {} }),
    state: isFiring(state.phase) ? 'firing' : 'pending',
    phase: state.phase,
    activeAt: formatOptional(state.activeSince ?? 0),
    ...(state.problem !== undefined && { problem: state.problem }),
    ...(state.details !== undefined && { details: state.details }),
    ...(state.clearedAt !== undefined && { keepFiringSince: formatTime(state.clearedAt) }),
    value: state.value === undefined ? '' : String(state.value),
  } as const
}

function formatOptional(ms: number): string {
  return ms === 0 ? zeroTime : formatTime(ms)
}
