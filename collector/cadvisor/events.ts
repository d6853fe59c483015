import { eventTypes } from '../events/event-log.ts'
import type { ContainerEvent, EventType } from '../events/event-log.ts'
import type { StatsStore } from '../stats-store.ts'
import { timeOf } from '../kubelet/container-stats.ts'
import { CadvisorError } from './request.ts'
import type { Query } from './request.ts'

const defaultMaxEvents = 10

/** Query parameters and the type of event that each asks for. The first four are upstream's. */
const wanted: Readonly<Record<string, EventType>> = {
  oom_events: 'oom',
  oom_kill_events: 'oomKill',
  creation_events: 'containerCreation',
  deletion_events: 'containerDeletion',
  start_events: 'start',
  exit_events: 'exit',
  restart_events: 'restart',
  limit_events: 'limitChange',
  throttling_events: 'throttling',
  pressure_events: 'pressure',
}

/** What a client wants to hear of. */
export interface EventRequest {
  readonly types: ReadonlySet<EventType>
  readonly maxEvents: number
  readonly isStream: boolean
  readonly isAsked: (event: ContainerEvent) => boolean
}

/**
 * The query of a request for events: upstream's parameters, `all_events` for every type, and `types` with names of types between commas.
 * Container names are those of cgroups; `subcontainers` adds what is below.
 */
export function parseEventRequest(name: string, query: Query): EventRequest {
  const maxEvents = query['max_events'] === undefined ? defaultMaxEvents : Number(query['max_events'])
  if (!Number.isInteger(maxEvents) || maxEvents < -1)
    throw new CadvisorError(`max_events: ${JSON.stringify(query['max_events'])} is not allowed, a whole number from -1 (all) on is`)
  const isAll = isTrue(query, 'all_events')
  const types = new Set<EventType>(isAll ? eventTypes : typesOf(query['types']))
  for (const [parameter, type] of Object.entries(wanted)) if (isTrue(query, parameter)) types.add(type)
  const startMs = spanEnd(query, 'start_time', Number.NEGATIVE_INFINITY)
  const endMs = spanEnd(query, 'end_time', Number.POSITIVE_INFINITY)
  const withChildren = isTrue(query, 'subcontainers')
  const prefix = name === '/' ? '/' : `${name}/`
  return {
    types,
    maxEvents,
    isStream: isTrue(query, 'stream'),
    isAsked: ({ containerName, timestampMs }) =>
      (containerName === name || (withChildren && containerName.startsWith(prefix))) && timestampMs >= startMs && timestampMs <= endMs,
  }
}

/** Past events, the newest `max_events` (all with 0 or -1, as upstream), oldest first. */
export function listEvents(store: StatsStore, { types, maxEvents, isAsked }: EventRequest) {
  const matching = store.events.list(types).filter(isAsked)
  return matching.slice(maxEvents <= 0 ? 0 : Math.max(0, matching.length - maxEvents)).map(eventJson)
}

/** cAdvisor's `Event`. */
export function eventJson({ containerName, timestampMs, type, data }: ContainerEvent) {
  return { container_name: containerName, timestamp: timeOf(timestampMs), event_type: type, event_data: data }
}

/** What Go takes for true and false. */
const booleans: Readonly<Record<string, boolean>> = { '1': true, t: true, true: true, '0': false, f: false, false: false, '': false }

function isTrue(query: Query, name: string): boolean {
  const value = query[name]
  if (value === undefined) return false
  const meaning = Object.hasOwn(booleans, value.toLowerCase()) ? booleans[value.toLowerCase()] : undefined
  if (meaning === undefined) throw new CadvisorError(`${name}: ${JSON.stringify(value)} is not allowed, true or false is`)
  return meaning
}

function typesOf(value: string | undefined): EventType[] {
  if (value === undefined || value === '') return []
  return value.split(',').map((name) => {
    const type = eventTypes.find((candidate) => candidate === name)
    if (type === undefined) throw new CadvisorError(`types: ${JSON.stringify(name)} is not allowed, of ${eventTypes.join(', ')} any are`)
    return type
  })
}

function spanEnd(query: Query, name: string, otherwise: number): number {
  const value = query[name]
  if (value === undefined) return otherwise
  const ms = Date.parse(value)
  if (Number.isNaN(ms)) throw new CadvisorError(`${name}: ${JSON.stringify(value)} is not allowed, an RFC 3339 time is`)
  return ms
}
