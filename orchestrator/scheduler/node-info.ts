import type { CoreV1ContainerPort, CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import { parseResources, podRequests } from './pod-requests.ts'
import { priorityOf } from './pod-phase.ts'

/** Pods that fit on a node that doesn't say how many do. */
const defaultMaxPods = 110
const nothing: ReadonlyMap<string, number> = new Map()

/** A node with the pods that are, or are about to be, on it, and their sums: kept up to date pod by pod. */
export class NodeInfo {
  readonly name: string
  readonly pods = new Map<string, CoreV1Pod>()
  requestedCpu = 0
  requestedMemory = 0
  /** Neither CPU nor memory. */
  readonly requestedOthers = new Map<string, number>()
  scoredCpuMillicores = 0
  scoredMemoryBytes = 0
  allocatableCpu = 0
  allocatableMemory = 0
  maxPods = defaultMaxPods
  /** `protocol/ip/port` of host ports in use, with how many pods use each. */
  readonly hostPorts = new Map<string, number>()
  #node: CoreV1Node | undefined
  #allocatable = nothing
  #images = nothing
  /** The least important pod's; `undefined` until somebody asks again. */
  #lowestPriority: number | undefined

  constructor(name: string) {
    this.name = name
  }

  /** The node's object; pods may be known before it is. */
  get node(): CoreV1Node | undefined {
    return this.#node
  }

  /** Bytes of each image that the node has, by every name of it. */
  get images(): ReadonlyMap<string, number> {
    return this.#images
  }

  set node(node: CoreV1Node | undefined) {
    const previous = this.#node
    this.#node = node
    if (node?.status?.allocatable !== previous?.status?.allocatable || node === undefined) {
      this.#allocatable = parseResources(node?.status?.allocatable)
      this.allocatableCpu = this.#allocatable.get('cpu') ?? 0
      this.allocatableMemory = this.#allocatable.get('memory') ?? 0
      this.maxPods = this.#allocatable.get('pods') ?? defaultMaxPods
    }
    if (node?.status?.images !== previous?.status?.images) this.#images = readImages(node)
  }

  /** What the node offers of a resource; 0 where it has none. */
  allocatable(name: string): number {
    if (name === 'cpu') return this.allocatableCpu
    if (name === 'memory') return this.allocatableMemory
    return this.#allocatable.get(name) ?? 0
  }

  /** What its pods ask for. */
  requested(name: string): number {
    if (name === 'cpu') return this.requestedCpu
    return name === 'memory' ? this.requestedMemory : (this.requestedOthers.get(name) ?? 0)
  }

  /** The priority of the least important pod; `Infinity` without pods. */
  get lowestPriority(): number {
    if (this.#lowestPriority === undefined) {
      let lowest = Infinity
      for (const pod of this.pods.values()) lowest = Math.min(lowest, priorityOf(pod))
      this.#lowestPriority = lowest
    }
    return this.#lowestPriority
  }

  addPod(pod: CoreV1Pod): void {
    this.pods.set(pod.metadata.uid!, pod)
    if (this.#lowestPriority !== undefined) this.#lowestPriority = Math.min(this.#lowestPriority, priorityOf(pod))
    this.#count(pod, 1)
  }

  removePod(uid: string): void {
    const pod = this.pods.get(uid)
    if (pod === undefined) return
    this.pods.delete(uid)
    if (priorityOf(pod) === this.#lowestPriority) this.#lowestPriority = undefined
    this.#count(pod, -1)
  }

  #count(pod: CoreV1Pod, sign: 1 | -1): void {
    const { requests, scoredCpuMillicores, scoredMemoryBytes } = podRequests(pod)
    this.requestedCpu += sign * requests.cpu
    this.requestedMemory += sign * requests.memory
    for (const [name, amount] of requests.others) this.requestedOthers.set(name, (this.requestedOthers.get(name) ?? 0) + sign * amount)
    this.scoredCpuMillicores += sign * scoredCpuMillicores
    this.scoredMemoryBytes += sign * scoredMemoryBytes
    for (const port of hostPortsOf(pod)) {
      const users = (this.hostPorts.get(portKey(port)) ?? 0) + sign
      if (users > 0) this.hostPorts.set(portKey(port), users)
      else this.hostPorts.delete(portKey(port))
    }
  }
}

function readImages(node: CoreV1Node | undefined): ReadonlyMap<string, number> {
  const images = node?.status?.images ?? []
  if (images.length === 0) return nothing
  return new Map(
    images.flatMap(({ names = [], sizeBytes = 0 }) => names.map((name): [string, number] => [normalizeImage(name), sizeBytes])),
  )
}

/** The image with the tag that a runtime would add. */
export function normalizeImage(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') && !image.includes('@') ? `${image}:latest` : image
}

const noPorts: readonly CoreV1ContainerPort[] = []

/** The ports that a pod wants of its node: its containers' and its sidecars'. */
export function hostPortsOf({ spec }: CoreV1Pod): readonly CoreV1ContainerPort[] {
  let found: CoreV1ContainerPort[] | undefined
  for (const { ports } of spec.containers) if (ports !== undefined) found = collect(ports, found)
  for (const { ports, restartPolicy } of spec.initContainers ?? [])
    if (ports !== undefined && restartPolicy === 'Always') found = collect(ports, found)
  return found ?? noPorts
}

function collect(ports: readonly CoreV1ContainerPort[], found: CoreV1ContainerPort[] | undefined): CoreV1ContainerPort[] | undefined {
  for (const port of ports) if ((port.hostPort ?? 0) > 0) (found ??= []).push(port)
  return found
}

/** How `hostPorts` names a port; all addresses is 0.0.0.0. */
export const portKey = ({ protocol = 'TCP', hostIP, hostPort }: CoreV1ContainerPort) =>
  `${protocol}/${hostIP === undefined || hostIP === '' ? '0.0.0.0' : hostIP}/${hostPort}`
