import { systemClock } from '../../lib/clock.ts'
import { giveMemoryBackWhenIdle } from '../../lib/idle-memory.ts'
import { createLog } from '../../lib/log.ts'
import { signalProcess } from '../../lib/process-identity.ts'
import { createSupervisor, endLeftover, type ProcessSpec, type ProcessState, type Supervisor } from '../../lib/supervision.ts'
import { cleanAfterCrash } from '../crash.ts'
import { findDataFolder, openDataFolder, type DataFolder } from '../data-folder.ts'
import { nodeNames, toFlags, UsageError, type ClusterOptions } from '../options.ts'
import { JoinError } from '../hosts/join-error.ts'
import { SupervisedNodes } from '../local-nodes/supervised-nodes.ts'
import { processOf } from '../local-nodes/wanted-nodes.ts'
import { takeOwnership } from '../ownership.ts'
import { runCredentials } from '../run-credentials.ts'
import { dockerVersion, engineBridgesOf } from '../setup/docker.ts'
import { startEngines } from '../setup/engines.ts'
import { describeOverlaps, hostNetworks } from '../setup/host-networks.ts'
import { sayTakenOver } from '../processes/successor.ts'
import { checkPorts } from '../setup/ports.ts'
import { programArguments } from '../program.ts'
import { isEngine, isRunning, ownIdentity, readRunState, removeRunState, writeRunState, type Address, type RunState } from '../state.ts'
import { untilSignal } from '../stop-signal.ts'
import { startDetached } from './detached.ts'

const engineReturnMs = 20_000
const enginePollMs = 200
const processTimeoutMs = 60_000
const leftoverTimeoutMs = 10_000
/** How long until what failed while this took over is tried again. */
const retryMs = 2_000
/** The process of a host that has joined. */
const joinedNode = 'node-0'

/** What the command line gives to a command. */
export interface CommandContext {
  readonly print: (line: string) => void
  /** For what went wrong: standard error. */
  readonly complain: (line: string) => void
  readonly searchPath: string
  /** Of this process: what those that it starts inherit. */
  readonly environment: NodeJS.ProcessEnv
  readonly isRoot: boolean
}

/**
 * `start`: brings the whole stack up, keeps it up until SIGINT or SIGTERM, then takes down what it started. Resolves with the exit code.
 * With `isTakeover` it follows a supervisor that was killed, and does nothing where that was taken down meanwhile.
 */
export async function start(options: ClusterOptions, context: CommandContext, isTakeover = false): Promise<number> {
  if (isTakeover && findDataFolder(options.dataDir) === undefined) return 0
  // Before anything is changed: the process that uses it starts last.
  if (options.aggregatorConfig !== undefined) {
    ;(await import('../aggregator-configuration.ts')).readAggregatorConfiguration(options.aggregatorConfig)
  }
  await (await import('../log-configuration.ts')).loadLogConfiguration(options.logsConfig)
  if (options.autoscaler.cloudConfig !== undefined) (await import('../autoscaling.ts')).readCloudConfig(options.autoscaler.cloudConfig)
  if (options.schedulerConfig !== undefined) (await import('../scheduler-configuration.ts')).schedulerSettings(options.schedulerConfig)
  if (options.simulatedTraces !== undefined) (await import('../recorded-loads.ts')).recordedLoads(options.simulatedTraces)
  const folder = openDataFolder(options.dataDir)
  const ownership = await takeOwnership(folder)
  const previous = readRunState(folder)
  if (ownership === undefined) {
    const owner = isRunning(previous) ? ` (process ${previous.supervisor.pid})` : ''
    if (isTakeover) return 0
    context.print(`Binnacle runs already for ${folder.root}${owner}; \`npx binnacle status\` shows it, \`npx binnacle down\` stops it`)
    return 1
  }
  if (isTakeover && previous === undefined) return 0
  // Whoever follows goes on with the engine that was in use, even if it does not answer yet.
  const wanted = isTakeover ? { ...options, runtime: options.runtime ?? previous?.runtime } : options
  if (!options.detach) return new Start(wanted, folder, context, isTakeover).run(previous)
  ownership.release()
  return startDetached(options, folder, context)
}

/** The table of addresses and the line that says that all is up. */
export function printReady(state: RunState, folder: DataFolder, context: CommandContext): void {
  const width = Math.max(...state.addresses.map(({ what }) => what.length))
  for (const { what, url } of state.addresses) context.print(`  ${what.padEnd(width)}  ${url}`)
  for (const notice of state.notices) context.print(`  ! ${notice}`)
  const isJoined = state.addresses.some(({ what }) => what === 'Cluster')
  context.print(isJoined ? 'Binnacle is ready: this host is a node of the cluster' : `Binnacle is ready. kubeconfig: ${folder.kubeconfig}`)
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
  #database = ''
  #isReady = false
  #leftovers: readonly ProcessState[] = []
  #previous: RunState | undefined
  #saveProblem: string | undefined
  #nodes: SupervisedNodes | undefined
  #nodeProblems: Readonly<Record<string, string>> = {}
  readonly #abort = new AbortController()

  /** It follows a supervisor that was killed: nothing is given up that ran, whatever fails is tried again. */
  readonly #isTakeover: boolean
  /** Who would start the next supervisor runs. */
  #isFollowed = false

  constructor(options: ClusterOptions, folder: DataFolder, context: CommandContext, isTakeover: boolean) {
    this.#options = options
    this.#isTakeover = isTakeover
    this.#folder = folder
    this.#context = context
    this.#supervisor = createSupervisor({
      clock: systemClock,
      log: createLog({ level: 'warn', component: 'supervisor' }),
      environment: context.environment,
    })
    this.#supervisor.onChange(() => {
      this.#dismissPredecessor()
      this.#save()
    })
  }

  async run(previous: RunState | undefined): Promise<number> {
    const stop = untilSignal(() => this.#endAtOnce()).then(() => this.#abort.abort())
    let exitCode = 0
    try {
      // What an earlier supervisor left stays on the list until it is ended: this one may be killed, too.
      this.#leftovers = previous?.processes ?? []
      this.#previous = previous
      this.#save()
      await Promise.race([this.#bringUpPatiently(), stop])
      await stop
      this.#context.print('Stopping')
    } catch (error) {
      this.#context.complain(`binnacle: ${(error as Error).message}`)
      exitCode = error instanceof UsageError ? 2 : 1
    }
    this.#abort.abort()
    await this.#stopAll()
    return exitCode
  }

  async #bringUpPatiently(): Promise<void> {
    for (;;) {
      try {
        return await this.#bringUp()
      } catch (error) {
        if (!this.#isTakeover) throw error
        this.#context.complain(`binnacle: ${(error as Error).message}; trying again in ${retryMs / 1000} s`)
        await this.#nodes?.stop()
        this.#notices.length = 0
        await Promise.all(this.#started.splice(0).map((name) => this.#supervisor.stop(name)))
        await systemClock.sleep(retryMs, this.#abort.signal)
      }
    }
  }

  async #bringUp(): Promise<void> {
    try {
      await this.#endLeftovers()
      await checkPorts(this.#options)
      await Promise.all([this.#startEngines(), this.#makeCredentials()])
      await this.#startProcesses()
    } catch (error) {
      // A signal came: what failed was being stopped.
      if (this.#abort.signal.aborted) return
      throw error
    }
    if (this.#abort.signal.aborted) return
    this.#isReady = true
    this.#save()
    giveMemoryBackWhenIdle(systemClock)
    printReady(this.#state(), this.#folder, this.#context)
  }

  /**
   * A supervisor that was killed leaves its processes; they are ended so that each runs once. That which started this one has stopped its work, and stays until
   * there is another that would start the next.
   */
  async #endLeftovers(): Promise<void> {
    const isParent = ({ identity }: ProcessState) => this.#isTakeover && identity?.pid === process.ppid
    const identities = this.#leftovers.flatMap((row) => (row.identity === undefined || isParent(row) ? [] : [row.identity]))
    await Promise.all(identities.map((identity) => endLeftover(identity, leftoverTimeoutMs, systemClock)))
    this.#leftovers = this.#leftovers.filter(isParent)
  }

  #dismissPredecessor(): void {
    if (!this.#isTakeover || this.#isFollowed) return
    const resurrecting = this.#options.server === undefined ? 'server' : joinedNode
    if (this.#supervisor.states().every(({ name, state }) => name !== resurrecting || state !== 'ready')) return
    this.#isFollowed = true
    this.#leftovers = []
    sayTakenOver()
  }

  /** Somebody presses Ctrl-C again: nothing is waited for. What is left is found by the next `start` or `down`. */
  #endAtOnce(): void {
    for (const { identity } of this.#supervisor.states()) if (identity !== undefined) signalProcess(identity, 'SIGKILL')
    this.#context.print('Ended at once; `npx binnacle down` removes what is left')
    process.exit(130)
  }

  async #startEngines(): Promise<void> {
    const { runtime, influxdb, database, notices } = await startEngines({
      options: this.#options,
      folder: this.#folder,
      context: this.#context,
      signal: this.#abort.signal,
      supervise: (spec, timeoutMs) => this.#supervise(spec, timeoutMs),
    })
    this.#runtime = runtime
    this.#influxdb = influxdb
    this.#database = database
    this.#notices.push(...notices, ...(runtime === 'docker' ? this.#overlaps() : []))
  }

  /** A host that joins has the cluster's networks, which others chose. */
  #overlaps(): readonly string[] {
    return this.#options.server === undefined ? describeOverlaps(this.#options, hostNetworks(engineBridgesOf(this.#folder))) : []
  }

  /** The only way in which a process is started: none is once a signal came. */
  async #supervise(spec: ProcessSpec, timeoutMs: number): Promise<void> {
    this.#abort.signal.throwIfAborted()
    this.#started.push(spec.name)
    await this.#supervisor.start(spec, timeoutMs, this.#isTakeover)
  }

  async #makeCredentials(): Promise<void> {
    this.#abort.signal.throwIfAborted()
    const isJoined = this.#options.server !== undefined
    await runCredentials(this.#options, { signal: this.#abort.signal }).catch((error: Error) => {
      throw isJoined ? new JoinError(error.message) : new Error(`the certificates cannot be made: ${error.message}`)
    })
  }

  async #startProcesses(): Promise<void> {
    // On an engine of its own nobody else has images.
    const collectsImages = this.#options.collectsImages || this.#started.includes('dockerd')
    const shared = toFlags({ ...this.#options, runtime: this.#runtime, influxdb: this.#influxdb ?? 'none', collectsImages })
    const launch = async (name: string, args: readonly string[]) => {
      const spec = {
        name,
        command: process.execPath,
        args: programArguments(args[0]!, args.slice(1)),
        logFile: this.#folder.logFile(name),
        readiness: true as const,
        stopTimeoutMs: 15_000,
      }
      await this.#supervise(spec, processTimeoutMs)
    }
    if (this.#options.server !== undefined) return launch(joinedNode, ['node', '--index=0', ...shared])
    await launch('server', ['server', ...shared])
    const nodes = this.#runtime === 'docker' ? nodeNames(this.#options).map((_, index) => index) : [0]
    await Promise.all([
      launch('monitor', ['monitor', ...shared]),
      ...nodes.map((index) => launch(`node-${index}`, ['node', `--index=${index}`, ...shared])),
    ])
    this.#nodes = new SupervisedNodes({
      folder: this.#folder,
      start: async (name) => {
        await runCredentials(this.#options, { signal: this.#abort.signal })
        await launch(processOf(name), ['node', `--local=${name}`, ...shared])
      },
      stop: (name) => this.#supervisor.stop(name),
      onProblems: (problems) => {
        this.#nodeProblems = problems
        this.#save()
      },
    })
    await this.#nodes.start()
  }

  async #stopAll(): Promise<void> {
    await this.#nodes?.stop()
    const processes = this.#started.filter((name) => !isEngine(name))
    await Promise.all(processes.filter((name) => name !== 'server').map((name) => this.#supervisor.stop(name)))
    await this.#supervisor.stop('server')
    const hasEngine = this.#started.includes('dockerd')
    if (this.#runtime === 'docker' || hasEngine) await this.#removeContainers(hasEngine)
    await Promise.all(this.#started.filter(isEngine).map((name) => this.#supervisor.stop(name)))
    if (hasEngine) await (await import('../leftovers.ts')).removeEngineTraces(this.#folder)
    // Stopped before it took over the containers of one that was killed.
    else if (this.#previous !== undefined && this.#runtime !== 'docker') await cleanAfterCrash(this.#previous, this.#folder, this.#context)
    removeRunState(this.#folder)
  }

  /** Containers outlive an engine: they have to go while one can still be told to remove them. */
  async #removeContainers(isOwnEngine: boolean): Promise<void> {
    const { dockerHost } = this.#options
    const { removeClusterLeftovers } = await import('../leftovers.ts')
    if (isOwnEngine) await untilEngineAnswers(dockerHost)
    await removeClusterLeftovers({ folder: this.#folder, dockerHost, print: this.#context.print }).catch((error: Error) =>
      this.#context.complain(`binnacle: ${error.message}`),
    )
  }

  /** A full disk must not end the supervisor: what is written is for other commands. */
  #save(): void {
    try {
      writeRunState(this.#folder, this.#state())
      this.#saveProblem = undefined
    } catch (error) {
      const { message } = error as Error
      if (this.#saveProblem === undefined) this.#context.complain(`binnacle: the state cannot be written: ${message}`)
      this.#saveProblem = message
    }
  }

  #state(): RunState {
    return {
      supervisor: ownIdentity(),
      startedAt: this.#startedAt,
      runtime: this.#isReady ? this.#runtime : (this.#previous?.runtime ?? this.#runtime),
      dockerHost: this.#options.dockerHost,
      flags: toFlags(this.#options),
      addresses: this.#addresses(),
      processes: [...this.#leftovers, ...this.#supervisor.states()],
      isReady: this.#isReady,
      notices: [...this.#notices, ...Object.entries(this.#nodeProblems).map(([name, why]) => `node ${name} does not run: ${why}`)],
      nodeProblems: this.#nodeProblems,
    }
  }

  #addresses(): Address[] {
    const { ports, server, advertiseAddress } = this.#options
    const runtime = { what: 'Runtime', url: this.#runtime === 'docker' ? `Docker at ${this.#options.dockerHost}` : 'simulated' }
    const collector = { what: 'Collector', url: `http://127.0.0.1:${ports.collector}` }
    if (server !== undefined) return [{ what: 'Cluster', url: server }, collector, runtime]
    return [
      { what: 'API server', url: `https://127.0.0.1:${ports.api}` },
      ...(advertiseAddress === undefined ? [] : [{ what: 'Other hosts', url: `https://${advertiseAddress}:${ports.api}` }]),
      { what: 'Page', url: `http://127.0.0.1:${ports.web}` },
      { what: 'Model API', url: `http://127.0.0.1:${ports.aggregator}/api/v1/model/` },
      collector,
      { what: 'Alerts', url: `http://127.0.0.1:${ports.alerts}` },
      ...(this.#influxdb === undefined ? [] : [{ what: 'InfluxDB', url: `${this.#influxdb} (database ${this.#database})` }]),
      runtime,
    ]
  }
}

/** An engine that was killed a moment ago is on its way back, and only it can remove its containers. */
async function untilEngineAnswers(url: string): Promise<void> {
  const deadline = systemClock.monotonic() + engineReturnMs
  while ((await dockerVersion(url)) === undefined && systemClock.monotonic() < deadline) await systemClock.sleep(enginePollMs)
}
