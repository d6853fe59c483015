import type { ContainerEvent } from '../events/event-log.ts'
import type { StatsStore } from '../stats-store.ts'
import { timeOf } from '../kubelet/container-stats.ts'
import { CadvisorError } from './request.ts'

const defaultMaxEvents = 10

/** Query parameters and the type of event that each asks for. */
const wanted: Readonly<Record<string, ContainerEvent['type']>> = {
  oom_events: 'oom',
  oom_kill_events: 'oomKill',
  creation_events: 'containerCreation',
  deletion_events: 'containerDeletion',
}

/** Past events of a container, or of all below it with `subcontainers=true`; the newest `max_events`, oldest first. */
export function listEvents(store: StatsStore, name: string, query: Readonly<Record<string, unknown>>) {
  if (query['stream'] === 'true') throw new CadvisorError('stream: true is not available here, past events are', 501)
  const maxEvents = query['max_events'] === undefined ? defaultMaxEvents : Number(query['max_events'])
  if (!Number.isInteger(maxEvents) || maxEvents < -1)
    throw new CadvisorError(`max_events: ${JSON.stringify(query['max_events'])} is not allowed, a whole number from -1 (all) on is`)
  const types = new Set(
    Object.entries(wanted).flatMap(([parameter, type]) => (query[parameter] === 'true' || query['all_events'] === 'true' ? [type] : [])),
  )
  const startMs = spanEnd(query, 'start_time', Number.NEGATIVE_INFINITY)
  const endMs = spanEnd(query, 'end_time', Number.POSITIVE_INFINITY)
  const prefix = name === '/' ? '/' : `${name}/`
  const isAsked = ({ containerName }: ContainerEvent) =>
    containerName === name || (query['subcontainers'] === 'true' && containerName.startsWith(prefix))
  const matching = store
    .events.list(types)
    .filter((event) => isAsked(event) && event.timestampMs >= startMs && event.timestampMs <= endMs)
  return matching.slice(maxEvents < 0 ? 0 : Math.max(0, matching.length - maxEvents)).map(({ containerName, timestampMs, type, data }) => ({
    container_name: containerName,
    timestamp: timeOf(timestampMs),
    event_type: type,
    event_data: data,
  }))
}

function spanEnd(query: Readonly<Record<string, unknown>>, name: string, otherwise: number): number {
  const value = query[name]
  if (value === undefined) return otherwise
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (Number.isNaN(ms)) throw new CadvisorError(`${name}: ${JSON.stringify(value)} is not allowed, an RFC 3339 time is`)
  return ms
}
