import { defaultConfiguration } from '../configuration.ts'
import type { SampleSink } from '../custom-metrics.ts'
import type { EventSink } from '../events.ts'
import { InfluxSink } from '../influx/influx-sink.ts'
import type { AggregatorOptions } from '../options.ts'
import type { Sink, SinkContext } from './sink.ts'

/** The InfluxDB of the options and every sink that is planned besides. */
export function createSinks(options: AggregatorOptions): readonly Sink[] {
  const { clock, random, log, influx, clusterName = 'default', spoolDir, sinks = [] } = options
  const { configuration = defaultConfiguration() } = options
  const context: SinkContext = {
    clusterName,
    clock,
    random,
    log: log.child({ part: 'sinks' }),
    ...(spoolDir === undefined ? {} : { spoolDir }),
    spoolMaxBytes: configuration.spool.maxBytes,
  }
  const own = influx === undefined ? [] : [new InfluxSink({ name: 'influxdb', influx }, context)]
  return [...own, ...sinks.map((plan) => plan.create(context))]
}

/** Whether a sink takes the samples of what pods export. */
export const takesSamples = (sink: Sink): sink is Sink & SampleSink => sink.addCustomSamples !== undefined

/** Whether a sink takes events. */
export const takesEvents = (sink: Sink): sink is Sink & EventSink => sink.addEvents !== undefined
