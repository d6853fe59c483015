import type { ContainerConfig, ObservedContainer, Owner, PodIdentity, SandboxConfig } from '../runtime.ts'

/** Labels that the node agent puts on containers and the collector reads. */
export const label = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
  type: 'io.kubernetes.docker.type',
  restartCount: 'io.kubernetes.container.restartCount',
  node: 'binnacle.node',
  cluster: 'binnacle.cluster',
  ip: 'binnacle.pod-ip',
  image: 'binnacle.image',
  tty: 'binnacle.tty',
  sandboxId: 'io.kubernetes.sandbox.id',
  graceSeconds: 'io.kubernetes.pod.terminationGracePeriod',
} as const

/** The container name that marks a sandbox. */
export const sandboxName = 'POD'

type Labels = Readonly<Record<string, string>>

/** `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`, as collectors and people expect it. */
export function dockerName(pod: PodIdentity, container: string, attempt: number): string {
  return `k8s_${container}_${pod.name}_${pod.namespace}_${pod.uid}_${attempt}`
}

/** The labels of a sandbox. */
export function sandboxLabels(config: SandboxConfig): Record<string, string> {
  const ip: Record<string, string> = config.network.kind === 'pod' ? { [label.ip]: config.network.ip } : {}
  return {
    ...identityLabels(config.owner, config.pod, sandboxName, config.attempt),
    [label.type]: 'podsandbox',
    [label.graceSeconds]: String(config.graceSeconds),
    ...ip,
  }
}

/** The labels of a container. */
export function containerLabels(config: ContainerConfig): Record<string, string> {
  return {
    ...identityLabels(config.owner, config.pod, config.name, config.attempt),
    [label.type]: 'container',
    [label.image]: config.image,
    [label.sandboxId]: config.sandboxId,
    [label.graceSeconds]: String(config.graceSeconds),
    ...(config.tty ? { [label.tty]: 'true' } : {}),
  }
}

function identityLabels(owner: Owner, pod: PodIdentity, name: string, attempt: number): Record<string, string> {
  return {
    [label.podName]: pod.name,
    [label.podNamespace]: pod.namespace,
    [label.podUid]: pod.uid,
    [label.containerName]: name,
    [label.restartCount]: String(attempt),
    [label.node]: owner.nodeName,
    [label.cluster]: owner.clusterId,
  }
}

/** The part of an observation that labels tell; `undefined` where they are not ours. */
export function identityOf(
  labels: Labels,
): Pick<ObservedContainer, 'kind' | 'pod' | 'name' | 'attempt' | 'ip' | 'sandboxId' | 'graceSeconds'> | undefined {
  const uid = labels[label.podUid]
  const name = labels[label.containerName]
  if (uid === undefined || name === undefined) return undefined
  const attempt = Number(labels[label.restartCount])
  const ip = labels[label.ip]
  const sandboxId = labels[label.sandboxId]
  const graceSeconds = Number(labels[label.graceSeconds] ?? NaN)
  return {
    kind: labels[label.type] === 'podsandbox' ? 'sandbox' : 'container',
    pod: { uid, name: labels[label.podName] ?? '', namespace: labels[label.podNamespace] ?? '' },
    name,
    attempt: Number.isInteger(attempt) && attempt >= 0 ? attempt : 0,
    ...(ip === undefined ? {} : { ip }),
    ...(sandboxId === undefined ? {} : { sandboxId }),
    ...(graceSeconds >= 0 ? { graceSeconds } : {}),
  }
}

/** The label filter of an owner, for list and events. */
export function ownerFilter(owner: { readonly clusterId: string; readonly nodeName?: string }): string[] {
  const node = owner.nodeName === undefined ? [] : [`${label.node}=${owner.nodeName}`]
  return [`${label.cluster}=${owner.clusterId}`, ...node]
}
