import type { Duplex, Readable, Writable } from 'node:stream'

/**
 * What the node agent needs from whatever runs containers. Facts flow one way: `watch` first yields everything that exists, then every
 * change, and throws `RuntimeUnavailableError` when the runtime is gone; nothing is polled. Every method may reject with
 * `RuntimeError` (its `code` says why) or `RuntimeUnavailableError`.
 */
export interface ContainerRuntime {
  readonly traits: RuntimeTraits
  info(): Promise<RuntimeInfo>
  /** Makes what all sandboxes share (network, sandbox image). Idempotent; called before the first sandbox and after an outage. */
  prepare(owner: Owner, network: NetworkConfig | undefined): Promise<void>
  /** Creates and starts the sandbox of a pod. */
  createSandbox(config: SandboxConfig): Promise<ObservedContainer>
  /** Kills and removes a sandbox. Containers in it are removed by their own calls. Absent is success. */
  removeSandbox(id: string): Promise<void>
  /** Creates a container in a sandbox without starting it. */
  createContainer(config: ContainerConfig): Promise<ObservedContainer>
  startContainer(id: string): Promise<ObservedContainer>
  /** Gives a running container other limits, without a restart. Rejects where the kernel refuses, e.g. less memory than it uses. */
  updateContainer(id: string, resources: ContainerResources): Promise<void>
  /** Sends the container's stop signal, and SIGKILL after `graceSeconds`. Resolves when it has exited; absent is success. */
  stopContainer(id: string, graceSeconds: number): Promise<void>
  /** Kills if need be, removes the container and its log. Absent is success. */
  removeContainer(id: string): Promise<void>
  /** Everything of one owner, sandboxes included. */
  list(owner: Owner): Promise<readonly ObservedContainer[]>
  /** A snapshot, then changes, until `signal` aborts (ends quietly) or the runtime is gone (throws). */
  watch(owner: Owner, signal: AbortSignal): AsyncIterable<RuntimeChange>
  /** The container's output as it was written, both streams merged. Ends when the container has ended, or at once without `follow`. */
  logs(id: string, options: LogOptions, signal: AbortSignal): Promise<Readable>
  /** Runs a command in a running container and streams it. */
  exec(id: string, options: ExecOptions): Promise<ProcessStreams>
  /** Runs a command to its end; output of both streams, cut at 10 KiB. Rejects with code `timeout` after `timeoutMs`. */
  execSync(id: string, command: readonly string[], timeoutMs: number): Promise<{ readonly exitCode: number; readonly output: string }>
  /**
   * Joins the main process of a running container. The first to join one that takes input gets what it has printed before: a prompt that
   * came before its reader would else be lost.
   */
  attach(id: string, options: AttachOptions): Promise<ProcessStreams>
  /** A byte stream to a TCP port inside the pod, whatever address of the pod it listens on. */
  connect(sandbox: ObservedContainer, port: number): Promise<Duplex>
  readonly images: ImageService
  /** Releases connections. Containers go on. */
  close(): Promise<void>
}

/** How a runtime differs where the agent must know. */
export interface RuntimeTraits {
  /** The prefix of containerIDs: `docker` gives `docker://<id>`. */
  readonly scheme: string
  /** Containers are processes of this machine: volumes, resolv.conf and cgroups matter, probes reach them. */
  readonly isReal: boolean
}

export interface RuntimeInfo {
  readonly version: string
  /** In GOARCH words: `amd64`, `arm64`. */
  readonly architecture: string
  readonly cgroupDriver: 'cgroupfs' | 'systemd' | 'none'
  readonly cgroupVersion: 1 | 2
  /** Mounts can be made read-only with all that is mounted below them. */
  readonly hasRecursiveReadOnly: boolean
  readonly kernelVersion: string
  readonly osImage: string
  readonly cpus: number
  readonly memoryBytes: number
}

/** Whose containers these are. Nothing of another owner is ever listed, changed or removed. */
export interface Owner {
  readonly clusterId: string
  readonly nodeName: string
}

export interface PodIdentity {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** The bridge network that pods share. */
export interface NetworkConfig {
  readonly name: string
  readonly bridge: string
  readonly subnet: string
  readonly gateway: string
  readonly clusterId: string
}

export interface SandboxConfig {
  readonly owner: Owner
  readonly pod: PodIdentity
  readonly attempt: number
  readonly hostname: string
  readonly domainname?: string
  readonly network: { readonly kind: 'host' } | { readonly kind: 'pod'; readonly networkName: string; readonly ip: string }
  readonly portMappings: readonly PortMapping[]
  readonly dns: DnsConfig
  readonly cgroupParent?: string
  readonly sysctls?: Readonly<Record<string, string>>
  readonly graceSeconds: number
  readonly usesHostIpc: boolean
  readonly usesHostPid: boolean
  /** What the runtime calls the program that runs the pod; absent: its own choice. */
  readonly handler?: string
  /** The pod's annotations: what a simulated runtime takes its load from. */
  readonly annotations: Readonly<Record<string, string>>
}

export interface PortMapping {
  readonly hostIp?: string
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: 'tcp' | 'udp' | 'sctp'
}

/** The contents of resolv.conf. */
export interface DnsConfig {
  readonly nameservers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

export interface ContainerConfig {
  readonly owner: Owner
  readonly pod: PodIdentity
  readonly name: string
  readonly attempt: number
  readonly sandboxId: string
  /** What to run, as the image service knows it. */
  readonly imageId: string
  /** What the pod's author wrote. */
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  /** `NAME=value`. */
  readonly environment: readonly string[]
  readonly workingDir?: string
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdinOnce: boolean
  readonly mounts: readonly Mount[]
  readonly devices: readonly Device[]
  readonly resources: ContainerResources
  readonly security: ContainerSecurity
  readonly cgroupParent?: string
  readonly stopSignal?: string
  readonly graceSeconds: number
  readonly pidNamespace: 'own' | 'sandbox' | 'host' | { readonly containerId: string }
  readonly usesHostIpc: boolean
  readonly usesHostNetwork: boolean
  /** As of its sandbox. */
  readonly handler?: string
  readonly annotations: Readonly<Record<string, string>>
}

/** A block device of the machine in a container. */
export interface Device {
  readonly hostPath: string
  readonly containerPath: string
  readonly isReadOnly: boolean
}

export interface Mount {
  readonly hostPath: string
  readonly containerPath: string
  readonly isReadOnly: boolean
  /** What is mounted below it cannot be written to either. */
  readonly isRecursivelyReadOnly?: boolean
  readonly propagation?: 'rprivate' | 'rslave' | 'rshared'
}

/** Limits in the kernel's units; absent means none. */
export interface ContainerResources {
  readonly cpuShares: number
  readonly cpuQuotaMicroseconds?: number
  readonly cpuPeriodMicroseconds?: number
  readonly memoryBytes?: number
  readonly oomScoreAdjust: number
}

export interface ContainerSecurity {
  readonly isPrivileged: boolean
  readonly addedCapabilities: readonly string[]
  readonly droppedCapabilities: readonly string[]
  readonly hasReadOnlyRoot: boolean
  readonly forbidsNewPrivileges: boolean
  /** `unconfined` or the text of a profile; absent: the runtime's own profile. */
  readonly seccomp?: string
  /** `unconfined` or a profile that the kernel has; absent: the runtime's own. */
  readonly appArmor?: string
  /** `user:…`, `role:…`, `type:…`, `level:…`. */
  readonly seLinuxLabels?: readonly string[]
  /** Nothing of /proc is hidden or read-only. */
  readonly hasUnmaskedProc?: boolean
  /** `uid[:gid]`; absent: the image's user. */
  readonly user?: string
  readonly supplementalGroups: readonly number[]
}

/** What is known about one container or sandbox. States only ever go forward: created, running, exited. */
export interface ObservedContainer {
  readonly id: string
  readonly kind: 'sandbox' | 'container'
  readonly pod: PodIdentity
  /** The container's name in the pod; `POD` for the sandbox. */
  readonly name: string
  /** 0 for the first of its name, then one more with each restart. */
  readonly attempt: number
  readonly image: string
  readonly imageId: string
  readonly state: 'created' | 'running' | 'exited'
  readonly createdAtMs: number
  readonly startedAtMs?: number
  readonly finishedAtMs?: number
  readonly exitCode?: number
  readonly isOomKilled?: boolean
  /** Why it could not be started. */
  readonly error?: string
  /** The pod's address; sandboxes with a network of their own only. */
  readonly ip?: string
  /** The sandbox that a container was made in. */
  readonly sandboxId?: string
  /** How long the pod's author lets its processes take to stop: needed where the pod itself is gone. */
  readonly graceSeconds?: number
  /** What the container left in its termination message file, or of its log. Filled in by the agent. */
  readonly terminationMessage?: string
}

export type RuntimeChange =
  | { readonly type: 'snapshot'; readonly containers: readonly ObservedContainer[] }
  | { readonly type: 'changed'; readonly container: ObservedContainer }
  | { readonly type: 'removed'; readonly id: string; readonly podUid: string }

export interface LogOptions {
  readonly follow: boolean
  readonly timestamps: boolean
  /** Only the last so many lines. */
  readonly tailLines?: number
  /** Only what was written at or after this moment. */
  readonly sinceMs?: number
}

export interface AttachOptions {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

export interface ExecOptions extends AttachOptions {
  readonly command: readonly string[]
}

/** A process that someone talks to. `stderr` is absent with a terminal. Whoever gets it must `close` it. */
export interface ProcessStreams {
  readonly stdin?: Writable
  readonly stdout?: Readable
  readonly stderr?: Readable
  resize(width: number, height: number): Promise<void>
  /** Resolves after the output has ended. */
  exitCode(): Promise<number>
  close(): void
}

export interface ImageFacts {
  readonly id: string
  readonly tags: readonly string[]
  readonly digests: readonly string[]
  readonly sizeBytes: number
  /** The image's own user: '' is root. */
  readonly user: string
}

export interface ImageService {
  inspect(reference: string): Promise<ImageFacts | undefined>
  /** Rejects with the registry's or the engine's words. */
  pull(reference: string, credentials: RegistryCredentials | undefined): Promise<void>
  list(): Promise<readonly ImageFacts[]>
  /** The ids of images that containers are made from, whoever made them. */
  used(): Promise<ReadonlySet<string>>
  /** Removes an image with all its names. Rejects where something uses it. */
  remove(id: string): Promise<void>
}

export interface RegistryCredentials {
  readonly username: string
  readonly password: string
  readonly serverAddress: string
}

/** A refusal by a runtime that works. */
export class RuntimeError extends Error {
  readonly code: 'not-found' | 'conflict' | 'timeout' | 'unsupported' | 'failed'

  constructor(code: RuntimeError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RuntimeError'
    this.code = code
  }
}

/** Nobody answers for the runtime. */
export class RuntimeUnavailableError extends Error {
  readonly code = 'unavailable'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RuntimeUnavailableError'
  }
}

/** Is the runtime itself gone, as opposed to refusing one thing? */
export const isUnavailable = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'unavailable'

/** Does the runtime say that what was asked about does not exist? */
export const isAbsent = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'not-found'
