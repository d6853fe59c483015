import { readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { createLogPipeline, type LogConfiguration } from '../../collector/logs/app.ts'
import { createCollector, type Collector } from '../../collector/app.ts'
import { createSimulatedSource } from '../../collector/simulated.ts'
import { systemClock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createHttpsTransport, type HttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { createInformerFactory } from '../../orchestrator/client/informer-factory.ts'
import type { InformerFactory } from '../../orchestrator/client/informer.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { createNodeNetwork, whyNoServiceRules, type NodeNetwork } from '../../orchestrator/network/app.ts'
import {
  createDockerRuntime,
  createNodeAgent,
  createSimulatedRuntime,
  LoadGroups,
  nodeCgroupPaths,
  type ContainerRuntime,
  type NodeAgent,
  type NodeAgentOptions,
} from '../../orchestrator/node/app.ts'
import { signalProcess } from '../../lib/process-identity.ts'
import type { DataFolder } from '../data-folder.ts'
import type { NodeAgentSettings } from '../node-agent-flags.ts'
import { wasNodeRemoved } from '../hosts/removed-nodes.ts'
import { createCertificateRotation, type CertificateRotation } from '../hosts/certificate-rotation.ts'
import { readJoinedHost, writeJoinedHost } from '../hosts/joined-host.ts'
import { loadLogConfiguration, podDirectoryOf } from '../log-configuration.ts'
import { processOf, readLocalNode, type LocalNode } from '../local-nodes/wanted-nodes.ts'
import { loopback, nodeNames, UsageError, type ClusterOptions } from '../options.ts'
import { recordedLoads } from '../recorded-loads.ts'
import { runCredentials } from '../run-credentials.ts'
import { readRunState } from '../state.ts'
import { runProcess, type Process, type ProcessContext } from './lifecycle.ts'
import { joinedPlace, localPlace, type NodePlace } from './node-place.ts'

const readyTimeoutMs = 20_000
const readyPollMs = 50
/** Images that were in use less than this ago stay. */
const imageMinAgeMs = 120_000
/** The exit code of a node that has to begin anew, in another range of the pod network. */
const movedExitCode = 75

/** `binnacle node`: with Docker the node of that index, with the simulated runtime all nodes of this host. Resolves with the exit code. */
export function runNode(options: ClusterOptions, index: number, environment: NodeJS.ProcessEnv): Promise<number> {
  const names = nodeNames(options)
  if (names[index] === undefined) throw new UsageError(`--index: ${index} is not one of the ${names.length} nodes of this host`)
  const isSimulated = options.runtime === 'simulated'
  const isJoined = options.server !== undefined
  const build = async ({ folder, log }: ProcessContext) => {
    const common = await commonOf(options, environment)
    const one = (name: string, position: number) => {
      const place = isJoined ? joinedPlace(options, folder) : localPlace(options, folder, { name, index: position, isSimulated })
      return buildNode({ options, folder, log, name, index: position, place, isSimulated, ...common })
    }
    return isSimulated ? together(names.map(one)) : one(names[index]!, index)
  }
  return runProcess(`node-${index}`, options, build, isJoined)
}

/** `binnacle node --local=NAME`: a node that was added to this host, on ports that are free. Resolves with the exit code. */
export function runLocalNode(options: ClusterOptions, name: string, environment: NodeJS.ProcessEnv): Promise<number> {
  const build = async ({ folder, log }: ProcessContext) => {
    const added = readLocalNode(folder, name)
    if (added === undefined) throw new UsageError(`--local: ${JSON.stringify(name)} was not added to this host`)
    const isSimulated = added.runtime === 'simulated'
    const own = { ...options, runtime: added.runtime, ports: { ...options.ports, nodeAgent: 0, collector: 0 } }
    const place = localPlace(own, folder, { name, index: undefined, isSimulated })
    return buildNode({ options: own, folder, log, name, index: 0, place, isSimulated, added, ...(await commonOf(options, environment)) })
  }
  return runProcess(processOf(name), options, build)
}

/** What the nodes of a process share. */
async function commonOf({ logsConfig, simulatedTraces }: ClusterOptions, environment: NodeJS.ProcessEnv): Promise<CommonContext> {
  const simulation = { groups: new LoadGroups(), traces: recordedLoads(simulatedTraces) }
  return { logs: await loadLogConfiguration(logsConfig), simulation, environment }
}

interface CommonContext {
  /** What simulated nodes have in common. */
  readonly simulation: Pick<Parameters<typeof createSimulatedRuntime>[0], 'groups' | 'traces'>
  /** How logs are collected; simulated nodes have none. */
  readonly logs: LogConfiguration
  /** Of this process: programs of the user's find what other programs of his do. */
  readonly environment: NodeJS.ProcessEnv
}

interface NodeContext extends CommonContext {
  /** The node was added to the host of a running cluster. */
  readonly added?: LocalNode
  readonly options: ClusterOptions
  readonly folder: DataFolder
  readonly log: Log
  readonly name: string
  readonly index: number
  readonly place: NodePlace
  readonly isSimulated: boolean
}

function buildNode(context: NodeContext): Process {
  const access = connect(context)
  const { log, name } = context
  const parts = context.isSimulated ? simulatedParts(context, access) : dockerParts(context, access)
  const rotation = context.options.server === undefined ? undefined : certificateRotation(context, access, parts.agent)
  return nodeProcess({ ...access, ...parts, name, log, ...(rotation === undefined ? {} : { rotation }) })
}

function dockerParts(context: NodeContext, access: Access): Parts {
  const { options, folder, log, name, index, place } = context
  const { gateway, settings } = place
  const docker = { url: options.dockerHost }
  const collector = createCollector({
    clock: systemClock,
    log: log.child({ part: 'collector' }),
    nodeName: name,
    docker,
    logs: createLogPipeline({
      configuration: context.logs,
      clock: systemClock,
      random: systemRandom,
      log: log.child({ part: 'logs' }),
      nodeName: name,
      dataFolder: folder.path('nodes', name, 'collected-logs'),
      docker,
      owner: { node: name, cluster: folder.clusterId },
      takesPlain: index === 0 && context.added === undefined,
      pods: podDirectoryOf(access.informers.informer(CoreV1Pod, { fieldSelector: `spec.nodeName=${name}` })),
    }),
    port: options.ports.collector + index,
    intervalMs: options.collectorIntervalMs,
    nodeFilter: name,
    clusterFilter: folder.clusterId,
    ...(options.nodes === 1 && context.added === undefined
      ? {}
      : { nodeCgroup: { paths: nodeCgroupPaths(folder.clusterId, name), memoryBytes: Math.floor(totalmem() / options.nodes) } }),
  })
  const runtime = createDockerRuntime({ url: options.dockerHost, clock: systemClock, nodePath: process.execPath })
  const network = { name: `binnacle-${folder.clusterId}`, bridge: `bnc-${folder.clusterId}`, subnet: settings.podCidr, gateway }
  const agent = nodeAgent({ ...context, ...access, runtime, collector, network })
  const services = createNodeNetwork({
    client: access.client,
    informers: access.informers,
    clock: systemClock,
    random: systemRandom,
    log: log.child({ part: 'network' }),
    clusterId: folder.clusterId,
    nodeName: name,
    nodeIp: place.address,
    podSubnet: settings.podCidr,
    serviceCidr: settings.serviceCidr,
    gateway,
    clusterDns: settings.clusterDns,
    clusterDomain: settings.clusterDomain,
    ...(place.needsApiProxy ? { apiServer: { host: loopback, port: options.ports.api } } : {}),
    upstreamResolvers: readResolvers(),
  })
  return { collector, agent, services }
}

function simulatedParts(context: NodeContext, access: Access): Parts {
  const { options, log, name, index } = context
  const runtime = createSimulatedRuntime({ clock: systemClock, nodeName: name, ...context.simulation })
  const collector = createCollector({
    clock: systemClock,
    log: log.child({ part: 'collector', node: name }),
    nodeName: name,
    port: options.ports.collector + index,
    source: createSimulatedSource({ report: () => runtime.usage(), clock: systemClock, intervalMs: options.collectorIntervalMs }),
  })
  return { collector, agent: nodeAgent({ ...context, ...access, runtime, collector }) }
}

interface Access {
  readonly client: Client
  readonly informers: InformerFactory
  readonly transport: HttpsTransport
}

function connect({ place, log, name }: NodeContext): Access {
  const transport = createHttpsTransport({
    server: place.server,
    ca: place.ca,
    ...place.client(),
    clock: systemClock,
    userAgent: 'binnacle-node',
  })
  const client = createClient(transport)
  const informers = createInformerFactory({
    client,
    clock: systemClock,
    random: systemRandom,
    log: log.child({ part: 'informers', node: name }),
  })
  return { client, informers, transport }
}

interface AgentContext extends NodeContext, Access {
  readonly runtime: ContainerRuntime
  readonly collector: Collector
  readonly network?: { readonly name: string; readonly bridge: string; readonly subnet: string; readonly gateway: string }
}

function nodeAgent(context: AgentContext): NodeAgent {
  const { options, folder, log, name, index, client, informers, runtime, collector, network, place, added } = context
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
      { type: 'InternalIP', address: place.address },
      { type: 'Hostname', address: name },
    ],
    ...(place.preferredPodCidr === undefined ? {} : { preferredPodCidr: place.preferredPodCidr }),
    onPodCidrChange: (podCidr) => beginAnew(context, podCidr),
    wasRemoved: (uid) => wasNodeRemoved(client, { name, uid }),
    ...(options.server === undefined ? {} : { onRemoved: () => leaveCluster(context) }),
    clusterDns: [place.settings.clusterDns],
    clusterDomain: place.settings.clusterDomain,
    evictionTransitionMs: options.evictionTransitionMs,
    ...(options.collectsImages
      ? { imageCollection: { highPercent: options.imageHighPercent, lowPercent: options.imageLowPercent, minAgeMs: imageMinAgeMs } }
      : {}),
    ...settingsOf(options.nodeAgent, context.environment),
    ...(options.podManifestPath === undefined ? {} : { podManifestPath: options.podManifestPath }),
    ...(network === undefined ? {} : { network }),
    ...(network === undefined || options.nodes === 1 ? {} : { capacity: shareOfMachine(options.nodes, folder) }),
    ...(added === undefined ? {} : { labels: added.labels, capacity: { ...added.capacity } }),
    server: { hosts: place.hosts, port: options.ports.nodeAgent + index, tls: { ...place.serving(), clientCa: place.ca } },
    stats: collector,
  })
}

/** What was set about node agents, without what nobody has given. */
function settingsOf({ credentialProviders, ...settings }: NodeAgentSettings, environment: NodeJS.ProcessEnv): Partial<NodeAgentOptions> {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
  return credentialProviders === undefined ? given : { ...given, credentialProviders: { ...credentialProviders, environment } }
}

/** Addresses of pods come from the range that the agent started with: another one takes another agent. */
function beginAnew({ options, folder, log }: NodeContext, podCidr: string): void {
  const joined = options.server === undefined ? undefined : readJoinedHost(folder)
  if (joined !== undefined) writeJoinedHost(folder, { ...joined, podCidr })
  log.warn({ podCidr }, 'ending, to begin anew in another range of the pod network')
  process.exit(movedExitCode)
}

/** The host is no part of the cluster any longer: what runs here ends with its supervisor, and does not come back by itself. */
function leaveCluster({ folder, log }: NodeContext): void {
  const joined = readJoinedHost(folder)
  if (joined !== undefined) writeJoinedHost(folder, { ...joined, isRemoved: true })
  log.warn({}, 'this host was removed from the cluster')
  const supervisor = readRunState(folder)?.supervisor
  if (supervisor !== undefined) signalProcess(supervisor, 'SIGTERM')
}

function certificateRotation({ options, log, place }: NodeContext, { transport }: Access, agent: NodeAgent): CertificateRotation {
  return createCertificateRotation({
    clock: systemClock,
    random: systemRandom,
    log: log.child({ part: 'certificates' }),
    // In a process of its own: the certificate library would stay in this one's memory for good.
    renew: () => runCredentials(options),
    read: () => ({ client: place.client(), serving: place.serving() }),
    use: ({ client, serving }) => {
      transport.useCertificate(client)
      agent.useCertificate(serving)
    },
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

interface Parts {
  readonly collector: Collector
  readonly agent: NodeAgent
  readonly services?: NodeNetwork
}

interface NodeParts extends Access, Parts {
  readonly name: string
  readonly log: Log
  readonly rotation?: CertificateRotation
}

function nodeProcess({ client, name, informers, transport, log, collector, agent, services, rotation }: NodeParts): Process {
  const abort = new AbortController()
  let running: Promise<unknown> | undefined
  return {
    start: async () => {
      running = Promise.all([informers.run(abort.signal), rotation?.run(abort.signal)])
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
      transport.close()
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
