import type { FastifyInstance } from 'fastify'
import type { EventLog } from './event-log.ts'
import type { ClusterEvent } from './events.ts'
import { QueryError, readModelQuery } from './heapster-api/query-parameters.ts'
import type { RawQuery } from './heapster-api/query-parameters.ts'

const defaultLimit = 100
const maxLimit = 10_000
const parameters = ['namespace', 'type', 'reason', 'kind', 'name', 'start', 'limit'] as const

/** `GET /api/v1/events`: what happened in the cluster, last seen first. Parameters: namespace, type, reason, kind, name, start, limit. */
export function registerEventApi(server: FastifyInstance, events: EventLog): void {
  server.get<{ Querystring: RawQuery }>('/api/v1/events', ({ query }) => {
    for (const [name, value] of Object.entries(query)) {
      if (!(parameters as readonly string[]).includes(name))
        throw new QueryError(`${name}: is no parameter; allowed: ${parameters.join(', ')}`)
      if (typeof value !== 'string') throw new QueryError(`${name}: given several times, allowed once`)
    }
    const { start, limit, ...filter } = query as Readonly<Record<string, string>>
    const since = start === undefined ? undefined : readModelQuery({ start }).since
    return { items: events.list({ ...filter, ...(since === undefined ? {} : { since }) }, readLimit(limit)).map(format) }
  })
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return defaultLimit
  const limit = Number(text)
  if (/^\d{1,6}$/.test(text) && limit >= 1 && limit <= maxLimit) return limit
  throw new QueryError(`limit: ${JSON.stringify(text.slice(0, 100))} is not a whole number from 1 to ${maxLimit}`)
}

function format({ uid, namespace, type, reason, message, object, component, host, count, firstSeen, lastSeen }: ClusterEvent): object {
  const event = { uid, namespace, type, reason, message, object, component, host, count }
  return { ...event, firstSeen: new Date(firstSeen).toISOString(), lastSeen: new Date(lastSeen).toISOString() }
}
