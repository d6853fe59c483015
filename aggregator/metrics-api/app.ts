import type { FastifyInstance } from 'fastify'
import { defaultConfiguration } from '../configuration.ts'
import { influxOf } from '../influx/app.ts'
import { createInfluxDriver } from '../influx/database.ts'
import type { LogDoor } from '../logs/log-routes.ts'
import type { AggregatorOptions } from '../options.ts'
import type { ClusterView } from '../processors.ts'
import type { Sharding } from '../sharding/sharding.ts'
import type { Sources } from '../sources/app.ts'
import type { MetricWindow } from '../window.ts'
import { noAuthorities } from './authorities.ts'
import { createMetricsGroups } from './groups.ts'
import { createInfluxQuery } from './influx-query.ts'
import { createLocalReadings, createSharedReadings, registerReadings } from './readings.ts'
import type { ResourceMetrics } from './resource-metrics.ts'
import { createMetricsApi } from './server.ts'
import type { MetricsApi } from './server.ts'

interface ApiParts {
  readonly view: ClusterView
  readonly window: MetricWindow
  readonly metrics: ResourceMetrics
  readonly sources: Sources
  /** Where other aggregators ask for what this one has. */
  readonly server: FastifyInstance
  readonly sharding: Sharding | undefined
  readonly logs: LogDoor
  readonly resolutionMs: number
  readonly holdMs: number
  readonly unready: () => readonly string[]
}

/** Composes the metrics APIs and the search for logs beside them. Nothing listens before `start`. */
export function createApi(options: AggregatorOptions, parts: ApiParts): MetricsApi {
  const { view, window, metrics, sources, server, sharding, resolutionMs, holdMs } = parts
  const { client, clock, metricsApi, configuration = defaultConfiguration() } = options
  const influx = influxOf(options)
  const localReadings = createLocalReadings({ window, exported: sources.customMetrics, holdMs, resolutionMs, clock })
  registerReadings(server, localReadings)
  return createMetricsApi({
    ...options,
    ...metricsApi,
    authorities: metricsApi.authorities === undefined ? undefined : { ...noAuthorities, ...metricsApi.authorities },
    groups: createMetricsGroups({
      resourceMetrics: metrics,
      sharedMetrics: sharding,
      readings:
        sharding === undefined
          ? (request) => Promise.resolve(localReadings(request))
          : createSharedReadings((path) => sharding.askEverybody(path)),
      exportedNames: () => sources.customMetrics.names(),
      view,
      client,
      externalMetrics: configuration.externalMetrics,
      query: influx === undefined ? undefined : createInfluxQuery(createInfluxDriver(influx), influx.database ?? 'k8s'),
      clock,
    }),
    feed: metrics,
    logs: parts.logs,
    unready: parts.unready,
  })
}
