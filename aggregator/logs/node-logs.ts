import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { StringDecoder } from 'node:string_decoder'
import type { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import type { Informer } from '../../orchestrator/client/informer.ts'
import { httpRequest } from '../../lib/http.ts'
import { formatLogQuery } from '../../collector/logs/store/log-query.ts'
import type { LogQuery } from '../../collector/logs/store/log-query.ts'
import type { LogRecord } from '../../collector/logs/store/log-records.ts'
import type { KubeletConnection } from '../sources/kubelet-access.ts'
import type { NodeAddress } from '../sources/kubelets.ts'
import { formatPlace } from '../sources/scraper.ts'
import type { LogSource, LogSources } from './log-source.ts'

/** How nodes are reached: as for their figures. */
export interface NodeAccess {
  readonly scheme: 'http' | 'https'
  addressOf(node: CoreV1Node): NodeAddress | undefined
  /** Throws where credentials cannot be read. */
  connect(): KubeletConnection
  /** A node's accounts of its logs, as it tells them. Rejects with a `ScrapeError`. */
  readLogStatus(node: CoreV1Node, signal: AbortSignal): Promise<string>
}

export interface NodeLogsOptions {
  readonly nodes: Informer<CoreV1Node>
  readonly access: NodeAccess
  /** Stores of this machine. */
  readonly stores: readonly LogSource[]
}

/** Where a node answers questions about its logs. */
export const nodeLogsPath = '/api/v1/logs/query'
/** Some lines are large; a record that is larger is none of ours. */
const maxRecordLength = 32 << 20
const maxQuoted = 300

/** Every node of the cluster, and the stores of this machine. */
export function createLogSources({ nodes, access, stores }: NodeLogsOptions): LogSources {
  return {
    list: () => [...stores, ...[...nodes.list()].map((node) => nodeSource(node.metadata.name!, nodes, access))],
    onAdded: (callback) => nodes.onChange({ added: callback, updated: () => {}, deleted: () => {} }),
  }
}

function nodeSource(name: string, nodes: Informer<CoreV1Node>, access: NodeAccess): LogSource {
  return {
    name,
    mayAnswer: ({ filter }) => filter.kinds?.some((kind) => kind === 'container' || kind === 'file' || kind === 'journal') ?? true,
    open: (query, from, signal) => askNode({ name, nodes, access }, new URLSearchParams(formatLogQuery(nodeQuery(query), from)), signal),
  }
}

/** What only stores of this machine have is not asked of nodes. */
function nodeQuery(query: LogQuery): LogQuery {
  const kinds = query.filter.kinds?.filter((kind) => kind !== 'audit' && kind !== 'events')
  return kinds === undefined ? query : { ...query, filter: { ...query.filter, kinds } }
}

async function* askNode(
  { name, nodes, access }: { readonly name: string; readonly nodes: Informer<CoreV1Node>; readonly access: NodeAccess },
  query: URLSearchParams,
  signal: AbortSignal,
): AsyncGenerator<readonly LogRecord[]> {
  signal.throwIfAborted()
  const node = nodes.get(name)
  const address = node === undefined ? undefined : access.addressOf(node)
  if (address === undefined) throw new Error('it has no address')
  const { agent, headers } = access.connect()
  const send = access.scheme === 'http' ? httpRequest : httpsRequest
  const request = send({
    ...address,
    path: `${nodeLogsPath}?${query.toString()}`,
    agent,
    headers: { ...headers, accept: 'application/x-ndjson' },
  })
  // Not by the request's own option: that would go on to destroy the connection when it has long been somebody else's.
  const leave = () => request.destroy()
  signal.addEventListener('abort', leave, { once: true })
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const place = formatPlace(address.host, address.port)
      request.on('error', (error) => reject(new Error(`${place}: ${error.message}`, { cause: error })))
      request.on('response', resolve)
      request.end()
    })
    // Whoever reads it is told, too; nobody may be reading when it breaks off.
    response.on('error', () => {})
    if (response.statusCode !== 200) throw new Error(await refusalOf(response))
    yield* recordsOf(response)
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

async function refusalOf(response: IncomingMessage): Promise<string> {
  const text = new StringDecoder('utf8')
  let body = ''
  for await (const chunk of response) {
    body += text.write(chunk as Buffer)
    if (body.length > maxQuoted) break
  }
  if (response.statusCode === 404) return 'it keeps no logs (404)'
  return `it answered ${response.statusCode}: ${body.slice(0, maxQuoted).trim()}`
}

/** The JSON lines of a body, those that come together together. Throws where the body is cut short. */
async function* recordsOf(body: AsyncIterable<unknown>): AsyncGenerator<readonly LogRecord[]> {
  const text = new StringDecoder('utf8')
  let rest = ''
  for await (const chunk of body) {
    rest += text.write(chunk as Buffer)
    const end = rest.lastIndexOf('\n')
    if (end >= 0) {
      const records = rest.slice(0, end).split('\n').map(parseRecord)
      rest = rest.slice(end + 1)
      yield records
    } else if (rest.length > maxRecordLength) throw new Error('it sent a record that is too large')
  }
  if (rest !== '') throw new Error('its answer ended in the middle of a record')
}

function parseRecord(line: string): LogRecord {
  const record = JSON.parse(line) as LogRecord
  if (typeof record !== 'object' || record === null) throw new Error('it sent something that is no record')
  return record
}
