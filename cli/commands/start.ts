import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { systemClock } from '../../lib/clock.ts'
import { createLog } from '../../lib/log.ts'
import { createSupervisor, endLeftover, type Supervisor } from '../../lib/supervision.ts'
import { openDataFolder, type DataFolder } from '../data-folder.ts'
import { gatewayOf, serviceAddress } from '../network-layout.ts'
import { nodeNames, toFlags, UsageError, type ClusterOptions } from '../options.ts'
import { dockerEngineSpec, dockerVersion } from '../setup/docker.ts'
import { influxdbSpec, influxdbVersion } from '../setup/influxdb.ts'
import { createPackageInstaller, findProgram, type PackageInstaller } from '../setup/packages.ts'
import { programArguments, programEnvironment } from '../program.ts'
import { isRunning, ownIdentity, readRunState, removeRunState, writeRunState, type Address, type RunState } from '../state.ts'

const engineTimeoutMs = 60_000
const processTimeoutMs = 60_000
const detachedTimeoutMs = 10 * 60_000
const leftoverTimeoutMs = 10_000
const statusPollMs = 100

/** What the command line gives to a command. */
export interface CommandContext {
  readonly print: (line: string) => void
  readonly searchPath: string
  readonly isRoot: boolean
}

/** `start`: brings the whole stack up, keeps it up until SIGINT or SIGTERM, then takes down what it started. Resolves with the exit code. */
export async function start(options: ClusterOptions, context: CommandContext): Promise<number> {
  const folder = openDataFolder(options.dataDir)
  const previous = readRunState(folder)
  if (isRunning(previous)) {
    context.print(
      `Binnacle runs already for ${folder.root} (process ${previous.supervisor.pid}); \`npx binnacle status\` shows it, \`npx binnacle down\` stops it`,
    )
    return 1
  }
  if (options.detach) return startDetached(options, folder, context)
  return new Start(options, folder, context).run(previous)
}

/** Starts the same command in the background and waits until it is ready. */
async function startDetached(options: ClusterOptions, folder: DataFolder, context: CommandContext): Promise<number> {
  const logFile = folder.logFile('supervisor')
  mkdirSync(dirname(logFile), { recursive: true })
  const output = openSync(logFile, 'a', 0o600)
  const child = spawn(process.execPath, programArguments('start', toFlags({ ...options, detach: false })), {
    detached: true,
    stdio: ['ignore', output, output],
    env: programEnvironment(),
  })
  closeSync(output)
  child.unref()
  let exit: number | null | undefined
  child.on('exit', (code) => (exit = code))
  const deadline = systemClock.monotonic() + detachedTimeoutMs
  while (systemClock.monotonic() < deadline && exit === undefined) {
    const state = readRunState(folder)
    if (state?.supervisor.pid === child.pid && state?.isReady === true) {
      printReady(state, folder, context)
      return 0
    }
    await systemClock.sleep(statusPollMs)
  }
  context.print(`Binnacle did not start; see ${logFile}`)
  return 1
}

/** The table of addresses and the line that says that all is up. */
export function printReady(state: RunState, folder: DataFolder, context: CommandContext): void {
  const width = Math.max(...state.addresses.map(({ what }) => what.length))
  for (const { what, url } of state.addresses) context.print(`  ${what.padEnd(width)}  ${url}`)
  for (const notice of state.notices) context.print(`  ! ${notice}`)
  context.print(`Binnacle is ready. kubeconfig: ${folder.kubeconfig}`)
}

/** One run of the stack, from set-up to the last process stopped. */
class Start {
  readonly #options: ClusterOptions
  readonly #folder: DataFolder
  readonly #context: CommandContext
  readonly #supervisor: Supervisor
  readonly #notices: string[] = []
  readonly #started: string[] = []
  readonly #startedAt = new Date(systemClock.now()).toISOString()
  #runtime: 'docker' | 'simulated' = 'simulated'
  #influxdb: string | undefined
  #isReady = false

  constructor(options: ClusterOptions, folder: DataFolder, context: CommandContext) {
    this.#options = options
    this.#folder = folder
    this.#context = context
    this.#supervisor = createSupervisor({ clock: systemClock, log: createLog({ level: 'warn', component: 'supervisor' }) })
    this.#supervisor.onChange(() => this.#save())
  }

  async run(previous: RunState | undefined): Promise<number> {
    const stop = untilSignal()
    let exitCode = 0
    try {
      await this.#endLeftovers(previous)
      await this.#checkPorts()
      await this.#startEngines()
      await this.#makeCredentials()
      await this.#startProcesses()
      this.#isReady = true
      this.#save()
      printReady(readRunState(this.#folder)!, this.#folder, this.#context)
      await stop
      this.#context.print('Stopping')
    } catch (error) {
      this.#context.print(`binnacle: ${(error as Error).message}`)
      exitCode = 1
    }
    await this.#stopAll()
    return exitCode
  }

  /** A supervisor that was killed leaves its processes; they are ended so that each runs once. */
  async #endLeftovers(previous: RunState | undefined): Promise<void> {
    const identities = previous?.processes.flatMap(({ identity }) => (identity === undefined ? [] : [identity])) ?? []
    await Promise.all(identities.map((identity) => endLeftover(identity, leftoverTimeoutMs, systemClock)))
  }

  async #checkPorts(): Promise<void> {
    const { ports, nodes } = this.#options
    const wanted: [string, number][] = [
      ['api-port', ports.api],
      ['aggregator-port', ports.aggregator],
      ['metrics-api-port', ports.metricsApi],
      ['alerts-port', ports.alerts],
      ['web-port', ports.web],
      ...Array.from({ length: nodes }, (_, index) => ['node-agent-port', ports.nodeAgent + index] as [string, number]),
      ...Array.from({ length: nodes }, (_, index) => ['collector-port', ports.collector + index] as [string, number]),
    ]
    for (const [flag, port] of wanted) {
      if (!(await isFree(port)))
        throw new UsageError(`port ${port} of 127.0.0.1 is in use by another program; choose another one with --${flag}`)
    }
  }

  async #startEngines(): Promise<void> {
    const installer = createPackageInstaller({
      searchPath: this.#context.searchPath,
      isRoot: this.#context.isRoot,
      print: this.#context.print,
    })
    await Promise.all([this.#startDocker(installer), this.#startInfluxdb(installer)])
  }

  async #startDocker(installer: PackageInstaller): Promise<void> {
    const { runtime, dockerHost } = this.#options
    if (runtime === 'simulated') {
      this.#notices.push('the simulated runtime is in use: no real container runs')
      return
    }
    const problem = await this.#ensureEngine(installer, dockerHost)
    if (problem === undefined) {
      this.#runtime = 'docker'
      if (this.#context.isRoot) {
        const nftables = await installer.ensure('nft', 'nftables')
        if (typeof nftables === 'object') this.#notices.push(`no service addresses: nft is missing; ${nftables.advice}`)
        await installer.ensure('busybox', 'busybox-static')
      }
      return
    }
    if (runtime === 'docker') throw new UsageError(`--runtime docker: ${problem}`)
    this.#notices.push(`no Docker engine (${problem}): the simulated runtime is in use, no real container runs`)
  }

  /** Resolves with what stands in the way, or with `undefined` when an engine answers. */
  async #ensureEngine(installer: PackageInstaller, url: string): Promise<string | undefined> {
    if ((await dockerVersion(url)) !== undefined) return undefined
    if (!url.startsWith('unix://')) return `no engine answers at ${url}`
    if (!this.#context.isRoot) return `none answers at ${url}, and starting one takes root`
    const outcome = await installer.ensure('dockerd', 'docker.io')
    if (typeof outcome === 'object') return outcome.advice
    // Installing it may have started the distribution's own service.
    if ((await dockerVersion(url)) !== undefined) return undefined
    const program = findProgram('dockerd', this.#context.searchPath)!
    return this.#startEngine(dockerEngineSpec({ folder: this.#folder, program, url }))
  }

  async #startInfluxdb(installer: PackageInstaller): Promise<void> {
    const { influxdb, ports } = this.#options
    if (influxdb === 'none') {
      this.#notices.push('no InfluxDB: metrics are kept in the memory window only')
      return
    }
    if (influxdb !== undefined) {
      this.#influxdb = influxdb
      if ((await influxdbVersion(influxdb)) === undefined)
        this.#notices.push(`InfluxDB at ${influxdb} does not answer; points are spooled until it does`)
      return
    }
    const url = `http://127.0.0.1:${ports.influxdb}`
    if ((await influxdbVersion(url)) !== undefined) {
      this.#influxdb = url
      this.#notices.push(`the InfluxDB that already answers at ${url} is used`)
      return
    }
    const problem = await this.#ensureInfluxd(installer)
    if (problem === undefined) this.#influxdb = url
    else this.#notices.push(`no InfluxDB (${problem}): metrics are kept in the memory window only`)
  }

  async #ensureInfluxd(installer: PackageInstaller): Promise<string | undefined> {
    const outcome = await installer.ensure('influxd', 'influxdb')
    if (typeof outcome === 'object') return outcome.advice
    const { ports } = this.#options
    if ((await influxdbVersion(`http://127.0.0.1:${ports.influxdb}`)) !== undefined) return undefined
    if (!(await isFree(ports.influxdb)))
      return `port ${ports.influxdb} is in use by another program; choose another one with --influxdb-port`
    const program = findProgram('influxd', this.#context.searchPath)!
    return this.#startEngine(influxdbSpec({ folder: this.#folder, program, port: ports.influxdb }))
  }

  async #startEngine(spec: Parameters<Supervisor['start']>[0]): Promise<string | undefined> {
    try {
      await this.#supervisor.start(spec, engineTimeoutMs)
      this.#started.push(spec.name)
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }

  async #makeCredentials(): Promise<void> {
    const { podCidr, serviceCidr, ports } = this.#options
    const { ensureCredentials } = await import('../credentials.ts')
    await ensureCredentials({
      folder: this.#folder,
      now: systemClock.now(),
      nodes: nodeNames(this.#options),
      addresses: [gatewayOf(podCidr), serviceAddress(serviceCidr, 1)],
      apiPort: ports.api,
    })
  }

  async #startProcesses(): Promise<void> {
    const shared = toFlags({ ...this.#options, runtime: this.#runtime, influxdb: this.#influxdb ?? 'none' })
    const launch = async (name: string, args: readonly string[]) => {
      const spec = {
        name,
        command: process.execPath,
        args: programArguments(args[0]!, args.slice(1)),
        env: programEnvironment(),
        logFile: this.#folder.logFile(name),
        readiness: true as const,
        stopTimeoutMs: 15_000,
      }
      this.#started.push(name)
      await this.#supervisor.start(spec, processTimeoutMs)
    }
    await launch('server', ['server', ...shared])
    const nodes = this.#runtime === 'docker' ? nodeNames(this.#options).map((_, index) => index) : [0]
    await Promise.all([
      launch('monitor', ['monitor', ...shared]),
      ...nodes.map((index) => launch(`node-${index}`, ['node', `--index=${index}`, ...shared])),
    ])
  }

  async #stopAll(): Promise<void> {
    const isEngine = (name: string) => name === 'dockerd' || name === 'influxd'
    const processes = this.#started.filter((name) => !isEngine(name))
    await Promise.all(processes.filter((name) => name !== 'server').map((name) => this.#supervisor.stop(name)))
    await this.#supervisor.stop('server')
    if (this.#runtime === 'docker')
      await (
        await import('../leftovers.ts')
      ).removeClusterLeftovers({ folder: this.#folder, dockerHost: this.#options.dockerHost, print: this.#context.print })
    await Promise.all(this.#started.filter(isEngine).map((name) => this.#supervisor.stop(name)))
    removeRunState(this.#folder)
  }

  #save(): void {
    writeRunState(this.#folder, {
      supervisor: ownIdentity(),
      startedAt: this.#startedAt,
      runtime: this.#runtime,
      dockerHost: this.#options.dockerHost,
      flags: toFlags(this.#options),
      addresses: this.#addresses(),
      processes: this.#supervisor.states(),
      isReady: this.#isReady,
      notices: this.#notices,
    })
  }

  #addresses(): Address[] {
    const { ports } = this.#options
    return [
      { what: 'API server', url: `https://127.0.0.1:${ports.api}` },
      { what: 'Page', url: `http://127.0.0.1:${ports.web}` },
      { what: 'Model API', url: `http://127.0.0.1:${ports.aggregator}/api/v1/model/` },
      { what: 'Collector', url: `http://127.0.0.1:${ports.collector}` },
      { what: 'Alerts', url: `http://127.0.0.1:${ports.alerts}` },
      ...(this.#influxdb === undefined ? [] : [{ what: 'InfluxDB', url: `${this.#influxdb} (database k8s)` }]),
      { what: 'Runtime', url: this.#runtime === 'docker' ? `Docker at ${this.#options.dockerHost}` : 'simulated' },
    ]
  }
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; a second SIGINT ends the process at once. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => {
      process.once('SIGINT', () => process.exit(130))
      resolve()
    })
    process.once('SIGTERM', () => resolve())
    process.once('SIGHUP', () => resolve())
  })
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1' }, () => probe.close(() => resolve(true)))
  })
}
