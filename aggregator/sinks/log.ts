import type { Log } from '../../lib/log.ts'
import { pointsOf } from './points.ts'
import type { Sink, SinkStats } from './sink.ts'
import type { SinkDeclaration } from './sinks.ts'

const levels = ['debug', 'info'] as const

/** `log`: every point and event as a line of the log, for looking on. `log:?level=debug` */
export const log: SinkDeclaration = {
  kind: 'log',
  example: '?level=debug',
  read(uri) {
    uri.noAddress()
    const level = uri.oneOf('level', levels, 'info')
    return { create: (name, context) => createLogSink(name, context.log.child({ sink: name }), level) }
  },
}

function createLogSink(name: string, target: Log, level: (typeof levels)[number]): Sink {
  let accepted = 0
  return {
    name,
    add: (batch) => {
      for (const { name: metric, labels, resource, value } of pointsOf(batch)) {
        accepted++
        target[level]({ metric, labels, value, ...(resource === undefined ? {} : { resource }) }, 'point')
      }
    },
    addEvents: (events) => {
      accepted += events.length
      for (const { type, reason, message, object, count } of events) target[level]({ type, reason, object, count, text: message }, 'event')
    },
    addCustomSamples: (samples) => {
      accepted += samples.length
      for (const { name: metric, namespace, pod, labels, value } of samples)
        target[level]({ metric, namespace, pod, labels, value }, 'sample')
    },
    start: async () => {},
    stop: async () => {},
    stats: () => allDelivered(accepted),
  }
}

/** The accounts of a sink that is done with everything at once. */
function allDelivered(accepted: number): SinkStats {
  return {
    accepted,
    restored: 0,
    delivered: accepted,
    waiting: 0,
    lost: {},
    spooled: 0,
    spoolBytes: 0,
    requests: accepted,
    failedRequests: 0,
    isHealthy: true,
    lastError: undefined,
  }
}
