import type { FastifyReply, FastifyRequest } from 'fastify'
import { badRequest, methodNotAllowed } from '../../orchestrator/api/status-error.ts'
import { LogQueryError } from '../../collector/logs/store/log-query.ts'
import type { LogQuery } from '../../collector/logs/store/log-query.ts'
import { logStatusPath } from '../logs/log-routes.ts'
import type { LogDoor } from '../logs/log-routes.ts'
import type { Identity } from './authentication.ts'
import type { AccessRequest } from './authorization.ts'

interface LogContext {
  readonly logs: LogDoor
  readonly authorize: (identity: Identity, access: AccessRequest) => Promise<void>
}

interface LogExchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** That of searches, or `logStatusPath`. */
  readonly path: string
  readonly query: URLSearchParams
}

/**
 * Answers a search for logs to who may read them: lines of pods need `get pods/log` (of the pod, where one is named) in the namespaces that are named, in
 * all of them where none is; events `list events`; lines of files and journals of nodes `get nodes/log`; the audit log `get` of the path `/logs/audit`,
 * which only administrators have unless a role says otherwise. Without `kind`, lines of pods are meant. The accounts of nodes need `get nodes/log`.
 */
export async function answerLogs({ logs, authorize }: LogContext, identity: Identity, exchange: LogExchange): Promise<FastifyReply> {
  const { request, reply, path, query } = exchange
  if (request.method !== 'GET') throw methodNotAllowed({ group: '', plural: path }, request.method)
  if (path === logStatusPath) {
    await authorize(identity, logsOfNodes)
    return reply.send(await logs.status())
  }
  const parameters = Object.fromEntries([...new Set(query.keys())].map((name) => [name, single(query.getAll(name))]))
  const wanted = readQuery(logs, { kind: 'container', ...parameters })
  for (const access of accessesOf(wanted)) await authorize(identity, access)
  return logs.answer(wanted, reply)
}

const core = { group: '', version: 'v1' } as const
const logsOfNodes: AccessRequest = { ...core, verb: 'get', resource: 'nodes', subresource: 'log' }
const single = (values: readonly string[]) => (values.length === 1 ? values[0]! : values)

function readQuery(logs: LogDoor, parameters: Readonly<Record<string, string | readonly string[]>>): LogQuery {
  try {
    return logs.read(parameters)
  } catch (error) {
    throw error instanceof LogQueryError ? badRequest(error.message) : error
  }
}

function accessesOf({ filter }: LogQuery): readonly AccessRequest[] {
  const { kinds = [] } = filter
  const namespaces: readonly (string | undefined)[] = filter.namespaces ?? [undefined]
  const named = filter.pod === undefined ? {} : { name: filter.pod }
  return kinds.flatMap((kind): readonly AccessRequest[] => {
    if (kind === 'audit') return [{ path: '/logs/audit' }]
    if (kind === 'file' || kind === 'journal') return [logsOfNodes]
    const subject =
      kind === 'events'
        ? ({ verb: 'list', resource: 'events' } as const)
        : ({ verb: 'get', resource: 'pods', subresource: 'log', ...named } as const)
    return namespaces.map((namespace) => ({ ...core, ...subject, ...(namespace === undefined ? {} : { namespace }) }))
  })
}
