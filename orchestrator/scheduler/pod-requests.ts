import type { CoreV1Container, CoreV1Pod } from '../api/generated/kinds.ts'
import { milliValueOf, valueOf } from '../api/quantity.ts'

/** What a pod that asks for nothing is taken to need when nodes are compared, as upstream. */
const defaultCpuMillicores = 100
const defaultMemoryBytes = 200 * 1024 * 1024

/** Amounts of resources: CPU in millicores, all else in whole units (bytes, devices). */
export interface Resources {
  readonly cpu: number
  readonly memory: number
  readonly others: readonly (readonly [name: string, amount: number])[]
}

/** The amount of one resource; 0 where there is none. */
export function amountOf({ cpu, memory, others }: Resources, name: string): number {
  if (name === 'cpu') return cpu
  if (name === 'memory') return memory
  for (const [other, amount] of others) if (other === name) return amount
  return 0
}

/** What a pod takes from a node. */
export interface PodRequests {
  readonly requests: Resources
  /** CPU and memory for comparing nodes: containers without a request count with a default. */
  readonly scoredCpuMillicores: number
  readonly scoredMemoryBytes: number
}

/** Pods are never changed in place, so what was computed for one stays true. */
const computed = new WeakMap<CoreV1Pod, PodRequests>()

/** The resources of a pod: its containers and sidecars together, or an init container where that needs more, plus overhead; pod-level requests go before both. */
export function podRequests(pod: CoreV1Pod): PodRequests {
  let result = computed.get(pod)
  if (result === undefined) computed.set(pod, (result = computeRequests(pod)))
  return result
}

/** The amounts of a resource list. */
export function parseResources(list: Readonly<Record<string, string>> | undefined): Map<string, number> {
  const resources = new Map<string, number>()
  for (const [name, text] of Object.entries(list ?? {})) resources.set(name, name === 'cpu' ? milliValueOf(text) : valueOf(text))
  return resources
}

function computeRequests(pod: CoreV1Pod): PodRequests {
  const { spec } = pod
  const held = heldRequests(pod)
  const requestsOf = (container: CoreV1Container) => held(container) ?? parseResources(container.resources?.requests)
  const requests = sumContainers(spec.containers, spec.initContainers ?? [], requestsOf)
  const scored = sumContainers(spec.containers, spec.initContainers ?? [], (container) => withDefaults(requestsOf(container)))
  for (const total of [requests, scored]) {
    for (const [name, amount] of parseResources(spec.resources?.requests)) total.set(name, amount)
    add(total, parseResources(spec.overhead))
  }
  const others = [...requests].filter(([name, amount]) => name !== 'cpu' && name !== 'memory' && amount !== 0)
  return {
    requests: { cpu: requests.get('cpu') ?? 0, memory: requests.get('memory') ?? 0, others },
    scoredCpuMillicores: scored.get('cpu') ?? 0,
    scoredMemoryBytes: scored.get('memory') ?? 0,
  }
}

/**
 * What a container holds on its node while that is not what its spec asks for: while it is resized, the larger one of each; where the node
 * can never give it what it asks for now, what it has. `undefined` for most.
 */
function heldRequests({ status }: CoreV1Pod): (container: CoreV1Container) => Map<string, number> | undefined {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
  if (statuses.length === 0) return () => undefined
  const isInfeasible = status?.conditions?.some(({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible') === true
  return ({ name, resources }) => {
    const { resources: actual, allocatedResources } = statuses.find((each) => each.name === name) ?? {}
    const lists = [actual?.requests, allocatedResources].filter((list) => list !== undefined)
    if (lists.every((list) => isSame(list, resources?.requests))) return undefined
    const held = isInfeasible ? new Map<string, number>() : parseResources(resources?.requests)
    for (const list of lists) raise(held, parseResources(list))
    return held
  }
}

function isSame(list: Readonly<Record<string, string>>, other: Readonly<Record<string, string>> = {}): boolean {
  const names = Object.keys(list)
  return names.length === Object.keys(other).length && names.every((name) => list[name] === other[name])
}

function withDefaults(requests: Map<string, number>): Map<string, number> {
  if (!requests.has('cpu')) requests.set('cpu', defaultCpuMillicores)
  if (!requests.has('memory')) requests.set('memory', defaultMemoryBytes)
  return requests
}

function sumContainers(
  containers: readonly CoreV1Container[],
  initContainers: readonly CoreV1Container[],
  requestsOf: (container: CoreV1Container) => Map<string, number>,
) {
  const total = new Map<string, number>()
  for (const container of containers) add(total, requestsOf(container))
  const sidecars = new Map<string, number>()
  const peak = new Map<string, number>()
  for (const container of initContainers) {
    const requests = requestsOf(container)
    if (container.restartPolicy === 'Always') add(sidecars, requests)
    const during = new Map(sidecars)
    if (container.restartPolicy !== 'Always') add(during, requests)
    raise(peak, during)
  }
  add(total, sidecars)
  raise(total, peak)
  return total
}

function raise(peak: Map<string, number>, other: ReadonlyMap<string, number>): void {
  for (const [name, amount] of other) peak.set(name, Math.max(amount, peak.get(name) ?? 0))
}

function add(total: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [name, amount] of more) total.set(name, amount + (total.get(name) ?? 0))
}
