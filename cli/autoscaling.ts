import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Clock } from '../lib/clock.ts'
import { DocumentReader, FileError } from '../lib/document.ts'
import type { Field } from '../lib/document.ts'
import type { GrpcTls } from '../lib/grpc.ts'
import type { Log } from '../lib/log.ts'
import type { Random } from '../lib/random.ts'
import { createClusterAutoscaler } from '../orchestrator/autoscaler/app.ts'
import type { ClusterAutoscaler } from '../orchestrator/autoscaler/app.ts'
import { createExternalGrpcProvider } from '../orchestrator/autoscaler/providers/external-grpc.ts'
import type { ExternalGrpcOptions } from '../orchestrator/autoscaler/providers/external-grpc.ts'
import type { CloudProvider } from '../orchestrator/autoscaler/provider.ts'
import { defaultSettings } from '../orchestrator/autoscaler/settings.ts'
import type { Client } from '../orchestrator/client/client.ts'
import type { InformerFactory } from '../orchestrator/client/informer.ts'
import type { DataFolder } from './data-folder.ts'
import { createLocalProvider } from './local-nodes/local-provider.ts'
import { nodeNames } from './options.ts'
import type { ClusterOptions } from './options.ts'
import { schedulerSettings } from './scheduler-configuration.ts'
import { UsageError } from './usage-error.ts'

const defaultTimeoutMs = 5_000

export interface AutoscalingContext {
  readonly options: ClusterOptions
  readonly folder: DataFolder
  readonly client: Client
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly signal: AbortSignal
}

/** The cluster autoscaler as the flags want it; `undefined` where they want none. Throws `UsageError`. */
export function createAutoscaling(context: AutoscalingContext): ClusterAutoscaler | undefined {
  const { options } = context
  const { nodes: _nodes, cloudConfig: _cloudConfig, ...settings } = options.autoscaler
  const provider = providerOf(context)
  if (provider === undefined) return undefined
  const { configuration } = schedulerSettings(options.schedulerConfig)
  return createClusterAutoscaler({ ...context, provider, settings, ...(configuration === undefined ? {} : { scheduling: configuration }) })
}

function providerOf(context: AutoscalingContext): CloudProvider | undefined {
  const { options, clock } = context
  const { nodes, cloudConfig } = options.autoscaler
  if (cloudConfig !== undefined) return createExternalGrpcProvider({ ...readCloudConfig(cloudConfig), clock })
  if (nodes === undefined) return undefined
  const { maxNodeProvisionMs } = defaultSettings
  return createLocalProvider({ ...context, ...nodes, startedNodes: nodeNames(options), maxNodeProvisionMs })
}

/** The provider that a file in upstream's form names: `address`, and for TLS `cacert`, `cert` and `key` as paths. Throws `UsageError`. */
export function readCloudConfig(path: string): Omit<ExternalGrpcOptions, 'clock'> {
  try {
    const reader = new DocumentReader(path, readFileSync(path, 'utf8'))
    const fields = reader.record(reader.root, ['address', 'cacert', 'cert', 'key', 'grpc_timeout'], ['address'])
    const address = reader.text(fields.address)
    const tls = readTls(reader, fields, dirname(path))
    const timeoutMs = reader.parsed(fields.grpc_timeout, parseTimeout, 'a duration such as 5s or 1m') ?? defaultTimeoutMs
    reader.finish()
    return { address: address!, timeoutMs, ...(tls === undefined ? {} : { tls }) }
  } catch (error) {
    if (error instanceof FileError) throw new UsageError(`--cloud-config: the file can not be used:\n${error.message}`)
    throw new UsageError(`--cloud-config: ${JSON.stringify(path)} can not be read: ${(error as Error).message}`)
  }
}

type TlsFields = Partial<Record<'cacert' | 'cert' | 'key', Field>>

function readTls(reader: DocumentReader, { cacert, cert, key }: TlsFields, folder: string): GrpcTls | undefined {
  if (cacert === undefined && cert === undefined && key === undefined) return undefined
  if (cacert === undefined || cert === undefined || key === undefined)
    return reader.problem(cacert ?? cert ?? key ?? reader.root, 'cacert, cert and key go together')
  const read = (field: Field) => {
    const path = reader.text(field)
    return path === undefined ? '' : (reader.attempt(field, () => readFileSync(resolve(folder, path), 'utf8')) ?? '')
  }
  return { ca: read(cacert), cert: read(cert), key: read(key) }
}

function parseTimeout(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,5})(ms|s|m)$/.exec(text) ?? []
  return number === undefined ? undefined : Number(number) * (unit === 'ms' ? 1 : unit === 's' ? 1_000 : 60_000)
}
