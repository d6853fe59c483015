import { open, readFile } from 'node:fs/promises'
import type { CoreV1Container, CoreV1EphemeralContainer, CoreV1Pod } from '../../api/generated/kinds.ts'
import { ConfigurationError } from '../container/configuration-error.ts'
import { containerConfig, identityOf } from '../container/container-config.ts'
import type { ContainerConfigInput } from '../container/container-config.ts'
import { dnsConfigOf, formatHostNetworkHosts, formatHosts, formatResolvConf, innerNameOf } from '../container/dns.ts'
import { makeEnvironment } from '../container/environment.ts'
import type { NodeFacts } from '../container/field-reference.ts'
import { cgroupParentOf, containerResources } from '../container/resources.ts'
import { seccompOf } from '../container/security.ts'
import { containerReference } from '../images/image-manager.ts'
import { RuntimeUnavailableError } from '../runtime/runtime.ts'
import type { Mount, ObservedContainer, PortMapping, RuntimeInfo, SandboxConfig } from '../runtime/runtime.ts'
import { runPostStart } from './lifecycle-hooks.ts'
import type { PodServices } from './pod-services.ts'
import { allContainersOf } from './pod-view.ts'

/** The kernel's limit of what is kept of a termination message, as in the kubelet. */
const maxTerminationMessageBytes = 4096
/** Of all containers of a pod together. */
const maxPodTerminationMessageBytes = 12_288
const maxFallbackLines = 80
const maxFallbackBytes = 2048
const defaultTerminationPath = '/dev/termination-log'
const defaultGraceSeconds = 30

/** A pod cannot get a network of its own yet. */
export class NetworkNotReadyError extends Error {
  readonly code = 'network'
}

/** The steps of a pod's life, each against the real world. They know nothing of order: the plan does. */
export class PodOperations {
  readonly #services: PodServices

  constructor(services: PodServices) {
    this.#services = services
  }

  /** Address, resolver files, sandbox. */
  async createSandbox(pod: CoreV1Pod, attempt: number): Promise<ObservedContainer> {
    const { runtime } = this.#services
    const machine = this.#machine()
    if (pod.spec.hostUsers === false && runtime.traits.isReal)
      throw new Error("can't set spec.hostUsers: user namespaces are not supported by the container runtime")
    const network = this.#networkOf(pod)
    await this.#makeCgroup(pod, machine)
    if (runtime.traits.isReal) await this.#writeResolverFiles(pod, network)
    const handler = await this.#handlerOf(pod)
    return runtime.createSandbox({ ...this.#sandboxConfig(pod, attempt, network, machine), ...(handler === undefined ? {} : { handler }) })
  }

  /** Makes volumes, or makes them follow what they are made from; answers when they are due again. */
  async prepareVolumes(pod: CoreV1Pod, podIp: string): Promise<{ readonly refreshAtMs?: number }> {
    const { volumes, runtime } = this.#services
    volumes.requireDrivers(pod)
    return runtime.traits.isReal ? volumes.prepare(this.#contentInput(pod, podIp)) : {}
  }

  /** Image, environment, container, start, postStart. `observe` is told each step; `signal` cuts waiting for an image short. */
  async startContainer(
    pod: CoreV1Pod,
    container: CoreV1Container | CoreV1EphemeralContainer,
    options: {
      readonly attempt: number
      readonly sandbox: ObservedContainer
      readonly target: ObservedContainer | undefined
      readonly signal: AbortSignal
      readonly observe: (container: ObservedContainer) => void
    },
  ): Promise<void> {
    const { runtime, images, recorder } = this.#services
    const about = containerReference(pod, container)
    const podIp = options.sandbox.ip ?? this.#services.settings.hostIp
    const machine = this.#machine()
    verifyTarget(container, options.target)
    const [image, context] = await Promise.all([
      abortable(images.ensure(pod, container), options.signal),
      this.#contextOf(pod, container, options.attempt, podIp),
    ])
    options.signal.throwIfAborted()
    const config = containerConfig({
      owner: this.#services.owner,
      pod,
      container,
      attempt: options.attempt,
      sandboxId: options.sandbox.id,
      targetId: options.target?.id,
      image,
      ...context,
      machine,
    })
    const created = await runtime.createContainer(config)
    options.observe(created)
    recorder.event(about, 'Normal', 'Created', 'Container created')
    await this.#start(created, about, options.observe)
    if (container.lifecycle?.postStart !== undefined) await runPostStart(this.#services, pod, container, { observed: created, podIp })
  }

  /** Gives a running container the limits that its pod asks for now; the pod's own group grows before it and shrinks after it. */
  async resizeContainer(pod: CoreV1Pod, container: CoreV1Container, observed: ObservedContainer): Promise<void> {
    const { runtime } = this.#services
    const machine = this.#machine()
    const limits = containerResources(pod, container, machine.memoryBytes)
    await this.#makeCgroup(pod, machine)
    await runtime.updateContainer(observed.id, limits)
    await this.#makeCgroup(pod, machine)
  }

  /** Takes away everything that was made for a pod. */
  async cleanUp(pod: CoreV1Pod, containers: readonly ObservedContainer[], sandboxes: readonly ObservedContainer[]): Promise<void> {
    const { runtime, volumes, objects, tokens, cgroups } = this.#services
    const uid = pod.metadata.uid!
    await Promise.all(containers.map(({ id }) => runtime.removeContainer(id)))
    await Promise.all(sandboxes.map(({ id }) => runtime.removeSandbox(id)))
    if (runtime.traits.isReal) {
      await volumes.remove(uid)
      await this.#removeCgroup(pod, cgroups)
    }
    objects.release(uid)
    tokens.forget(uid)
    this.releaseAddress(uid)
  }

  /** Removes a sandbox that is not to come back, and gives its address back. */
  async removeSandbox(pod: CoreV1Pod, sandbox: ObservedContainer): Promise<void> {
    await this.#services.runtime.removeSandbox(sandbox.id)
    this.releaseAddress(pod.metadata.uid!)
  }

  releaseAddress(uid: string): void {
    this.#services.addresses()?.release(uid)
  }

  /** What a container that has ended left to say, by its termination message policy. */
  async terminationMessage(pod: CoreV1Pod, observed: ObservedContainer): Promise<string | undefined> {
    const { volumes, runtime } = this.#services
    if (!runtime.traits.isReal) return undefined
    const { containers, initContainers = [] } = pod.spec
    const share = Math.floor(maxPodTerminationMessageBytes / Math.max(containers.length + initContainers.length, 1))
    const limit = Math.min(maxTerminationMessageBytes, share)
    const message = await readStart(volumes.terminationLogPath(pod.metadata.uid!, observed.name, observed.attempt), limit)
    if (message !== '') return message
    const container = allContainersOf(pod).find(({ name }) => name === observed.name)
    if (container?.terminationMessagePolicy !== 'FallbackToLogsOnError' || observed.exitCode === 0) return undefined
    const abort = new AbortController()
    const stream = await runtime.logs(observed.id, { follow: false, timestamps: false, tailLines: maxFallbackLines }, abort.signal)
    const chunks: Buffer[] = []
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
    return Buffer.concat(chunks).subarray(-Math.min(maxFallbackBytes, limit)).toString('utf8')
  }

  /** What the pod's class says it is to be run by. */
  async #handlerOf({ metadata, spec }: CoreV1Pod): Promise<string | undefined> {
    const { runtime, objects } = this.#services
    const name = spec.runtimeClassName ?? ''
    if (name === '' || !runtime.traits.isReal) return undefined
    const found = await objects.forPod(metadata.uid!).runtimeClass(name)
    if (found === undefined) throw new Error(`failed to get sandbox runtime: runtimeclass.node.k8s.io "${name}" not found`)
    return found.handler
  }

  #machine(): RuntimeInfo {
    const machine = this.#services.machine()
    if (machine === undefined) throw new RuntimeUnavailableError('the container runtime is gone')
    return machine
  }

  #networkOf(pod: CoreV1Pod): SandboxConfig['network'] {
    if (pod.spec.hostNetwork === true) return { kind: 'host' }
    const { settings, addresses } = this.#services
    const pool = addresses()
    if (pool === undefined) throw new NetworkNotReadyError('network is not ready: the node has no pod CIDR yet')
    const ip = pool.take(pod.metadata.uid!)
    if (ip === undefined) throw new NetworkNotReadyError('no address is left in the pod CIDR of this node')
    return { kind: 'pod', networkName: settings.network?.name ?? '', ip }
  }

  #sandboxConfig(pod: CoreV1Pod, attempt: number, network: SandboxConfig['network'], machine: RuntimeInfo): SandboxConfig {
    const { owner, settings } = this.#services
    const cgroupParent = cgroupParentOf({ ...owner, pod, driver: machine.cgroupDriver })
    const sysctls = pod.spec.securityContext?.sysctls ?? []
    return {
      owner,
      pod: identityOf(pod),
      attempt,
      ...innerNameOf(pod, settings.clusterDomain),
      network,
      portMappings: network.kind === 'host' ? [] : portMappingsOf(pod),
      dns: dnsConfigOf({ pod, clusterDns: settings.clusterDns, clusterDomain: settings.clusterDomain, host: settings.hostDns }),
      ...(cgroupParent === undefined ? {} : { cgroupParent }),
      ...(sysctls.length === 0 ? {} : { sysctls: Object.fromEntries(sysctls.map(({ name, value }) => [name, value])) }),
      graceSeconds: pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds,
      usesHostIpc: pod.spec.hostIPC === true,
      usesHostPid: pod.spec.hostPID === true,
      annotations: pod.metadata.annotations ?? {},
    }
  }

  async #writeResolverFiles(pod: CoreV1Pod, network: SandboxConfig['network']): Promise<void> {
    const { volumes, settings } = this.#services
    const uid = pod.metadata.uid!
    const hosts =
      network.kind === 'host'
        ? formatHostNetworkHosts(pod, await readFile(settings.hostsPath, 'utf8').catch(() => ''))
        : formatHosts(pod, network.ip, settings.clusterDomain)
    const dns = dnsConfigOf({ pod, clusterDns: settings.clusterDns, clusterDomain: settings.clusterDomain, host: settings.hostDns })
    await Promise.all([volumes.writePodFile(uid, 'etc/resolv.conf', formatResolvConf(dns)), volumes.writePodFile(uid, 'etc/hosts', hosts)])
  }

  #contentInput(pod: CoreV1Pod, podIp: string) {
    return { pod, facts: this.#facts(podIp), source: this.#services.objects.forPod(pod.metadata.uid!), tokens: this.#services.tokens }
  }

  #facts(podIp: string): NodeFacts {
    const { hostIp, allocatable } = this.#services.settings
    return { hostIp, podIp, allocatable }
  }

  async #contextOf(
    pod: CoreV1Pod,
    container: CoreV1Container,
    attempt: number,
    podIp: string,
  ): Promise<Pick<ContainerConfigInput, 'environment' | 'mounts' | 'devices' | 'seccomp' | 'handler'>> {
    const { objects, services, runtime, volumes, settings } = this.#services
    const source = objects.forPod(pod.metadata.uid!)
    if (!runtime.traits.isReal) return { environment: new Map(), mounts: [], devices: [] }
    const environment = await makeEnvironment({ pod, container, services: services(), facts: this.#facts(podIp), source })
    const [mounts, devices, seccomp, handler] = await Promise.all([
      this.#mountsOf(pod, container, attempt, environment),
      volumes.devicesOf(pod, container),
      seccompOf(pod, container, settings.seccompFolder),
      this.#handlerOf(pod),
    ])
    return { environment, mounts, devices, ...(seccomp === undefined ? {} : { seccomp }), ...(handler === undefined ? {} : { handler }) }
  }

  async #mountsOf(pod: CoreV1Pod, container: CoreV1Container, attempt: number, environment: ReadonlyMap<string, string>): Promise<Mount[]> {
    const { volumes } = this.#services
    const uid = pod.metadata.uid!
    const [mounts, terminationLog] = await Promise.all([
      volumes.mountsOf(pod, container, { environment, hasRecursiveReadOnly: this.#machine().hasRecursiveReadOnly }),
      volumes.terminationLog(uid, container.name, attempt),
    ])
    const etc = (name: string): Mount => ({
      hostPath: `${volumes.podDirectory(uid)}/etc/${name}`,
      containerPath: `/etc/${name}`,
      isReadOnly: false,
    })
    const own = [
      etc('resolv.conf'),
      etc('hosts'),
      { hostPath: terminationLog, containerPath: container.terminationMessagePath ?? defaultTerminationPath, isReadOnly: false },
    ]
    const taken = new Set(mounts.map(({ containerPath }) => containerPath))
    return [...mounts, ...own.filter(({ containerPath }) => !taken.has(containerPath))]
  }

  async #start(
    created: ObservedContainer,
    about: ReturnType<typeof containerReference>,
    observe: (container: ObservedContainer) => void,
  ): Promise<void> {
    const { runtime, recorder, clock } = this.#services
    try {
      observe(await runtime.startContainer(created.id))
      recorder.event(about, 'Normal', 'Started', 'Container started')
    } catch (error) {
      const { message } = error as Error
      recorder.event(about, 'Warning', 'Failed', `Error: failed to start container "${created.name}": ${message}`)
      if (error instanceof RuntimeUnavailableError) throw error
      // Where nothing ran there is no exit code: 128 is what a runtime gives for it.
      observe({ ...created, state: 'exited', exitCode: 128, finishedAtMs: clock.now(), error: message })
    }
  }

  /** What the engine makes itself where this fails has no limits of its own, but the containers in it have theirs. */
  async #makeCgroup(pod: CoreV1Pod, machine: RuntimeInfo): Promise<void> {
    const { runtime, cgroups, owner, log } = this.#services
    if (!runtime.traits.isReal || machine.cgroupDriver !== 'cgroupfs') return
    try {
      await cgroups.make(owner, pod)
    } catch (error) {
      log.warn({ err: error, namespace: pod.metadata.namespace, name: pod.metadata.name }, 'the pod has no limits of its own')
    }
  }

  async #removeCgroup(pod: CoreV1Pod, cgroups: PodServices['cgroups']): Promise<void> {
    const driver = this.#services.machine()?.cgroupDriver
    if (driver !== undefined) await cgroups.remove(cgroupParentOf({ ...this.#services.owner, pod, driver }))
  }
}

/** An ephemeral container that is to see another's processes cannot start before that one runs. */
function verifyTarget(container: CoreV1Container | CoreV1EphemeralContainer, target: ObservedContainer | undefined): void {
  if (!('targetContainerName' in container) || !container.targetContainerName || target !== undefined) return
  throw new ConfigurationError(`unable to find target container "${container.targetContainerName}"`)
}

function portMappingsOf(pod: CoreV1Pod): PortMapping[] {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, containerPort, protocol = 'TCP' }) =>
      hostPort === undefined || hostPort === 0
        ? []
        : [
            {
              ...(hostIP === undefined ? {} : { hostIp: hostIP }),
              hostPort,
              containerPort,
              protocol: protocol.toLowerCase() as PortMapping['protocol'],
            },
          ],
    ),
  )
}

/** Stops waiting, not the work itself, when the signal aborts. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error)
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

async function readStart(path: string, maxBytes: number): Promise<string> {
  try {
    await using file = await open(path)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } catch {
    return ''
  }
}
