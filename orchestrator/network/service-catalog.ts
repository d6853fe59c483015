import type { CoreV1Node, CoreV1Service, DiscoveryV1EndpointSlice } from '../api/generated/kinds.ts'
import { keyOf } from '../api/object.ts'
import type { KubeObject } from '../api/object.ts'
import type { Informer } from '../client/informer.ts'
import { parseIpv4 } from './ipv4.ts'

/** The label by which an EndpointSlice names the Service whose endpoints it holds. */
export const serviceNameLabel = 'kubernetes.io/service-name'

/**
 * What the network knows about Services: a view of the informer caches with the look-ups that rules and DNS need. Always as
 * current as the caches; objects are shared and must not be changed.
 */
export interface ServiceCatalog {
  readonly hasSynced: boolean
  /** The keys (`namespace/name`) of all Services. */
  keys(): Iterable<string>
  service(key: string): CoreV1Service | undefined
  /** The IPv4 EndpointSlices of a Service, in no particular order. */
  slices(key: string): readonly DiscoveryV1EndpointSlice[]
  /** Whether any Service lives in the namespace. */
  hasNamespace(namespace: string): boolean
  /** The Services that have this cluster IP. */
  servicesByClusterIp(address: string): readonly CoreV1Service[]
  /** The slices that list this address. */
  slicesByAddress(address: string): readonly DiscoveryV1EndpointSlice[]
  /** Whether the node is this one or shares this one's address: several nodes can live on one host. */
  isLocalNode(nodeName: string): boolean
  /** Called after each change that can matter to rules or DNS. Returns the unsubscriber. */
  onChange(listener: () => void): () => void
  /** Unsubscribes from the informers. */
  close(): void
}

export interface ServiceCatalogOptions {
  readonly services: Informer<CoreV1Service>
  readonly endpointSlices: Informer<DiscoveryV1EndpointSlice>
  readonly nodes: Informer<CoreV1Node>
  readonly nodeName: string
}

/** Objects found by one of their values. */
class Index<T extends KubeObject> {
  readonly #groups = new Map<string, Map<string, T>>()
  readonly #valuesOf: (object: T) => Iterable<string>

  constructor(valuesOf: (object: T) => Iterable<string>) {
    this.#valuesOf = valuesOf
  }

  add(object: T): void {
    const key = keyOf(object)
    for (const value of this.#valuesOf(object)) {
      const group = this.#groups.get(value)
      if (group === undefined) this.#groups.set(value, new Map([[key, object]]))
      else group.set(key, object)
    }
  }

  remove(object: T): void {
    const key = keyOf(object)
    for (const value of this.#valuesOf(object)) {
      const group = this.#groups.get(value)
      if (group?.delete(key) === true && group.size === 0) this.#groups.delete(value)
    }
  }

  find(value: string): readonly T[] {
    const group = this.#groups.get(value)
    return group === undefined ? [] : [...group.values()]
  }

  has(value: string): boolean {
    return this.#groups.has(value)
  }
}

/** The IPv4 cluster IPs of a Service; none for headless ones and ExternalName. */
export function clusterIpsOf(service: CoreV1Service): readonly string[] {
  const { clusterIP, clusterIPs } = service.spec
  const addresses = clusterIPs ?? (clusterIP === undefined ? [] : [clusterIP])
  return addresses.filter((address) => parseIpv4(address) !== undefined)
}

/** The key of the Service that a slice belongs to, or `undefined` for a slice that belongs to none. */
export function serviceKeyOf(slice: DiscoveryV1EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[serviceNameLabel]
  return name === undefined ? undefined : `${slice.metadata.namespace}/${name}`
}

function isIpv4Slice(slice: DiscoveryV1EndpointSlice): boolean {
  return slice.addressType === 'IPv4'
}

/** A node's InternalIP, where it has told one. */
export function internalIpOf(node: CoreV1Node): string | undefined {
  return node.status?.addresses?.find((address) => address.type === 'InternalIP')?.address
}

/** Builds the catalog over running or soon-to-run informers. */
export function createServiceCatalog(options: ServiceCatalogOptions): ServiceCatalog {
  const { services, endpointSlices, nodes, nodeName } = options
  const listeners = new Set<() => void>()
  const notify = () => {
    for (const listener of listeners) listener()
  }
  const byNamespace = new Index<CoreV1Service>((service) => [service.metadata.namespace ?? ''])
  const byClusterIp = new Index<CoreV1Service>(clusterIpsOf)
  const byService = new Index<DiscoveryV1EndpointSlice>((slice) => {
    const key = serviceKeyOf(slice)
    return key === undefined || !isIpv4Slice(slice) ? [] : [key]
  })
  const byAddress = new Index<DiscoveryV1EndpointSlice>((slice) =>
    isIpv4Slice(slice) ? (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []) : [],
  )
  const unsubscribers = [
    keepIndexes(services, [byNamespace, byClusterIp], notify),
    keepIndexes(endpointSlices, [byService, byAddress], notify),
    nodes.onChange({
      added: notify,
      deleted: notify,
      updated: (node, previous) => {
        if (internalIpOf(node) !== internalIpOf(previous)) notify()
      },
    }),
  ]
  return {
    get hasSynced() {
      return services.hasSynced && endpointSlices.hasSynced && nodes.hasSynced
    },
    keys: () => Iterator.from(services.list()).map(keyOf),
    service: (key) => services.get(key),
    slices: (key) => byService.find(key),
    hasNamespace: (namespace) => byNamespace.has(namespace),
    servicesByClusterIp: (address) => byClusterIp.find(address),
    slicesByAddress: (address) => byAddress.find(address),
    isLocalNode(name) {
      if (name === nodeName) return true
      const here = nodes.get(nodeName)
      const there = nodes.get(name)
      if (here === undefined || there === undefined) return false
      const address = internalIpOf(here)
      return address !== undefined && address === internalIpOf(there)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      for (const unsubscribe of unsubscribers) unsubscribe()
      listeners.clear()
    },
  }
}

function keepIndexes<T extends KubeObject>(informer: Informer<T>, indexes: readonly Index<T>[], notify: () => void): () => void {
  return informer.onChange({
    added(object) {
      for (const index of indexes) index.add(object)
      notify()
    },
    updated(object, previous) {
      for (const index of indexes) {
        index.remove(previous)
        index.add(object)
      }
      notify()
    },
    deleted(object) {
      for (const index of indexes) index.remove(object)
      notify()
    },
  })
}
