import type { ProcessSpec } from '../../lib/supervision.ts'
import type { CommandContext } from '../commands/start.ts'
import type { DataFolder } from '../data-folder.ts'
import { defaultDockerHost, UsageError, type ClusterOptions } from '../options.ts'
import { dockerEngineSpec, dockerVersion } from './docker.ts'
import { influxdbSpec, influxdbVersion } from './influxdb.ts'
import { createPackageInstaller, findProgram, type PackageInstaller } from './packages.ts'
import { checkPort } from './ports.ts'

const timeoutMs = 60_000

/** What the cluster can have on this machine. */
export interface Engines {
  readonly runtime: 'docker' | 'simulated'
  /** The URL of an InfluxDB; `undefined`: none. */
  readonly influxdb: string | undefined
  /** Where in it figures go. */
  readonly database: string
  /** What the user has to know of it, a line each. */
  readonly notices: readonly string[]
}

export interface EngineOptions {
  readonly options: ClusterOptions
  readonly folder: DataFolder
  readonly context: CommandContext
  readonly signal: AbortSignal
  /** Starts an engine that is to be kept running; resolves when it answers. */
  readonly supervise: (spec: ProcessSpec, timeoutMs: number) => Promise<void>
}

/**
 * Makes sure of a Docker engine and an InfluxDB: those that are named or answer are used, else they are started, their packages installed where that can be. What
 * cannot be had is done without, unless it was asked for: then a `UsageError` says what stands in the way.
 */
export async function startEngines(options: EngineOptions): Promise<Engines> {
  const { searchPath, isRoot, print } = options.context
  const installer = createPackageInstaller({ searchPath, isRoot, print, signal: options.signal })
  const [docker, influxdb] = await Promise.all([startDocker(options, installer), startInfluxdb(options, installer)])
  const { url, database = 'k8s' } = influxdb
  return { runtime: docker.runtime, influxdb: url, database, notices: [...docker.notices, ...influxdb.notices] }
}

async function startDocker(engines: EngineOptions, installer: PackageInstaller): Promise<Pick<Engines, 'runtime' | 'notices'>> {
  const { runtime } = engines.options
  if (runtime === 'simulated') return { runtime, notices: ['the simulated runtime is in use: no real container runs'] }
  const problem = await ensureDocker(engines, installer)
  if (problem === undefined) return { runtime: 'docker', notices: await ensureTools(engines, installer) }
  if (runtime === 'docker') throw new UsageError(`--runtime docker: ${problem}`)
  return { runtime: 'simulated', notices: [`no Docker engine (${problem}): the simulated runtime is in use, no real container runs`] }
}

/** What nodes with real containers need beside an engine. */
async function ensureTools({ context }: EngineOptions, installer: PackageInstaller): Promise<readonly string[]> {
  if (!context.isRoot) return []
  const nftables = await installer.ensure('nft', 'nftables')
  await installer.ensure('busybox', 'busybox-static')
  return typeof nftables === 'object' ? [`no service addresses: nft is missing; ${nftables.advice}`] : []
}

/** Resolves with what stands in the way, or with `undefined` when an engine answers. */
async function ensureDocker(engines: EngineOptions, installer: PackageInstaller): Promise<string | undefined> {
  const { options, folder, context } = engines
  const { dockerHost: url } = options
  if ((await dockerVersion(url)) !== undefined) return undefined
  if (!url.startsWith('unix://')) return `no engine answers at ${url}`
  if (!context.isRoot) return `none answers at ${url}, and starting one takes root`
  const outcome = await installer.ensure('dockerd', 'docker.io')
  if (typeof outcome === 'object') return outcome.advice
  // Installing it may have started the distribution's own service.
  if ((await dockerVersion(url)) !== undefined) return undefined
  const program = findProgram('dockerd', context.searchPath)!
  const isSecond = url !== defaultDockerHost && (await dockerVersion(defaultDockerHost)) !== undefined
  return startEngine(engines, dockerEngineSpec({ folder, program, url, isSecond }))
}

interface FoundInfluxdb {
  readonly url: string | undefined
  /** Absent: the usual one. */
  readonly database?: string
  readonly notices: readonly string[]
}

async function startInfluxdb(engines: EngineOptions, installer: PackageInstaller): Promise<FoundInfluxdb> {
  const { ports, server, aggregatorConfig } = engines.options
  if (server !== undefined) return { url: undefined, notices: [] }
  const configured = await readConfigured(aggregatorConfig)
  const influxdb = configured?.url ?? engines.options.influxdb
  if (influxdb === 'none') return { url: undefined, notices: ['no InfluxDB: metrics are kept in the memory window only'] }
  if (influxdb !== undefined) {
    const isThere = (await influxdbVersion(influxdb)) !== undefined
    const notices = isThere ? [] : [`InfluxDB at ${influxdb} does not answer; points are spooled until it does`]
    return { url: influxdb, notices, ...(configured === undefined ? {} : { database: configured.database }) }
  }
  const url = `http://127.0.0.1:${ports.influxdb}`
  if ((await influxdbVersion(url)) !== undefined) return { url, notices: [`the InfluxDB that already answers at ${url} is used`] }
  const problem = await ensureInfluxdb(engines, installer, url)
  if (problem === undefined) return { url, notices: [] }
  return { url: undefined, notices: [`no InfluxDB (${problem}): metrics are kept in the memory window only`] }
}

/** The InfluxDB of the aggregator's configuration, whose modules a supervisor does without unless there is one. */
async function readConfigured(path: string | undefined): Promise<{ readonly url: string; readonly database: string } | undefined> {
  if (path === undefined) return undefined
  const { configuredInfluxdb, readAggregatorConfiguration } = await import('../aggregator-configuration.ts')
  return configuredInfluxdb(readAggregatorConfiguration(path))
}

async function ensureInfluxdb(engines: EngineOptions, installer: PackageInstaller, url: string): Promise<string | undefined> {
  const { options, folder, context } = engines
  const outcome = await installer.ensure('influxd', 'influxdb')
  if (typeof outcome === 'object') return outcome.advice
  if ((await influxdbVersion(url)) !== undefined) return undefined
  const { influxdb: port } = options.ports
  await checkPort('influxdb-port', port)
  const program = findProgram('influxd', context.searchPath)!
  return startEngine(engines, influxdbSpec({ folder, program, port }))
}

async function startEngine({ signal, supervise }: EngineOptions, spec: ProcessSpec): Promise<string | undefined> {
  try {
    await supervise(spec, timeoutMs)
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    return (error as Error).message
  }
}
