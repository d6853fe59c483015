import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createAggregator } from '../../aggregator/app.ts'
import type { AggregatorOptions } from '../../aggregator/options.ts'
import type { AggregatorConfiguration, KubeletSettings } from '../../aggregator/configuration.ts'
import { SinkUriError } from '../../aggregator/sinks/sink-uri.ts'
import { parseSinks } from '../../aggregator/sinks/sinks.ts'
import { EventWindow } from '../../alerts/evaluation/event-window.ts'
import { systemClock } from '../../lib/clock.ts'
import { createLog, type Log } from '../../lib/log.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import { systemRandom } from '../../lib/random.ts'
import { WatchedFile } from '../../lib/watched-file.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { createInformerFactory } from '../../orchestrator/client/informer-factory.ts'
import { KubeconfigError, loadKubeconfig } from '../../orchestrator/client/kubeconfig.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { alertPeerSettings } from '../alert-peer-flags.ts'
import { readAggregatorConfiguration, readShardingSettings } from '../aggregator-configuration.ts'
import { describeFlagTable, parseFlagTable, type FlagValues } from '../flag-table.ts'
import { UsageError } from '../options.ts'
import { runAlone } from '../processes/alone.ts'
import { becomeProgram } from '../program.ts'
import { createInstruments } from '../processes/instruments.ts'
import type { Instruments, InstrumentsOptions } from '../processes/instruments.ts'
import type { Process } from '../processes/lifecycle.ts'
import { aggregatorFlags, unusedAggregatorFlags } from './aggregator-flags.ts'
import { parseHeapsterSource, type HeapsterSource } from './aggregator-source.ts'

type Flags = FlagValues<typeof aggregatorFlags>

/** Where the API server is, for a process that runs in a pod: what kubelets put into its environment. */
export interface ClusterEnvironment {
  readonly serviceHost: string | undefined
  readonly servicePort: string | undefined
}

/** How to reach the API server, and what it and the kubelets are shown. */
interface Access {
  readonly server: string
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly token?: string | (() => string)
  readonly tlsServerName?: string
  readonly isInsecure?: boolean
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'
const manifestFolder = fileURLToPath(new URL('../../deploy/aggregator/', import.meta.url))
/** As metrics-server's shipped one. */
const defaultResolutionMs = 15_000

/** The help text of `binnacle aggregator`. */
export function describeAggregator(): string {
  return `Usage: binnacle aggregator [--kubeconfig FILE] [--sink URI]... [FLAGS]

Figures of every node and pod of any Kubernetes cluster: metrics.k8s.io for kubectl top and autoscalers, custom and external metrics,
Heapster's model API, and sinks such as InfluxDB. With --data-dir alert rules and the page, too. Flags are Heapster's and
metrics-server's where they have them.

  --sink URI                                 where figures and events go, several times: influxdb:http://HOST:8086?db=k8s, log, …
${describeFlagTable(aggregatorFlags)}`
}

/** `binnacle aggregator`: serves until a signal comes. Resolves with the exit code. */
export async function runAggregator(
  args: readonly string[],
  environment: ClusterEnvironment,
  print: (line: string) => void,
): Promise<number> {
  const { flags, sinks, unused } = parseAggregatorFlags(args)
  if (flags['print-manifests']) {
    print(readManifests())
    return 0
  }
  becomeProgram('aggregator', args)
  const log = createLog({ level: flags['log-level'], component: 'aggregator' })
  for (const [name, reason] of unused) log.warn({ flag: `--${name}` }, `this flag has no effect: ${reason}`)
  return runAlone(log, await buildAggregator({ flags, sinks, environment, log }))
}

/** Parses flags; `--sink` may come several times. Throws `UsageError`. */
export function parseAggregatorFlags(args: readonly string[]): {
  readonly flags: Flags
  readonly sinks: readonly string[]
  readonly unused: readonly (readonly [string, string])[]
} {
  const sinks: string[] = []
  const rest: string[] = []
  for (let index = 0; index < args.length; index++) {
    const [, value] = /^--?sink(?:=(.*))?$/s.exec(args[index]!) ?? []
    if (!/^--?sink(=|$)/.test(args[index]!)) rest.push(args[index]!)
    else if (value !== undefined) sinks.push(value)
    else if (args[++index] === undefined) throw new UsageError('--sink needs a value: URI')
    else sinks.push(args[index]!)
  }
  const all = parseFlagTable(rest, { ...aggregatorFlags, ...unusedAggregatorFlags })
  const given = Object.entries(unusedAggregatorFlags).filter(([name]) => all[name as keyof typeof all] !== undefined)
  return { flags: all, sinks, unused: given.map(([name, { help }]) => [name, help]) }
}

/** The manifests under deploy/, in the order in which they are applied. */
export function readManifests(): string {
  const files = readdirSync(manifestFolder).filter((name) => name.endsWith('.yaml'))
  return files
    .sort()
    .map((name) => readFileSync(`${manifestFolder}${name}`, 'utf8').trimEnd())
    .join('\n---\n')
}

interface Parts {
  readonly flags: Flags
  readonly sinks: readonly string[]
  readonly environment: ClusterEnvironment
  readonly log: Log
}

async function buildAggregator({ flags, sinks, environment, log }: Parts): Promise<Process> {
  const source = flags.source === undefined ? {} : parseHeapsterSource(flags.source)
  const configuration = withFlags(readAggregatorConfiguration(flags.config), flags, source)
  const access = findAccess(flags, source, environment)
  const shared = { clock: systemClock, random: systemRandom }
  const settings = settingsOf(configuration, flags)
  const events = new EventWindow(settings)
  const transport = createHttpsTransport({ ...access, clock: systemClock, userAgent: 'binnacle-aggregator' })
  const client = createClient(transport)
  const informers = createInformerFactory({ client, ...shared, log: log.child({ part: 'informers' }) })
  const aggregator = createAggregator({
    client,
    informers,
    ...shared,
    log,
    ...settings,
    eventSinks: [events],
    sinks: sinks.length === 0 ? (configuration.sinks ?? []) : readSinks(sinks),
    kubelet: access,
    http: { host: flags['listen-ip'], port: flags.port },
    metricsApi: { hosts: flags['secure-listen-ip'], port: flags['secure-port'], tls: await servingCertificate(flags) },
  })
  const instruments = instrumentsOf(flags, { aggregator, events, ...settings, log }, client)
  const abort = new AbortController()
  let running: Promise<void> | undefined
  return {
    async start() {
      running = informers.run(abort.signal)
      await aggregator.start()
      await instruments?.start()
      const { http, metricsApi } = aggregator.addresses
      log.info({ server: access.server, http, metricsApi, ...instruments?.addresses }, 'ready')
    },
    async stop() {
      await instruments?.stop()
      await aggregator.stop()
      abort.abort()
      await running
      transport.close()
    },
  }
}

/** Alerts and the page, where there is a folder for what they keep. */
function instrumentsOf(flags: Flags, parts: Omit<InstrumentsOptions, 'alerts' | 'page'>, client: Client): Instruments | undefined {
  const dataDir = flags['data-dir']
  const peers = alertPeerSettings(flags)
  if (dataDir === undefined) {
    if (flags.rules.length > 0 || flags['alerts-config'] !== undefined || peers !== undefined)
      throw new UsageError('--rules, --alerts-config and --peers need --data-dir')
    return undefined
  }
  const host = flags['listen-ip']
  return createInstruments({
    ...parts,
    alerts: {
      dataDir: join(dataDir, 'alerts'),
      rulesFiles: flags.rules,
      ...(flags['alerts-config'] === undefined ? {} : { configFile: flags['alerts-config'] }),
      http: { host, port: flags['alerts-port'] },
      ...(peers === undefined ? {} : { sharing: { peers, client } }),
    },
    page: { host, port: flags['web-port'] },
  })
}

function settingsOf(configuration: AggregatorConfiguration, flags: Flags) {
  const clusterName = flags['cluster-name'] ?? configuration.clusterName
  const dataDir = flags['data-dir']
  const spoolDir = flags['spool-dir'] ?? (dataDir === undefined ? undefined : join(dataDir, 'spool'))
  const sharding = readShardingSettings(configuration, hostname())
  return {
    configuration,
    ...(sharding === undefined ? {} : { sharding }),
    resolutionMs: flags['metric-resolution'] ?? configuration.resolutionMs ?? defaultResolutionMs,
    windowMs: configuration.window.durationMs,
    windowMaxBytes: configuration.window.maxBytes,
    ...(clusterName === undefined ? {} : { clusterName }),
    ...(spoolDir === undefined ? {} : { spoolDir }),
    ...(dataDir === undefined ? {} : { logs: { eventsDir: join(dataDir, 'events') } }),
  }
}

/** What the flags say goes before what the file says. */
function withFlags(configuration: AggregatorConfiguration, flags: Flags, source: HeapsterSource): AggregatorConfiguration {
  const said: Partial<{ -readonly [K in keyof KubeletSettings]: KubeletSettings[K] | undefined }> = {
    port: flags['kubelet-port'] ?? source.kubeletPort,
    scheme: source.kubeletScheme,
    insecureSkipTlsVerify: flags['kubelet-insecure-tls'] ?? source.skipsKubeletTls,
    useNodeStatusPort: flags['kubelet-use-node-status-port'] ?? (source.kubeletPort === undefined ? undefined : false),
    addressTypes: flags['kubelet-preferred-address-types'],
    timeoutMs: flags['kubelet-request-timeout'],
    certificateAuthority: flags['kubelet-certificate-authority'],
    clientCertificate: flags['kubelet-client-certificate'],
    clientKey: flags['kubelet-client-key'],
    tokenFile: flags['kubelet-token-file'],
    nodeSelector: flags['node-selector'],
  }
  const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as Partial<KubeletSettings>
  const kubelet = { ...configuration.sources.kubelet, ...given }
  if ((kubelet.clientCertificate === undefined) !== (kubelet.clientKey === undefined)) {
    throw new UsageError('--kubelet-client-certificate and --kubelet-client-key need each other')
  }
  return { ...configuration, sources: { ...configuration.sources, kubelet } }
}

/** The kubeconfig where one is named, else the service account of the pod that this runs in. */
function findAccess(flags: Flags, source: HeapsterSource, { serviceHost, servicePort }: ClusterEnvironment): Access {
  const overrides = {
    ...(source.server === undefined ? {} : { server: source.server }),
    ...(source.isInsecure === undefined ? {} : { isInsecure: source.isInsecure }),
  }
  const path = flags.kubeconfig ?? source.kubeconfig
  if (path !== undefined) return { ...readKubeconfig(path, flags.context), ...overrides }
  if (flags.context !== undefined) throw new UsageError('--context needs --kubeconfig')
  if (serviceHost === undefined || servicePort === undefined || !existsSync(`${serviceAccountFolder}/token`)) {
    throw new UsageError('--kubeconfig is missing, and this is no pod of a cluster with a service account')
  }
  const host = serviceHost.includes(':') ? `[${serviceHost}]` : serviceHost
  const ca = readFileSync(`${serviceAccountFolder}/ca.crt`, 'utf8')
  return { server: `https://${host}:${servicePort}`, ca, token: tokenIn(`${serviceAccountFolder}/token`), ...overrides }
}

/** A token in a file that somebody renews. */
function tokenIn(path: string): () => string {
  const file = new WatchedFile(path, systemClock)
  return () => file.read().trim()
}

function readKubeconfig(path: string, context: string | undefined): Access {
  try {
    const { tokenFile, ...access } = loadKubeconfig({ path }, context)
    return tokenFile === undefined ? access : { ...access, token: tokenIn(tokenFile) }
  } catch (error) {
    if (error instanceof KubeconfigError) throw new UsageError(`--kubeconfig: ${JSON.stringify(path)}: ${error.message}`)
    throw error
  }
}

function readSinks(uris: readonly string[]): ReturnType<typeof parseSinks> {
  try {
    return parseSinks(uris)
  } catch (error) {
    if (error instanceof SinkUriError) throw new UsageError(`--sink: ${error.message}`)
    throw error
  }
}

/** The given certificate, or one of its own making that is good for a year. */
async function servingCertificate(flags: Flags): Promise<AggregatorOptions['metricsApi']['tls']> {
  const certFile = flags['tls-cert-file']
  const keyFile = flags['tls-private-key-file']
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError('--tls-cert-file and --tls-private-key-file need each other')
  }
  if (certFile !== undefined) return { cert: readPem('tls-cert-file', certFile), key: readPem('tls-private-key-file', keyFile!) }
  const now = systemClock.now()
  const authority = await createAuthority('binnacle-aggregator-ca', now)
  const name = 'binnacle-aggregator'
  const addresses = flags['secure-listen-ip'].filter((address) => !['0.0.0.0', '::'].includes(address))
  const hosts = [...new Set([...addresses, 'localhost', '127.0.0.1', hostname(), `${name}.kube-system`, `${name}.kube-system.svc`])]
  const { cert, key } = await issueCertificate(authority, { commonName: name, hosts, isServer: true, now })
  return { cert: cert + authority.cert, key }
}

function readPem(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--${flag}: ${JSON.stringify(path)} can not be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`)
  }
}
