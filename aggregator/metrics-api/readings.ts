import type { FastifyInstance } from 'fastify'
import { badRequest, unavailable } from '../../orchestrator/api/status-error.ts'
import type { Clock } from '../../lib/clock.ts'
import { findMetric } from '../catalog.ts'
import type { CustomMetricsView } from '../custom-metrics.ts'
import { entityKeys } from '../entity.ts'
import type { EntityType, MetricWindow } from '../window.ts'
import { inQuantityUnit } from './metric-value.ts'

/** Which newest figures are wanted. */
export interface ReadingsRequest {
  /** A metric of the catalogue, or one that pods export. */
  readonly source: 'catalogue' | 'exported'
  readonly metric: string
  readonly type: EntityType
  /** What the entities' labels must be. Of exported metrics the namespace is all that counts, and it must be there. */
  readonly labels: Readonly<Record<string, string>>
  /** The entities that are wanted; others may come as well. */
  readonly keys?: readonly string[]
}

/** The newest figure of one series of one entity, CPU in cores. */
export interface Reading {
  readonly key: string
  /** What the entity is called by. */
  readonly labels: Readonly<Record<string, string>>
  /** What tells the series apart from others of the entity. */
  readonly series: Readonly<Record<string, string>>
  readonly value: number
  /** ms since the epoch. */
  readonly timestamp: number
  readonly windowMs?: number
}

/** Gives the figures that are recent enough to count. Rejects with a ServiceUnavailable when they cannot be whole. */
export type ReadingsSource = (request: ReadingsRequest) => Promise<readonly Reading[]>

export interface LocalReadingsOptions {
  readonly window: MetricWindow
  /** What pods export about themselves; absent: nothing. */
  readonly exported: CustomMetricsView | undefined
  /** Figures older than this are not offered. */
  readonly holdMs: number
  /** The time over which rates of the catalogue are taken. */
  readonly resolutionMs: number
  readonly clock: Clock
}

const nameLabels = ['namespace_name', 'pod_name', 'container_name', 'nodename', 'workload_kind', 'workload_name']

/** The figures that this aggregator has itself. */
export function createLocalReadings(options: LocalReadingsOptions): (request: ReadingsRequest) => readonly Reading[] {
  return (request) => (request.source === 'catalogue' ? readCatalogue(options, request) : readExported(options, request))
}

function readCatalogue({ window, clock, holdMs, resolutionMs }: LocalReadingsOptions, request: ReadingsRequest): readonly Reading[] {
  const row = findMetric(request.metric)
  if (row === undefined) return []
  const { type, labels, keys } = request
  const readings: Reading[] = []
  for (const filter of keys?.map((key) => ({ type, labels, key })) ?? [{ type, labels }]) {
    for (const { entity, resource, timestamps, values } of window.series(row.name, filter, { since: clock.now() - holdMs })) {
      const named = nameLabels.flatMap((name) => (entity.labels[name] === undefined ? [] : [[name, entity.labels[name]] as const]))
      readings.push({
        key: entity.key,
        labels: Object.fromEntries(named),
        series: resource === undefined ? {} : { resource_id: resource },
        value: inQuantityUnit(row, values.at(-1)!),
        timestamp: timestamps.at(-1)!,
        ...(row.rate === undefined ? {} : { windowMs: resolutionMs }),
      })
    }
  }
  return readings
}

function readExported({ exported }: LocalReadingsOptions, { metric, labels }: ReadingsRequest): readonly Reading[] {
  const namespace = labels['namespace_name'] ?? ''
  return (exported?.samples(metric, namespace) ?? []).map(({ pod, labels: series, value, timestamp, windowMs }) => ({
    key: entityKeys.pod(namespace, pod),
    labels: { namespace_name: namespace, pod_name: pod },
    series,
    value,
    timestamp,
    ...(windowMs === undefined ? {} : { windowMs }),
  }))
}

const path = '/api/v1/readings'
/** Longer lists of keys do not fit into a request; then all figures come that the labels allow. */
const maxKeys = 50

/**
 * The figures of all aggregators that share the nodes: each is asked at `/api/v1/readings`, and of what two of them have the newer counts.
 * `askEverybody` gives the JSON answers of all, this one's included.
 */
export function createSharedReadings(askEverybody: (path: string) => Promise<readonly unknown[]>): ReadingsSource {
  return async ({ keys, ...request }) => {
    const sent = keys === undefined || keys.length > maxKeys ? request : { ...request, keys }
    let answers: readonly unknown[]
    try {
      answers = await askEverybody(`${path}?request=${encodeURIComponent(JSON.stringify(sent))}`)
    } catch (error) {
      throw unavailable((error as Error).message)
    }
    const newest = new Map<string, Reading>()
    for (const reading of (answers as readonly { readonly readings: readonly Reading[] }[]).flatMap(({ readings }) => readings)) {
      const id = JSON.stringify([reading.key, reading.series])
      const known = newest.get(id)
      if (known === undefined || known.timestamp < reading.timestamp) newest.set(id, reading)
    }
    return [...newest.values()]
  }
}

/** Lets other aggregators ask for the figures that this one has. */
export function registerReadings(server: FastifyInstance, local: (request: ReadingsRequest) => readonly Reading[]): void {
  server.get(path, (request) => ({ readings: local(parseRequest((request.query as { readonly request?: unknown }).request)) }))
}

function parseRequest(text: unknown): ReadingsRequest {
  try {
    const { source, metric, type, labels, keys } = JSON.parse(String(text)) as ReadingsRequest
    const isText = (value: unknown): value is string => typeof value === 'string'
    const isWhole = [source, metric, type, ...Object.values(labels), ...(keys ?? [])].every(isText)
    if (isWhole) return { source, metric, type, labels, ...(keys === undefined ? {} : { keys }) }
  } catch {
    // Said below.
  }
  throw Object.assign(badRequest('request: must be a JSON object with source, metric, type and labels'), { statusCode: 400 })
}
