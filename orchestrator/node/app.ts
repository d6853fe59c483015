import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInformerFactory } from '../client/informer-factory.ts'
import type { Informer, InformerFactory } from '../client/informer.ts'
import type { EventRecorder } from '../client/events.ts'
import { createEventRecorder } from '../client/events.ts'
import { CoreV1Node, CoreV1PersistentVolume, CoreV1Pod, CoreV1Service } from '../api/generated/kinds.ts'
import { parseResolvConf } from './container/dns.ts'
import { EvictionManager } from './eviction/eviction-manager.ts'
import { imageDiskIn } from './eviction/node-figures.ts'
import type { NodeFigures } from './eviction/node-figures.ts'
import { defaultThresholds, evictionThresholds } from './eviction/thresholds.ts'
import type { Threshold } from './eviction/thresholds.ts'
import { openCredentialProviders } from './images/credential-providers.ts'
import type { CredentialProviders } from './images/credential-providers.ts'
import { ImageCollector } from './images/image-collector.ts'
import { ImageManager } from './images/image-manager.ts'
import { allocatableOf, parseReservation } from './node-status/allocatable.plan.ts'
import type { Reservation } from './node-status/allocatable.plan.ts'
import type { NodeAgent, NodeAgentOptions } from './node-agent.ts'
import { readMachine } from './node-status/machine.ts'
import type { MachineFacts } from './node-status/machine.ts'
import { capacityOf } from './node-status/node-object.plan.ts'
import { NodeRegistrar } from './node-status/node-registrar.ts'
import { createPodCgroups } from './pod/pod-cgroups.ts'
import { PodManager } from './pod/pod-manager.ts'
import { PodRange } from './pod/pod-range.ts'
import type { PodServices } from './pod/pod-services.ts'
import { StatusWriter } from './pod/status-writer.ts'
import type { StatusSink } from './pod/status-writer.ts'
import { alwaysHealthy, createProbeExecutor } from './probes/probe-executor.ts'
import { Prober } from './probes/prober.ts'
import type { DnsConfig, RuntimeInfo } from './runtime/runtime.ts'
import { mirroredUid } from './static-pods/annotations.ts'
import { ManifestFolder } from './static-pods/manifest-folder.ts'
import { MirrorPods } from './static-pods/mirror-pods.ts'
import { createAuthenticator } from './server/node-authentication.ts'
import { NodeServer } from './server/node-server.ts'
import { CsiNode } from './volumes/csi/csi-node.ts'
import { LocalVolumes } from './volumes/local-volumes.ts'
import { ObjectSource } from './volumes/object-source.ts'
import { createTokenSource } from './volumes/service-account-tokens.ts'
import { VolumeManager } from './volumes/volume-manager.ts'
import { VolumeStatistics } from './volumes/volume-statistics.ts'

export { nodeCgroupPaths } from './container/resources.ts'
export { removeEverything } from './remove-everything.ts'
export { createDockerRuntime, createSimulatedRuntime } from './runtime/create-runtime.ts'
export { LoadGroups } from './runtime/simulated/load-group.ts'
export { readTraces } from './runtime/simulated/traces.ts'
export type { NodeAgent, NodeAgentOptions } from './node-agent.ts'
export type { ContainerRuntime } from './runtime/runtime.ts'
export type { SimulatedRuntime } from './runtime/simulated/simulated-runtime.ts'

const defaultMaxPods = 110
const defaultTransitionMs = 300_000

/** The agent of one node: pods bound to it run on its runtime. */
export function createNodeAgent(options: NodeAgentOptions): NodeAgent {
  const internalIp = options.addresses.find(({ type }) => type === 'InternalIP')?.address
  if (internalIp === undefined) throw new RangeError('addresses: one of type InternalIP is needed')
  return new ComposedAgent(options, internalIp)
}

class ComposedAgent implements NodeAgent {
  readonly #options: NodeAgentOptions
  readonly #internalIp: string
  readonly #abort = new AbortController()
  #manager: PodManager | undefined
  #registrar: NodeRegistrar | undefined
  #server: NodeServer | undefined
  #stopParts: (() => void) | undefined
  #localVolumes: LocalVolumes | undefined
  readonly #csi: CsiNode
  #credentialProviders: CredentialProviders | undefined
  readonly #thresholds: readonly Threshold[]
  readonly #reservations: readonly Reservation[]
  #manifests: ManifestFolder | undefined
  #mirrors: MirrorPods | undefined
  #images: ImageCollector | undefined
  #eviction: EvictionManager | undefined
  #nodeUid: string | undefined
  #informerRun: Promise<void> | undefined
  #machine: RuntimeInfo | undefined
  readonly #range: PodRange

  constructor(options: NodeAgentOptions, internalIp: string) {
    this.#options = options
    this.#internalIp = internalIp
    this.#thresholds = evictionThresholds(options, options.runtime.traits.isReal ? defaultThresholds : '')
    this.#reservations = [options.systemReserved, options.kubeReserved].map((text = '') => parseReservation(text))
    this.#csi = new CsiNode({
      ...options,
      log: options.log.child({ part: 'csi' }),
      onArrival: () => this.#manager?.retryVolumes(),
      onUseChange: () => this.#registrar?.reportSoon(),
    })
    this.#range = new PodRange({
      ...options,
      reserved: options.network === undefined ? [] : [options.network.gateway],
      onRange: () => {
        this.#registrar?.reportSoon()
        this.#manager?.wakeAll()
      },
      onOtherRange: (podCidr) => options.onPodCidrChange?.(podCidr),
    })
  }

  get port(): number {
    return this.#server?.port ?? this.#options.server.port
  }

  useCertificate(pair: { readonly cert: string; readonly key: string }): void {
    this.#server?.useCertificate(pair)
  }

  async start(): Promise<void> {
    const { options, facts, hostDns, informers } = await this.#foundation()
    const recorder = createEventRecorder({ ...options, component: 'kubelet', host: options.nodeName })
    const pods = informers.informer(CoreV1Pod, { fieldSelector: `spec.nodeName=${options.nodeName}` })
    const services = informers.informer(CoreV1Service)
    const persistentVolumes = informers.informer(CoreV1PersistentVolume)
    const node = informers.informer(CoreV1Node, { fieldSelector: `metadata.name=${options.nodeName}` })
    if (options.informers === undefined) this.#informerRun = informers.run(this.#abort.signal)
    const shared = this.#podServices({ facts, hostDns, recorder, services: () => services.list(), pods: () => pods.list() })
    const mirrors = this.#createMirrors(pods, shared.statusWriter)
    const manager = new PodManager({
      ...options,
      pods,
      services: shared,
      mirrors,
      owner: shared.owner,
      network: shared.settings.network,
      addresses: () => this.#range.addresses,
      onRuntimeState: (state) => {
        this.#machine = state.isUp ? state.machine : undefined
        this.#registrar?.setRuntime(state)
        if (state.isUp) manager.wakeAll()
      },
    })
    this.#manager = manager
    this.#server = new NodeServer({
      ...options.server,
      runtime: options.runtime,
      pods: manager,
      stats: options.stats,
      volumes: new VolumeStatistics({
        ...options,
        pods: () => (options.runtime.traits.isReal ? manager.workers.map(({ pod }) => pod) : []),
        measure: (pod, volume) => shared.volumes.figuresOf(pod, volume),
      }),
      authenticator: createAuthenticator({ client: options.client, clock: options.clock, nodeName: options.nodeName }),
      clock: options.clock,
      log: options.log.child({ part: 'server' }),
    })
    await this.#server.start()
    this.#registrar = this.#createRegistrar(facts, recorder)
    this.#registrar.start()
    this.#followNode(node)
    if (options.runtime.traits.isReal) this.#csi.start()
    this.#localVolumes = new LocalVolumes({ ...options, volumes: persistentVolumes })
    // Nobody waits for what is removed.
    this.#localVolumes.start(this.#abort.signal).catch((error: unknown) => {
      if (!this.#abort.signal.aborted) options.log.warn({ err: error }, 'volumes that are gone cannot be looked for')
    })
    this.#startHousekeeping(manager, shared.volumes, recorder)
    await this.#startStaticPods(manager)
    await Promise.all([services.waitForSync(this.#abort.signal), manager.start()])
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await Promise.all([
      this.#manager?.stop(),
      this.#registrar?.stop(),
      this.#server?.stop(),
      this.#manifests?.stop(),
      this.#mirrors?.stop(),
      this.#images?.stop(),
      this.#eviction?.stop(),
      this.#csi.stop(),
    ])
    this.#stopParts?.()
    this.#localVolumes?.stop()
    await this.#informerRun
  }

  async #foundation(): Promise<{ options: NodeAgentOptions; facts: MachineFacts; hostDns: DnsConfig; informers: InformerFactory }> {
    const options = this.#options
    await mkdir(options.dataDir, { recursive: true })
    const [facts, resolvConf] = await Promise.all([
      readMachine(options.dataDir),
      readFile(options.resolvConfPath ?? '/etc/resolv.conf', 'utf8').catch(() => ''),
    ])
    if (options.credentialProviders !== undefined)
      this.#credentialProviders = await openCredentialProviders({ ...options, ...options.credentialProviders })
    const informers = options.informers ?? createInformerFactory(options)
    return { options, facts, hostDns: parseResolvConf(resolvConf), informers }
  }

  #podServices(parts: {
    readonly facts: MachineFacts
    readonly hostDns: DnsConfig
    readonly recorder: EventRecorder
    readonly services: () => Iterable<CoreV1Service>
    readonly pods: () => Iterable<CoreV1Pod>
  }): PodServices {
    const options = this.#options
    const { clock, log, client, random, runtime, dataDir, clusterId, nodeName } = options
    const { recorder } = parts
    const executor = runtime.traits.isReal ? createProbeExecutor({ runtime, clock }) : alwaysHealthy
    const objects = new ObjectSource({ client, clock, log, onChange: (uid) => this.#manager?.refreshVolumes(uid) })
    const prober = new Prober({ executor, clock, recorder })
    const statusWriter = new StatusWriter({ client, clock, random, log })
    this.#stopParts = () => {
      prober.stop()
      objects.stop()
      statusWriter.stop()
    }
    const settings = {
      hostIp: this.#internalIp,
      network: options.network === undefined ? undefined : { ...options.network, clusterId },
      clusterDns: options.clusterDns,
      clusterDomain: options.clusterDomain,
      hostDns: parts.hostDns,
      hostsPath: '/etc/hosts',
      allocatable: allocatableOf(
        capacityOf({ machine: parts.facts, maxPods: options.maxPods ?? defaultMaxPods, capacity: options.capacity ?? {} }),
        this.#reservations,
        this.#thresholds,
      ),
      seccompFolder: join(dataDir, 'seccomp'),
      terms: {
        allowedUnsafeSysctls: options.allowedUnsafeSysctls ?? [],
        hasAppArmor: !runtime.traits.isReal || parts.facts.hasAppArmor,
        hasStrictGroups: !runtime.traits.isReal,
      },
    }
    return {
      owner: { clusterId, nodeName },
      runtime,
      clock,
      log: log.child({ part: 'pods' }),
      recorder,
      images: new ImageManager({
        images: runtime.images,
        clock,
        recorder,
        source: objects.forPod('image-pull-secrets'),
        providers: this.#credentialProviders,
      }),
      volumes: new VolumeManager({ dataDir, clock, csi: this.#csi.volumes }),
      objects,
      tokens: createTokenSource({ client, clock }),
      prober,
      probeExecutor: executor,
      statusWriter,
      cgroups: createPodCgroups({ root: options.cgroupRoot ?? '/sys/fs/cgroup', pods: parts.pods }),
      settings,
      pods: parts.pods,
      services: parts.services,
      addresses: () => this.#range.addresses,
      machine: () => this.#machine,
    }
  }

  #createRegistrar(facts: MachineFacts, recorder: EventRecorder): NodeRegistrar {
    const options = this.#options
    return new NodeRegistrar({
      ...options,
      recorder,
      images: options.runtime.images,
      facts: {
        nodeName: options.nodeName,
        labels: options.labels ?? {},
        addresses: options.addresses,
        port: this.port,
        maxPods: options.maxPods ?? defaultMaxPods,
        machine: facts,
        scheme: options.runtime.traits.scheme,
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        capacity: options.capacity ?? {},
        reservations: this.#reservations,
        evictionThresholds: this.#thresholds,
      },
      onNode: (node) => this.#noteNode(node),
      podCidr: () => this.#range.podCidr ?? options.preferredPodCidr,
      hasPodCidr: () => this.#range.podCidr !== undefined,
      volumesInUse: () => this.#csi.volumes.volumesInUse,
    })
  }

  /** The node's own object, for its pod range, and to register again where somebody deletes it. */
  #followNode(node: Informer<CoreV1Node>): void {
    node.onChange({
      added: (object) => this.#seeNode(object),
      updated: (object) => this.#seeNode(object),
      deleted: () => this.#registrar?.reportSoon(),
    })
  }

  #createMirrors(pods: Informer<CoreV1Pod>, statuses: StatusSink): MirrorPods {
    this.#mirrors = new MirrorPods({
      ...this.#options,
      statuses,
      nodeUid: () => this.#nodeUid,
      mirrors: () => (pods.hasSynced ? [...pods.list()].filter((pod) => mirroredUid(pod) !== undefined) : undefined),
    })
    return this.#mirrors
  }

  /** What keeps the node itself from running out. */
  #startHousekeeping(manager: PodManager, volumes: VolumeManager, recorder: EventRecorder): void {
    const { runtime, stats, imageCollection, evictionTransitionMs = defaultTransitionMs } = this.#options
    if (imageCollection !== undefined) {
      const disk = async () => imageDiskIn((await stats.summary()) as NodeFigures)
      this.#images = new ImageCollector({ ...this.#options, ...imageCollection, images: runtime.images, disk })
      this.#images.start()
    }
    const thresholds = this.#thresholds
    if (thresholds.length === 0 && !runtime.traits.isReal) return
    this.#eviction = new EvictionManager({
      ...this.#options,
      recorder,
      thresholds,
      transitionMs: evictionTransitionMs,
      maxPodGraceSeconds: this.#options.evictionMaxPodGracePeriod ?? 0,
      emptyDirUse: (pod) => volumes.emptyDirUse(pod),
      figures: () => stats.summary(),
      workers: () => manager.workers,
      reclaimDisk: async () => this.#images?.removeUnused(),
      onPressure: (pressures) => this.#registrar?.setPressures(pressures),
    })
    this.#eviction.start()
  }

  async #startStaticPods(manager: PodManager): Promise<void> {
    const { podManifestPath, runtime, dataDir } = this.#options
    if (podManifestPath === undefined && !runtime.traits.isReal) return
    const path = podManifestPath ?? join(dataDir, 'manifests')
    this.#manifests = new ManifestFolder({ ...this.#options, path, onChange: (pods) => manager.setStaticPods(pods) })
    await this.#manifests.start()
  }

  #seeNode(node: CoreV1Node): void {
    this.#noteNode(node)
    // This agent was silent for too long, as seen from the cluster, and can be heard again.
    if (node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'Unknown') === true)
      this.#registrar?.reportSoon()
  }

  #noteNode({ metadata, spec }: CoreV1Node): void {
    this.#nodeUid = metadata.uid
    this.#range.note(spec.podCIDR)
  }
}
