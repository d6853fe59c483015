import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { CoreV1EndpointSubset, CoreV1Node } from '../api/generated/kinds.ts'
import { CoreV1Endpoints, DiscoveryV1EndpointSlice } from '../api/generated/kinds.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../api/status-error.ts'
import type { Client } from '../client/client.ts'
import { serviceNameLabel } from './service-catalog.ts'

/** A Service without selector whose endpoint this host offers itself: the cluster's DNS. */
export interface PublishedEndpoint {
  readonly namespace: string
  readonly service: string
  readonly address: string
  /** The node whose host this is. */
  readonly nodeName: string
  readonly ports: readonly { readonly name: string; readonly protocol: 'TCP' | 'UDP'; readonly port: number }[]
}

export interface PublishedEndpointsOptions {
  readonly client: Client
  readonly clock: Clock
  readonly log: Log
  readonly endpoints: readonly PublishedEndpoint[]
  /** The node's object, once it is there: the slices go with it. */
  readonly node: () => CoreV1Node | undefined
}

const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
const manager = 'node-network.binnacle'
const checkMs = 60_000
const firstRetryMs = 500
const maxRetryMs = 30_000

/**
 * Keeps the Endpoints and an EndpointSlice of each Service naming this host's address, until `signal` aborts. Each host has a slice of
 * its own and adds its address to the common Endpoints, so several hosts, and several nodes of one host, do not undo each other.
 */
export async function publishEndpoints(
  { client, clock, log, endpoints, node }: PublishedEndpointsOptions,
  signal: AbortSignal,
): Promise<void> {
  let retryMs = firstRetryMs
  while (!signal.aborted) {
    try {
      for (const endpoint of endpoints) {
        await ensureSlice(client, endpoint, node())
        await ensureEndpoints(client, endpoint)
      }
      retryMs = firstRetryMs
      await clock.sleep(checkMs, signal)
    } catch (error) {
      if (signal.aborted) return
      if (!isConflict(error) && !isAlreadyExists(error)) log.warn({ err: error, retryMs }, 'own endpoints could not be published')
      await clock.sleep(retryMs, signal)
      retryMs = Math.min(retryMs * 2, maxRetryMs)
    }
  }
}

/** The slice of one host: named after its address, so that hosts do not meet. */
function planSlice(
  { namespace, service, address, nodeName, ports }: PublishedEndpoint,
  node: CoreV1Node | undefined,
): DiscoveryV1EndpointSlice {
  const uid = node?.metadata.uid
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-${address.replaceAll('.', '-')}`,
      namespace,
      labels: { [serviceNameLabel]: service, [managedByLabel]: manager },
      ...(uid === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }] }),
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], nodeName, conditions: { ready: true, serving: true, terminating: false } }],
    ports: ports.map((port) => ({ ...port })),
  }
}

/**
 * The subsets with the host's address in them and without those of hosts that have left (`live` are those that have a slice), or `undefined` where that is
 * how they are.
 */
function planSubsets(
  present: readonly CoreV1EndpointSubset[],
  { address, ports }: PublishedEndpoint,
  live: ReadonlySet<string>,
): CoreV1EndpointSubset[] | undefined {
  const wanted = JSON.stringify(ports.map(({ name, protocol, port }) => [name, protocol, port]))
  const isOurs = (subset: CoreV1EndpointSubset) =>
    JSON.stringify((subset.ports ?? []).map(({ name, protocol, port }) => [name, protocol, port])) === wanted
  const match = present.find(isOurs)
  const listed = match?.addresses ?? []
  if (listed.some(({ ip }) => ip === address) && listed.every(({ ip }) => live.has(ip))) return undefined
  const others = present
    .filter((subset) => subset !== match)
    .map((subset) => ({ ...subset, addresses: (subset.addresses ?? []).filter(({ ip }) => ip !== address) }))
    .filter(({ addresses, notReadyAddresses = [] }) => addresses.length + notReadyAddresses.length > 0)
  const addresses = [...listed.filter(({ ip }) => live.has(ip) && ip !== address), { ip: address }]
  return [...others, { ...match, addresses, ports: ports.map((port) => ({ ...port })) }]
}

async function ensureSlice(client: Client, endpoint: PublishedEndpoint, node: CoreV1Node | undefined): Promise<void> {
  const wanted = planSlice(endpoint, node)
  const key = { namespace: endpoint.namespace, name: wanted.metadata.name! }
  const present = await getOrAbsent(() => client.get(DiscoveryV1EndpointSlice, key))
  if (present === undefined) return void (await client.create(DiscoveryV1EndpointSlice, wanted))
  if (isSameSlice(present, wanted)) return
  const { ownerReferences = [] } = wanted.metadata
  const metadata = { ...present.metadata, labels: { ...present.metadata.labels, ...wanted.metadata.labels }, ownerReferences }
  await client.update(DiscoveryV1EndpointSlice, { ...present, metadata, endpoints: wanted.endpoints, ports: wanted.ports! })
}

function isSameSlice(present: DiscoveryV1EndpointSlice, wanted: DiscoveryV1EndpointSlice): boolean {
  const essence = (slice: DiscoveryV1EndpointSlice) =>
    JSON.stringify([
      slice.metadata.labels?.[serviceNameLabel],
      slice.metadata.ownerReferences?.map(({ uid }) => uid) ?? [],
      slice.endpoints.map(({ addresses, nodeName, conditions }) => [addresses, nodeName, conditions?.ready]),
      (slice.ports ?? []).map(({ name, protocol, port }) => [name, protocol, port]),
    ])
  return essence(present) === essence(wanted)
}

async function ensureEndpoints(client: Client, endpoint: PublishedEndpoint): Promise<void> {
  const key = { namespace: endpoint.namespace, name: endpoint.service }
  const present = await getOrAbsent(() => client.get(CoreV1Endpoints, key))
  const labelSelector = `${serviceNameLabel}=${endpoint.service},${managedByLabel}=${manager}`
  const slices = await client.list(DiscoveryV1EndpointSlice, { namespace: endpoint.namespace, labelSelector })
  const live = new Set(slices.items.flatMap((slice) => slice.endpoints.flatMap(({ addresses }) => addresses)))
  const subsets = planSubsets(present?.subsets ?? [], endpoint, live)
  if (subsets === undefined) return
  if (present !== undefined) return void (await client.update(CoreV1Endpoints, { ...present, subsets }))
  // Mirroring controllers would make a second slice of it, beside the one above.
  const metadata = { ...key, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }
  await client.create(CoreV1Endpoints, { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets })
}

async function getOrAbsent<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
