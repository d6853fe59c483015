import { InfluxSink } from '../influx/influx-sink.ts'
import { resolveInfluxOptions } from '../influx/options.ts'
import type { InfluxOptions } from '../influx/options.ts'
import { SinkUriError } from './sink-uri.ts'
import type { SinkUri } from './sink-uri.ts'
import { readTls } from './sink-tls.ts'
import type { SinkDeclaration } from './sinks.ts'

const duration = /^(0|INF|(\d{1,9}(s|m|h|d|w))+)$/
const durationWords = '"0" or "INF" (for ever) or a duration such as "7d" or "12h"'
const tierDuration = /^(none|0|INF|(\d{1,9}(s|m|h|d|w))+)$/

/** `influxdb:http://host:8086?db=…`: Heapster's options, and more. */
export const influxdb: SinkDeclaration = {
  kind: 'influxdb',
  example: 'http://localhost:8086?db=k8s&retention=7d',
  read(uri) {
    const influx = readOptions(uri)
    const concurrency = uri.integer('concurrency', { min: 1, max: 64, default: 4 })
    return { influx, create: (name, context) => new InfluxSink({ name, influx, concurrency }, context) }
  },
}

function readOptions(uri: SinkUri): InfluxOptions {
  const url = uri.address(['http', 'https'], 'http://localhost:8086')
  if (uri.flag('secure', false)) url.protocol = 'https:'
  const token = uri.secret('token')
  const [org, bucket] = [uri.text('org'), uri.text('bucket')]
  const retention = uri.text('retention', { pattern: duration, allowed: durationWords })
  const fine = uri.text('retention_5m', { default: '90d', pattern: tierDuration, allowed: `"none", ${durationWords}` })
  const coarse = uri.text('retention_1h', { default: 'INF', pattern: tierDuration, allowed: `"none", ${durationWords}` })
  const [username, password, tags] = [uri.text('user'), uri.secret('pw'), uri.list('tags')]
  const clusterName = uri.text('cluster_name')
  const options: InfluxOptions = {
    url: url.toString(),
    database: uri.text('db', { default: 'k8s' }),
    policy: uri.text('policy', { default: 'default' }),
    schema: uri.flag('withfields', false) ? 'withfields' : 'default',
    hasCounters: !uri.flag('disable_counter_metrics', false),
    ...(uri.flag('manage', true) ? {} : { isManaged: false }),
    maxSeries: uri.integer('max_series', { min: 1, max: 100_000_000, default: 1_000_000 }),
    tiers: { '5m': forEver(fine), '1h': forEver(coarse) },
    tls: readTls(uri),
    ...(retention === undefined ? {} : { retention: forEver(retention) }),
    ...(username === undefined ? {} : { username, password: password ?? '' }),
    ...(tags === undefined ? {} : { tags }),
    ...(clusterName === undefined ? {} : { clusterName }),
    ...(bucket === undefined && token === undefined ? {} : { v2: readV2(org, bucket, token) }),
  }
  try {
    resolveInfluxOptions(options)
  } catch (error) {
    throw new SinkUriError(`sink influxdb: ${(error as Error).message}`)
  }
  return options
}

function readV2(org: string | undefined, bucket: string | undefined, token: string | undefined): NonNullable<InfluxOptions['v2']> {
  if (bucket === undefined || token === undefined) {
    throw new SinkUriError(
      `sink influxdb: ${bucket === undefined ? 'bucket' : 'token'}: missing; a server of version 2 needs bucket and token`,
    )
  }
  return { org: org ?? '', bucket, token }
}

const forEver = (text: string) => (text === '0' ? 'INF' : text)
