import type { CoreV1ContainerPort, CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import { parseResources, podRequests } from './pod-requests.ts'
import type { Resources } from './pod-requests.ts'

/** A node with the pods that are, or are about to be, on it, and their sums: kept up to date pod by pod. */
export class NodeInfo {
  readonly name: string
  readonly pods = new Map<string, CoreV1Pod>()
  readonly requested = new Map<string, number>()
  scoredCpuMillicores = 0
  scoredMemoryBytes = 0
  /** `protocol/ip/port` of host ports in use, with how many pods use each. */
  readonly hostPorts = new Map<string, number>()
  #node: CoreV1Node | undefined
  #allocatable: Resources = new Map()
  #images: ReadonlyMap<string, number> = new Map()

  constructor(name: string) {
    this.name = name
  }

  /** The node's object; pods may be known before it is. */
  get node(): CoreV1Node | undefined {
    return this.#node
  }

  get allocatable(): Resources {
    return this.#allocatable
  }

  /** Bytes of each image that the node has, by every name of it. */
  get images(): ReadonlyMap<string, number> {
    return this.#images
  }

  set node(node: CoreV1Node | undefined) {
    this.#node = node
    this.#allocatable = parseResources(node?.status?.allocatable)
    this.#images = new Map(
      (node?.status?.images ?? []).flatMap(({ names = [], sizeBytes = 0 }) =>
        names.map((name) => [normalizeImage(name), sizeBytes] as const),
      ),
    )
  }

  addPod(pod: CoreV1Pod): void {
    this.pods.set(pod.metadata.uid!, pod)
    this.#count(pod, 1)
  }

  removePod(uid: string): void {
    const pod = this.pods.get(uid)
    if (pod === undefined) return
    this.pods.delete(uid)
    this.#count(pod, -1)
  }

  #count(pod: CoreV1Pod, sign: 1 | -1): void {
    const { requests, scoredCpuMillicores, scoredMemoryBytes } = podRequests(pod)
    for (const [name, amount] of requests) this.requested.set(name, (this.requested.get(name) ?? 0) + sign * amount)
    this.scoredCpuMillicores += sign * scoredCpuMillicores
    this.scoredMemoryBytes += sign * scoredMemoryBytes
    for (const port of hostPortsOf(pod)) {
      const users = (this.hostPorts.get(portKey(port)) ?? 0) + sign
      if (users > 0) this.hostPorts.set(portKey(port), users)
      else this.hostPorts.delete(portKey(port))
    }
  }
}

/** The image with the tag that a runtime would add. */
export function normalizeImage(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') && !image.includes('@') ? `${image}:latest` : image
}

/** The ports that a pod wants of its node. */
export function hostPortsOf({ spec }: CoreV1Pod): readonly CoreV1ContainerPort[] {
  const ports: CoreV1ContainerPort[] = []
  for (const { ports: declared = [] } of spec.containers) for (const port of declared) if ((port.hostPort ?? 0) > 0) ports.push(port)
  return ports
}

/** How `hostPorts` names a port; all addresses is 0.0.0.0. */
export const portKey = ({ protocol = 'TCP', hostIP, hostPort }: CoreV1ContainerPort) =>
  `${protocol}/${hostIP === undefined || hostIP === '' ? '0.0.0.0' : hostIP}/${hostPort}`
