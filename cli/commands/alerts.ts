import type { CommandContext } from './start.ts'
import { describeFlagTable, parseCommandLine, parseSwitch, parseText } from '../flag-table.ts'
import { UsageError } from '../options.ts'
import { presentCluster } from '../present-cluster.ts'
import { describeServe, serveAlerts } from './alerts-serve.ts'

const defaultUrl = 'http://127.0.0.1:9093'

const flags = {
  url: { placeholder: 'URL', help: `the alerts API (default: that of the cluster here, or ${defaultUrl})`, parse: parseUrl },
  'data-dir': { placeholder: 'DIR', help: 'the cluster whose alerts API it is (default .binnacle)', parse: parseText },
  receiver: { placeholder: 'NAME', help: 'test: this receiver alone (default: those that the routing tree leads to)', parse: parseText },
  label: { placeholder: 'NAME=VALUE,…', fallback: '', help: 'test: labels of the synthetic alert', parse: parseLabels },
  by: { placeholder: 'WHO', fallback: '', help: 'acknowledge: who takes the alert on (default: you)', parse: parseAny },
  comment: { placeholder: 'TEXT', fallback: '', help: 'acknowledge: why', parse: parseAny },
  json: { fallback: 'false', help: 'the answer as JSON', parse: parseSwitch },
} as const

interface Given {
  readonly url: string
  readonly receiver: string | undefined
  readonly label: Readonly<Record<string, string>>
  readonly by: string
  readonly comment: string
  readonly json: boolean
}

type Action = (words: readonly string[], given: Given, context: CommandContext) => Promise<number>

const actions: Readonly<Record<string, Action>> = { test: runTest, why: runWhy, acknowledge: runAcknowledge }

/** The help text of `binnacle alerts`. */
export function describeAlerts(): string {
  return `Usage: binnacle alerts test [--receiver NAME] [FLAGS]       a synthetic alert down the way that alerts take
       binnacle alerts why NAME|FINGERPRINT [FLAGS]         where an alert stands, and what happened to it
       binnacle alerts acknowledge FINGERPRINT [FLAGS]      no further escalation or repetition of this one
       binnacle alerts serve [FLAGS]                        an alert server alone, or one of several

${describeFlagTable(flags)}

serve takes flags of its own:
${describeServe()}`
}

/** `binnacle alerts …`. Resolves with the exit code: 1 where something was not delivered, found or done. Throws `UsageError`. */
export async function runAlerts(args: readonly string[], context: CommandContext): Promise<number> {
  const [name, ...rest] = args
  if (name === 'serve') return serveAlerts(rest, context)
  const action = Object.hasOwn(actions, name ?? '') ? actions[name!] : undefined
  if (action === undefined) throw new UsageError(`alerts takes one of ${Object.keys(actions).join(', ')}, serve; see alerts --help`)
  const { values, words } = parseCommandLine(rest, flags)
  try {
    return await action(words, { ...values, url: values.url ?? urlOf(values['data-dir']) }, context)
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    context.complain(`error: ${error.message}`)
    return 1
  }
}

function urlOf(dataDir: string | undefined): string {
  const cluster = presentCluster(dataDir)
  return cluster === undefined ? defaultUrl : `http://127.0.0.1:${cluster.ports.alerts}`
}

class ApiError extends Error {}

interface TestResult {
  readonly receiver: string
  readonly integration: string
  readonly outcome: string
  readonly detail: string
  readonly latencyMs: number
}

async function runTest(words: readonly string[], { url, receiver, label, json }: Given, { print }: CommandContext): Promise<number> {
  if (words.length > 0) throw new UsageError(`${JSON.stringify(words[0])}: test takes flags only`)
  const { results } = (await call(`${url}/api/v1/test`, 'POST', { labels: label, ...(receiver !== undefined && { receiver }) })) as {
    results: readonly TestResult[]
  }
  if (json) print(JSON.stringify(results, undefined, 2))
  for (const { receiver, integration, outcome, detail, latencyMs } of json ? [] : results) {
    print(`${outcome === 'delivered' ? 'ok  ' : 'FAIL'} ${receiver}/${integration} ${latencyMs} ms: ${detail}`)
  }
  if (results.length === 0) print('nobody is told: the receiver has no integration')
  return results.length > 0 && results.every(({ outcome }) => outcome === 'delivered') ? 0 : 1
}

interface JournalAnswer {
  readonly steps: readonly string[]
  readonly entries: readonly { readonly time: string; readonly kind: string; readonly text: string }[]
}

async function runWhy(words: readonly string[], { url, json }: Given, { print }: CommandContext): Promise<number> {
  const [alert, ...more] = words
  if (alert === undefined || more.length > 0) throw new UsageError('name one alert: alerts why NAME|FINGERPRINT')
  const answer = (await call(`${url}/api/v1/journal?alert=${encodeURIComponent(alert)}`)) as JournalAnswer
  if (json) print(JSON.stringify(answer, undefined, 2))
  else {
    for (const { time, kind, text } of answer.entries) print(`${time} ${kind.padEnd(12)} ${text}`)
    print('now:')
    for (const step of answer.steps) print(`  ${step}`)
  }
  return answer.entries.length > 0 ? 0 : 1
}

async function runAcknowledge(
  words: readonly string[],
  { url, by, comment }: Given,
  { print, environment }: CommandContext,
): Promise<number> {
  const [fingerprint, ...more] = words
  if (fingerprint === undefined || more.length > 0) throw new UsageError('name one alert: alerts acknowledge FINGERPRINT')
  await call(`${url}/api/v1/alerts/${encodeURIComponent(fingerprint)}/acknowledge`, 'POST', {
    by: by || (environment['USER'] ?? ''),
    comment,
  })
  print(`${fingerprint} acknowledged`)
  return 0
}

async function call(url: string, method = 'GET', body?: unknown): Promise<unknown> {
  const given = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const response = await fetch(url, { method, ...given }).catch((error: unknown) => {
    const { cause } = error as Error & { cause?: { code?: string } }
    throw new ApiError(`${new URL(url).origin} cannot be reached: ${cause?.code ?? (error as Error).message}`)
  })
  const text = await response.text()
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new ApiError(`${new URL(url).origin} does not answer as an alert server: HTTP ${response.status}`)
  }
  if (!response.ok) throw new ApiError(typeof value === 'string' ? value : text.slice(0, 200))
  return value
}

function parseAny(text: string): string {
  return text
}

function parseUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/\/+$/, '')
  throw new UsageError('must be a URL such as http://127.0.0.1:9093')
}

function parseLabels(text: string): Readonly<Record<string, string>> {
  const pairs = text === '' ? [] : text.split(',')
  return Object.fromEntries(
    pairs.map((pair) => {
      const match = /^\s*([a-zA-Z_]\w*)=(.*)$/.exec(pair)
      if (match === null) throw new UsageError('must be labels such as severity=critical,team=a')
      return [match[1]!, match[2]!.trim()]
    }),
  )
}
