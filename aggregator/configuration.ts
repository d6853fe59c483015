import { DocumentReader } from '../lib/document.ts'
import type { Field } from '../lib/document.ts'
import { parseLabelSelector } from '../orchestrator/api/labels.ts'
import { parseDuration } from '../orchestrator/api/duration.ts'
import { tryParseQuantity, valueOf } from '../orchestrator/api/quantity.ts'
import { readExternalMetrics } from './metrics-api/external-metrics.ts'
import type { ExternalMetric } from './metrics-api/external-metrics.ts'
import { shardingKeys } from './sharding/sharding-configuration.ts'
import type { ShardingConfiguration } from './sharding/sharding-configuration.ts'
import type { SinkPlan } from './sinks/sink.ts'
import { parseSink } from './sinks/sinks.ts'

/** How nodes are reached and what they are asked. Files are read when they are needed, and read again when they change. */
export interface KubeletSettings {
  /** The first of these that a Node has is its address. */
  readonly addressTypes: readonly AddressType[]
  readonly scheme: 'https' | 'http'
  /** Used where a Node's status names no port, or always when `useNodeStatusPort` is false. */
  readonly port: number
  readonly useNodeStatusPort: boolean
  /** `auto`: the summary, and `/metrics/resource` of a node that has none or refuses it. */
  readonly endpoint: 'auto' | 'summary' | 'resource'
  readonly insecureSkipTlsVerify: boolean
  /** PEM files. Absent: what the process has been given. */
  readonly certificateAuthority: string | undefined
  readonly clientCertificate: string | undefined
  readonly clientKey: string | undefined
  /** A file with a bearer token, such as that of a service account. */
  readonly tokenFile: string | undefined
  /** Only Nodes with these labels are scraped; a label selector. */
  readonly nodeSelector: string | undefined
  /** At most this long, and nine tenths of the resolution. */
  readonly timeoutMs: number
}

export type AddressType = (typeof addressTypes)[number]

/** What is read from pods that ask for it with the annotation `prometheus.io/scrape: "true"`. */
export interface PrometheusSettings {
  readonly isEnabled: boolean
  readonly resolutionMs: number
  readonly timeoutMs: number
  /** Empty: every namespace. */
  readonly namespaces: readonly string[]
  /** What one endpoint may answer; beyond it nothing of the answer counts. */
  readonly maxBytes: number
  /** Per pod. Beyond it series are left out and counted. */
  readonly maxSeries: number
  readonly maxNames: number
  /** Of one series. */
  readonly maxLabels: number
  /** Of all pods together. */
  readonly maxTotalSeries: number
  /** What the last samples of all pods may take in memory. */
  readonly windowMaxBytes: number
}

/** Everything that a configuration file can say, defaults filled in. What nobody wrote and has no default is `undefined`. */
export interface AggregatorConfiguration {
  readonly sources: {
    readonly kubelet: KubeletSettings
    readonly events: { readonly isEnabled: boolean; readonly keep: number }
  }
  /** `undefined`: the file does not speak of sinks. */
  readonly sinks: readonly SinkPlan[] | undefined
  readonly resolutionMs: number | undefined
  readonly clusterName: string | undefined
  readonly window: { readonly durationMs: number; readonly maxBytes: number }
  /** `maxBytes`: what points that wait on disk for one sink may take. */
  readonly spool: { readonly maxBytes: number }
  /** `isStrict`: what the model API does not know is a 404; else, as upstream, an empty answer. */
  readonly modelApi: { readonly isStrict: boolean }
  readonly prometheus: PrometheusSettings
  /** What `external.metrics.k8s.io` offers. */
  readonly externalMetrics: readonly ExternalMetric[]
  /** Where several aggregators share the nodes; absent: this one scrapes them all. */
  readonly sharding: ShardingConfiguration | undefined
}

const addressTypes = ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS'] as const
const sections = [
  'sources',
  'sinks',
  'resolution',
  'clusterName',
  'window',
  'spool',
  'modelApi',
  'prometheus',
  'externalMetrics',
  'sharding',
] as const
const kubeletKeys = [
  'addressTypes',
  'scheme',
  'port',
  'useNodeStatusPort',
  'endpoint',
  'insecureSkipTlsVerify',
  'certificateAuthority',
  'clientCertificate',
  'clientKey',
  'tokenFile',
  'nodeSelector',
  'timeout',
] as const
const prometheusKeys = [
  'enabled',
  'resolution',
  'timeout',
  'namespaces',
  'maxBytes',
  'maxSeries',
  'maxNames',
  'maxLabels',
  'maxTotalSeries',
  'windowMaxBytes',
] as const

/**
 * Reads a configuration file. Every mistake is found in one pass and thrown as one `FileError` with file, line, path, value and what is
 * allowed; a file with a mistake configures nothing. An empty file is a good one: everything has a default.
 */
export function parseConfiguration(file: string, text: string): AggregatorConfiguration {
  const reader = new ConfigurationReader(file, text)
  return reader.read()
}

/** What holds without a file. */
export function defaultConfiguration(): AggregatorConfiguration {
  return parseConfiguration('defaults', '')
}

interface NumberRange {
  readonly min: number
  readonly max: number
  readonly default: number
}

class ConfigurationReader {
  readonly #reader: DocumentReader

  constructor(file: string, text: string) {
    this.#reader = new DocumentReader(file, text)
  }

  read(): AggregatorConfiguration {
    const reader = this.#reader
    const fields = reader.root.node === null ? {} : reader.record(reader.root, sections)
    const sources = this.#section(fields.sources, ['kubelet', 'events'])
    const events = this.#section(sources.events, ['enabled', 'keep'])
    const window = this.#section(fields.window, ['duration', 'maxBytes'])
    const spool = this.#section(fields.spool, ['maxBytes'])
    const modelApi = this.#section(fields.modelApi, ['strict'])
    const configuration: AggregatorConfiguration = {
      sources: {
        kubelet: this.#readKubelet(sources.kubelet),
        events: {
          isEnabled: reader.boolean(events.enabled) ?? true,
          keep: this.#integer(events.keep, { min: 1, max: 1_000_000, default: 5000 }),
        },
      },
      sinks: fields.sinks === undefined ? undefined : this.#readSinks(fields.sinks),
      resolutionMs:
        fields.resolution === undefined ? undefined : this.#duration(fields.resolution, { min: 1000, max: 300_000, default: 0 }),
      clusterName: this.#plainText(fields.clusterName),
      window: {
        durationMs: this.#duration(window.duration, { min: 60_000, max: 7 * 86_400_000, default: 3_600_000 }),
        maxBytes: this.#bytes(window.maxBytes, { min: 1 << 20, max: 64 * 2 ** 30, default: 256 << 20 }),
      },
      spool: { maxBytes: this.#bytes(spool.maxBytes, { min: 1 << 20, max: 2 ** 40, default: 512 << 20 }) },
      modelApi: { isStrict: reader.boolean(modelApi.strict) ?? false },
      prometheus: this.#readPrometheus(fields.prometheus),
      externalMetrics: readExternalMetrics(reader, fields.externalMetrics),
      sharding: fields.sharding === undefined ? undefined : this.#readSharding(fields.sharding),
    }
    reader.finish()
    return configuration
  }

  #readKubelet(field: Field | undefined): KubeletSettings {
    const reader = this.#reader
    const fields = this.#section(field, kubeletKeys)
    const { clientCertificate, clientKey } = fields
    if ((clientCertificate === undefined) !== (clientKey === undefined)) {
      reader.problem((clientCertificate ?? clientKey)!, 'clientCertificate and clientKey go together; one is missing')
    }
    const types = reader.list(fields.addressTypes).flatMap((item) => reader.word(item, addressTypes) ?? [])
    if (fields.addressTypes !== undefined && types.length === 0) reader.problem(fields.addressTypes, `allowed: ${addressTypes.join(', ')}`)
    return {
      addressTypes: types.length === 0 ? ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS'] : types,
      scheme: reader.word(fields.scheme, ['https', 'http']) ?? 'https',
      port: this.#integer(fields.port, { min: 1, max: 65_535, default: 10_250 }),
      useNodeStatusPort: reader.boolean(fields.useNodeStatusPort) ?? true,
      endpoint: reader.word(fields.endpoint, ['auto', 'summary', 'resource']) ?? 'auto',
      insecureSkipTlsVerify: reader.boolean(fields.insecureSkipTlsVerify) ?? false,
      certificateAuthority: this.#plainText(fields.certificateAuthority),
      clientCertificate: this.#plainText(clientCertificate),
      clientKey: this.#plainText(clientKey),
      tokenFile: this.#plainText(fields.tokenFile),
      nodeSelector: this.#selector(fields.nodeSelector),
      timeoutMs: this.#duration(fields.timeout, { min: 100, max: 60_000, default: 10_000 }),
    }
  }

  #readPrometheus(field: Field | undefined): PrometheusSettings {
    const reader = this.#reader
    const fields = this.#section(field, prometheusKeys)
    const count = (member: Field | undefined, fallback: number) => this.#integer(member, { min: 1, max: 10_000_000, default: fallback })
    return {
      isEnabled: reader.boolean(fields.enabled) ?? true,
      resolutionMs: this.#duration(fields.resolution, { min: 1000, max: 600_000, default: 15_000 }),
      timeoutMs: this.#duration(fields.timeout, { min: 100, max: 60_000, default: 5000 }),
      namespaces: reader.texts(fields.namespaces),
      maxBytes: this.#bytes(fields.maxBytes, { min: 1024, max: 256 << 20, default: 4 << 20 }),
      maxSeries: count(fields.maxSeries, 1000),
      maxNames: count(fields.maxNames, 200),
      maxLabels: count(fields.maxLabels, 30),
      maxTotalSeries: count(fields.maxTotalSeries, 100_000),
      windowMaxBytes: this.#bytes(fields.windowMaxBytes, { min: 1 << 16, max: 64 * 2 ** 30, default: 32 << 20 }),
    }
  }

  #readSinks(field: Field): readonly SinkPlan[] {
    const reader = this.#reader
    const names = new Set<string>()
    return reader.list(field).flatMap((item) => {
      const uri = reader.text(item)
      const plan = uri === undefined ? undefined : reader.attempt(item, () => parseSink(uri))
      if (plan !== undefined && names.has(plan.name))
        reader.problem(item, `name ${plan.name} is taken by another sink; give one of them name=…`)
      if (plan !== undefined) names.add(plan.name)
      return plan ?? []
    })
  }

  #readSharding(field: Field): ShardingConfiguration {
    const reader = this.#reader
    const fields = this.#section(field, shardingKeys)
    const required = (name: 'certificateAuthority' | 'certificate' | 'key') => {
      if (fields[name] === undefined) reader.problem(field, `${name} is missing: the PEM file that other aggregators are shown`)
      return this.#plainText(fields[name]) ?? ''
    }
    const allowedNames = reader.texts(fields.allowedNames)
    return {
      name: this.#plainText(fields.name),
      group: this.#plainText(fields.group) ?? 'default',
      host: this.#plainText(fields.host) ?? '0.0.0.0',
      port: this.#integer(fields.port, { min: 1, max: 65_535, default: 4444 }),
      advertisedHost: this.#plainText(fields.advertisedHost),
      leaseDurationMs: this.#duration(fields.leaseDuration, { min: 3000, max: 300_000, default: 10_000 }),
      certificateAuthority: required('certificateAuthority'),
      certificate: required('certificate'),
      key: required('key'),
      allowedNames: allowedNames.length === 0 ? ['system:binnacle:monitor'] : allowedNames,
    }
  }

  /** The members of a mapping that need not be there. */
  #section<K extends string>(field: Field | undefined, keys: readonly K[]): Partial<Record<K, Field>> {
    return field === undefined ? {} : this.#reader.record(field, keys)
  }

  #plainText(field: Field | undefined): string | undefined {
    const text = this.#reader.text(field)
    return text === '' ? this.#reader.problem(field!, 'must not be empty') : text
  }

  #selector(field: Field | undefined): string | undefined {
    const isSelector = (text: string) => {
      try {
        parseLabelSelector(text)
        return text
      } catch {
        return undefined
      }
    }
    return this.#reader.parsed(field, isSelector, 'a label selector such as pool=a,zone in (b, c)')
  }

  #integer(field: Field | undefined, { min, max, default: fallback }: NumberRange): number {
    const value = this.#reader.number(field)
    if (field === undefined || value === undefined) return fallback
    if (Number.isInteger(value) && value >= min && value <= max) return value
    return this.#reader.problem(field, `must be a whole number from ${min} to ${max}`) ?? fallback
  }

  #duration(field: Field | undefined, { min, max, default: fallback }: NumberRange): number {
    const form = `a duration such as 5s, 1m30s or 1h, from ${min / 1000}s to ${max / 1000}s`
    return this.#reader.parsed(field, (text) => within(parseDuration(text), min, max), form) ?? fallback
  }

  #bytes(field: Field | undefined, { min, max, default: fallback }: NumberRange): number {
    const read = (text: string) => within(tryParseQuantity(text) === undefined ? undefined : valueOf(text), min, max)
    return this.#reader.parsed(field, read, `an amount of bytes such as 4Mi or 1G, from ${min} to ${max}`) ?? fallback
  }
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined
}
