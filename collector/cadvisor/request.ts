import type { Container } from '../container.ts'
import type { StatsStore } from '../stats-store.ts'
import type { StatsRequest } from './containers-v1.ts'

/** A request that can't be answered. `status` is 500 for all of upstream's errors but an unknown version. */
export class CadvisorError extends Error {
  readonly status: number
  constructor(message: string, status = 500) {
    super(message)
    this.name = 'CadvisorError'
    this.status = status
  }
}

/** The parameters of a request, each with its first value. */
export type Query = Readonly<Record<string, string | undefined>>

const defaultCountV1 = 60
const defaultCountV2 = 64

/** The body of a v1 request: `num_stats` (60, -1 for all), `start` and `end` (RFC 3339). An empty body is all defaults. */
export function parseV1Request(body: unknown): StatsRequest {
  if (body === undefined || body === null || body === '') return { count: defaultCountV1 }
  if (typeof body !== 'object' || Array.isArray(body))
    throw new CadvisorError('body: a JSON object with num_stats, start and end is allowed')
  const { num_stats: count = defaultCountV1, start, end } = body as Record<string, unknown>
  if (typeof count !== 'number' || !Number.isInteger(count) || count < -1) {
    throw new CadvisorError(`num_stats: ${JSON.stringify(count)} is not allowed, a whole number from -1 (all) on is`)
  }
  const startMs = timeOf('start', start)
  const endMs = timeOf('end', end)
  const hasSpan = startMs !== undefined || endMs !== undefined
  return {
    count: hasSpan ? -1 : count,
    ...(startMs === undefined ? {} : { startMs }),
    ...(endMs === undefined ? {} : { endMs }),
  }
}

/** Go writes a time that isn't set as the year 1. */
function timeOf(field: string, value: unknown): number | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (Number.isNaN(ms)) throw new CadvisorError(`${field}: ${JSON.stringify(value)} is not allowed, an RFC 3339 time is`)
  return ms <= Date.UTC(1, 0, 1) || ms < 0 ? undefined : ms
}

/** The query of a v2 request. `start`, `end` and `step` are an extension. */
export interface V2Request extends StatsRequest {
  readonly type: 'name' | 'docker'
  readonly isRecursive: boolean
  /** Samples that are older are read anew; 0: always. */
  readonly maxAgeMs?: number
}

/**
 * `type=name|docker`, `count` (64, -1 for all), `recursive`, `max_age` (a duration in Go's words), and `start`, `end` (RFC 3339, seconds
 * since the epoch, or a duration before now), `step`.
 */
export function parseV2Request(query: Query, nowMs: number): V2Request {
  const type = query['type'] ?? 'name'
  if (type === 'podman')
    throw new CadvisorError('type: podman is not watched by this collector, docker is; plain cgroups have type=name', 501)
  if (type !== 'name' && type !== 'docker')
    throw new CadvisorError(`type: ${JSON.stringify(type)} is not allowed, name, docker or podman is`)
  const count = query['count'] === undefined ? defaultCountV2 : Number(query['count'])
  if (!Number.isInteger(count) || count < -1)
    throw new CadvisorError(`count: ${JSON.stringify(query['count'])} is not allowed, a whole number from -1 (all) on is`)
  const recursive = query['recursive'] ?? 'false'
  if (recursive !== 'true' && recursive !== 'false')
    throw new CadvisorError(`recursive: ${JSON.stringify(recursive)} is not allowed, true or false is`)
  const maxAgeMs = query['max_age'] === undefined ? undefined : parseDuration('max_age', query['max_age'])
  const span = parseSpan(query, nowMs)
  return {
    type,
    count: span.startMs === undefined && span.endMs === undefined ? count : -1,
    isRecursive: recursive === 'true',
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    ...span,
  }
}

/** `start`, `end` and `step` of a query, what is absent left out. */
export function parseSpan(query: Query, nowMs: number): { readonly startMs?: number; readonly endMs?: number; readonly stepMs?: number } {
  const startMs = momentOf('start', query['start'], nowMs)
  const endMs = momentOf('end', query['end'], nowMs)
  const stepMs = query['step'] === undefined ? undefined : parseDuration('step', query['step'])
  if (startMs !== undefined && startMs > (endMs ?? nowMs)) throw new CadvisorError('start: is after end, or in the future')
  return {
    ...(startMs === undefined ? {} : { startMs }),
    ...(endMs === undefined ? {} : { endMs }),
    ...(stepMs === undefined ? {} : { stepMs }),
  }
}

/** A time as RFC 3339, as seconds since the epoch, or as a duration before now (`15m`). */
function momentOf(field: string, value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined || value === '') return undefined
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000
  if (durationPattern.test(value)) return nowMs - parseDuration(field, value)
  const ms = Date.parse(value)
  if (Number.isNaN(ms))
    throw new CadvisorError(
      `${field}: ${JSON.stringify(value)} is not allowed, an RFC 3339 time, seconds since the epoch or a duration before now (15m) is`,
    )
  return ms
}

const unitMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const durationPattern = /^(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/

/** Milliseconds of a duration in Go's words: `1m30s`, `500ms`, `0`. A plain number is seconds. */
export function parseDuration(field: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  if (!durationPattern.test(text))
    throw new CadvisorError(`${field}: ${JSON.stringify(text)} is not allowed, a duration such as 10s, 1m30s or 500ms is`)
  let ms = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)) ms += Number(amount) * unitMs[unit!]!
  return ms
}

/** The container of a cgroup path. */
export function findContainer(store: StatsStore, name: string): Container {
  const container = store.get(name)
  if (container === undefined) throw new CadvisorError(`unknown container ${JSON.stringify(name)}`)
  return container
}

/** Docker's containers. */
export function dockerContainers(store: StatsStore): Container[] {
  return [...store.all()].filter(({ description }) => description.namespace === 'docker')
}

/** A Docker container by name, id or unique start of its id. */
export function findDockerContainer(store: StatsStore, nameOrId: string): Container {
  const containers = dockerContainers(store)
  const exact = containers.find(({ description }) => description.aliases.includes(nameOrId))
  if (exact !== undefined) return exact
  const matching = nameOrId === '' ? [] : containers.filter(({ description }) => description.id.startsWith(nameOrId))
  if (matching.length > 1) throw new CadvisorError(`${JSON.stringify(nameOrId)} is the start of several containers' ids`)
  const [only] = matching
  if (only === undefined) throw new CadvisorError(`unable to find Docker container ${JSON.stringify(nameOrId)}`)
  return only
}
