import type { AggregatorOptions } from '../options.ts'
import { createInfluxDriver } from './database.ts'
import { InfluxHistory } from './history.ts'
import type { InfluxOptions } from './options.ts'
import { ReadOnlyQueries } from './read-only.ts'

/** The InfluxDB that is asked: the one of the options, else the first sink that is one. */
export function influxOf({ influx, sinks = [] }: AggregatorOptions): InfluxOptions | undefined {
  return influx ?? sinks.find((plan) => plan.influx !== undefined)?.influx
}

/** What it holds, as Heapster's historical API asks for it; `undefined` where there is none. */
export function createHistory(options: AggregatorOptions): InfluxHistory | undefined {
  const { clock, clusterName = 'default' } = options
  const influx = influxOf(options)
  return influx && new InfluxHistory({ driver: createInfluxDriver(influx), influx, clusterName: influx.clusterName ?? clusterName, clock })
}

/** Queries of it that others have written; `undefined` where there is none. */
export function createQueries(options: AggregatorOptions): ReadOnlyQueries | undefined {
  const influx = influxOf(options)
  return influx && new ReadOnlyQueries({ influx, clock: options.clock, log: options.log.child({ part: 'queries' }) })
}
