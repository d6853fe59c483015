import { readFileSync } from 'node:fs'
import { defaultConfiguration, parseConfiguration } from '../aggregator/configuration.ts'
import type { AggregatorConfiguration } from '../aggregator/configuration.ts'
import type { ShardingSettings } from '../aggregator/sharding/sharding.ts'
import { FileError } from '../lib/document.ts'
import { UsageError } from './options.ts'

/** The aggregator's configuration in a file, the defaults without one. Throws `UsageError` with every mistake on a line. */
export function readAggregatorConfiguration(path: string | undefined): AggregatorConfiguration {
  if (path === undefined) return defaultConfiguration()
  try {
    return parseConfiguration(path, readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof FileError) throw new UsageError(`the aggregator's configuration can not be used:\n${error.message}`)
    throw new UsageError(`the aggregator's configuration ${JSON.stringify(path)} can not be read: ${(error as Error).message}`)
  }
}

/** The database that figures go to by default. */
export const defaultDatabase = 'k8s'

/** The InfluxDB that a configuration names in place of the cluster's own; the rest of its options is the sink's alone. */
export function configuredInfluxdb({
  sinks = [],
}: AggregatorConfiguration): { readonly url: string; readonly database: string } | undefined {
  const influx = sinks.find(({ name }) => name === 'influxdb')?.influx
  return influx === undefined ? undefined : { url: influx.url.replace(/\/$/, ''), database: influx.database ?? defaultDatabase }
}

/** The settings of the section `sharding`, its files read; `undefined` where there is no such section. Throws `UsageError`. */
export function readShardingSettings({ sharding }: AggregatorConfiguration, hostName: string): ShardingSettings | undefined {
  if (sharding === undefined) return undefined
  const { name = hostName, group, host, port, advertisedHost, leaseDurationMs, allowedNames } = sharding
  if (advertisedHost === undefined && ['0.0.0.0', '::'].includes(host)) {
    throw new UsageError(`sharding: advertisedHost is missing: other aggregators can not reach ${host}`)
  }
  return {
    name,
    group,
    listen: { host, port },
    ...(advertisedHost === undefined ? {} : { advertisedHost }),
    leaseDurationMs,
    allowedNames,
    credentials: { ca: readPem(sharding.certificateAuthority), cert: readPem(sharding.certificate), key: readPem(sharding.key) },
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`sharding: ${JSON.stringify(path)} can not be read: ${(error as Error).message}`)
  }
}
