import type Docker from 'dockerode'
import type { ContainerConfig, ContainerResources, ContainerSecurity, Device, Mount, PortMapping, SandboxConfig } from '../runtime.ts'
import { containerLabels, dockerName, sandboxLabels } from './docker-labels.ts'

/** Log files stay below ten files of 10 MiB, as the kubelet keeps them by default. */
const logConfig = { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '5' } }

/** The memory killer takes containers of a pod before its sandbox. */
const sandboxOomScoreAdjust = -998

/** What Docker is asked for to make a sandbox. `minOomScoreAdjust`: no lower score, where the engine may not set one. */
export function sandboxOptions(config: SandboxConfig, image: string, minOomScoreAdjust: number): Docker.ContainerCreateOptions {
  const isHost = config.network.kind === 'host'
  return {
    name: dockerName(config.pod, 'POD', config.attempt),
    Image: image,
    Entrypoint: ['/pause'],
    Cmd: [],
    ...(isHost ? {} : { Hostname: config.hostname, ...(config.domainname === undefined ? {} : { Domainname: config.domainname }) }),
    Labels: sandboxLabels(config),
    ExposedPorts: Object.fromEntries(config.portMappings.map((mapping) => [portKey(mapping), {}])),
    HostConfig: {
      NetworkMode: config.network.kind === 'host' ? 'host' : config.network.networkName,
      PortBindings: portBindings(config.portMappings),
      IpcMode: config.usesHostIpc ? 'host' : 'shareable',
      ...(config.usesHostPid ? { PidMode: 'host' } : {}),
      ...(config.handler === undefined ? {} : { Runtime: config.handler }),
      ...(isHost ? {} : { Dns: [...config.dns.nameservers], DnsSearch: [...config.dns.searches], DnsOptions: [...config.dns.options] }),
      ...(config.cgroupParent === undefined ? {} : { CgroupParent: config.cgroupParent }),
      ...(config.sysctls === undefined ? {} : { Sysctls: { ...config.sysctls } }),
      CpuShares: 2,
      OomScoreAdj: Math.max(sandboxOomScoreAdjust, minOomScoreAdjust),
      LogConfig: { Type: 'none', Config: {} },
      ReadonlyRootfs: true,
      SecurityOpt: ['no-new-privileges'],
    },
    ...(config.network.kind === 'host'
      ? {}
      : { NetworkingConfig: { EndpointsConfig: { [config.network.networkName]: { IPAMConfig: { IPv4Address: config.network.ip } } } } }),
  }
}

/** A container that shows whether the engine may set OOM scores below 0. */
export function oomProbeOptions(image: string, labels: Record<string, string>): Docker.ContainerCreateOptions {
  return {
    Image: image,
    Entrypoint: ['/pause'],
    Cmd: [],
    Labels: labels,
    HostConfig: { NetworkMode: 'none', OomScoreAdj: sandboxOomScoreAdjust, LogConfig: { Type: 'none', Config: {} } },
  }
}

/** What Docker is asked for to make a container in a sandbox. */
export function containerOptions(config: ContainerConfig, minOomScoreAdjust: number): Docker.ContainerCreateOptions {
  const sandboxMode = `container:${config.sandboxId}`
  return {
    name: dockerName(config.pod, config.name, config.attempt),
    Image: config.imageId,
    ...(config.command === undefined ? {} : { Entrypoint: [...config.command] }),
    ...(config.args !== undefined ? { Cmd: [...config.args] } : config.command !== undefined ? { Cmd: [] } : {}),
    Env: [...config.environment],
    ...(config.workingDir === undefined ? {} : { WorkingDir: config.workingDir }),
    ...(config.security.user === undefined ? {} : { User: config.security.user }),
    ...(config.stopSignal === undefined ? {} : { StopSignal: config.stopSignal }),
    Tty: config.tty,
    OpenStdin: config.stdin,
    StdinOnce: config.stdinOnce,
    Labels: containerLabels(config),
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: config.usesHostNetwork ? 'host' : sandboxMode,
      IpcMode: config.usesHostIpc ? 'host' : sandboxMode,
      ...pidMode(config),
      Mounts: config.mounts.map((mount) => ({
        Type: 'bind' as const,
        Source: mount.hostPath,
        Target: mount.containerPath,
        ReadOnly: mount.isReadOnly,
        // The types want a propagation, the engine does not.
        BindOptions: bindOptions(mount) as Docker.MountSettings['BindOptions'],
      })),
      ...(config.handler === undefined ? {} : { Runtime: config.handler }),
      ...(config.devices.length === 0 ? {} : { Devices: config.devices.map(deviceOf) }),
      ...(config.cgroupParent === undefined ? {} : { CgroupParent: config.cgroupParent }),
      ...resourceOptions(config.resources, minOomScoreAdjust),
      ...securityOptions(config.security),
      LogConfig: logConfig,
    },
  }
}

/**
 * Without a word on propagation the engine takes `rprivate`, and `rslave` for what its own data lies in, as the machine's root: it refuses to be told to make that
 * private. Engines before 25 know nothing of the last two, and make nothing read-only below a mount.
 */
export const bindOptions = ({ propagation, isReadOnly, isRecursivelyReadOnly }: Omit<Mount, 'hostPath' | 'containerPath'>) => ({
  ...(propagation === undefined ? {} : { Propagation: propagation }),
  ...(isReadOnly ? (isRecursivelyReadOnly === true ? { ReadOnlyForceRecursive: true } : { ReadOnlyNonRecursive: true }) : {}),
})

function pidMode({ pidNamespace, sandboxId }: ContainerConfig): Docker.HostConfig {
  if (pidNamespace === 'own') return {}
  if (pidNamespace === 'host') return { PidMode: 'host' }
  return { PidMode: `container:${pidNamespace === 'sandbox' ? sandboxId : pidNamespace.containerId}` }
}

/** What Docker is asked for to change a running container's limits; -1 takes one away. */
export function updateOptions(resources: ContainerResources): Docker.HostConfig {
  const { cpuShares, cpuQuotaMicroseconds = -1, cpuPeriodMicroseconds = 100_000, memoryBytes = -1 } = resources
  return {
    CpuShares: cpuShares,
    CpuQuota: cpuQuotaMicroseconds,
    CpuPeriod: cpuPeriodMicroseconds,
    ...(memoryBytes === -1 ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
  }
}

function resourceOptions(resources: ContainerResources, minOomScoreAdjust: number): Docker.HostConfig {
  return {
    CpuShares: resources.cpuShares,
    ...(resources.cpuQuotaMicroseconds === undefined
      ? {}
      : { CpuQuota: resources.cpuQuotaMicroseconds, CpuPeriod: resources.cpuPeriodMicroseconds ?? 100_000 }),
    // The same value for memory and swap means no swap, as the kubelet has it.
    ...(resources.memoryBytes === undefined ? {} : { Memory: resources.memoryBytes, MemorySwap: resources.memoryBytes }),
    OomScoreAdj: Math.max(resources.oomScoreAdjust, minOomScoreAdjust),
  }
}

function securityOptions(security: ContainerSecurity): Docker.HostConfig {
  const options = [
    ...(security.forbidsNewPrivileges ? ['no-new-privileges'] : []),
    ...(security.seccomp === undefined ? [] : [`seccomp=${security.seccomp}`]),
    ...(security.appArmor === undefined ? [] : [`apparmor=${security.appArmor}`]),
    ...(security.seLinuxLabels ?? []).map((label) => `label=${label}`),
  ]
  return {
    Privileged: security.isPrivileged,
    CapAdd: [...security.addedCapabilities],
    CapDrop: [...security.droppedCapabilities],
    ReadonlyRootfs: security.hasReadOnlyRoot,
    ...(security.hasUnmaskedProc === true ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    GroupAdd: security.supplementalGroups.map(String),
    ...(options.length === 0 ? {} : { SecurityOpt: options }),
  }
}

const deviceOf = ({ hostPath, containerPath, isReadOnly }: Device) => ({
  PathOnHost: hostPath,
  PathInContainer: containerPath,
  CgroupPermissions: isReadOnly ? 'r' : 'rwm',
})

const portKey = (mapping: PortMapping) => `${mapping.containerPort}/${mapping.protocol}`

function portBindings(mappings: readonly PortMapping[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {}
  for (const mapping of mappings) {
    const list = (bindings[portKey(mapping)] ??= [])
    list.push({ HostIp: mapping.hostIp ?? '', HostPort: String(mapping.hostPort) })
  }
  return bindings
}
