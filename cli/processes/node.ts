import { readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { createCollector, type Collector } from '../../collector/app.ts'
import { createSimulatedSource } from '../../collector/simulated.ts'
import { systemClock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { createInformerFactory } from '../../orchestrator/client/informer-factory.ts'
import type { InformerFactory } from '../../orchestrator/client/informer.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { createNodeNetwork, whyNoServiceRules, type NodeNetwork } from '../../orchestrator/network/app.ts'
import {
  createDockerRuntime,
  createNodeAgent,
  createSimulatedRuntime,
  nodeCgroupPaths,
  type ContainerRuntime,
  type NodeAgent,
} from '../../orchestrator/node/app.ts'
import { readPair } from '../key-pair.ts'
import type { DataFolder } from '../data-folder.ts'
import { gatewayOf, podCidrOfNode, serviceAddress } from '../network-layout.ts'
import { nodeNames, UsageError, type ClusterOptions } from '../options.ts'
import { runProcess, type Process } from './lifecycle.ts'

const loopback = '127.0.0.1'
const clusterDomain = 'cluster.local'
/** The cluster's DNS has the tenth service address, as everywhere. */
const dnsIndex = 10
const readyTimeoutMs = 20_000
const readyPollMs = 50
/** Images that were in use less than this ago stay. */
const imageMinAgeMs = 120_000

/** `binnacle node`: with Docker the node of that index, with the simulated runtime all nodes of this host. Resolves with the exit code. */
export function runNode(options: ClusterOptions, index: number): Promise<number> {
  const names = nodeNames(options)
  if (names[index] === undefined) throw new UsageError(`--index: ${index} is not one of the ${names.length} nodes of this host`)
  const isDocker = options.runtime === 'docker'
  return runProcess(`node-${index}`, options, async ({ folder, log }) => {
    const parts = isDocker
      ? [dockerNode({ options, folder, log, name: names[index]!, index })]
      : names.map((name, position) => simulatedNode({ options, folder, log, name, index: position }))
    return together(parts)
  })
}

interface NodeContext {
  readonly options: ClusterOptions
  readonly folder: DataFolder
  readonly log: Log
  readonly name: string
  readonly index: number
}

function dockerNode(context: NodeContext): Process {
  const { options, folder, log, name, index } = context
  const { podCidr, serviceCidr, ports } = options
  const gateway = gatewayOf(podCidr)
  const collector = createCollector({
    clock: systemClock,
    log: log.child({ part: 'collector' }),
    nodeName: name,
    docker: { url: options.dockerHost },
    port: ports.collector + index,
    intervalMs: options.collectorIntervalMs,
    nodeFilter: name,
    clusterFilter: folder.clusterId,
    ...(options.nodes === 1
      ? {}
      : { nodeCgroup: { paths: nodeCgroupPaths(folder.clusterId, name), memoryBytes: Math.floor(totalmem() / options.nodes) } }),
  })
  const access = connect(context)
  const runtime = createDockerRuntime({ url: options.dockerHost, clock: systemClock, nodePath: process.execPath })
  const network = { name: `binnacle-${folder.clusterId}`, bridge: `bnc-${folder.clusterId}`, subnet: podCidr, gateway }
  const agent = nodeAgent({ ...context, ...access, runtime, collector, internalIp: gateway, network })
  const services = createNodeNetwork({
    client: access.client,
    informers: access.informers,
    clock: systemClock,
    random: systemRandom,
    log: log.child({ part: 'network' }),
    clusterId: folder.clusterId,
    nodeName: name,
    nodeIp: gateway,
    podSubnet: podCidr,
    serviceCidr,
    gateway,
    clusterDns: serviceAddress(serviceCidr, dnsIndex),
    clusterDomain,
    apiServer: { host: loopback, port: ports.api },
    upstreamResolvers: readResolvers(),
  })
  return nodeProcess({ ...access, name, log, collector, agent, services })
}

function simulatedNode(context: NodeContext): Process {
  const { options, log, name, index } = context
  const runtime = createSimulatedRuntime({ clock: systemClock, nodeName: name })
  const collector = createCollector({
    clock: systemClock,
    log: log.child({ part: 'collector', node: name }),
    nodeName: name,
    port: options.ports.collector + index,
    source: createSimulatedSource({ report: () => runtime.usage(), clock: systemClock, intervalMs: options.collectorIntervalMs }),
  })
  const access = connect(context)
  const agent = nodeAgent({ ...context, ...access, runtime, collector, internalIp: loopback })
  return nodeProcess({ ...access, name, log, collector, agent })
}

interface Access {
  readonly client: Client
  readonly informers: InformerFactory
  readonly close: () => void
}

function connect({ options, folder, log, name }: NodeContext): Access {
  const transport = createHttpsTransport({
    server: `https://${loopback}:${options.ports.api}`,
    ca: readPair(folder, 'ca').cert,
    ...readPair(folder, `node-${name}`),
    clock: systemClock,
    userAgent: 'binnacle-node',
  })
  const client = createClient(transport)
  const informers = createInformerFactory({ client, clock: systemClock, random: systemRandom, log: log.child({ part: 'informers' }) })
  return { client, informers, close: () => transport.close() }
}

interface AgentContext extends NodeContext, Access {
  readonly runtime: ContainerRuntime
  readonly collector: Collector
  readonly internalIp: string
  readonly network?: { readonly name: string; readonly bridge: string; readonly subnet: string; readonly gateway: string }
}

function nodeAgent(context: AgentContext): NodeAgent {
  const { options, folder, log, name, index, client, informers, runtime, collector, internalIp, network } = context
  return createNodeAgent({
    client,
    informers,
    clock: systemClock,
    random: systemRandom,
    log: log.child({ part: 'agent', node: name }),
    nodeName: name,
    runtime,
    dataDir: folder.path('nodes', name),
    clusterId: folder.clusterId,
    addresses: [
      { type: 'InternalIP', address: internalIp },
      { type: 'Hostname', address: name },
    ],
    podCidr: podCidrOfNode(options.podCidr, index),
    clusterDns: [serviceAddress(options.serviceCidr, dnsIndex)],
    clusterDomain,
    ...(options.evictionHard === undefined ? {} : { evictionHard: options.evictionHard }),
    evictionTransitionMs: options.evictionTransitionMs,
    ...(options.collectsImages
      ? { imageCollection: { highPercent: options.imageHighPercent, lowPercent: options.imageLowPercent, minAgeMs: imageMinAgeMs } }
      : {}),
    ...(options.podManifestPath === undefined ? {} : { podManifestPath: options.podManifestPath }),
    ...(network === undefined ? {} : { network }),
    ...(network === undefined || options.nodes === 1 ? {} : { capacity: shareOfMachine(options.nodes, folder) }),
    server: {
      hosts: internalIp === loopback ? [loopback] : [loopback, internalIp],
      port: options.ports.nodeAgent + index,
      tls: { ...readPair(folder, `node-${name}`), clientCa: readPair(folder, 'ca').cert },
    },
    stats: collector,
  })
}

/** Nodes that share a machine claim equal parts of it, so that together they never promise more than there is. */
function shareOfMachine(nodes: number, folder: DataFolder): Record<string, string> {
  const { blocks, bsize } = statfsSync(folder.path())
  return {
    cpu: `${Math.floor((availableParallelism() * 1000) / nodes)}m`,
    memory: `${Math.floor(totalmem() / nodes / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor((blocks * bsize) / nodes / 1024)}Ki`,
  }
}

interface NodeParts extends Access {
  readonly name: string
  readonly log: Log
  readonly collector: Collector
  readonly agent: NodeAgent
  readonly services?: NodeNetwork
}

function nodeProcess({ client, name, informers, close, log, collector, agent, services }: NodeParts): Process {
  const abort = new AbortController()
  let running: Promise<void> | undefined
  return {
    start: async () => {
      running = informers.run(abort.signal)
      const problem = services === undefined ? undefined : await whyNoServiceRules()
      if (problem !== undefined) log.warn({}, problem)
      services?.start()
      await Promise.all([collector.start(), agent.start()])
      await untilReady(client, name)
    },
    stop: async () => {
      await Promise.all([agent.stop(), services?.stop(), collector.stop()])
      abort.abort()
      await running
      close()
    },
  }
}

/** Waits for the node to be Ready in the API; goes on without after a while, since an engine may come back later. */
async function untilReady(client: Client, name: string): Promise<void> {
  const deadline = systemClock.monotonic() + readyTimeoutMs
  while (systemClock.monotonic() < deadline) {
    const node = await client.get(CoreV1Node, { name }).catch(() => undefined)
    if (node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true) return
    await systemClock.sleep(readyPollMs)
  }
}

function together(parts: readonly Process[]): Process {
  return {
    start: async () => {
      await Promise.all(parts.map((part) => part.start()))
    },
    stop: async () => {
      await Promise.all(parts.map((part) => part.stop()))
    },
  }
}

/** The host's IPv4 resolvers. */
function readResolvers(): string[] {
  try {
    return [...readFileSync('/etc/resolv.conf', 'utf8').matchAll(/^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map((match) => match[1]!)
  } catch {
    return []
  }
}
