import { cpus } from 'node:os'
import type { Duplex, Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { Clock } from '../../../../lib/clock.ts'
import { isAbsent, RuntimeError, RuntimeUnavailableError } from '../runtime.ts'
import type {
  AttachOptions,
  ContainerConfig,
  ContainerResources,
  ContainerRuntime,
  ExecOptions,
  LogOptions,
  NetworkConfig,
  ObservedContainer,
  Owner,
  ProcessStreams,
  RuntimeChange,
  RuntimeInfo,
  SandboxConfig,
} from '../runtime.ts'
import { containerOptions, oomProbeOptions, sandboxOptions, updateOptions } from './docker-create.ts'
import { callDocker, statusCodeOf, toRuntimeError } from './docker-engine.ts'
import { mergeObserved } from '../merge-observed.ts'
import { factsOfEvent, jsonLines } from './docker-events.ts'
import type { DockerEvent } from './docker-events.ts'
import { DockerImages, pauseImage } from './docker-images.ts'
import { identityOf, label, ownerFilter } from './docker-labels.ts'
import { ensureNetwork } from './docker-network.ts'
import { attachToContainer, execInContainer, execToEnd } from './docker-processes.ts'
import { MergedOutput } from './docker-streams.ts'
import { connectInNamespace, connectTo } from './pod-connection.ts'
import { StartQueue } from './start-queue.ts'

/** Engine architectures in GOARCH words. */
const goArchitecture: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', amd64: 'amd64', arm64: 'arm64' }

/** Exit code of a process that was killed by signal 9: by us, or by the kernel for its memory. */
const killedExitCode = 137

/** The kernel's lowest OOM score adjustment. */
const lowestOomScore = -1000

/** How many starts go on at once, and for how long one counts as going on. */
const startsPerCpu = 2
const leastStarts = 4
const startPatienceMs = 5_000

/** How many inspects run at once when a snapshot needs details. */
const inspectConcurrency = 8

/**
 * Pods on a Docker engine. What has been observed of a container is kept by id, so that an inspect is made only for containers
 * that this process has not seen start or end.
 */
export class DockerRuntime implements ContainerRuntime {
  readonly traits = { scheme: 'docker', isReal: true }
  readonly images: DockerImages
  readonly #docker: Docker
  readonly #clock: Clock
  readonly #nodePath: string
  readonly #known = new Map<string, ObservedContainer>()
  readonly #terminals = new Set<string>()
  /** Containers that take input, made by this process, that nobody has attached to yet. */
  readonly #unattached = new Set<string>()
  readonly #starts: StartQueue
  #minOomScore: Promise<number> | undefined

  constructor(options: { readonly docker: Docker; readonly clock: Clock; readonly nodePath: string }) {
    this.#docker = options.docker
    this.#clock = options.clock
    this.#nodePath = options.nodePath
    this.images = new DockerImages(options.docker)
    this.#starts = new StartQueue({
      clock: options.clock,
      concurrency: Math.max(leastStarts, startsPerCpu * cpus().length),
      patienceMs: startPatienceMs,
    })
  }

  async info(): Promise<RuntimeInfo> {
    const info = await callDocker(() => this.#docker.info())
    return {
      version: String(info.ServerVersion),
      architecture: goArchitecture[info.Architecture] ?? String(info.Architecture),
      cgroupDriver: info.CgroupDriver === 'systemd' ? 'systemd' : info.CgroupDriver === 'none' ? 'none' : 'cgroupfs',
      cgroupVersion: info.CgroupVersion === '2' ? 2 : 1,
      hasRecursiveReadOnly: isAtLeast(info.ServerVersion, 25) && isAtLeast(info.KernelVersion, 5, 12),
      kernelVersion: String(info.KernelVersion),
      osImage: String(info.OperatingSystem),
      cpus: Number(info.NCPU),
      memoryBytes: Number(info.MemTotal),
    }
  }

  async prepare(owner: Owner, network: NetworkConfig | undefined): Promise<void> {
    const { architecture } = await this.info()
    await Promise.all([
      this.images.ensurePauseImage(architecture),
      network === undefined ? undefined : ensureNetwork(this.#docker, network),
    ])
    this.#minOomScore ??= this.#probeOomScore(owner)
  }

  async createSandbox(config: SandboxConfig): Promise<ObservedContainer> {
    const options = sandboxOptions(config, pauseImage, (await this.#minOomScore) ?? lowestOomScore)
    return this.#starts.run('sandbox', async () => {
      const id = await this.#createReplacing(options)
      try {
        return await this.#start(id)
      } catch (error) {
        await this.removeSandbox(id).catch(() => {})
        throw error
      }
    })
  }

  removeSandbox(id: string): Promise<void> {
    return this.removeContainer(id)
  }

  async createContainer(config: ContainerConfig): Promise<ObservedContainer> {
    const id = await this.#createReplacing(containerOptions(config, (await this.#minOomScore) ?? lowestOomScore))
    if (config.tty) this.#terminals.add(id)
    if (config.stdin) this.#unattached.add(id)
    return this.#note({ ...this.#known.get(id)!, image: config.image, imageId: config.imageId })
  }

  startContainer(id: string): Promise<ObservedContainer> {
    return this.#starts.run('container', () => this.#start(id))
  }

  async #start(id: string): Promise<ObservedContainer> {
    try {
      await this.#docker.getContainer(id).start()
    } catch (error) {
      // 304: it runs already. 409 would be another matter, e.g. that its sandbox does not run.
      if (statusCodeOf(error) !== 304) throw toRuntimeError(error)
    }
    return this.#note({ ...this.#knownOrBlank(id), state: 'running', startedAtMs: this.#known.get(id)?.startedAtMs ?? this.#clock.now() })
  }

  async updateContainer(id: string, resources: ContainerResources): Promise<void> {
    await callDocker(() => this.#docker.getContainer(id).update(updateOptions(resources)))
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    try {
      await this.#docker.getContainer(id).stop({ t: Math.max(0, Math.ceil(graceSeconds)) })
    } catch (error) {
      const code = statusCodeOf(error)
      if (code !== 304 && code !== 404) throw toRuntimeError(error)
    }
  }

  async removeContainer(id: string): Promise<void> {
    try {
      await this.#docker.getContainer(id).remove({ force: true, v: true })
    } catch (error) {
      const code = statusCodeOf(error)
      // 409: somebody else's removal of it is already under way.
      if (code !== 404 && code !== 409) throw toRuntimeError(error)
    }
    this.#forget(id)
  }

  async list(owner: Owner): Promise<readonly ObservedContainer[]> {
    const summaries = await callDocker(() => this.#docker.listContainers({ all: true, filters: { label: ownerFilter(owner) } }))
    const found: ObservedContainer[] = []
    const pending = summaries.flatMap((summary) => {
      const observed = observedOf(summary)
      if (summary.Labels[label.tty] === 'true') this.#terminals.add(summary.Id)
      return observed === undefined ? [] : [observed]
    })
    const worker = async () => {
      for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
        const detailed = await this.#withDetails(next)
        if (detailed !== undefined) found.push(detailed)
      }
    }
    await Promise.all(Array.from({ length: inspectConcurrency }, worker))
    const present = new Set(summaries.map((summary) => summary.Id))
    for (const [id, known] of this.#known) {
      // A container of another node of this engine shares this memory only if the runtime is shared.
      if (!present.has(id) && known.state === 'exited') this.#forget(id)
    }
    return found
  }

  async *watch(owner: Owner, signal: AbortSignal): AsyncIterable<RuntimeChange> {
    // Subscribed before the list, so that nothing falls between the two.
    const stream = await this.#openEvents(owner, signal)
    try {
      yield { type: 'snapshot', containers: await this.list(owner) }
      for await (const event of jsonLines<DockerEvent>(stream)) {
        const change = await this.#changeOf(event)
        if (change !== undefined) yield change
      }
    } catch (error) {
      if (signal.aborted) return
      throw toRuntimeError(error)
    } finally {
      stream.destroy()
    }
    if (!signal.aborted) throw new RuntimeUnavailableError('the Docker engine closed its event stream')
  }

  async logs(id: string, options: LogOptions, signal: AbortSignal): Promise<Readable> {
    const query = {
      stdout: true,
      stderr: true,
      follow: options.follow,
      timestamps: options.timestamps,
      ...(options.tailLines === undefined ? {} : { tail: options.tailLines }),
      ...(options.sinceMs === undefined ? {} : { since: (options.sinceMs / 1000).toFixed(9) }),
    }
    const raw = await callDocker(() => this.#dialStream(`/containers/${id}/logs?`, query, signal))
    raw.on('error', () => {})
    if (this.#terminals.has(id)) return raw
    const merged = new MergedOutput()
    raw.once('close', () => merged.end())
    merged.once('close', () => raw.destroy())
    return raw.pipe(merged)
  }

  exec(id: string, options: ExecOptions): Promise<ProcessStreams> {
    return execInContainer(this.#docker, this.#clock, id, options)
  }

  execSync(id: string, command: readonly string[], timeoutMs: number): Promise<{ exitCode: number; output: string }> {
    return execToEnd({ docker: this.#docker, clock: this.#clock, id, command, timeoutMs })
  }

  attach(id: string, options: AttachOptions): Promise<ProcessStreams> {
    const hasReplay = this.#unattached.delete(id)
    return attachToContainer(this.#docker, id, { ...options, tty: this.#terminals.has(id), hasReplay })
  }

  async connect(sandbox: ObservedContainer, port: number): Promise<Duplex> {
    try {
      return await connectTo(sandbox.ip ?? '127.0.0.1', port)
    } catch (error) {
      if (sandbox.ip === undefined) throw error
      const { State } = await callDocker(() => this.#docker.getContainer(sandbox.id).inspect())
      if (!State.Running) throw error
      return connectInNamespace({ pid: State.Pid, port, nodePath: this.#nodePath })
    }
  }

  async close(): Promise<void> {
    const { agent } = this.#docker.modem as { agent?: { destroy(): void } }
    agent?.destroy()
  }

  /** An engine without CAP_SYS_RESOURCE (rootless, or in a container) cannot start what asks for a score below 0: seen once, not at every pod. */
  async #probeOomScore({ clusterId, nodeName }: Owner): Promise<number> {
    const name = `binnacle-${clusterId}-${nodeName}-oom-probe`
    // Of an agent that was killed while it looked.
    await this.#docker
      .getContainer(name)
      .remove({ force: true })
      .catch(() => {})
    const labels = { [label.cluster]: clusterId }
    const container = await this.#docker.createContainer({ name, ...oomProbeOptions(pauseImage, labels) }).catch(() => undefined)
    if (container === undefined) return lowestOomScore
    const canLower = await container.start().then(
      () => true,
      () => false,
    )
    await container.remove({ force: true }).catch(() => {})
    return canLower ? lowestOomScore : 0
  }

  /** A name left over from an attempt that was cut short is taken away first: names tell pod, container and attempt. */
  async #createReplacing(options: Docker.ContainerCreateOptions): Promise<string> {
    const create = () => callDocker(() => this.#docker.createContainer(options))
    const container = await create().catch(async (error: unknown) => {
      if (!(error instanceof RuntimeError) || error.code !== 'conflict') throw error
      await this.removeContainer(options.name!)
      return create()
    })
    const identity = identityOf(options.Labels ?? {})!
    this.#note({ id: container.id, ...identity, image: options.Image ?? '', imageId: '', state: 'created', createdAtMs: this.#clock.now() })
    return container.id
  }

  async #openEvents(owner: Owner, signal: AbortSignal): Promise<Readable> {
    const events = ['create', 'start', 'oom', 'die', 'destroy']
    const filters = JSON.stringify({ type: ['container'], label: ownerFilter(owner), event: events })
    const stream = await callDocker(() => this.#dialStream('/events?', { filters }, signal))
    stream.on('error', () => {})
    return stream
  }

  #dialStream(path: string, options: object, abortSignal: AbortSignal): Promise<Readable> {
    return new Promise((resolve, reject) => {
      const request = {
        path,
        method: 'GET',
        isStream: true,
        abortSignal,
        options,
        statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
      }
      this.#docker.modem.dial(request, (error: unknown, stream: unknown) => {
        if (error === null || error === undefined) resolve(stream as Readable)
        else reject(error)
      })
    })
  }

  async #changeOf(event: DockerEvent): Promise<RuntimeChange | undefined> {
    const facts = factsOfEvent(event)
    if (facts === undefined) return undefined
    if ('removed' in facts) {
      this.#forget(facts.removed.id)
      return { type: 'removed', id: facts.removed.id, podUid: facts.removed.pod.uid }
    }
    let observed = this.#note(facts.observed)
    if (observed.state === 'exited' && observed.exitCode === killedExitCode && observed.isOomKilled === undefined) {
      observed = (await this.#inspect(observed).catch(() => undefined)) ?? observed
    }
    return { type: 'changed', container: observed }
  }

  async #withDetails(observed: ObservedContainer): Promise<ObservedContainer | undefined> {
    const known = this.#known.get(observed.id)
    const isComplete = known !== undefined && known.state === observed.state && known.imageId !== ''
    return isComplete ? known : this.#inspect(observed)
  }

  async #inspect(observed: ObservedContainer): Promise<ObservedContainer | undefined> {
    try {
      const { State, Image } = await callDocker(() => this.#docker.getContainer(observed.id).inspect())
      return this.#note({
        ...observed,
        imageId: Image,
        ...(isSet(State.StartedAt) ? { startedAtMs: Date.parse(State.StartedAt) } : {}),
        ...(observed.state === 'exited'
          ? {
              finishedAtMs: isSet(State.FinishedAt) ? Date.parse(State.FinishedAt) : this.#clock.now(),
              exitCode: State.ExitCode,
              isOomKilled: State.OOMKilled,
            }
          : {}),
        ...(State.Error === '' ? {} : { error: State.Error }),
      })
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  #note(observed: ObservedContainer): ObservedContainer {
    const merged = mergeObserved(this.#known.get(observed.id), observed)
    this.#known.set(observed.id, merged)
    return merged
  }

  #knownOrBlank(id: string): ObservedContainer {
    const known = this.#known.get(id)
    if (known === undefined) throw new RuntimeError('not-found', `container ${id} was not made or listed by this agent`)
    return known
  }

  #forget(id: string): void {
    this.#known.delete(id)
    this.#terminals.delete(id)
    this.#unattached.delete(id)
  }
}

/** Is the version, of which only the first two numbers count, as new as this? */
function isAtLeast(version: unknown, major: number, minor = 0): boolean {
  const [first = 0, second = 0] = String(version)
    .split('.')
    .map((part) => Number.parseInt(part, 10))
  return first > major || (first === major && second >= minor)
}

/** Docker writes year 1 where there is no time. */
const isSet = (time: string) => !time.startsWith('0001-')

function observedOf(summary: Docker.ContainerInfo): ObservedContainer | undefined {
  const identity = identityOf(summary.Labels)
  if (identity === undefined) return undefined
  const state = summary.State === 'created' ? 'created' : summary.State === 'exited' || summary.State === 'dead' ? 'exited' : 'running'
  return {
    id: summary.Id,
    ...identity,
    image: summary.Labels[label.image] ?? summary.Image,
    imageId: summary.ImageID,
    state,
    createdAtMs: summary.Created * 1000,
  }
}
