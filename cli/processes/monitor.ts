import { createAggregator } from '../../aggregator/app.ts'
import type { AggregatorConfiguration } from '../../aggregator/configuration.ts'
import { EventWindow } from '../../alerts/evaluation/event-window.ts'
import { systemClock } from '../../lib/clock.ts'
import { systemRandom } from '../../lib/random.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { createInformerFactory } from '../../orchestrator/client/informer-factory.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { readAggregatorConfiguration } from '../aggregator-configuration.ts'
import { auditStoreFolder } from '../data-folder.ts'
import { readPair } from '../key-pair.ts'
import type { ClusterOptions } from '../options.ts'
import { createInstruments } from './instruments.ts'
import { runProcess, type Process, type ProcessContext } from './lifecycle.ts'

const loopback = '127.0.0.1'

/** `binnacle monitor`: aggregator, alerts and page in one process. Resolves with the exit code. */
export function runMonitor(options: ClusterOptions): Promise<number> {
  return runProcess('monitor', options, async (context) => buildMonitor(context))
}

function buildMonitor({ options, folder, log }: ProcessContext): Process {
  const { ports } = options
  const shared = { clock: systemClock, random: systemRandom }
  const ca = readPair(folder, 'ca').cert
  const identity = readPair(folder, 'monitor')
  const transport = createHttpsTransport({
    server: `https://${loopback}:${ports.api}`,
    ca,
    ...identity,
    clock: systemClock,
    userAgent: 'binnacle-monitor',
  })
  const client = createClient(transport)
  const informers = createInformerFactory({ client, ...shared, log: log.child({ part: 'informers' }) })
  const settings = aggregatorSettings(readAggregatorConfiguration(options.aggregatorConfig), options)
  const events = new EventWindow(settings)
  const aggregator = createAggregator({
    client,
    informers,
    ...shared,
    log: log.child({ part: 'aggregator' }),
    ...settings,
    eventSinks: [events],
    kubelet: { ca, ...identity },
    http: { host: loopback, port: ports.aggregator },
    metricsApi: {
      hosts: [loopback],
      port: ports.metricsApi,
      tls: identity,
      authorities: { clientCa: ca, requestHeaderCa: readPair(folder, 'front-proxy-ca').cert, allowedNames: ['front-proxy-client'] },
    },
    spoolDir: folder.path('spool'),
    logs: { eventsDir: folder.path('events'), auditDir: auditStoreFolder(folder) },
  })
  const instruments = createInstruments({
    aggregator,
    events,
    ...settings,
    alerts: {
      dataDir: folder.path('alerts'),
      rulesFiles: options.rules,
      ...(options.alertsConfig === undefined ? {} : { configFile: options.alertsConfig }),
      http: { host: loopback, port: ports.alerts },
      evaluationIntervalMs: options.resolutionMs,
      ...(options.alertPeers === undefined ? {} : { sharing: { peers: options.alertPeers, client } }),
    },
    page: { host: loopback, port: ports.web },
    log,
  })
  const abort = new AbortController()
  let running: Promise<void> | undefined
  return {
    start: async () => {
      running = informers.run(abort.signal)
      await Promise.all([aggregator.start(), instruments.start()])
    },
    stop: async () => {
      await Promise.all([instruments.stop(), aggregator.stop()])
      abort.abort()
      await running
      transport.close()
    },
  }
}

/** What a configuration file says goes before the flags; a sink of it with the name `influxdb` takes the place of the cluster's own. */
function aggregatorSettings(configuration: AggregatorConfiguration, { influxdb, resolutionMs }: ClusterOptions) {
  const { clusterName, window, sinks = [] } = configuration
  const hasOwnInflux = influxdb !== undefined && influxdb !== 'none' && sinks.every(({ name }) => name !== 'influxdb')
  return {
    configuration,
    resolutionMs: configuration.resolutionMs ?? resolutionMs,
    windowMs: window.durationMs,
    windowMaxBytes: window.maxBytes,
    sinks,
    ...(clusterName === undefined ? {} : { clusterName }),
    ...(hasOwnInflux ? { influx: { url: influxdb } } : {}),
  }
}
