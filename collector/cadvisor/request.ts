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

/** The query of a v2 request. */
export interface V2Request {
  readonly type: 'name' | 'docker'
  readonly count: number
  readonly isRecursive: boolean
}

/** `type=name|docker`, `count` (64, -1 for all), `recursive`. `max_age` is taken and needs nothing: samples are a second old at most. */
export function parseV2Request(query: Readonly<Record<string, unknown>>): V2Request {
  const type = query['type'] ?? 'name'
  if (type === 'podman') throw new CadvisorError('type: podman is not watched by this collector', 501)
  if (type !== 'name' && type !== 'docker')
    throw new CadvisorError(`type: ${JSON.stringify(type)} is not allowed, name, docker or podman is`)
  const count = query['count'] === undefined ? defaultCountV2 : Number(query['count'])
  if (!Number.isInteger(count) || count < -1)
    throw new CadvisorError(`count: ${JSON.stringify(query['count'])} is not allowed, a whole number from -1 (all) on is`)
  const recursive = query['recursive'] ?? 'false'
  if (recursive !== 'true' && recursive !== 'false')
    throw new CadvisorError(`recursive: ${JSON.stringify(recursive)} is not allowed, true or false is`)
  return { type, count, isRecursive: recursive === 'true' }
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
