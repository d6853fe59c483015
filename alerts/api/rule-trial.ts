import type { FastifyInstance } from 'fastify'
import { FileError } from '../../lib/document.ts'
import { durationForm, parseDuration } from '../../lib/duration.ts'
import { BacktestError } from '../trial/backtest.ts'
import type { BacktestResult } from '../trial/backtest.ts'
import type { SimulatedAlert, SimulationRange } from '../trial/simulation.ts'
import { parseRuleFile } from '../rules/rule-file.ts'
import type { Rule } from '../rules/rule.ts'
import { ApiError } from './api-error.ts'
import { formatTime, readObject, readText, readTime } from './body.ts'
import type { ApiContext } from './server.ts'

/** A text longer than this is no rule. */
const maxTextLength = 64 * 1024

const defaultRangeMs = 1_800_000

/**
 * `POST /api/v1/rules/test`: when a rule would have fired over what is stored. `rule` is the ID of one that is loaded; `rules` the text of a rule file
 * with one rule. `start` and `end` are RFC 3339 (default: the last half hour), `interval` a duration (default: that of the rule's group). One at a
 * time; another is answered with 429.
 */
export function serveRuleTrial(server: FastifyInstance, context: ApiContext): void {
  let isBusy = false
  server.post('/api/v1/rules/test', async (request) => {
    const { rule, range } = readRequest(readObject(request.body, 'request'), context)
    if (isBusy) throw new ApiError(429, 'another rule is being tried; try again when it is done')
    isBusy = true
    try {
      return { status: 'success', data: show(rule, range, await context.backtest(rule, range)) }
    } catch (err) {
      if (err instanceof BacktestError) throw new ApiError(422, err.message)
      throw err
    } finally {
      isBusy = false
    }
  })
}

interface Trial {
  readonly rule: Rule
  readonly range: SimulationRange
}

const allowedFields = ['rule', 'rules', 'start', 'end', 'interval']

function readRequest(body: Record<string, unknown>, { clock, evaluator, evaluationIntervalMs }: ApiContext): Trial {
  const unknown = Object.keys(body).find((key) => !allowedFields.includes(key))
  if (unknown !== undefined) throw new ApiError(400, `${unknown} in body is unknown; allowed: ${allowedFields.join(', ')}`)
  const groups = evaluator.status().map(({ group }) => group)
  const found =
    body['rule'] === undefined
      ? parseOne(readText(body['rules'], 'rules', ''))
      : groups.flatMap(({ rules, intervalMs }) => rules.map((rule) => ({ rule, intervalMs }))).find(({ rule }) => rule.id === body['rule'])
  if (found === undefined) throw new ApiError(404, `rule ${JSON.stringify(body['rule'])} is not loaded; GET /api/v1/rules has the IDs`)
  const until = Math.min(readTime(body['end'], 'end') ?? clock.now(), clock.now())
  const since = readTime(body['start'], 'start') ?? until - defaultRangeMs
  if (since >= until) throw new ApiError(400, 'start in body must be before end, and in the past')
  const interval = readText(body['interval'], 'interval', '')
  const intervalMs = interval === '' ? (found.intervalMs ?? evaluationIntervalMs) : parseDuration(interval)
  if (intervalMs === undefined || intervalMs < 1000) throw new ApiError(400, `interval in body must be ${durationForm}, at least 1s`)
  return { rule: found.rule, range: { since, until, intervalMs } }
}

function parseOne(text: string): { readonly rule: Rule; readonly intervalMs: number | undefined } {
  if (text === '') throw new ApiError(400, 'rule or rules in body is required')
  if (text.length > maxTextLength) throw new ApiError(413, `rules in body must have at most ${maxTextLength} characters`)
  try {
    const [group, ...others] = parseRuleFile('rules', text)
    if (group?.rules.length !== 1 || others.length > 0) throw new ApiError(400, 'rules in body must have one group with one rule')
    return { rule: group.rules[0]!, intervalMs: group.intervalMs }
  } catch (err) {
    if (err instanceof FileError) throw new ApiError(400, err.message)
    throw err
  }
}

function show(rule: Rule, { since, until, intervalMs }: SimulationRange, result: BacktestResult) {
  const { evaluations, failures, lastError, alerts, isCut, source, series } = result
  return {
    name: rule.alert,
    query: rule.query,
    start: formatTime(since),
    end: formatTime(until),
    interval: intervalMs / 1000,
    source,
    ...(series === undefined ? {} : { series }),
    evaluations,
    failures,
    ...(lastError === '' ? {} : { lastError }),
    truncated: isCut,
    alerts: alerts.map(showAlert),
  }
}

function showAlert({ labels, annotations, activeAt, startsAt, endsAt, value }: SimulatedAlert) {
  return {
    labels,
    annotations,
    ...(activeAt === undefined ? {} : { activeAt: formatTime(activeAt) }),
    startsAt: formatTime(startsAt),
    endsAt: endsAt === undefined ? null : formatTime(endsAt),
    value: value === undefined ? '' : String(value),
  }
}
