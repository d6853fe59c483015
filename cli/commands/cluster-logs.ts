import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { StringDecoder } from 'node:string_decoder'
import type { NodeLogAccounts } from '../../aggregator/logs/log-accounts.ts'
import type { LogRecord } from '../../collector/logs/store/log-records.ts'
import { httpRequest } from '../../lib/http.ts'
import { visibleText } from '../../lib/page/visible-text.ts'
import { clusterAccessOf, connectionFlags } from '../cluster-connection.ts'
import { describeFlagTable, parseCommandLine, parseOneOf, parseSwitch, parseText, type FlagValues } from '../flag-table.ts'
import { UsageError } from '../options.ts'
import { presentCluster } from '../present-cluster.ts'
import { LinePrinter } from './log-printer.ts'
import { formatLogStatus } from './log-status.ts'
import type { CommandContext } from './start.ts'

const logsPath = '/api/v1/logs'
const { namespace, ...connection } = connectionFlags
const flags = {
  ...connection,
  url: { placeholder: 'URL', help: 'where to ask: a monitor, or a collector (default: the monitor of this machine)', parse: parseText },
  namespace: { ...namespace, help: 'where to look (default: default)' },
  'all-namespaces': { letter: 'A', fallback: 'false', help: 'look in all of them', parse: parseSwitch },
  selector: { letter: 'l', placeholder: 'SELECTOR', help: 'labels of the pods: app=web, tier in (a,b), !canary', parse: parseText },
  pod: { placeholder: 'NAME', help: 'one pod, also one that is gone', parse: parseText },
  container: { letter: 'c', placeholder: 'NAME', help: 'containers of that name', parse: parseText },
  follow: { letter: 'f', fallback: 'false', help: 'go on with what comes', parse: parseSwitch },
  since: { placeholder: 'TIME', help: 'an age (10m, 2d) or a time (2026-01-31T12:00:00Z)', parse: parseText },
  until: { placeholder: 'TIME', help: 'the same, for the end', parse: parseText },
  match: { placeholder: 'TEXT', help: 'only lines with this in them', parse: parseText },
  regex: { placeholder: 'RE', help: 'only lines with a match of this expression of RE2', parse: parseText },
  level: { placeholder: 'LEVEL', help: 'at least: trace, debug, info, warn, error, fatal', parse: parseText },
  tail: { placeholder: 'N', help: 'the newest N lines (default 1000; 10 with -f; all with --since)', parse: parseText },
  limit: { placeholder: 'N', help: 'at most N lines, from the oldest on (default 1000000)', parse: parseText },
  events: { fallback: 'false', help: 'events of the cluster instead of what containers write', parse: parseSwitch },
  audit: { fallback: 'false', help: 'who did what with the API', parse: parseSwitch },
  nodes: { fallback: 'false', help: 'what collectors read from files and journals of nodes', parse: parseSwitch },
  status: { fallback: 'false', help: 'what became of the lines of every node: safe, waiting, lost and why', parse: parseSwitch },
  output: { letter: 'o', placeholder: 'FORM', fallback: 'plain', help: 'plain or json', parse: parseOneOf(['plain', 'json'] as const) },
} as const

type Values = FlagValues<typeof flags>

/** The flags of `logs` for a cluster. */
export const describeClusterLogs = (): string =>
  [
    'Usage: binnacle logs [FLAGS]            what runs in the cluster wrote, on all nodes, also in pods that are gone',
    "       binnacle logs [PROCESS] [-f]     the own logs of the cluster's processes (server, monitor, node-0, …), without any other flag",
    '',
    describeFlagTable(flags),
  ].join('\n')

/** `logs` with flags that are about the cluster. Resolves with the exit code: 1 where something is missing, 130 after Ctrl-C. */
export async function showClusterLogs(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, words } = parseCommandLine(args, flags)
  if (words.length > 0) throw new UsageError(`logs: ${JSON.stringify(words[0])}: name a pod with --pod=NAME, pods with -l SELECTOR`)
  if (values.status) checkAlone(values)
  const url = `${baseOf(values)}${logsPath}${values.status ? '/status' : `?${parametersOf(values).toString()}`}`
  const abort = new AbortController()
  const interrupt = () => abort.abort()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  let isRead = true
  process.stdout.on('error', () => {
    isRead = false
    abort.abort()
  })
  try {
    const response = await ask(new URL(url), values, abort.signal)
    if (response.statusCode !== 200) throw await refusalOf(response)
    const isWhole = await (values.status ? printStatus : print)(response, values, context)
    return abort.signal.aborted ? 130 : isWhole ? 0 : 1
  } catch (error) {
    // Whoever reads the output may have enough of it.
    if (abort.signal.aborted) return isRead ? 130 : 0
    if (error instanceof UsageError) throw error
    const { message, code } = error as NodeJS.ErrnoException
    context.complain(`error: ${code === 'ECONNRESET' ? 'the answer broke off' : message}`)
    return 1
  } finally {
    process.removeListener('SIGINT', interrupt)
    process.removeListener('SIGTERM', interrupt)
  }
}

/** The status is that of every node: what chooses lines makes no sense with it. */
function checkAlone(values: Values): void {
  const allowed: readonly string[] = [...Object.keys(connection), 'url', 'output', 'status']
  const other = Object.entries(values).find(([name, value]) => !allowed.includes(name) && value !== undefined && value !== false)
  if (other !== undefined) throw new UsageError(`--status: is of every node, so --${other[0]} makes no sense with it`)
}

/** The parameters of the search. */
export function parametersOf(values: Values): URLSearchParams {
  const kinds = [...(values.events ? ['events'] : []), ...(values.audit ? ['audit'] : []), ...(values.nodes ? ['file', 'journal'] : [])]
  const isEverywhere = values['all-namespaces'] || values.audit || values.nodes
  if (values['all-namespaces'] && values.namespace !== undefined)
    throw new UsageError('--all-namespaces and --namespace contradict each other')
  const given: Readonly<Record<string, string | undefined>> = {
    kind: kinds.length === 0 ? 'container' : kinds.join(','),
    namespace: values.namespace ?? (isEverywhere ? undefined : 'default'),
    selector: values.selector,
    pod: values.pod,
    container: values.container,
    since: values.since,
    until: values.until,
    match: values.match,
    regex: values.regex,
    level: values.level,
    follow: values.follow ? 'true' : undefined,
    ...amountOf(values),
    format: 'ndjson',
  }
  return new URLSearchParams(Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined))
}

/** The newest lines, unless a time or a number says that all are meant. */
function amountOf({ follow, since, until, tail, limit }: Values): {
  readonly tail: string | undefined
  readonly limit: string | undefined
} {
  if (follow || tail !== undefined || limit !== undefined) return { tail, limit }
  return since === undefined && until === undefined ? { tail: '1000', limit } : { tail, limit: '1000000' }
}

function ask(url: URL, values: Values, signal: AbortSignal): Promise<IncomingMessage> {
  const isSecure = url.protocol === 'https:'
  const { ca, cert, key, token } = isSecure ? clusterAccessOf(values) : {}
  const tls = Object.fromEntries(Object.entries({ ca, cert, key }).filter(([, text]) => text !== undefined))
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return new Promise((resolve, reject) => {
    const request = (isSecure ? httpsRequest : httpRequest)(url, { headers, signal, ...tls })
    request.on('error', (error) => reject(new Error(`${url.origin} cannot be reached: ${error.message}`, { cause: error })))
    request.on('response', resolve)
    request.end()
  })
}

function baseOf({ url, 'data-dir': dataDir }: Values): string {
  if (url !== undefined) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw new UsageError(`--url: ${JSON.stringify(url)} is no URL such as https://monitor:4443`)
    return url.replace(/\/+$/, '')
  }
  const cluster = presentCluster(dataDir)
  if (cluster === undefined) throw new UsageError('no cluster runs here: `npm start` brings one up; --data-dir or --url name another')
  return `http://127.0.0.1:${cluster.ports.aggregator}`
}

/** False where something is missing from the answer. */
async function print(response: IncomingMessage, values: Values, context: CommandContext): Promise<boolean> {
  const printer = new LinePrinter({ output: process.stdout, isJson: values.output === 'json' })
  const decoder = new StringDecoder('utf8')
  let rest = ''
  let isWhole = true
  let hasEnd = values.follow
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const lines = `${rest}${decoder.write(chunk)}`.split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const record = JSON.parse(line) as LogRecord
      if ('text' in record) printer.add(record, line)
      const problems = 'end' in record ? record.end.problems : 'problem' in record ? [record] : []
      hasEnd ||= 'end' in record
      if ('end' in record && record.end.isCutAtLimit)
        context.complain(`there is more: --limit or --tail allow so many lines, --since and --until choose others`)
      for (const { node, problem } of problems)
        context.complain(printer.neutral(`not complete: ${node === undefined ? '' : `${node}: `}${problem}`))
      isWhole &&= problems.length === 0
    }
    await printer.flush()
  }
  if (!hasEnd) throw new Error('the answer broke off')
  return isWhole
}

/** False where a node does not say what became of its lines. */
async function printStatus(response: IncomingMessage, values: Values, context: CommandContext): Promise<boolean> {
  const body = await text(response)
  if (values.output === 'json') context.print(body)
  const { nodes } = JSON.parse(body) as { readonly nodes: readonly NodeLogAccounts[] }
  if (values.output === 'plain') for (const line of formatLogStatus(nodes)) context.print(visibleText(line))
  return nodes.every(({ problem }) => problem === undefined)
}

async function refusalOf(response: IncomingMessage): Promise<Error> {
  const message = messageOf(await text(response))
  return response.statusCode === 400 ? new UsageError(message) : new Error(`${response.statusCode}: ${message}`)
}

/** What a Status says, or the text itself. */
function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { readonly message: string }).message
  } catch {
    return body.trim().slice(0, 1000)
  }
}
