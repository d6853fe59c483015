import { isIP } from 'node:net'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { CoreV1Node, CoreV1Service, DiscoveryV1EndpointSlice } from '../api/generated/kinds.ts'
import type { Client } from '../client/client.ts'
import type { InformerFactory } from '../client/informer.ts'
import { listenApiProxy } from './api-proxy.ts'
import { runCommand } from './command.ts'
import { createForwarder } from './dns/forwarder.ts'
import { createResolver } from './dns/resolver.ts'
import { listenDnsTcp, listenDnsUdp } from './dns/server.ts'
import { createZone } from './dns/zone.ts'
import { takeHostLock } from './host-lock.ts'
import { keepRoutes } from './host-routes.ts'
import { contains, parseIpv4, parseNetwork } from './ipv4.ts'
import { keepListening } from './kept-listener.ts'
import type { Listener } from './kept-listener.ts'
import { createAddressCheck } from './local-addresses.ts'
import { createPolicyEnforcer } from './policy/policy-enforcer.ts'
import { publishEndpoints } from './published-endpoints.ts'
import type { PublishedEndpoint } from './published-endpoints.ts'
import { createForwardPermit } from './proxy/forward-permit.ts'
import { createHairpinPorts } from './proxy/hairpin-ports.ts'
import { filterBridges, kernelSettings, prepareKernel } from './proxy/kernel-settings.ts'
import { createNft, policyTableNameOf, tableNameOf } from './table/nft.ts'
import { createServiceProxy } from './proxy/service-proxy.ts'
import { createUdpFlows } from './proxy/udp-flows.ts'
import { createServiceCatalog } from './service-catalog.ts'
import type { ServiceCatalog } from './service-catalog.ts'

export interface NodeNetworkOptions {
  readonly client: Client
  /** Run by the caller; the network only asks for its informers. */
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** 1 to 11 lower-case letters and digits: part of the table's and the bridge's name. */
  readonly clusterId: string
  readonly nodeName: string
  /** The node's InternalIP. */
  readonly nodeIp: string
  /** e.g. `10.244.0.0/16` */
  readonly podSubnet: string
  /** e.g. `10.96.0.0/16` */
  readonly serviceCidr: string
  /** The host's address on the pods' bridge, e.g. `10.244.0.1`. DNS and the API proxy listen there. */
  readonly gateway: string
  /** Default `bnc-<clusterId>`. */
  readonly bridge?: string
  /** The cluster IP of kube-dns, e.g. `10.96.0.10`. */
  readonly clusterDns: string
  /** e.g. `cluster.local` */
  readonly clusterDomain: string
  /** Where the API server listens, as seen from this host, for pods that cannot reach it there. Absent: no proxy to it. */
  readonly apiServer?: { readonly host: string; readonly port: number }
  /** Port of the API proxy on the gateway address. Default 6443. */
  readonly apiProxyPort?: number
  /** Default 53. */
  readonly dnsPort?: number
  /** IPv4 addresses of the host's resolvers, in order of preference (the `nameserver` lines of /etc/resolv.conf). */
  readonly upstreamResolvers: readonly string[]
}

export interface NodeNetwork {
  /** Starts everything in the background and returns: nothing here waits for the bridge, the API or another node of this host. */
  start(): void
  /** Stops listening and watching. Rules and routes stay, so that running pods keep their Services; `removeNetworkRules` removes them. */
  stop(): Promise<void>
}

const dnsPort = 53
const apiProxyPort = 6443

/**
 * The network of one node: Service rules, cluster DNS, the API proxy, routes. Of several nodes on one host one does the host's work and
 * another takes over when it ends. Throws a TypeError that names the option where one is malformed.
 */
export function createNodeNetwork(options: NodeNetworkOptions): NodeNetwork {
  const checked = checkOptions(options)
  const abort = new AbortController()
  let running: Promise<void> = Promise.resolve()
  return {
    start() {
      running = runNetwork(options, checked, abort.signal).catch((error: unknown) => {
        options.log.error({ err: error }, 'the node network stopped')
      })
    },
    async stop() {
      abort.abort()
      await running
    },
  }
}

/** Whether Service rules can be made here, in one line where they cannot. */
export async function whyNoServiceRules(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'Service addresses and NetworkPolicies will not work: nftables rules need root'
  try {
    await runCommand('nft', ['list', 'tables'])
    return undefined
  } catch (error) {
    return `Service addresses and NetworkPolicies will not work: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** The options that were read, and what is shared by the parts. */
interface CheckedOptions {
  readonly table: string
  readonly bridge: string
  readonly podSubnet: ReturnType<typeof parseNetwork>
  readonly serviceCidr: ReturnType<typeof parseNetwork>
  readonly hasAddress: (address: string) => boolean
}

function checkOptions(options: NodeNetworkOptions): CheckedOptions {
  const table = tableNameOf(options.clusterId)
  const bridge = options.bridge ?? `bnc-${options.clusterId}`
  if (!/^[a-zA-Z0-9_-]{1,15}$/.test(bridge)) throw new TypeError(`bridge: ${JSON.stringify(bridge)} is not an interface name`)
  for (const field of ['nodeIp', 'gateway', 'clusterDns'] as const) {
    if (parseIpv4(options[field]) === undefined) throw new TypeError(`${field}: ${JSON.stringify(options[field])} is not an IPv4 address`)
  }
  return {
    table,
    bridge,
    podSubnet: parseNetwork(options.podSubnet, 'podSubnet'),
    serviceCidr: parseNetwork(options.serviceCidr, 'serviceCidr'),
    hasAddress: createAddressCheck(options.clock),
  }
}

async function runNetwork(options: NodeNetworkOptions, checked: CheckedOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, log, informers, nodeName } = options
  const nodes = informers.informer(CoreV1Node)
  const catalog = createServiceCatalog({
    services: informers.informer(CoreV1Service),
    endpointSlices: informers.informer(DiscoveryV1EndpointSlice),
    nodes,
    nodeName,
  })
  const release = await takeHostLock({ name: `${checked.table}-network`, clock }, signal)
  try {
    if (release === undefined) return
    await Promise.all([
      publishEndpoints({ client, clock, log, endpoints: publishedEndpoints(options), node: () => nodes.get(nodeName) }, signal),
      ...listeners(options, checked, catalog).map((listener) => keepListening(listener, signal)),
      runRules(options, checked, { catalog, nodes }, signal),
    ])
  } finally {
    catalog.close()
    await release?.()
  }
}

function publishedEndpoints(options: NodeNetworkOptions): readonly PublishedEndpoint[] {
  const { gateway: address } = options
  const port = options.dnsPort ?? dnsPort
  return [
    {
      namespace: 'kube-system',
      service: 'kube-dns',
      address,
      nodeName: options.nodeName,
      ports: [
        { name: 'dns', protocol: 'UDP', port },
        { name: 'dns-tcp', protocol: 'TCP', port },
      ],
    },
  ]
}

function listeners(options: NodeNetworkOptions, checked: CheckedOptions, catalog: ServiceCatalog) {
  const { clock, random, log, gateway: address, apiServer, clusterDns, clusterDomain: domain, upstreamResolvers } = options
  const { podSubnet, serviceCidr, hasAddress } = checked
  // A resolver of the cluster among the host's would only ask back.
  const upstreams = upstreamResolvers
    .filter((resolver) => isIP(resolver) === 4 && resolver !== clusterDns && resolver !== address)
    .map((resolver) => ({ address: resolver, port: 53 }))
  const zone = createZone({ catalog, domain, serviceCidr, podSubnet, clusterDns, now: () => clock.now() })
  const resolver = createResolver({ zone, forwarder: createForwarder({ upstreams, clock, random }), random, log })
  const port = options.dnsPort ?? dnsPort
  const kept = (name: string, open: () => Promise<Listener>) => ({ name, address, clock, log, hasAddress, open })
  return [
    kept('cluster DNS (UDP)', () => listenDnsUdp({ resolver, address, port })),
    kept('cluster DNS (TCP)', () => listenDnsTcp({ resolver, address, port })),
    ...(apiServer === undefined
      ? []
      : [kept('API proxy', () => listenApiProxy({ address, port: options.apiProxyPort ?? apiProxyPort, apiServer }))]),
  ]
}

async function runRules(
  options: NodeNetworkOptions,
  { table, bridge, podSubnet, serviceCidr, hasAddress }: CheckedOptions,
  { catalog, nodes }: { readonly catalog: ServiceCatalog; readonly nodes: ReturnType<typeof options.informers.informer<CoreV1Node>> },
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, clusterId, nodeName, nodeIp, gateway } = options
  const reason = await whyNoServiceRules()
  if (reason !== undefined) return log.warn({}, reason)
  const { isBridgeFiltered, problem } = await prepareKernel(kernelSettings)
  if (problem !== undefined) log.warn({}, `pods cannot reach Services: ${problem}`)
  log.info(
    { table },
    isBridgeFiltered
      ? 'Service rules: pods keep their own address when they reach each other through a Service'
      : 'Service rules: no br_netfilter, pods reach each other through a Service with the address of the host',
  )
  const rules = { serviceCidr: serviceCidr.text, podSubnet: podSubnet.text, bridge, gateway, isBridgeFiltered }
  const canTakeAddress = (address: string) => !contains(serviceCidr, address) && !contains(podSubnet, address) && address !== gateway
  const ownPorts = [options.dnsPort ?? dnsPort, options.apiProxyPort ?? apiProxyPort]
  const canTakePort = (address: string, port: number) => (address === gateway ? !ownPorts.includes(port) : canTakeAddress(address))
  const udpFlows = createUdpFlows({ run: runCommand, log })
  const hairpinPorts = createHairpinPorts({ sysfs: '/sys', bridge })
  const nft = createNft(runCommand)
  const policies = createPolicyEnforcer({
    informers: options.informers,
    nodes,
    nft,
    clock,
    log,
    table: policyTableNameOf(table),
    bridge,
    podSubnet,
    isLocalNode: (name) => catalog.isLocalNode(name),
    filterBridge: () => filterBridges(kernelSettings, runCommand),
  })
  const proxy = createServiceProxy({ catalog, nft, udpFlows, hairpinPorts, clock, log, table, rules, canTakeAddress, canTakePort })
  const permit = createForwardPermit({ run: runCommand, table, bridge, podSubnet: podSubnet.text })
  const host = { clusterId, nodeName, nodeIp, bridge, gateway, serviceCidr: serviceCidr.text, podSubnet, hasAddress }
  await Promise.all([
    proxy.run(signal),
    policies.run(signal),
    keepRoutes({ ...host, run: runCommand, settings: kernelSettings, permit, nodes, clock, log }, signal),
  ])
}
